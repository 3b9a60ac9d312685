"""Compiles peaks.cc and runs it: what one core can do at most."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("peaks.cc")


@contextlib.contextmanager
def compiled() -> Iterator[Path]:
    """The probe, until the end of a `with`.

    Raises:
        RuntimeError: if there is no C++ compiler, or it does not compile the probe.
    """
    compiler = _compiler()
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "peaks")
        _run([compiler, "-std=c++20", "-O3", "-o", str(program), str(SOURCE)])
        yield program


def measure(
    program: Path, buffers: Mapping[str, int], trials: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Rates of instructions in 10^9 operations/s, and of reading buffers in 10^9 bytes/s.

    Args:
        program: What `compiled` gives.
        buffers: Bytes, by the name of the memory that holds so many.
        trials: Of how many short ones the best counts.

    Raises:
        RuntimeError: if the probe does not run, or there is no memory for a buffer.
    """
    sizes = [f"{name}={size}" for name, size in buffers.items()]
    rates: dict[str, float] = {}
    bandwidths: dict[str, float] = {}
    for line in _run([str(program), str(trials), *sizes]).splitlines():
        name, unit, value = line.split()
        (bandwidths if unit == "GB/s" else rates)[name] = float(value)
    missing = sorted(buffers.keys() - bandwidths.keys())
    if missing:
        raise RuntimeError(f"peaks: no bandwidth of {', '.join(missing)}, expected one of each")
    return rates, bandwidths


def _compiler() -> str:
    names = [name for name in (os.environ.get("CXX"), "c++", "g++", "clang++") if name]
    for name in names:
        if shutil.which(name):
            return name
    raise RuntimeError(f"peaks: found no C++ compiler, expected one of {', '.join(names)}")


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"peaks: {Path(command[0]).name} failed: {done.stderr.strip()}")
    return done.stdout
