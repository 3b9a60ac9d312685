"""CTranslate2's `model.bin`, read over a memory map, every field checked before use.

All numbers are little-endian and follow each other without padding; a string is the length of its
bytes, a 0 behind them included (2 bytes), and these bytes. By the version that stands first:

    u32     version, 1 to 6
    string  name of the model's class                   from version 2 on
    u32     revision of this class                      from version 2 on
    u32     number of variables, and for each
        string  name
        u8      number of axes, and u32 for each axis: its length
        u8      type of a number, by `_TYPES`           from version 4 on; before: bytes of a number
        u32     bytes of data                           from version 4 on; before: count of numbers
                the data, in C order
    u32     number of aliases, and for each             from version 3 on
        string  another name
        string  of this variable
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.files.cursor import Cursor
from pyattn.files.reading import bare, map_file
from pyattn.files.tensors import DTYPES, Tensor

WEIGHTS_FILE = "model.bin"
SCALE_SUFFIX = "_scale"

_LATEST = 6
# The number of a type, and before version 4 the bytes of a number, to one of `DTYPES`.
_TYPES = {0: "F32", 1: "I8", 2: "I16", 3: "I32", 4: "F16", 5: "BF16"}
_TYPES_BY_SIZE = {4: "F32", 2: "I16", 1: "I8"}
_MAX_AXES = 8
# Two stacks of 24 layers in int8 have 1,700. Each takes memory of its own, and so do aliases.
_MAX_VARIABLES = 1 << 14


@dataclasses.dataclass(frozen=True, kw_only=True)
class Binary:
    """What a file holds.

    Attributes:
        version: Of the file's layout.
        spec: Name of the model's class; "" in version 1.
        revision: Of the names that this class gives its variables.
        variables: By their names, aliases among them; an alias's tensor is its variable's.
    """

    version: int
    spec: str
    revision: int
    variables: Mapping[str, Tensor]


def read_binary(path: pathlib.Path) -> Binary:
    """The variables of a file, as views of it.

    Raises:
        ModelError: if the file is not well-formed; the message names it and the variable.
    """
    cursor = Cursor(path.name, map_file(path), "a file of CTranslate2's")
    version = cursor.integer(4, "version")
    if not 1 <= version <= _LATEST:
        cursor.fail(f"version is {version}, expected 1 to {_LATEST}: not a file of CTranslate2's")
    spec, revision = "", 1
    if version >= 2:
        spec = _string(cursor, "name of the model's class")
        revision = cursor.integer(4, "revision")
    variables: dict[str, Tensor] = {}
    for _ in range(_count(cursor, "variables")):
        name = _string(cursor, "name of a variable")
        if name in variables:
            cursor.fail(f"{bare(name)} is there twice")
        variables[name] = _variable(cursor, name, version)
    if version >= 3:
        _add_aliases(cursor, variables)
    cursor.check_at_end("entry")
    return Binary(version=version, spec=spec, revision=revision, variables=variables)


def _count(cursor: Cursor, what: str) -> int:
    """A number of entries."""
    number = cursor.integer(4, f"number of {what}")
    if number > _MAX_VARIABLES:
        cursor.fail(f"{number} {what}, expected at most {_MAX_VARIABLES}")
    return number


def _string(cursor: Cursor, what: str) -> str:
    """A string behind its length."""
    return cursor.name(cursor.integer(2, what), what)


def _variable(cursor: Cursor, name: str, version: int) -> Tensor:
    """The entry behind a variable's name."""
    place = bare(name)
    axes = cursor.integer(1, f"{place}: number of axes")
    if axes > _MAX_AXES:
        cursor.fail(f"{place} has {axes} axes, expected at most {_MAX_AXES}")
    shape = struct.unpack(f"<{axes}I", cursor.take(4 * axes, f"{place}: shape"))
    types = _TYPES if version >= 4 else _TYPES_BY_SIZE
    number = cursor.integer(1, f"{place}: type")
    if number not in types:
        cursor.fail(f"{place} has type {number}, expected one of {', '.join(map(str, types))}")
    dtype = DTYPES[types[number]]
    size = cursor.integer(4, f"{place}: size") * (1 if version >= 4 else dtype.itemsize)
    expected = math.prod(shape) * dtype.itemsize
    if size != expected or not expected:
        cursor.fail(
            f"{place} has {size} bytes, expected {expected or 'some'} for shape {list(shape)} of "
            f"{types[number]}"
        )
    values: npt.NDArray[Any] = np.frombuffer(cursor.take(size, place), dtype).reshape(shape)
    return Tensor(cursor.file, name, types[number], values)


def _add_aliases(cursor: Cursor, variables: dict[str, Tensor]) -> None:
    """Adds the other names of variables, each of which is there before its alias."""
    for _ in range(_count(cursor, "aliases")):
        alias = _string(cursor, "name of an alias")
        name = _string(cursor, "variable of an alias")
        if name not in variables:
            cursor.fail(f"{bare(alias)} is an alias of {bare(name)}, which is not there")
        if variables.get(alias, variables[name]) is not variables[name]:
            cursor.fail(f"{bare(alias)} is there twice")
        variables[alias] = variables[name]
        # What a variable is scaled by goes with it.
        scale = variables.get(f"{name}{SCALE_SUFFIX}")
        if scale is not None:
            variables.setdefault(f"{alias}{SCALE_SUFFIX}", scale)
