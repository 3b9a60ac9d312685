"""The array types of the reference, and the checks that every public function begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]


def check_floats(operation: str, name: str, array: Any, shape: Sequence[int | None]) -> None:
    """Raises unless `array` is float32 of `shape`, in which None stands for any size.

    Raises:
        TypeError: if it is not a float32 array.
        ValueError: if it has another shape.
    """
    check_dtype(operation, name, array, np.float32)
    if array.ndim != len(shape) or any(
        size not in (None, got) for size, got in zip(shape, array.shape, strict=True)
    ):
        raise ValueError(
            f"{operation}: {name} has shape {list(array.shape)}, expected {describe(shape)}"
        )


def check_rows(operation: str, name: str, array: Any, dim: int | None = None) -> None:
    """Raises unless `array` is float32, [..., dim].

    Raises:
        TypeError: if it is not a float32 array.
        ValueError: if it has another shape.
    """
    check_dtype(operation, name, array, np.float32)
    if array.ndim == 0:
        raise ValueError(f"{operation}: {name} has no axis, expected at least one")
    if dim not in (None, array.shape[-1]):
        raise ValueError(
            f"{operation}: {name} has shape {list(array.shape)}, expected a last axis of {dim}"
        )


def check_dtype(operation: str, name: str, array: Any, dtype: type[np.generic]) -> None:
    """Raises TypeError unless `array` is a NumPy array of `dtype`."""
    if not isinstance(array, np.ndarray):
        raise TypeError(
            f"{operation}: {name} is {type(array).__name__}, "
            f"expected a {np.dtype(dtype).name} array"
        )
    if array.dtype != dtype:
        raise TypeError(
            f"{operation}: {name} has dtype {array.dtype}, expected {np.dtype(dtype).name}"
        )


def check_lengths(operation: str, lengths: Any, batch: int, time: int) -> Ints:
    """Lengths as an array, [batch], each of them between 0 and `time`.

    Raises:
        TypeError: if they are not integers.
        ValueError: if there are not as many, or one is out of its range.
    """
    array = np.asarray(lengths)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{operation}: lengths has dtype {array.dtype}, expected integers")
    if array.shape != (batch,):
        raise ValueError(f"{operation}: lengths has shape {list(array.shape)}, expected [{batch}]")
    for row in np.flatnonzero((array < 0) | (array > time))[:1]:
        raise ValueError(f"{operation}: lengths has {array[row]}, expected 0 to {time}")
    return array.astype(np.int64)


def is_identity(indices: Ints, count: int) -> bool:
    """Whether they are 0 to `count` - 1 in order, so that taking them changes nothing."""
    return np.array_equal(indices, np.arange(count))


def describe(shape: Sequence[int | None]) -> str:
    """A shape as the errors print it."""
    return f"[{', '.join('any' if size is None else str(size) for size in shape)}]"
