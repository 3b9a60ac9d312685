"""Every path and name in the documents exists."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pathlib
import re
from collections.abc import Iterator

import pytest

import pyattn
from pyattn.compat import ctranslate2
from pyattn.options import GenerationOptions
from pyattn.results import Translation
from pyattn.text.tokenizers.framed import FramedTokenizer
from support.paths import ROOT

if not (ROOT / "csrc").is_dir():
    pytest.skip("the sources are not in the wheel", allow_module_level=True)

PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "csrc/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(
        page
        for page in (ROOT / "docs").glob("*/*.md")
        if page.parent.name not in ("deploy", "gathered", "out", "reference")
    ),
    ROOT / "pyattn/models/en-es/ATTRIBUTION.md",
]
each_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix()
)
# Pages that compare pyattn with another program have that program's names too.
each_own_page = pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent.name != "coming-from"],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)

# Where the repository's own files are; not what tests and builds leave.
_FOLDERS = ("pyattn", "csrc", "bench", "tests", "docs", ".ci", ".github")
_SOURCES = {".py", ".pyi", ".cc", ".h", ".c", ".S", ".txt", ".toml", ".yml", ""}
_FILES = re.compile(r"\.(?:py|cc|h|pyi|md|json|bin|npz|yml|safetensors|spm)$")
# Ends that files of models do not have.
_OURS = re.compile(r"\.(?:py|pyi|cc|h|c|S|md|svg|toml)$")
# What a variable in a document stands for.
_OBJECTS: dict[str, object] = {
    "translator": pyattn.Translator,
    "model": pyattn.Model,
    "classifier": pyattn.Classifier,
    "embedder": pyattn.Embedder,
    "generator": pyattn.Generator,
    "tokenizer": FramedTokenizer,
    "best": Translation,
    **{name: getattr(pyattn, name) for name in pyattn.__all__},
}
# Of other programs, in our documents.
_FOREIGN = {"--build-isolation", "--config-settings", "--no-build-isolation", "--help"}


@functools.cache
def files() -> frozenset[str]:
    found = [*ROOT.iterdir(), *(path for name in _FOLDERS for path in (ROOT / name).rglob("*"))]
    return frozenset(
        path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts
    )


@functools.cache
def words() -> frozenset[str]:
    """Every identifier in the sources."""
    texts = (
        (ROOT / name).read_text("utf-8")
        for name in files()
        if pathlib.Path(name).suffix in _SOURCES and (ROOT / name).is_file()
    )
    return frozenset(word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text))


def spans(page: pathlib.Path) -> list[str]:
    """The code inside of lines."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    return re.findall(r"`([^`]+)`", text)


def is_there(path: str) -> bool:
    """Whether a path, or the end of one, is a file or a folder; `*` is any name."""
    pattern = re.escape(path.rstrip("/")).replace(r"\*", "[^/]*")
    return any(re.search(rf"(?:^|/){pattern}$", file) for file in files())


def paths(page: pathlib.Path) -> Iterator[str]:
    for span in spans(page):
        for word in re.findall(r"[\w.*/{},-]+", span):
            ours = _OURS.search(word) or ("/" in word and word.split("/")[0] in _FOLDERS)
            if ours and "{" not in word:
                yield word


@each_page
def test_links_lead_to_files_and_headings(page: pathlib.Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if target.startswith("https://"):
            continue
        path, _, heading = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.is_file(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", place.read_text("utf-8"), re.M)
            assert heading in [re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles]


@each_page
def test_paths_exist(page: pathlib.Path) -> None:
    assert not [path for path in paths(page) if not is_there(path)]


def objects(page: pathlib.Path) -> dict[str, object]:
    """What the first part of a dotted name stands for."""
    drop_in = ctranslate2.Translator
    other = {"translator": drop_in, "Translator": drop_in} if page.stem == "ctranslate2" else {}
    return {"pyattn": pyattn, **_OBJECTS, **other}


def source_of(kind: type) -> str:
    """The source of a class of ours and of its bases."""
    own = (one for one in kind.__mro__ if one.__module__.startswith("pyattn"))
    return "".join(map(inspect.getsource, own))


def resolved(name: str, known: dict[str, object]) -> object:
    """What a dotted name is: of a module, of an object, or a field of a dataclass."""
    first, *rest = name.split(".")
    found = known[first]
    for position, part in enumerate(rest):
        if inspect.ismodule(found) and not hasattr(found, part):
            found = importlib.import_module(f"{found.__name__}.{part}")
        elif hasattr(found, part):
            found = getattr(found, part)
        elif dataclasses.is_dataclass(found):
            assert part in {field.name for field in dataclasses.fields(found)}, name
            return None
        elif part in getattr(found, "__annotations__", {}):
            return None
        elif isinstance(found, type) and re.search(rf"\bself\.{part}\b.* =", source_of(found)):
            return None  # made by the constructor
        else:
            raise AttributeError(f"{name}: {'.'.join(rest[: position + 1])}")
    return found


@each_page
def test_dotted_names_exist(page: pathlib.Path) -> None:
    known = objects(page)
    for span in spans(page):
        for name in re.findall(rf"(?<![\w./*])(?:{'|'.join(known)})(?:\.[A-Za-z_]\w*)+", span):
            if not _FILES.search(name):
                resolved(name, known)


@each_own_page
def test_identifiers_stand_in_the_sources(page: pathlib.Path) -> None:
    unknown = [
        span
        for span in spans(page)
        if re.fullmatch(r"[A-Za-z_]\w*(?:(?:\.|::)[A-Za-z_]\w*)*(?:\(\))?", span)
        for word in re.findall(r"\w+", span)
        if word not in words()
    ]
    assert not unknown


@each_own_page
def test_options_of_commands_exist(page: pathlib.Path) -> None:
    known = "\n".join(
        (ROOT / name).read_text("utf-8")
        for name in files()
        if name.endswith(".py") and name.split("/")[0] in ("pyattn", "bench", "tests")
    )
    for span in spans(page):
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", span):
            assert option in _FOREIGN or f'"{option}"' in known, option


@each_page
def test_environment_variables_are_read(page: pathlib.Path) -> None:
    for name in re.findall(r"\bPYATTN_[A-Z0-9_]+\b", page.read_text("utf-8")):
        assert name in words(), name


def test_every_option_is_described_once_with_its_default() -> None:
    page = (ROOT / "docs/options.md").read_text("utf-8")
    tables = page.split("## Results")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", tables, re.M)
    defaults = {field.name: field.default for field in dataclasses.fields(GenerationOptions)}
    assert sorted(name for name, _ in rows) == sorted(defaults)
    assert {name: repr(defaults[name]) for name, _ in rows} == dict(rows)


def test_every_page_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f"](docs/{page.name})" in readme
