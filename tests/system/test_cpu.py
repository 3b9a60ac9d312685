"""Levels of instructions that do not run here, and what is said of the reason."""

from __future__ import annotations

import errno
import os
import pathlib
import platform
import shutil
import subprocess
import sys

import pytest

from pyattn import _core
from support import built
from support.paths import CSRC

HERE = pathlib.Path(__file__).parent

ON_X86 = sys.platform == "linux" and platform.machine() == "x86_64"


@pytest.fixture(scope="module")
def machine() -> pathlib.Path:
    """A program that says what keeps amx from running on a machine of given answers."""
    if not ON_X86 or not shutil.which("c++"):
        pytest.skip("x86-64 Linux and a C++ compiler are needed")
    command = ["c++", "-std=c++20", f"-I{CSRC}", HERE / "cpu_answers.cc", "-o"]
    return built.once("cpu_answers", lambda made: subprocess.run([*command, made], check=True))


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        (["lacks"], "the CPU lacks it"),
        (["has", "lacks"], "avx512_bf16, which it includes, does not run"),
        (["has", "has", "ignores"], "the operating system refuses it: it does not save tiles"),
        (
            ["has", "has", "saves", str(errno.ENOSPC)],
            "the operating system refuses it: a thread's signal stack is too small for it",
        ),
        (
            ["has", "has", "saves", str(errno.EPERM)],
            "the operating system refuses it: Operation not permitted",
        ),
        (["has", "has", "saves", "0"], ""),
    ],
)
def test_amx_runs_or_somebody_is_named(
    machine: pathlib.Path, answers: list[str], wanted: str
) -> None:
    found = subprocess.run([machine, *answers], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, wanted + "\n")


def error_of(isa: str, **variables: str) -> str:
    """What a process says that asks for a level, under environment variables."""
    code = (
        "import sys\nimport numpy as np\nfrom pyattn import ops\n"
        "try:\n    ops.pack(np.ones((1, 1), np.float32), isa=sys.argv[1] or None)\n"
        "except ValueError as error:\n    print(error)\n"
    )
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYATTN_ISA")}
    done = subprocess.run(
        [sys.executable, "-c", code, isa],
        capture_output=True,
        text=True,
        check=True,
        env={**kept, **variables},
    )
    return done.stdout


@pytest.mark.skipif(not ON_X86, reason="the levels of x86-64")
@pytest.mark.parametrize("isa", ["amx", "avx512_bf16", "avx512_vnni", "avx512", "avx2"])
def test_level_that_does_not_run_has_a_reason(isa: str) -> None:
    if isa in _core.isas():
        pytest.skip(f"this machine runs {isa}")
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    wanted = "the CPU lacks it" if f" {isa.replace('amx', 'amx_tile')} " not in flags else ""
    for said in (error_of(isa), error_of("", PYATTN_ISA=isa)):
        assert said.startswith(f"isa: this machine does not run '{isa}' ({wanted}")
        assert "), expected one of " in said
        assert said.endswith("portable, reference\n")


@pytest.mark.skipif(not ON_X86, reason="the levels of x86-64")
def test_amx_is_left_out_where_another_level_is_named() -> None:
    assert error_of("amx", PYATTN_ISA="portable").startswith(
        "isa: this machine does not run 'amx' (PYATTN_ISA names another level), expected one of "
    )


def test_level_that_there_is_not_has_no_reason() -> None:
    assert error_of("mmx").startswith("isa: this machine does not run 'mmx', expected one of ")
