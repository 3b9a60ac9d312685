import pathlib
import shutil
import subprocess
import sys

import pytest

import pyattn


def fresh(code: str) -> str:
    """What a new interpreter prints."""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return run.stdout


def test_public_names_are_there() -> None:
    for name in (*pyattn.__all__, "__version__"):
        assert getattr(pyattn, name) is not None


def test_completion_offers_the_public_names_alone() -> None:
    assert sorted(dir(pyattn)) == sorted([*pyattn.__all__, "__version__"])


def test_source_folder_says_that_it_is_not_compiled(tmp_path: pathlib.Path) -> None:
    package = pathlib.Path(pyattn.__file__).parent
    copy = tmp_path / "pyattn"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("_core*.so", "models"))
    # -S and -E leave out an editable installation, which finds the module wherever it was built.
    run = subprocess.run(
        [sys.executable, "-S", "-E", "-c", "import pyattn"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert run.returncode == 1
    last = run.stderr.splitlines()[-1]
    assert last == (
        f"ImportError: pyattn is not compiled in {copy}, which is a source folder: start Python in "
        "another folder, or install the checkout with pip install -e ."
    )


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        _ = pyattn.laod  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "module", ["sentencepiece", "safetensors", "argparse", "multiprocessing", "importlib.metadata"]
)
def test_import_leaves_out_what_only_some_need(module: str) -> None:
    code = f"import sys, numpy; had = {module!r} in sys.modules; import pyattn\n"
    assert fresh(f"{code}print({module!r} in sys.modules and not had)") == "False\n"


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_import_starts_no_thread() -> None:
    count = "print(len(os.listdir('/proc/self/task')))"
    before, after = fresh(f"import os, numpy\n{count}\nimport pyattn\n{count}").split()
    assert before == after


def test_cpu_info_names_the_level_that_models_run_on() -> None:
    info = pyattn.cpu_info()
    assert info.isa in info.isas
    assert info.threads >= 1
    assert info.name
