"""AMX instructions on a CPU that has none: builds and loads the emulator of `tests/amx/emulator.c`.

As a plugin (`python -m pytest -p support.amx` in `tests/`) it emulates them for the whole run and
keeps only the tests that concern the level `amx`.
"""

from __future__ import annotations

import ctypes
import pathlib
import platform
import shutil
import subprocess
import sys

import pytest

from support import built
from support.paths import TESTS

_SOURCES = TESTS / "amx"
_COMPILER = "cc"


def why_not() -> str:
    """Why AMX cannot be emulated here; empty if it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "AMX is emulated on x86-64 Linux alone"
    flags = pathlib.Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    if "amx_tile" in flags:
        return "this CPU has AMX"
    if not {"avx2", "fma"} <= {*flags}:
        return "the emulator needs AVX2 and FMA"
    return "" if shutil.which(_COMPILER) else "no C compiler"


def build(*sources: str, flags: tuple[str, ...] = ()) -> pathlib.Path:
    """Compiles files of `tests/amx/` into a shared library, named as the first."""
    files = [_SOURCES / source for source in sources]
    command = [_COMPILER, "-std=gnu11", "-O3", "-fPIC", "-shared", *flags, *files, "-o"]
    return built.once(
        f"{files[0].stem}.so", lambda library: subprocess.run([*command, library], check=True)
    )


def emulator() -> pathlib.Path:
    """The library of the emulator."""
    return build("emulator.c", "tiles.c", flags=("-fvisibility=hidden",))


def program() -> ctypes.CDLL:
    """Functions of single AMX instructions, to be called when they are emulated."""
    library = build("program.S", "threads.c", flags=("-fopenmp",))
    return ctypes.CDLL(library.as_posix())


def emulated() -> bool:
    """Has this process run AMX instructions in software, on all threads; whether it can."""
    if why_not():
        return False
    if ctypes.CDLL(emulator().as_posix()).amx_emulator_install() != 0:
        raise OSError("sigaction: the emulator was not installed")
    return True


# After pytest's own faulthandler, which takes SIGILL too.
@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Emulates AMX for the whole run."""
    if not emulated():
        pytest.exit(why_not(), returncode=pytest.ExitCode.USAGE_ERROR)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests of single other levels."""
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        (kept if parameters.get("isa", "amx") == "amx" else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
