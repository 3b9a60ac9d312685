"""The level `amx` on a CPU that has none: tests of other files, run again where it is emulated."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pyattn import _core
from support import amx
from support.lanes import but_slow, slow
from support.paths import TESTS

# What the core takes for a level that it may run, without asking the CPU.
ENVIRONMENT = {"PYATTN_ISA": "amx", "PYATTN_ISA_UNVERIFIED": "1"}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        cwd=TESTS,
        env={**os.environ, **ENVIRONMENT},
    )


@pytest.fixture(scope="module")
def level() -> None:
    """Skips where AMX is not emulated, or where the core has no kernels for it."""
    if amx.why_not():
        pytest.skip(amx.why_not())
    # The level's other instructions are not emulated.
    if "avx512_bf16" not in _core.isas():
        pytest.skip("this CPU lacks avx512_bf16, which the level amx includes")
    listed = python("-c", "from pyattn import _core; print(*_core.isas())")
    assert listed.returncode == 0, listed.stderr
    if "amx" not in listed.stdout.split():
        pytest.skip("the core has no level amx")


FILES = ["ops/test_linear.py", "ops/test_dtypes.py", "ops/test_int4.py"]
SLOW = [
    "ops/test_blocks.py",
    "ops/test_attention.py",
    "ops/test_threads.py",
    "ops/test_properties_attention.py",
    "ops/test_properties_products.py",
    "model/test_dtypes.py",
]


@slow
@pytest.mark.parametrize("file", but_slow(FILES + SLOW, *SLOW))
@pytest.mark.usefixtures("level")
def test_level_passes_where_it_is_emulated(file: str) -> None:
    in_one_process = ("-n", "0", "-p", "support.amx", "-p", "no:cacheprovider")
    done = python("-m", "pytest", "-m", "", *in_one_process, file)
    assert done.returncode == 0, done.stdout + done.stderr
