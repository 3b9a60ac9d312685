"""Softmax over the last axis, its logarithm, and the cap that may come before it."""

from __future__ import annotations

import numpy as np

from pyattn.reference.arrays import Floats, check_rows

# The running maximum starts here rather than at -inf, so that a row of nothing but -inf (or of
# nothing at all) meets no inf - inf.
_LOWEST = np.finfo(np.float32).min


def softmax(x: Floats) -> Floats:
    """exp(x) / sum(exp(x)) over the last axis.

    Args:
        x: [..., n], float32; -inf is a place that may not be chosen.

    Returns:
        [..., n]. A row of which nothing may be chosen gets zeros.

    Raises:
        TypeError: if x is not a float32 array.
    """
    check_rows("softmax", "x", x)
    return softmax_in_place(x.copy())


def log_softmax(x: Floats) -> Floats:
    """The logarithm of `softmax(x)`, without the digits that taking it would lose.

    Args:
        x: [..., n], float32.

    Returns:
        [..., n]. A row of which nothing may be chosen stays -inf.

    Raises:
        TypeError: if x is not a float32 array.
    """
    check_rows("log_softmax", "x", x)
    shifted: Floats = x - x.max(axis=-1, keepdims=True, initial=_LOWEST)
    shifted -= np.log(_total(np.exp(shifted)))
    return shifted


def softmax_in_place(x: Floats) -> Floats:
    """The result of `softmax`, written over x, as scores are the largest arrays of attention."""
    x -= x.max(axis=-1, keepdims=True, initial=_LOWEST)
    np.exp(x, out=x)
    x /= _total(x)
    return x


def soft_capped(x: Floats, cap: float) -> Floats:
    """The product cap * tanh(x / cap): small numbers nearly as they are, none above the cap."""
    y: Floats = np.tanh(x / np.float32(cap))
    y *= np.float32(cap)
    return y


def _total(exponentials: Floats) -> Floats:
    # The row's maximum contributes exactly 1, so that only a row of zeros can be raised to it.
    total: Floats = exponentials.sum(axis=-1, keepdims=True)
    return np.maximum(total, 1, out=total)
