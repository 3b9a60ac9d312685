"""The end of a decoder: which tokens are the likeliest after each row."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.reference.arrays import Floats, Ints, check_rows
from pyattn.reference.layers import PackedLinear
from pyattn.reference.softmax import log_softmax


def best_tokens(
    x: Floats,
    packed: PackedLinear,
    k: int,
    *,
    suppressed: npt.NDArray[np.integer] | list[int] | None = None,
) -> tuple[Ints, Floats]:
    """The k largest elements of log_softmax(x @ weight.T + bias) in each row.

    Args:
        x: [..., in], float32.
        packed: From `pack`, [vocab, in].
        k: How many are wanted of each row.
        suppressed: Columns that are not chosen; they count in the distribution all the same.

    Returns:
        Columns and their log-probabilities, [..., min(k, vocab)] each, the best first and equal
        ones in the order of their columns. Logits of -inf or not a number are not chosen; where too
        few are left, the columns are -1 and the log-probabilities -inf.

    Raises:
        ValueError: if the shapes do not agree, `k` is less than 1, or there is no such column to
            suppress.
        TypeError: if an argument is not an array of its type.
    """
    vocab, inner = packed.weight.shape
    check_rows("best_tokens", "x", x, inner)
    k = _checked_k(k)
    logits = packed(x)
    with np.errstate(invalid="ignore"):  # infinite logits have no distribution
        log_probs = log_softmax(logits)
    logits[..., _checked_ids("suppressed", suppressed, vocab)] = -np.inf
    logits[np.isnan(logits)] = -np.inf
    # A stable sort keeps equal logits in the order of their columns.
    ids: Ints = np.argsort(-logits, axis=-1, kind="stable")[..., :k]
    missing = np.take_along_axis(logits, ids, axis=-1) == -np.inf
    scores = np.take_along_axis(log_probs, ids, axis=-1)
    scores[missing] = -np.inf
    ids[missing] = -1
    return ids, scores


def _checked_k(k: Any) -> int:
    try:
        number = operator.index(k)
    except TypeError:
        raise TypeError(f"best_tokens: k is {type(k).__name__}, expected an integer") from None
    if number < 1:
        raise ValueError(f"best_tokens: k is {number}, expected 1 or more")
    return number


def _checked_ids(name: str, ids: Any, columns: int) -> Ints:
    """Ids of columns as an array, [any]; None is no ids."""
    array = np.asarray([] if ids is None else ids)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"best_tokens: {name} is not an array of integers")
    if array.ndim != 1:
        raise ValueError(f"best_tokens: {name} has shape {list(array.shape)}, expected [any]")
    for wrong in array[(array < 0) | (array >= columns)][:1]:
        raise ValueError(f"best_tokens: {name} has {wrong}, expected 0 to {columns - 1}")
    return array.astype(np.int64)
