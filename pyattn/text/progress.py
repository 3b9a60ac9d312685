"""Bars on standard error for calls that take long."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def bar(total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """A progress bar: a function of the number of units that are done.

    Raises:
        ImportError: if the package tqdm is not installed.
    """
    try:
        tqdm: Any = importlib.import_module("tqdm")
    except ImportError:
        raise ImportError("progress: needs the package tqdm (pip install tqdm)") from None
    with tqdm.tqdm(total=total, unit=unit) as drawn:
        yield lambda done: drawn.update(done - drawn.n)
        drawn.update(total - drawn.n)
