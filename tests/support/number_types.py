"""Products in bfloat16 and int8, in NumPy; and float32 numbers that are none, or hardly."""

from __future__ import annotations

import numpy as np

from support.inputs import Floats

# The levels that multiply bfloat16 by bfloat16; others multiply it by float32.
ROUND_INPUTS = ("avx512_bf16", "amx")

# Quiet NaNs, with the bits that rounding would carry over into the sign; a signalling one.
_NANS = (0x7FC00000, 0x7FFFFFFF, 0xFFFFFFFF, 0x7F800001)
# The infinities, the numbers next to them, the least denormal and the largest.
_ENDS = (0x7F800000, 0xFF800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x00000001, 0x807FFFFF)

NANS: Floats = np.array(_NANS, np.uint32).view(np.float32)
ODD: Floats = np.array(_NANS + _ENDS, np.uint32).view(np.float32)


def weights_to_int8(rows: Floats) -> tuple[Floats, Floats]:
    """Each row as whole numbers in [-127, 127] and the scale that gives it back."""
    scale = np.abs(rows).max(axis=-1, keepdims=True) / np.float32(127)
    safe = np.where(scale > 0, scale, np.float32(1))
    return np.rint(rows / safe), scale


def inputs_to_int8(rows: Floats) -> tuple[Floats, Floats]:
    """Each row as whole numbers, 255 from the least to the greatest, and their scale."""
    low, high = (f(rows, axis=-1, keepdims=True, initial=0) for f in (np.min, np.max))
    scale = high / np.float32(255) - low / np.float32(255)
    inverse = np.float32(1) / np.where(scale > 0, scale, np.float32(1))
    most = 255 + np.rint(low * inverse)
    return np.minimum(np.rint(rows * inverse), most), scale


def int8_product(x: Floats, weight: Floats, bias: Floats) -> Floats:
    (x_whole, x_scale), (w_whole, w_scale) = inputs_to_int8(x), weights_to_int8(weight)
    return (x_whole @ w_whole.T) * (x_scale * w_scale.T) + bias


def grouped_product(x: Floats, weight: Floats, bias: Floats) -> Floats:
    """The same with a scale for each 64 inputs of a row; sums in double."""
    w_whole, w_scale = weights_to_int8(weight)
    y = np.zeros((len(x), len(weight)))
    for begin in range(0, x.shape[1], 64):
        group = slice(begin, begin + 64)
        whole, scale = inputs_to_int8(x[:, group])
        y += (whole @ w_whole[:, group].T) * scale.astype(np.float64)
    return (y * w_scale.T + bias).astype(np.float32)


def bfloat16(x: Floats) -> Floats:
    """Rounded to the nearest number with eight bits of mantissa, ties to even."""
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
