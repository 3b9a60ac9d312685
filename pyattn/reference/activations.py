"""Element-wise functions, between the products of a feed-forward block and in gates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from pyattn.reference.arrays import Floats, check_rows


def relu(x: Floats) -> Floats:
    """max(x, 0) (Vaswani et al. 2017, eq. 2)."""
    check_rows("relu", "x", x)
    return np.maximum(x, 0)


def gelu(x: Floats) -> Floats:
    """The exact form x * P(X <= x), X standard normal (Hendrycks and Gimpel 2016).

    Written max(x, 0) - |x| * P(X > |x|), which is the same and loses no digits left of zero. The
    tail is exp(-x**2 / 2) times a function that decays like 1 / |x|; a polynomial in
    t = 1 / (1 + 0.35 |x|) follows it closely.
    """
    check_rows("gelu", "x", x)
    # At 15 deviations the tail is 0 in float32; the bound keeps the square finite.
    size = np.minimum(np.abs(x), 15)
    t = 1 / (1 + _TAIL_RATE * size)
    tail = np.full_like(t, _TAIL[-1])
    for coefficient in _TAIL[-2::-1]:
        tail *= t
        tail += coefficient
    tail *= t
    tail *= np.exp(-0.5 * size**2)
    y: Floats = np.maximum(x, 0)
    y -= size * tail
    return y


def gelu_tanh(x: Floats) -> Floats:
    """The approximation x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x**3)))."""
    check_rows("gelu_tanh", "x", x)
    # From 10 on tanh is 1 to the last digit; the bound keeps the cube finite.
    bounded = np.clip(x, -10, 10)
    inner = math.sqrt(2 / math.pi) * (bounded + 0.044715 * bounded * bounded * bounded)
    y: Floats = 0.5 * x * (1 + np.tanh(inner))
    return y


def silu(x: Floats) -> Floats:
    """The product x * sigmoid(x) = x / (1 + exp(-x)), also called swish (Elfwing et al. 2017)."""
    check_rows("silu", "x", x)
    y = np.negative(x)
    with np.errstate(over="ignore"):  # exp(-x) may be inf, and x / inf is the zero it should be
        np.exp(y, out=y)
    y += 1
    np.divide(x, y, out=y)
    return y


def sigmoid(x: Floats) -> Floats:
    """The share 1 / (1 + exp(-x)) that a gate lets through."""
    check_rows("sigmoid", "x", x)
    with np.errstate(over="ignore"):  # exp(-x) may be inf, and 1 / inf is the zero it should be
        y = np.exp(-x)
    y += 1
    np.reciprocal(y, out=y)
    return y


ACTIVATIONS: Mapping[str, Callable[[Floats], Floats]] = MappingProxyType(
    {"relu": relu, "gelu": gelu, "gelu_tanh": gelu_tanh, "silu": silu}
)


def activation_named(operation: str, name: str) -> Callable[[Floats], Floats]:
    """The activation of that name.

    Raises:
        ValueError: if there is none.
    """
    if name not in ACTIVATIONS:
        raise ValueError(
            f"{operation}: activation is {name!r}, expected one of {', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]


# P(X > a) * exp(a**2 / 2) / t for t = 1 / (1 + 0.35 a), lowest power first: least squares of the
# relative error over 0 <= a <= 14, reweighted until the error was even, 3.2e-8 at the most (half a
# unit in the last place of a float32).
_TAIL_RATE = 0.35
_TAIL = (
    0.1396214,
    0.13986189,
    0.11983271,
    0.10550865,
    -0.02311138,
    0.15917643,
    -0.25571627,
    0.14397268,
    -0.02914613,
)
