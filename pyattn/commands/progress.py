"""A progress bar, on a terminal only, if the package tqdm is there."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def bar(total: int) -> Iterator[Callable[[float], None] | None]:
    """A bar on standard error: a function of the number of bytes that are done; None for no bar.

    Args:
        total: Number of bytes.
    """
    tqdm: Any = None
    if sys.stderr is not None and sys.stderr.isatty():
        with contextlib.suppress(ImportError):
            tqdm = importlib.import_module("tqdm")
    if tqdm is None:
        yield None
        return
    with tqdm.tqdm(total=total, unit="B", unit_scale=True, leave=False) as drawn:

        def report(done: float) -> None:
            drawn.update(round(done) - drawn.n)

        yield report
