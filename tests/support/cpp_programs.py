"""Test programs in C++, built from the few sources of the core that they need."""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterable

from support import built
from support.paths import CSRC

COMPILER = "c++"
_FLAGS = ("-std=c++20", "-O0", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", f"-I{CSRC}")


def why_not() -> str:
    """What keeps programs from being built here; nothing if they can be."""
    return "" if shutil.which(COMPILER) else "no C++ compiler"


def with_needed(sources: Iterable[pathlib.Path]) -> list[pathlib.Path]:
    """These sources and, of the core, those of the same name as a header that one of them reads."""
    found: dict[pathlib.Path, None] = {}
    todo = list(sources)
    seen = set()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        if file.suffix == ".cc":
            found[file] = None
        for name in re.findall(r'^#include "(.+)"', file.read_text(), re.MULTILINE):
            header = CSRC / name
            todo += [path for path in (header, header.with_suffix(".cc")) if path.is_file()]
    return list(found)


def build(sources: Iterable[pathlib.Path], name: str) -> pathlib.Path:
    """The program of some sources and of what they need, by its name."""
    return built.once(name, lambda folder: _build(sources, folder)) / "program"


def _build(sources: Iterable[pathlib.Path], folder: pathlib.Path) -> None:
    folder.mkdir()

    def compiled(source: pathlib.Path) -> pathlib.Path:
        made = folder / f"{'_'.join(source.parts[-2:])}.o"
        subprocess.run([COMPILER, *_FLAGS, "-c", source, "-o", made], check=True)
        return made

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, with_needed(sources)))
    subprocess.run([COMPILER, *objects, "-pthread", "-o", folder / "program"], check=True)
