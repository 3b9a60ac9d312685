"""The emulator ends the process where a CPU would refuse, and leaves what is not AMX alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from support import amx

pytestmark = pytest.mark.skipif(bool(amx.why_not()), reason=amx.why_not())

_CHILD = """
import ctypes, faulthandler, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
if {traced}:
    faulthandler.enable()
emulator, program = map(ctypes.CDLL, sys.argv[1:3])
assert emulator.amx_emulator_install() == 0
def run(name, *arguments):
    getattr(program, name)(*map(ctypes.c_int64, arguments))
def config(*tiles, palette=1, start_row=0, reserved=0):
    made = bytearray(64)
    made[0], made[1], made[40] = palette, start_row, reserved
    for tile, rows, colsb in tiles:
        made[16 + 2 * tile], made[48 + tile] = colsb, rows
    kept.append(ctypes.create_string_buffer(bytes(made), 64))
    return ctypes.addressof(kept[-1])
kept = [ctypes.create_string_buffer(1 << 12)]
room = ctypes.addressof(kept[0])
{code}
print("still here")
"""


def child(code: str, traced: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs code in an interpreter with the emulator; it ends before the last line if it fails."""
    # A sanitizer that is loaded first would have faults for itself.
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    libraries = [amx.emulator().as_posix(), amx.program()._name]
    return subprocess.run(
        [sys.executable, "-c", _CHILD.format(code=code, traced=traced), *libraries],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )


def three(c: tuple[int, int], a: tuple[int, int], b: tuple[int, int]) -> str:
    """Configures the tiles 0, 1 and 2."""
    tiles = ", ".join(f"({n}, {rows}, {colsb})" for n, (rows, colsb) in enumerate((c, a, b)))
    return f"run('ldtilecfg', config({tiles}))\n"


GOOD = three((2, 8), (2, 8), (2, 8))


def test_what_is_right_is_not_refused() -> None:
    done = child(GOOD + "run('tdpbssd_012')\nrun('tilestored_0', room, 64)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "still here\n", "")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("run('tilezero_0')", "tilezero: tiles are not configured"),
        ("run('tdpbf16ps_012')", "tdpbf16ps: tiles are not configured"),
        (GOOD + "run('tilerelease')\nrun('tdpbusd_012')", "tdpbusd: tiles are not configured"),
        (GOOD + "run('tilezero_3')", "tilezero: tmm3 has no rows"),
        (GOOD + "run('tdpbuud_123')", "tdpbuud: tmm3 has no rows"),
        (GOOD + "run('tdpbssd_001')", "tdpbssd: tmm0, tmm0, tmm1 are not three tiles"),
        (three((2, 8), (3, 8), (2, 8)) + "run('tdpbssd_012')", "tmm1 has 3 rows, expected 2"),
        (three((2, 8), (2, 8), (2, 4)) + "run('tdpbssd_012')", "tmm2 has rows of 4 bytes, exp"),
        (three((2, 8), (2, 8), (3, 8)) + "run('tdpbssd_012')", "tmm2 has 3 rows, expected 2"),
        (three((2, 6), (2, 8), (2, 6)) + "run('tdpbssd_012')", "tmm0 has rows of 6 bytes, exp"),
        (three((2, 6), (2, 8), (2, 6)) + "run('tileloadd_0', room, 64)", "expected a multiple"),
        (
            "run('ldtilecfg', config((0, 2, 8), start_row=2))\nrun('tilestored_0', room, 8)",
            "tilestored: start_row is 2, expected less than 2",
        ),
    ],
)
def test_undefined_instruction_aborts_and_says_why(code: str, message: str) -> None:
    done = child(code)
    assert (done.returncode, done.stdout) == (-signal.SIGABRT, "")
    assert done.stderr.startswith("amx_emulator: ")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("palette=2", "palette is 2"),
        ("(0, 17, 64)", "tmm0 has 17 rows of 64 bytes, expected at most 16 of 64"),
        ("(7, 16, 65)", "tmm7 has 16 rows of 65 bytes"),
        ("(1, 0, 64)", "tmm1 has 0 rows of 64 bytes"),
        ("(1, 1, 0)", "tmm1 has 1 rows of 0 bytes"),
        ("(8, 1, 4)", "a reserved byte is not 0"),
        ("reserved=1", "a reserved byte is not 0"),
    ],
)
def test_wrong_configuration_is_a_fault(config: str, message: str) -> None:
    done = child(f"run('ldtilecfg', config({config}))")
    assert (done.returncode, done.stdout) == (-signal.SIGSEGV, "")
    assert message in done.stderr


@pytest.mark.parametrize("name", ["tileloadd_0", "tilestored_0", "ldtilecfg", "sttilecfg"])
def test_address_of_nothing_is_a_fault(name: str) -> None:
    done = child(GOOD + f"run('{name}', 64, 64)")
    assert (done.returncode, done.stdout) == (-signal.SIGSEGV, "")


def test_released_tiles_are_there_for_other_threads() -> None:
    done = child(f"for _ in range(3000):\n    {GOOD}    run('tilerelease')")
    assert done.returncode == 0, done.stderr


def test_threads_that_release_nothing_are_counted() -> None:
    work = (
        "import threading\nfor _ in range(1025):\n"
        "    thread = threading.Thread(target=run, args=('ldtilecfg', config((0, 1, 4))))\n"
        "    thread.start()\n    thread.join()\n"
    )
    done = child(work)
    assert done.returncode == -signal.SIGABRT
    assert "1024 threads have not released their tiles" in done.stderr


# An instruction that no CPU has, and a signal that no instruction is the reason of.
OTHERS = ["run('ud2')", "import os, signal\nos.kill(os.getpid(), signal.SIGILL)"]


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_not_amx_still_kills(other: str) -> None:
    done = child(GOOD + other)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGILL, "", "")


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_not_amx_goes_to_the_handler_before(other: str) -> None:
    done = child(GOOD + other, traced=True)
    assert (done.returncode, done.stdout) == (-signal.SIGILL, "")
    assert "Fatal Python error: Illegal instruction" in done.stderr
