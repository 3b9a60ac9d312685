"""The file itself: a magic, pairs of keys and values, names of tensors, and their numbers.

    "GGUF", u32 version, u64 tensors, u64 pairs
    pair      key, u32 type, value; a string is its u64 length and its bytes, an array the u32 type
              of its elements, their u64 number and the elements
    tensor    name, u32 axes, u64 length of each, the innermost first, u32 type, u64 offset
    padding   to the next multiple of general.alignment
    numbers   of each tensor, at its offset from here

Version 1, whose lengths have 32 bits, and files of machines with the other order of bytes are not
read.
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
from typing import Any

import numpy as np

from pyattn.errors import ModelError
from pyattn.files.cursor import Cursor
from pyattn.files.gguf.blocks import NUMBER_TYPES, NumberType
from pyattn.files.reading import bare, map_file, shown

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MOST_AXES = 4
_MOST_NAME = 64
_MOST_KEY = 1 << 16
# No file comes near: one of T5's has some hundred tensors and fifty pairs.
_MOST_ENTRIES = 1 << 16
_ALIGNMENT = "general.alignment"
_USUAL_ALIGNMENT = 32
_MOST_ALIGNMENT = 1 << 20

# Kinds of values, by their numbers: of one size each, and strings and arrays.
_NUMBERS = {
    0: "<u1",
    1: "<i1",
    2: "<u2",
    3: "<i2",
    4: "<u4",
    5: "<i4",
    6: "<f4",
    7: "<u1",
    10: "<u8",
    11: "<i8",
    12: "<f8",
}
_BOOLEAN, _STRING, _ARRAY = 7, 8, 9

# Types that are not read, by ggml's numbers, for the error.
_OTHERS = {10: "Q2_K", 11: "Q3_K", 20: "IQ4_NL", 23: "IQ4_XS", 39: "MXFP4"}


@dataclasses.dataclass(frozen=True, eq=False)
class Entry:
    """A tensor of a file.

    Attributes:
        shape: Length along each axis, as NumPy has it.
        kind: The type of its numbers.
        content: Its bytes, a view of the file.
    """

    shape: tuple[int, ...]
    kind: NumberType
    content: memoryview


@dataclasses.dataclass(frozen=True, eq=False)
class Container:
    """What a file holds.

    Attributes:
        name: The file's name, for errors.
        pairs: Values by keys: numbers, booleans, strings, lists of strings, and arrays.
        tensors: By their names.
    """

    name: str
    pairs: dict[str, Any]
    tensors: dict[str, Entry]


def read_container(path: pathlib.Path) -> Container:
    """The pairs and tensors of a file; numbers stay views of it.

    Raises:
        ModelError: if the file is malformed, or of another version or order of bytes.
    """
    content = map_file(path)
    cursor = Cursor(path.name, content, "a GGUF file")
    if bytes(cursor.take(4, "its magic")) != _MAGIC:
        cursor.fail("not a GGUF file: it does not begin with GGUF")
    version = cursor.integer(4, "its version")
    if version not in _VERSIONS:
        swapped = version & 0xFFFF == 0
        cursor.fail(
            "its numbers are big-endian, expected little-endian"
            if swapped
            else f"version {version}, expected 2 or 3"
        )
    tensors = _count(cursor, "the number of tensors")
    pairs = _pairs(cursor, _count(cursor, "the number of pairs"))
    alignment = pairs.get(_ALIGNMENT, _USUAL_ALIGNMENT)
    if type(alignment) is not int or not 1 <= alignment <= _MOST_ALIGNMENT:
        cursor.fail(f"{_ALIGNMENT} is {shown(alignment)}, expected 1 to {_MOST_ALIGNMENT}")
    heads = [_tensor_head(cursor) for _ in range(tensors)]
    begin = -(-(len(content) - cursor.left) // alignment) * alignment
    return Container(path.name, pairs, _tensors(path.name, heads, content, begin))


def _count(cursor: Cursor, what: str) -> int:
    count = cursor.integer(8, what)
    if count > _MOST_ENTRIES:
        cursor.fail(f"{what} is {count}, expected at most {_MOST_ENTRIES}")
    return count


def _string(cursor: Cursor, most: int, what: str) -> bytes:
    size = cursor.integer(8, what)
    if size > most:
        cursor.fail(f"{what} has {size} bytes, expected at most {most}")
    return bytes(cursor.take(size, what))


def _key(cursor: Cursor, most: int, what: str) -> str:
    content = _string(cursor, most, what)
    try:
        key = content.decode("utf-8")
    except UnicodeDecodeError:
        cursor.fail(f"{what} is {content!r:.80}, expected UTF-8")
    if not key:
        cursor.fail(f"{what} is empty")
    return key


def _pairs(cursor: Cursor, count: int) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for _ in range(count):
        key = _key(cursor, _MOST_KEY, "a key")
        if key in pairs:
            cursor.fail(f"{bare(key)} appears twice")
        kind = cursor.integer(4, f"the type of {bare(key)}")
        if kind == _ARRAY:
            pairs[key] = _array(cursor, key)
        elif kind == _STRING:
            pairs[key] = _text(cursor, key)
        else:
            [value] = _numbers(cursor, key, kind, 1).tolist()
            pairs[key] = bool(value) if kind == _BOOLEAN else value
    return pairs


def _text(cursor: Cursor, key: str) -> str:
    content = _string(cursor, cursor.left, bare(key))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        cursor.fail(f"{bare(key)} has {content!r:.80}, expected UTF-8")


def _array(cursor: Cursor, key: str) -> Any:
    kind = cursor.integer(4, f"the type of elements of {bare(key)}")
    count = cursor.integer(8, f"the length of {bare(key)}")
    if kind == _STRING:
        if count > cursor.left // 8:
            cursor.fail(f"{bare(key)} has {count} texts, {cursor.left} bytes are left")
        return [_text(cursor, key) for _ in range(count)]
    return _numbers(cursor, key, kind, count)


def _numbers(cursor: Cursor, key: str, kind: int, count: int) -> Any:
    if kind not in _NUMBERS:
        cursor.fail(f"{bare(key)} has values of type {kind}, expected numbers or texts")
    dtype = np.dtype(_NUMBERS[kind])
    return np.frombuffer(cursor.take(count * dtype.itemsize, bare(key)), dtype)


@dataclasses.dataclass(frozen=True)
class _Head:
    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


def _tensor_head(cursor: Cursor) -> _Head:
    name = _key(cursor, _MOST_NAME, "the name of a tensor")
    axes = cursor.integer(4, f"the axes of {bare(name)}")
    if not 1 <= axes <= _MOST_AXES:
        cursor.fail(f"{bare(name)} has {axes} axes, expected 1 to {_MOST_AXES}")
    lengths = [cursor.integer(8, f"the shape of {bare(name)}") for _ in range(axes)]
    kind = cursor.integer(4, f"the type of {bare(name)}")
    return _Head(name, tuple(reversed(lengths)), kind, cursor.integer(8, f"where {name} is"))


def _tensors(file: str, heads: list[_Head], content: memoryview, begin: int) -> dict[str, Entry]:
    tensors: dict[str, Entry] = {}
    for head in heads:
        place = f"{file}: {bare(head.name)}"
        if head.name in tensors:
            raise ModelError(f"{place} appears twice")
        kind = NUMBER_TYPES.get(head.kind)
        if kind is None:
            known = ", ".join(one.name for one in NUMBER_TYPES.values())
            name = _OTHERS.get(head.kind, f"number {head.kind}")
            raise ModelError(f"{place} has numbers of type {name}, expected one of {known}")
        if 0 in head.shape or head.shape[-1] % kind.count:
            raise ModelError(
                f"{place} has shape {list(head.shape)}, expected rows of blocks of {kind.count}"
            )
        total = math.prod(head.shape) // kind.count * kind.size
        first = begin + head.offset
        if total > len(content) - first:
            raise ModelError(
                f"{place} has {total} bytes at {first}, the file has {len(content)}: truncated, or "
                "not a GGUF file"
            )
        tensors[head.name] = Entry(head.shape, kind, content[first : first + total])
    return tensors
