"""Matrices in fewer bits: bfloat16, and int8 with one float32 scale per row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyattn.errors import ModelError
from pyattn.files.reading import bare
from pyattn.files.tensors import Tensor
from pyattn.stored import Array, Stored

_LARGEST = 127


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
    """What two tensors of a file say.

    Raises:
        ModelError: if they are no matrix and its scales; the message names the tensor.
    """
    place = f"{values.file}: {bare(scale.name)}"
    if scale.dtype != "F32" or scale.shape != values.shape[:1]:
        raise ModelError(
            f"{place} is {scale.dtype} {list(scale.shape)}, expected F32 {list(values.shape[:1])}"
        )
    steps = scale.float32()
    if not (np.isfinite(steps) & (steps >= 0)).all():
        raise ModelError(f"{place} has values that are negative or not finite")
    return Stored("int8", values.values, steps)
