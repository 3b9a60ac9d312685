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


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        _ = pyattn.laod


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
