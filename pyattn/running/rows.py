"""Rows of ids as other libraries hold them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


def as_lists(rows: Any) -> Any:
    """Rows of ids of other libraries, such as PyTorch's tensors, as lists; anything else as it is.

    Anything that cannot be ids stays as it is, and the core's error names it.
    """
    if isinstance(rows, Iterable) and not isinstance(rows, str | bytes):
        return [_as_list(row) for row in rows]
    return _as_list(rows)


def _as_list(row: Any) -> Any:
    if isinstance(row, list | tuple | np.ndarray):
        return row
    if callable(getattr(row, "tolist", None)):
        return row.tolist()
    return np.asarray(row) if hasattr(row, "__array__") else row
