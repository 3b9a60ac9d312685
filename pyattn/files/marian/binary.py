"""Marian's `.bin`, read over a memory map, every field checked before use.

All numbers are little-endian:

    u64     version, 1
    u64     number of items, and for each
        u64     bytes of its name, a 0 at the end included
        u64     type, by `_TYPES` and `_INTGEMM8`
        u64     number of axes
        u64     bytes of its data, padding at the end included
    the names; the lengths of all axes, i32 each
    u64     bytes of padding, and these: the data begins at a multiple of 256
    the data of each item

An intgemm8 item is int8 and, behind it, the float32 that its numbers were multiplied by before they
were rounded. It has the shape [in, out] of the weights that it was made of, but lies in memory the
other way round, [out, in]; an embedding is [vocab, dim] in both.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.files.cursor import Cursor
from pyattn.files.marian.items import Item, quantized
from pyattn.files.reading import bare
from pyattn.files.tensors import DTYPES, Tensor

VERSION = 1
# The number of a type to one of `DTYPES`.
_TYPES = {0x101: "I8", 0x104: "I32", 0x204: "U32", 0x402: "F16", 0x404: "F32"}
# Of browsermt's fork, and of Marian itself.
_INTGEMM8 = (0x4101, 0x10001)
# Numbers that are laid out for one CPU, or that nobody publishes.
_NOT_READ = {
    0x4102: "intgemm16",
    0x10002: "intgemm16",
    0x802: "packed16",
    0x1801: "packed8avx2",
    0x2801: "packed8avx512",
    0x18001: "intgemm8ssse3",
    0x11001: "intgemm8avx2",
    0x12001: "intgemm8avx512",
    0x13001: "intgemm8avx512vnni",
}
_MAX_AXES = 4
_MAX_NAME = 1 << 10
# Two stacks of 24 layers in int8, with a number for the inputs of each matrix, have 1,400.
_MAX_ITEMS = 1 << 14
# Data is padded to multiples of 256 bytes, and so is every item's.
_MOST_PADDING = 512
_HEADER = struct.Struct("<4Q")


@dataclasses.dataclass(frozen=True)
class _Header:
    """What is said of an item before its data."""

    name: str
    kind: int
    shape: tuple[int, ...]
    size: int


def is_binary(start: bytes) -> bool:
    """Whether the first 16 bytes of a file are those of a Marian model's."""
    # CTranslate2's first version begins with a 1 too, but in 4 bytes, and a count that is not 0.
    version, items = int.from_bytes(start[:8], "little"), int.from_bytes(start[8:16], "little")
    return version == VERSION and 0 < items <= _MAX_ITEMS


def read_binary_items(file: str, content: memoryview) -> dict[str, Item]:
    """The items of a file, as views of it.

    Args:
        file: Its name, for errors.
        content: Its bytes.

    Raises:
        ModelError: if the file is not well-formed, or an item has a type that is not supported; the
            message names it.
    """
    cursor = Cursor(file, content, "a Marian model")
    version = cursor.integer(8, "version")
    if version != VERSION:
        cursor.fail(f"version is {version}, expected {VERSION}: not a Marian model")
    headers = _headers(cursor)
    padding = cursor.integer(8, "bytes of padding")
    if padding > _MOST_PADDING:
        cursor.fail(f"{padding} bytes of padding, expected at most {_MOST_PADDING}")
    cursor.take(padding, "padding")
    items: dict[str, Item] = {}
    for header in headers:
        if header.name in items:
            cursor.fail(f"{bare(header.name)} is there twice")
        items[header.name] = _item(cursor, header)
    cursor.check_at_end("item")
    return items


def _headers(cursor: Cursor) -> list[_Header]:
    """All that stands before the padding."""
    count = cursor.integer(8, "number of items")
    if not 0 < count <= _MAX_ITEMS:
        cursor.fail(f"{count} items, expected 1 to {_MAX_ITEMS}")
    table = cursor.take(count * _HEADER.size, "table of items")
    rows = list(_HEADER.iter_unpack(table))
    for number, (length, _, axes, _) in enumerate(rows):
        if not 2 <= length <= _MAX_NAME or axes > _MAX_AXES:
            cursor.fail(
                f"item {number} has a name of {length} bytes and {axes} axes, expected 2 to "
                f"{_MAX_NAME} and at most {_MAX_AXES}"
            )
    names = [cursor.name(length, f"name of item {n}") for n, (length, *_) in enumerate(rows)]
    headers = []
    for name, (_, kind, axes, size) in zip(names, rows, strict=True):
        shape = struct.unpack(f"<{axes}i", cursor.take(4 * axes, f"{bare(name)}: shape"))
        if min(shape, default=1) < 1:
            cursor.fail(f"{bare(name)} has shape {list(shape)}, expected lengths above 0")
        headers.append(_Header(name, kind, shape, size))
    return headers


def _item(cursor: Cursor, header: _Header) -> Item:
    """An item, whose data is what follows."""
    place, kind, count = bare(header.name), header.kind, math.prod(header.shape)
    if kind in _NOT_READ:
        cursor.fail(
            f"{place} has type {_NOT_READ[kind]}, supported are float32, float16 and intgemm8: "
            f"convert the model again"
        )
    if kind not in _TYPES and kind not in _INTGEMM8:
        known = ", ".join(f"{number:#x}" for number in (*_TYPES, *_INTGEMM8))
        cursor.fail(f"{place} has type {kind:#x}, expected one of {known}")
    needed = count + 4 if kind in _INTGEMM8 else count * DTYPES[_TYPES[kind]].itemsize
    if not needed <= header.size <= needed + _MOST_PADDING:
        cursor.fail(
            f"{place} has {header.size} bytes, expected {needed} for shape {list(header.shape)}, "
            f"and perhaps padding"
        )
    data = cursor.take(header.size, place)[:needed]
    if kind in _INTGEMM8:
        values: npt.NDArray[np.int8] = np.frombuffer(data[:count], np.int8)
        (multiplier,) = struct.unpack("<f", data[count:])
        return quantized(cursor.file, header.name, values, header.shape, multiplier)
    floats: npt.NDArray[Any] = np.frombuffer(data, DTYPES[_TYPES[kind]]).reshape(header.shape)
    return Tensor(cursor.file, header.name, _TYPES[kind], floats)
