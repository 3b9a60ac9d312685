"""Matrices in fewer bits: bfloat16, int8 and int4 with one float32 scale per row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyattn.errors import ModelError
from pyattn.files.reading import bare
from pyattn.files.tensors import Tensor
from pyattn.stored import INT4_GROUP, INT4_MOST, Array, Stored

_LARGEST = 127
# Of int4: the largest number of a row becomes this or its negative, the ends of 15 * q.
_LARGEST_INT4 = 120
# Parts of a row's scale in which errors are measured.
_PARTS = 128
# A group's numbers are at most so many times its scale.
_MOST_STEPS = 10
# Rows that are rounded to int4 together: copies of them stay in the cache.
_ROWS = 64


def bfloat16_bits(tensor: Stored) -> npt.NDArray[np.uint16]:
    """The bits of the nearest bfloat16, ties to even; NaN stays NaN."""
    if tensor.dtype == "bfloat16":
        return tensor.values
    floats = tensor.float32()
    bits = floats.view(np.uint32)
    nearest = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return np.where(np.isnan(floats), bits >> 16 | 0x40, nearest).astype(np.uint16)


def quantize(matrix: Array) -> Stored:
    """The nearest int8 multiples of max|row| / 127, from -127 to 127; zeros have scale 1.

    Raises:
        ValueError: if the matrix has an infinity or a NaN.
    """
    largest = np.abs(matrix).max(axis=1, initial=0)
    if not np.isfinite(largest).all():
        raise ValueError("quantize: matrix has values that are not finite")
    scale = np.divide(largest, np.float32(_LARGEST))
    # Of values so small that their 127th part has no digits left, too, nothing remains.
    scale[scale < np.finfo(np.float32).tiny] = 1
    values = np.rint(matrix / scale[:, None])
    return Stored("int8", values.astype(np.int8), scale)


def stored_quantized(values: Tensor, scale: Tensor) -> Stored:
    """An int8 matrix and its scales, from two tensors of a file.

    Raises:
        ModelError: if they are no matrix and its scales; the message names the tensor.
    """
    return Stored("int8", values.values, _row_scale(values, scale))


def _row_scale(values: Tensor, scale: Tensor) -> Array:
    place = f"{values.file}: {bare(scale.name)}"
    if scale.dtype != "F32" or scale.shape != values.shape[:1]:
        raise ModelError(
            f"{place} is {scale.dtype} {list(scale.shape)}, expected F32 {list(values.shape[:1])}"
        )
    steps = scale.float32()
    if not (np.isfinite(steps) & (steps >= 0)).all():
        raise ModelError(f"{place} has values that are negative or not finite")
    return steps


def quantize_int4(matrix: Array) -> Stored:
    """Rounded to int4, as the core does it: each group of columns with the scale of least error.

    The largest number of a row becomes 120 or -120 times the row's scale. The scale of a group is
    a whole number from -15 to 15: of those whose squared error is least, in whole parts of 1/128
    of the row's scale, the smallest, and the positive one of two. Its sign decides which end of the
    group's range has the number -8, for which there is no 8.

    Raises:
        ValueError: if the matrix has an infinity or a NaN.
    """
    scale = row_scale_int4(matrix)
    rows, columns = matrix.shape
    parts = np.zeros((rows, -(-columns // INT4_GROUP) * INT4_GROUP), np.float32)
    np.divide(matrix, scale[:, None], out=parts[:, :columns])
    parts = np.rint(parts * np.float32(_PARTS))
    chosen = [
        _best_groups(parts[row : row + _ROWS].reshape(-1, INT4_GROUP))
        for row in range(0, rows, _ROWS)
    ]
    numbers = np.concatenate([number for number, _ in chosen]).reshape(rows, -1)[:, :columns]
    groups = np.concatenate([group for _, group in chosen]).reshape(rows, -1)
    return Stored("int4", packed_int4(numbers), scale, groups, columns)


def row_scale_int4(matrix: Array) -> Array:
    """The scale of each row, [rows].

    Raises:
        ValueError: as `quantize_int4`.
    """
    largest = np.abs(matrix).max(axis=1, initial=0)
    if not np.isfinite(largest).all():
        raise ValueError("quantize: matrix has values that are not finite")
    scale: Array = np.divide(largest, np.float32(_LARGEST_INT4))
    scale[scale < np.finfo(np.float32).tiny] = 1  # as in `quantize`
    return scale


def int4_scales(groups: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    """The scale of each group, [rows], from its numbers in row scales, [rows, columns]."""
    parts = np.rint(np.clip(groups, -_LARGEST_INT4, _LARGEST_INT4) * _PARTS)
    return _best_groups(parts.astype(np.float32))[1]


def _best_groups(parts: Array) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """The numbers and the scale of each group, [groups, 32] and [groups], from its parts."""
    numbers = np.zeros(parts.shape, np.int8)
    scales = np.ones(len(parts), np.int8)
    least = np.full(len(parts), np.inf)
    largest = np.abs(parts).max(axis=1)
    for size in range(1, INT4_MOST + 1):
        fits = largest <= size * _MOST_STEPS * _PARTS
        for group in (size, -size):
            step = np.float32(group * _PARTS)
            tried = np.clip(np.rint(parts * (np.float32(1) / step)), -8, 7)
            # Whole numbers: exact.
            error = np.square(parts - tried * step, dtype=np.float64).sum(axis=1)
            better = fits & (error < least)
            numbers[better], scales[better] = tried[better], group
            least[better] = error[better]
    return numbers, scales


def packed_int4(numbers: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """Whole numbers from -8 to 7, [rows, columns], two in a byte: the first in its lower half."""
    rows, columns = numbers.shape
    halves = np.zeros((rows, columns + columns % 2), np.uint8)
    halves[:, :columns] = numbers.view(np.uint8) & 15
    packed: npt.NDArray[np.uint8] = halves[:, ::2] | halves[:, 1::2] << 4
    return packed


def stored_int4(values: Tensor, scale: Tensor, groups: Tensor, columns: int) -> Stored:
    """An int4 matrix and its scales, from three tensors of a file, of the right shapes.

    Raises:
        ModelError: if they have other types or values than an int4 matrix; the message names the
            tensor.
    """
    place = f"{groups.file}: {bare(groups.name)}"
    if groups.dtype != "I8":
        raise ModelError(f"{place} has dtype {groups.dtype}, expected I8")
    if groups.values.size and np.abs(groups.values.astype(np.int16)).max() > INT4_MOST:
        raise ModelError(f"{place} has values beyond {INT4_MOST}, the most for int4")
    return Stored("int4", values.values, _row_scale(values, scale), groups.values, columns)
