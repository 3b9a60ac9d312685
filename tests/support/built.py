"""What tests compile is compiled once in a run, whichever of its processes asks first."""

from __future__ import annotations

import fcntl
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable

# Where; set by the first process of a run, and inherited by those that it starts.
_VARIABLE = "TESTS_BUILT"


def open_folder() -> Callable[[], None] | None:
    """Makes the folder of this run, and what removes it; nothing if a parent has made it."""
    if _VARIABLE in os.environ:
        return None
    folder = os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="pyattn-tests-")

    def remove() -> None:
        del os.environ[_VARIABLE]
        shutil.rmtree(folder)

    return remove


def once(name: str, make: Callable[[pathlib.Path], object]) -> pathlib.Path:
    """The file or folder of a name in the folder of this run.

    Args:
        name: Of the file or folder.
        make: Makes it, at a path that is given; others wait meanwhile.
    """
    place = pathlib.Path(os.environ[_VARIABLE]) / name
    with place.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            unfinished = place.with_name(f"unfinished-{name}")
            make(unfinished)
            unfinished.rename(place)
    return place
