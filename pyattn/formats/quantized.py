"""Matrices in int8, with one float32 scale per row."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from pyattn.checkpoint import Array
from pyattn.errors import ModelError
from pyattn.formats.files import bare
from pyattn.formats.tensors import Tensor

_LARGEST = 127


@dataclasses.dataclass(frozen=True, eq=False)
class Quantized:
    """A matrix as int8 multiples of a step per output channel.

    Attributes:
        values: [out, in] int8, from -127 to 127.
        scale: [out] float32, the step of each row.
    """

    values: npt.NDArray[np.int8]
    scale: Array

    def float32(self) -> Array:
        """The matrix multiplied out, read-only."""
        matrix = self.values.astype(np.float32)
        matrix *= self.scale[:, None]
        matrix.flags.writeable = False
        return matrix


def quantize(matrix: Array) -> Quantized:
    """The nearest int8 multiples of max|row| / 127; a row of zeros has scale 1.

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
    return Quantized(values.astype(np.int8), scale)


def stored_quantized(values: Tensor, scale: Tensor) -> Quantized:
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
    return Quantized(values.values, steps)
