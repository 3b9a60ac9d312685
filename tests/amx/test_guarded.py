"""The kernels of the level `amx` keep to their operands: behind each lies no memory."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from pyattn import _core
from support import amx, built
from support.lanes import slow
from support.paths import CSRC

HERE = pathlib.Path(__file__).parent

# Those of CMakeLists.txt for the page of the level.
_FEATURES = ("avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl")
FLAGS = [f"-m{feature}" for feature in (*_FEATURES, "avx512vnni", "avx512bf16")]


@pytest.fixture(scope="module")
def program() -> pathlib.Path:
    """The level's page alone, with the emulator; skips where they cannot be built or run."""
    if amx.why_not():
        pytest.skip(amx.why_not())
    if "avx512_bf16" not in _core.isas():
        pytest.skip("this CPU lacks avx512_bf16, which the level amx includes")
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler")
    emulator = amx.emulator()
    sources = [HERE / "guarded.cc", CSRC / "kernels/isa/amx.cc", emulator]
    options = ["-std=c++20", "-ffp-contract=off", f"-I{CSRC}", f"-Wl,-rpath,{emulator.parent}"]
    command = ["c++", *options, *FLAGS, *sources, "-o"]
    return built.once("guarded", lambda made: subprocess.run([*command, made], check=True))


def run(program: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # A sanitizer that is loaded first would have faults for itself.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=environment,
    )


@slow
def test_nothing_behind_an_operand_is_touched(program: pathlib.Path) -> None:
    done = run(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@slow
def test_row_that_is_missing_is_a_fault(program: pathlib.Path) -> None:
    done = run(program, "missing")
    assert (done.returncode, done.stdout) == (-signal.SIGSEGV, "")
