"""What is installed: its files, their sizes, and the stub of the compiled module."""

from __future__ import annotations

import ast
import importlib.metadata
import pathlib
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable

import pytest

import pyattn
from pyattn import _core
from support.paths import ROOT

PACKAGE = pathlib.Path(pyattn.__file__).parent
MIB = 1 << 20


def installed() -> list[str]:
    """Paths of the wheel's files; skips where the package is not installed from a wheel."""
    files = importlib.metadata.files("pyattn") or []
    names = [file.as_posix() for file in files]
    if "pyattn/__init__.py" not in names:
        pytest.skip("an editable install has no files of its own")
    return names


def test_version_is_the_installed_one() -> None:
    assert pyattn.__version__ == importlib.metadata.version("pyattn")


def test_installed_command_is_pyattn(tmp_path: pathlib.Path) -> None:
    command = pathlib.Path(sysconfig.get_path("scripts")) / "pyattn"
    for start in ([str(command)], [sys.executable, "-m", "pyattn"]):
        # Elsewhere: `-m` in the checkout's root would find the sources, which have no core.
        run = subprocess.run(
            [*start, "--version"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert run.stdout == f"pyattn {pyattn.__version__}\n"


def test_only_the_core_is_needed_to_run() -> None:
    required = [
        re.match(r"[\w-]+", line)[0]  # type: ignore[index]
        for line in importlib.metadata.requires("pyattn") or []
        if "extra ==" not in line
    ]
    assert sorted(required) == ["numpy", "pyyaml", "sentencepiece"]


def test_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
    assert (PACKAGE / "_core.pyi").is_file()


def test_shipped_model_is_there_with_its_attribution_and_small() -> None:
    folder = PACKAGE / "models" / "en-es"
    assert "Tatoeba" in (folder / "ATTRIBUTION.md").read_text("utf-8")
    assert sum(file.stat().st_size for file in folder.iterdir()) < 12 * MIB


def test_wheel_has_the_package_and_nothing_else() -> None:
    info = f"pyattn-{pyattn.__version__}.dist-info"
    roots = {name.split("/")[0] for name in installed()}
    assert roots - {".."} == {"pyattn", info}  # ".." leads to the command
    package = [name for name in installed() if name.startswith("pyattn/")]
    assert not [name for name in package if name.endswith((".cc", ".h", ".txt", ".cmake"))]
    licences = [name for name in installed() if name.startswith(f"{info}/licenses/")]
    assert {name.split("/")[-1] for name in licences} == {"LICENSE", "ATTRIBUTION.md"}


def test_compiled_module_is_stripped_and_small() -> None:
    installed()
    module = pathlib.Path(_core.__file__).read_bytes()
    assert b".symtab" not in module
    assert len(module) < 4 * MIB


def test_stub_has_the_arguments_of_the_compiled_functions() -> None:
    tree = ast.parse((PACKAGE / "_core.pyi").read_text("utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    model = next(node for node in tree.body if getattr(node, "name", "") == "Model")
    assert isinstance(model, ast.ClassDef)
    methods = {
        node.name: node
        for node in model.body
        if isinstance(node, ast.FunctionDef) and not node.decorator_list
    }
    assert {*functions, *methods} >= {"attention", "isas", "submit", "__init__"}
    for owner, nodes in ((_core, functions), (_core.Model, methods)):
        for name, node in nodes.items():
            assert arguments(getattr(owner, name)) == [arg.arg for arg in node.args.args], name


def arguments(function: Callable[..., object]) -> list[str]:
    """Names of the arguments by the signature that pybind11 writes into the docstring."""
    signature = (function.__doc__ or "").splitlines()[0]
    return re.findall(r"[(,] ?(\w+): ", signature)


def test_hooks_pin_what_the_lint_extra_pins() -> None:
    hooks = ROOT / ".pre-commit-config.yaml"
    if not hooks.exists():
        pytest.skip("the hooks are not in the wheel")
    pins = re.compile(r"[\w-]+==[\w.]+")
    project = set(pins.findall((ROOT / "pyproject.toml").read_text("utf-8")))
    assert project
    assert set(pins.findall(hooks.read_text("utf-8"))) == project
