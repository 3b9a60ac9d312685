"""Where a token stands."""

from __future__ import annotations

import numpy as np

from pyattn.checkpoint import ModelConfig
from pyattn.reference.arrays import Floats


def computed_positions(config: ModelConfig) -> Floats:
    """The table of a model whose positions are not learned, [max_positions, dim]."""
    return sinusoidal_positions(
        config.max_positions,
        config.dim,
        first=config.first_position,
        t2t=config.positions == "sinusoidal_t2t",
    )


def sinusoidal_positions(count: int, dim: int, *, first: int = 0, t2t: bool = False) -> Floats:
    """Sines and cosines of every position, at wavelengths from 2 pi to 10000 * 2 pi.

    Position p has the angles p / 10000 ** (2 i / dim) (Vaswani et al. 2017, section 3.5). Marian's
    order: first the sines of all i, then the cosines; of an odd dim the sines get the larger half.
    The dot product of two rows depends on their distance alone.

    Tensor2Tensor's angles, which OpenNMT-tf and fairseq took over, are p / 10000 ** (i / (n - 1))
    for n sines: the longest wavelength is 10000 * 2 pi itself.

    Args:
        count: Number of positions.
        dim: Width of a row.
        first: The position of the first row.
        t2t: Whether the angles are Tensor2Tensor's.

    Returns:
        [count, dim], float32.

    Raises:
        ValueError: if count or first is negative or dim is not positive.
    """
    if count < 0 or dim < 1:
        raise ValueError(
            f"sinusoidal_positions: count and dim are {count} and {dim}, expected at least 0 and 1"
        )
    if first < 0:
        raise ValueError(f"sinusoidal_positions: first is {first}, expected at least 0")
    sines = (dim + 1) // 2
    exponents = np.arange(sines) / max(sines - 1, 1) if t2t else 2 * np.arange(sines) / dim
    # In double precision: an angle of some hundreds would cost float32 its last digits.
    angles = np.arange(first, first + count)[:, None] / 10000.0**exponents
    halves = (np.sin(angles), np.cos(angles[:, : dim - sines]))
    table: Floats = np.concatenate(halves, axis=1, dtype=np.float32)
    return table
