"""Tensors in the number types of their files, with access in float32."""

from __future__ import annotations

import dataclasses
import math
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn._mapped import let_all_go, let_go

Array: TypeAlias = npt.NDArray[np.float32]
StoredType: TypeAlias = Literal["float32", "float16", "bfloat16", "int8", "int4"]

# Neighbouring columns of an int4 matrix that share a scale.
INT4_GROUP = 32
# The largest size of that scale: times any number of four bits it fits int8.
INT4_MOST = 15

# NumPy has no bfloat16; an unsigned integer holds its bits.
NUMPY_TYPES: dict[StoredType, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype("<u2"),
    "int8": np.dtype("i1"),
    "int4": np.dtype("u1"),  # two numbers each
}


@dataclasses.dataclass(frozen=True, eq=False)
class Stored:
    """A tensor in its stored form, mostly a view of a mapped file.

    Attributes:
        dtype: Type of its numbers.
        values: The numbers, in the NumPy type of `NUMPY_TYPES`; at any address, in any order. Of
            int4 [rows, ceil(columns / 2)]: the number of an even column, from -8 to 7, is the lower
            half of a byte, its neighbour the upper half.
        scale: [rows] float32, factors of the rows of an int8 or int4 matrix; else None.
        group_scale: [rows, ceil(columns / INT4_GROUP)] int8, from -INT4_MOST to INT4_MOST: further
            factors of the groups of columns of an int4 matrix; else None.
        columns: The columns of an int4 matrix; else None.

    Raises:
        ValueError: if `values`, `scale` or `group_scale` do not fit `dtype`.
    """

    dtype: StoredType
    values: npt.NDArray[Any]
    scale: Array | None = None
    group_scale: npt.NDArray[np.int8] | None = None
    columns: int | None = None

    def __post_init__(self) -> None:
        if self.values.dtype != NUMPY_TYPES[self.dtype]:
            raise ValueError(
                f"stored: values have dtype {self.values.dtype}, expected "
                f"{NUMPY_TYPES[self.dtype]} for {self.dtype}"
            )
        if (self.scale is not None) != (self.dtype in ("int8", "int4")):
            has = "without" if self.scale is None else "with"
            raise ValueError(
                f"stored: {self.dtype} {has} a scale, expected one for int8 and int4 alone"
            )
        if self.dtype == "int4":
            self._check_int4()
        if self.scale is not None and (
            self.values.ndim != 2
            or self.scale.shape != self.shape[:1]
            or self.scale.dtype != np.float32
        ):
            raise ValueError(
                f"stored: values of shape {list(self.shape)} have a scale of "
                f"{self.scale.dtype} {list(self.scale.shape)}, expected float32 [rows] of a matrix"
            )

    def _check_int4(self) -> None:
        columns = self.columns
        if columns is None or self.group_scale is None:
            raise ValueError("stored: int4 without columns or a group_scale, expected both")
        rows = len(self.values)
        shape = rows, -(-columns // 2)
        if self.values.shape != shape:
            raise ValueError(
                f"stored: values have shape {list(self.values.shape)}, expected {list(shape)}"
            )
        groups = self.group_scale
        if groups.dtype != np.int8 or groups.shape != (rows, -(-columns // INT4_GROUP)):
            raise ValueError(
                f"stored: group_scale is {groups.dtype} {list(groups.shape)}, expected int8 "
                f"[{rows}, {-(-columns // INT4_GROUP)}]"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""
        return self.values.shape if self.columns is None else (len(self.values), self.columns)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def whole(self) -> npt.NDArray[np.int8]:
        """The numbers of an int4 matrix times the scales of their groups, [rows, columns]."""
        assert self.group_scale is not None
        numbers = np.empty((len(self.values), 2 * self.values.shape[1]), np.int8)
        # The lower half's sign is brought to the sign of the byte, and both back.
        numbers[:, ::2] = (self.values << 4).view(np.int8) >> 4
        numbers[:, 1::2] = np.ascontiguousarray(self.values).view(np.int8) >> 4
        numbers = numbers[:, : self.columns]
        return numbers * np.repeat(self.group_scale, INT4_GROUP, axis=1)[:, : self.columns]

    def float32(self) -> Array:
        """The same numbers in float32, in C order, read-only unless they are `values` itself.

        int8 and int4 are multiplied by their scales, which is exact to half a unit in the last
        place.
        """
        if self.dtype == "float32":
            floats = np.require(self.values, np.float32, ["C_CONTIGUOUS", "ALIGNED"])
            if floats is self.values:
                return floats
        elif self.dtype == "bfloat16":
            # bfloat16 is the upper half of a float32.
            bits = np.array(self.values, dtype=np.uint32, order="C")
            bits <<= 16
            floats = bits.view(np.float32)
        else:
            whole = self.values if self.dtype != "int4" else self.whole()
            floats = np.array(whole, dtype=np.float32, order="C")
            if self.scale is not None:
                floats *= self.scale[:, None]
        floats.flags.writeable = False
        return floats

    def rows(self, begin: int, end: int) -> Stored:
        """A view of some rows."""
        scale = None if self.scale is None else self.scale[begin:end]
        groups = None if self.group_scale is None else self.group_scale[begin:end]
        return Stored(self.dtype, self.values[begin:end], scale, groups, self.columns)

    def let_go(self, begin: int, end: int) -> None:
        """Gives back the memory of some rows, if they are pages of a file (see `mapped`)."""
        let_go(self.values[begin:end])


class Tensors(Mapping[str, Array]):
    """float32 arrays by name, made from stored tensors on access.

    An array lives as long as a caller holds it; until then all names of its stored tensor return
    the same array. An array of stored float32 is a view.

    Args:
        stored: Stored tensors by name. Tied tensors are the same object under each of their names.
    """

    def __init__(self, stored: Mapping[str, Stored]) -> None:
        self._stored = dict(stored)
        self._made: weakref.WeakValueDictionary[int, Array] = weakref.WeakValueDictionary()

    @classmethod
    def of(cls, tensors: Mapping[str, Array]) -> Tensors:
        """These tensors; of arrays, those that are one and the same object are tied.

        Raises:
            ValueError: if an array is not of float32.
        """
        if isinstance(tensors, Tensors):
            return tensors
        arrays = dict(tensors)
        stored: dict[int, Stored] = {}
        for name, array in arrays.items():
            if array.dtype != np.float32:
                raise ValueError(f"{name} has dtype {array.dtype}, expected float32")
            stored.setdefault(id(array), Stored("float32", array))
        return cls({name: stored[id(array)] for name, array in arrays.items()})

    def stored(self, name: str) -> Stored:
        """A tensor in its stored form."""
        return self._stored[name]

    def let_go(self) -> None:
        """Gives back the memory of all files that tensors are pages of (see `mapped`)."""
        let_all_go(stored.values for stored in self._stored.values())

    def __getitem__(self, name: str) -> Array:
        stored = self._stored[name]
        array = self._made.get(id(stored))
        if array is None:
            array = self._made[id(stored)] = stored.float32()
        return array

    def __contains__(self, name: object) -> bool:
        return name in self._stored

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)
