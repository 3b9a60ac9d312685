"""CTranslate2's StorageView: an array that is handed in or out."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import numpy.typing as npt


class DataType(enum.Enum):
    """Number types of a `StorageView`."""

    float32 = np.dtype(np.float32)
    int8 = np.dtype(np.int8)
    int16 = np.dtype(np.int16)
    int32 = np.dtype(np.int32)
    float16 = np.dtype(np.float16)


class Device(enum.Enum):
    """Where an array is."""

    cpu = 0
    cuda = 1


# Numbers of an array's text in front of its end, and behind.
_SHOWN = 3


class StorageView:
    """An array of one of five number types, as NumPy and PyTorch take it without a copy.

    `from_array` makes one.
    """

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self._array = array

    @staticmethod
    def from_array(array: Any) -> StorageView:
        """A view of an array, or of another object with `__array_interface__`.

        Raises:
            ValueError: if it is none, has another number type, or its rows are apart.
        """
        if not hasattr(array, "__array_interface__"):
            raise ValueError("Object does not implement the array interface")
        values = np.asarray(array)
        if values.dtype not in [kind.value for kind in DataType]:
            raise ValueError(f"Unsupported type: {values.dtype.str}")
        if not values.flags.c_contiguous:
            raise ValueError("StorageView does not support arrays with non contiguous memory")
        return StorageView(values)

    @property
    def shape(self) -> list[int]:
        """Length along each axis."""
        return list(self._array.shape)

    @property
    def dtype(self) -> DataType:
        """Its number type."""
        return DataType(self._array.dtype)

    @property
    def device(self) -> str:
        """Where it is."""
        return "cpu"

    @property
    def device_index(self) -> int:
        """Likewise."""
        return 0

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self._array.__array_interface__

    def to(self, dtype: DataType) -> StorageView:
        """The same in another number type."""
        return StorageView(self._array.astype(dtype.value))

    def to_device(self, device: Device) -> StorageView:
        """A copy.

        Raises:
            ValueError: if the device is no CPU.
        """
        if device is not Device.cpu:
            raise ValueError(f"unsupported device {device.name}")
        return StorageView(self._array.copy())

    def __str__(self) -> str:
        flat = self._array.reshape(-1).tolist()
        shown = [f"{number:.6g}" for number in flat]
        if len(shown) > 2 * _SHOWN:
            shown = [*shown[:_SHOWN], "...", *shown[-_SHOWN:]]
        shape = "x".join(map(str, self._array.shape))
        return (
            f" {' '.join(shown)}\n[cpu:0 {self.dtype.name} storage viewed as {shape or 'a scalar'}]"
        )
