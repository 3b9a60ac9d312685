"""Where a token stands."""

from __future__ import annotations

import numpy as np

from pyattn.reference.arrays import Floats


def sinusoidal_positions(count: int, dim: int) -> Floats:
    """Sines and cosines of every position, at wavelengths from 2 pi to 10000 * 2 pi.

    Position p has the angles p / 10000 ** (2 i / dim) (Vaswani et al. 2017, section 3.5). Marian's
    order: first the sines of all i, then the cosines; of an odd dim the sines get the larger half.
    The dot product of two rows depends on their distance alone.

    Args:
        count: Number of positions.
        dim: Width of a row.

    Returns:
        [count, dim], float32.

    Raises:
        ValueError: if count is negative or dim is not positive.
    """
    if count < 0 or dim < 1:
        raise ValueError(
            f"sinusoidal_positions: count and dim are {count} and {dim}, expected at least 0 and 1"
        )
    sines = (dim + 1) // 2
    # In double precision: an angle of some hundreds would cost float32 its last digits.
    angles = np.arange(count)[:, None] / 10000.0 ** (2 * np.arange(sines) / dim)
    halves = (np.sin(angles), np.cos(angles[:, : dim - sines]))
    table: Floats = np.concatenate(halves, axis=1, dtype=np.float32)
    return table
