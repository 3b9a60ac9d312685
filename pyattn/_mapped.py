"""Files that are mapped into memory, and the memory that their pages take."""

from __future__ import annotations

import mmap
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

# What Linux may bring in with a page that is missing, if its cache has the file in one piece.
_AROUND = 2 << 20


class _Map(mmap.mmap):
    """A file, read-only. Its pages may be dropped at any time: they are the file's own numbers."""


def mapped(file: BinaryIO) -> memoryview:
    """The bytes of an open file, which is not empty, read from disk where they are looked at.

    The map lives as long as a view of it does.

    Raises:
        OSError: if the file cannot be mapped.
        ValueError: likewise.
    """
    return memoryview(_Map(file.fileno(), 0, access=mmap.ACCESS_READ))


def let_go(values: npt.NDArray[Any]) -> None:
    """Gives back the memory of an array's pages, if it is a view of what `mapped` returned.

    Its numbers stay what they are: they are read from the file again if anybody asks. Of arrays
    with memory of their own nothing happens.

    Args:
        values: An array; of one that is not in C order nothing is given back.
    """
    pages = _pages(values)
    if pages is None or not values.flags.c_contiguous or not values.nbytes:
        return
    if not hasattr(pages, "madvise"):  # which not every system has
        return
    start = values.__array_interface__["data"][0]
    origin = np.frombuffer(pages, np.uint8).__array_interface__["data"][0]
    # What was let go before may have come back with what is around it.
    first = (start - origin) // _AROUND * _AROUND
    end = min(-(-(start - origin + values.nbytes) // _AROUND) * _AROUND, len(pages))
    pages.madvise(mmap.MADV_DONTNEED, first, end - first)


def _pages(values: npt.NDArray[Any]) -> _Map | None:
    """The map that an array is a view of."""
    base: Any = values
    while isinstance(base, np.ndarray):
        base = base.base
    pages = base.obj if isinstance(base, memoryview) else None
    return pages if isinstance(pages, _Map) else None
