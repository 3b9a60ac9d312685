"""Locks between processes: files that one holds at a time, and that end with their process."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import time
from collections.abc import Iterator

from pyattn.hub.progress import logger

# Seconds between two tries.
_PAUSE = 0.1


@contextlib.contextmanager
def locked(path: pathlib.Path) -> Iterator[None]:
    """Holds the lock that a file is, which stays there, and waits for whoever holds it before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        waited = False
        while not _taken(descriptor):
            if not waited:
                logger.info("waiting for another process that downloads: %s", path)
            waited = True
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)  # which releases it


if sys.platform == "win32":
    import msvcrt

    def _taken(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _taken(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # Some network file systems have no locks. Files still appear under their names only
            # when they are complete.
            return True
        return True
