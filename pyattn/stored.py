"""Tensors in the numbers that their files keep them in, and as float32 to whoever asks for it."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn._mapped import let_go

Array: TypeAlias = npt.NDArray[np.float32]
StoredType: TypeAlias = Literal["float32", "float16", "bfloat16", "int8"]

# NumPy has no bfloat16: its bits stand in an unsigned integer.
NUMPY_TYPES: dict[StoredType, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "bfloat16": np.dtype("<u2"),
    "int8": np.dtype("i1"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Stored:
    """A tensor as it is kept, mostly as a view of a mapped file.

    Attributes:
        dtype: What its numbers are.
        values: These numbers, of the type that `NUMPY_TYPES` says; at any address, in any order.
        scale: [rows] float32, what the rows of an int8 matrix are multiplied by; else None.

    Raises:
        ValueError: if `values` or `scale` are not what `dtype` says.
    """

    dtype: StoredType
    values: npt.NDArray[Any]
    scale: Array | None = None

    def __post_init__(self) -> None:
        if self.values.dtype != NUMPY_TYPES[self.dtype]:
            raise ValueError(
                f"stored: values have dtype {self.values.dtype}, expected "
                f"{NUMPY_TYPES[self.dtype]} for {self.dtype}"
            )
        if (self.scale is not None) != (self.dtype == "int8"):
            has = "without" if self.scale is None else "with"
            raise ValueError(f"stored: {self.dtype} {has} a scale, expected one for int8 alone")
        if self.scale is not None and (
            self.values.ndim != 2
            or self.scale.shape != self.shape[:1]
            or self.scale.dtype != np.float32
        ):
            raise ValueError(
                f"stored: values of shape {list(self.shape)} have a scale of "
                f"{self.scale.dtype} {list(self.scale.shape)}, expected float32 [rows] of a matrix"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""
        return self.values.shape

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.values.size

    def float32(self) -> Array:
        """The same numbers in float32, in C order, read-only unless they are `values` itself.

        int8 is multiplied by its scales, which is exact to half a unit in the last place.
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
            floats = np.array(self.values, dtype=np.float32, order="C")
            if self.scale is not None:
                floats *= self.scale[:, None]
        floats.flags.writeable = False
        return floats

    def rows(self, begin: int, end: int) -> Stored:
        """A view of some rows."""
        scale = None if self.scale is None else self.scale[begin:end]
        return Stored(self.dtype, self.values[begin:end], scale)

    def let_go(self, begin: int, end: int) -> None:
        """Gives back the memory of some rows, if they are pages of a file (see `mapped`)."""
        let_go(self.values[begin:end])


class Tensors(Mapping[str, Array]):
    """float32 arrays by name, made of what is stored whenever one is asked for.

    An array lives as long as somebody holds it, and in the meantime is what all names get that
    share its stored tensor. What is stored in float32 is a view of that.

    Args:
        stored: By name. What is tied is one and the same object under each of its names.
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
        """A tensor in the numbers that its file keeps it in."""
        return self._stored[name]

    def let_go(self) -> None:
        """Gives back the memory of all tensors that are pages of files (see `mapped`)."""
        for stored in self._stored.values():
            stored.let_go(0, stored.shape[0])

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
