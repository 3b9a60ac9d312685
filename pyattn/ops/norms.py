"""Normalisation of rows."""

from __future__ import annotations

from pyattn import _core
from pyattn.ops.types import Floats


def layer_norm(
    x: Floats, gamma: Floats, beta: Floats, *, epsilon: float = 1e-5, isa: str | None = None
) -> Floats:
    """Layer norm, (x - mean) / sqrt(var + epsilon) * gamma + beta (Ba et al. 2016, eq. 4).

    Args:
        x: [..., dim], float32; mean and variance are taken over the last axis.
        gamma: [dim].
        beta: [dim].
        epsilon: Added to the variance.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        Shaped like `x`. A constant row becomes `beta`.

    Raises:
        ValueError: if the shapes do not agree; the message names the argument.
        TypeError: if an argument is not a float32 array.
    """
    return _core.layer_norm(x, gamma, beta, epsilon, isa)


def rms_norm(x: Floats, gamma: Floats, *, epsilon: float = 1e-6, isa: str | None = None) -> Floats:
    """RMS norm, x / sqrt(mean(x^2) + epsilon) * gamma (Zhang and Sennrich 2019, eq. 4).

    Args:
        x: [..., dim], float32.
        gamma: [dim].
        epsilon: Added to the mean of the squares.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        Shaped like `x`.

    Raises:
        ValueError: if the shapes do not agree; the message names the argument.
        TypeError: if an argument is not a float32 array.
    """
    return _core.rms_norm(x, gamma, epsilon, isa)
