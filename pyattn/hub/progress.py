"""Progress of downloads: a bar on a terminal, or a line if tqdm is not installed; and the log."""

from __future__ import annotations

import contextlib
import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

logger = logging.getLogger("pyattn.hub")


def on_terminal() -> bool:
    """Whether standard error is a terminal."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # closed
        return False


@contextlib.contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """A function of the number of bytes that have arrived since the last call.

    Args:
        title: What is downloaded.
        total: Its size in bytes; None if unknown.
    """
    size = "" if total is None else f", {total / 1e6:,.1f} MB"
    logger.info("downloading %s%s", title, size)
    tqdm = _tqdm() if on_terminal() else None
    if tqdm is not None:
        with tqdm.tqdm(total=total, unit="B", unit_scale=True, desc=title) as bar:
            yield bar.update
        return
    if on_terminal():
        sys.stderr.write(f"downloading {title}{size}\n")
    yield lambda _: None


def _tqdm() -> Any:
    try:
        return importlib.import_module("tqdm")
    except ImportError:
        return None
