"""Chunks of a sequence, and the chunks beside each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def beside(chunks: npt.NDArray[Any], before: int, after: int) -> npt.NDArray[Any]:
    """Each chunk with those beside it, in their order.

    The chunks are a circle: in front of the first is the last. A neighbour further away than there
    are chunks is the chunk itself, so that few chunks have some of their neighbours twice. Both are
    transformers' habits, which models were trained with.

    Args:
        chunks: [chunks, chunk, ...].
        before: Chunks in front of each.
        after: Chunks behind it.

    Returns:
        [chunks, (before + 1 + after) * chunk, ...].
    """
    count = len(chunks)
    sides = (side if abs(side) <= count else 0 for side in range(-before, after + 1))
    return np.concatenate([np.roll(chunks, -side, axis=0) for side in sides], axis=1)


def check_chunks(
    operation: str, name: str, time: int, *, chunk: int, before: int, after: int
) -> None:
    """Checks that positions are one chunk at most, or whole chunks.

    Raises:
        ValueError: if they are neither, or a number is too small.
    """
    if chunk < 1 or before < 0 or after < 0:
        raise ValueError(
            f"{operation}: chunk, before and after are {chunk}, {before} and {after}, expected "
            "at least 1, 0 and 0"
        )
    if time > chunk and time % chunk:
        raise ValueError(
            f"{operation}: {name} has {time} positions, expected a multiple of chunk, {chunk}"
        )
