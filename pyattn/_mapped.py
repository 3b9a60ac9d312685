"""Files that are mapped into memory, and the memory that their pages take."""

from __future__ import annotations

import functools
import mmap
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

# Bytes that Linux may bring in with a missing page, if its cache has the file in one piece.
_AROUND = 2 << 20


class _Map(mmap.mmap):
    """A file, read-only. Its pages may be dropped at any time: they are the file's own numbers."""

    @functools.cached_property
    def origin(self) -> int:
        """The address of its first byte."""
        address: int = np.frombuffer(self, np.uint8).__array_interface__["data"][0]
        return address


def mapped(file: BinaryIO) -> memoryview:
    """The bytes of an open file, which is not empty; they are read from disk on access.

    The map lives as long as a view of it does.

    Raises:
        OSError: if the file cannot be mapped.
        ValueError: likewise.
    """
    return memoryview(_Map(file.fileno(), 0, access=mmap.ACCESS_READ))


def let_go(values: npt.NDArray[Any]) -> None:
    """Gives back the memory of an array's pages, if it is a view of what `mapped` returned.

    Its numbers stay the same; a later access reads them from the file again. Arrays with memory of
    their own, and arrays that are not in C order, are left alone.

    Args:
        values: An array.
    """
    pages = _pages(values)
    if pages is None or not values.flags.c_contiguous or not values.nbytes:
        return
    if not hasattr(pages, "madvise"):  # which not every system has
        return
    start = values.__array_interface__["data"][0] - pages.origin
    # Pages that were given back before may have returned with their neighbours.
    first = start // _AROUND * _AROUND
    end = min(-(-(start + values.nbytes) // _AROUND) * _AROUND, len(pages))
    pages.madvise(mmap.MADV_DONTNEED, first, end - first)


def let_all_go(arrays: Iterable[npt.NDArray[Any]]) -> None:
    """Gives back the memory of all files that some of the arrays are views of, as `let_go`."""
    files = {id(pages): pages for pages in map(_pages, arrays) if pages is not None}
    for pages in files.values():
        if hasattr(pages, "madvise"):
            pages.madvise(mmap.MADV_DONTNEED)


def _pages(values: npt.NDArray[Any]) -> _Map | None:
    """The map that an array is a view of."""
    base: Any = values
    while isinstance(base, np.ndarray):
        base = base.base
    pages = base.obj if isinstance(base, memoryview) else None
    return pages if isinstance(pages, _Map) else None
