"""Marian's `.npz`: a zip file of NumPy's arrays, none of which may be an object.

An entry `<name>.npy` begins with the six bytes of `_MAGIC`, a version of two, the length of what
follows (2 bytes in version 1, else 4), and a Python dict of the type, the order and the shape,
which is matched here and not evaluated. Entries may be compressed, as NumPy does if it is asked to.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.errors import ModelError
from pyattn.files.archives import zip_entries
from pyattn.files.reading import bare
from pyattn.files.tensors import DTYPES, Tensor

_MAGIC = b"\x93NUMPY"
_SUFFIX = ".npy"
_MAX_AXES = 4
# NumPy itself takes no header that is longer.
_MAX_HEADER = 10_000
# Versions to how many bytes the length of the header has.
_LENGTHS = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}
_HEADER = re.compile(
    r"\{\s*'descr':\s*'([<>|=][a-zA-Z]\d*)',\s*'fortran_order':\s*(True|False),\s*"
    r"'shape':\s*\(\s*((?:\d{1,18}\s*,\s*)*(?:\d{1,18})?)\s*\)\s*,?\s*\}\s*"
)
# NumPy's names to one of `DTYPES`; a single byte has no order.
_TYPES = {"<f4": "F32", "<f2": "F16", "|i1": "I8", "<i1": "I8", "<i4": "I32", "<u4": "U32"}


def read_npz(file: str, content: memoryview) -> dict[str, Tensor]:
    """The arrays of a file by name; views of it where they are not compressed.

    Args:
        file: Its name, for errors.
        content: Its bytes.

    Raises:
        ModelError: if the file or an array is malformed; the message names it.
    """
    items = {}
    for entry, data in zip_entries(file, content, compressed=True).items():
        if not entry.endswith(_SUFFIX):
            raise ModelError(f"{file}: {bare(entry)}: expected names that end in {_SUFFIX}")
        name = entry.removesuffix(_SUFFIX)
        items[name] = _array(file, name, data)
    return items


def _array(file: str, name: str, data: memoryview) -> Tensor:
    place = f"{file}: {bare(name)}"
    begin = len(_MAGIC) + 2
    version = bytes(data[len(_MAGIC) : begin])
    if data[: len(_MAGIC)] != _MAGIC or version not in _LENGTHS:
        raise ModelError(f"{place}: not an array of NumPy's, or of a newer version than 3")
    length = int.from_bytes(data[begin : begin + _LENGTHS[version]], "little")
    begin += _LENGTHS[version]
    if length > _MAX_HEADER or begin + length > len(data):
        raise ModelError(
            f"{place}: header has {length} bytes, expected at most {_MAX_HEADER} and no more than "
            f"there are: truncated"
        )
    header = bytes(data[begin : begin + length])
    match = _HEADER.fullmatch(header.decode("latin-1"))
    if match is None:
        raise ModelError(
            f"{place}: header is {header!r:.100}, expected descr, fortran_order and shape"
        )
    kind, fortran, lengths = match.groups()
    if kind not in _TYPES:
        raise ModelError(f"{place} has type {kind}, expected one of {', '.join(_TYPES)}")
    shape = tuple(int(part) for part in lengths.split(",") if part.strip())
    if len(shape) > _MAX_AXES or min(shape, default=1) < 1:
        raise ModelError(f"{place} has shape {list(shape)}, expected lengths above 0")
    dtype = DTYPES[_TYPES[kind]]
    expected = math.prod(shape) * dtype.itemsize
    left = len(data) - begin - length
    if left != expected:
        raise ModelError(f"{place} has {left} bytes, expected {expected} for shape {list(shape)}")
    values: npt.NDArray[Any] = np.frombuffer(data[begin + length :], dtype)
    order = values.reshape(shape, order="F" if fortran == "True" else "C")
    return Tensor(file, name, _TYPES[kind], order)
