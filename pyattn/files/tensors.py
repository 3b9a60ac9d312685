"""A tensor as a file holds it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.errors import ModelError
from pyattn.stored import Array, Stored, StoredType

# By the names that safetensors gives them. All files are little-endian. NumPy has no bfloat16:
# its bits stand in an unsigned integer; so do bools, whose bytes nobody has checked.
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("u1"),
}
_STORED: dict[str, StoredType] = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a file.

    Attributes:
        file: Name of the file, for errors.
        name: Name in the file.
        dtype: One of `DTYPES`.
        values: Read-only view of the file; of the bits, if `dtype` is "BF16".
    """

    file: str
    name: str
    dtype: str
    values: npt.NDArray[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""
        return self.values.shape

    def stored(self) -> Stored:
        """The tensor for a checkpoint, still a view of the file.

        Raises:
            ModelError: if float32 cannot hold the numbers of this dtype exactly.
        """
        if self.dtype not in _STORED:
            raise ModelError(
                f"{self.file}: {self.name} has dtype {self.dtype}, expected F32, F16 or BF16"
            )
        return Stored(_STORED[self.dtype], self.values)

    def float32(self) -> Array:
        """The same numbers as a read-only float32 array in C order.

        What the file already keeps that way stays a view of it.

        Raises:
            ModelError: as `stored`.
        """
        return self.stored().float32()

    def same_bits(self, other: Tensor) -> bool:
        """Whether two tensors are the same in dtype, shape and every bit."""
        if self is other:
            return True  # without a look at them, which would bring all of them into memory
        if self.dtype != other.dtype or self.shape != other.shape:
            return False
        return bool(np.array_equal(_bits(self.values), _bits(other.values)))


def _bits(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # NaNs differ from themselves and 0 equals -0, their bits do not.
    return values.view(np.dtype(f"<u{values.dtype.itemsize}"))
