"""The end of a decoder: which tokens are the likeliest after each row."""

from __future__ import annotations

import dataclasses
import operator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.reference.arrays import Bools, Floats, Ints, check_rows
from pyattn.reference.layers import PackedLinear
from pyattn.reference.softmax import log_softmax

IntArray: TypeAlias = npt.NDArray[np.integer] | list[int]


@dataclasses.dataclass(frozen=True, eq=False)
class Selection:
    """A few columns of a packed matrix; here they are simply remembered.

    Attributes:
        columns: Their numbers, ascending, [count].
        packed: The whole matrix.
    """

    columns: Ints
    packed: PackedLinear


def select(packed: PackedLinear, columns: IntArray) -> Selection:
    """Chooses the columns of a packed matrix that `best_tokens` may use.

    Args:
        packed: From `pack`, [vocab, in].
        columns: Which, ascending, each once.

    Raises:
        ValueError: if there is no such column, or they do not ascend.
        TypeError: if they are not integers.
    """
    return Selection(_checked_columns("select", columns, len(packed.weight)), packed)


def best_tokens(
    x: Floats,
    packed: PackedLinear,
    k: int,
    *,
    columns: Selection | IntArray | None = None,
    suppressed: IntArray | None = None,
) -> tuple[Ints, Floats]:
    """The k largest elements of log_softmax(x @ weight.T + bias) in each row.

    Args:
        x: [..., in], float32.
        packed: From `pack`, [vocab, in].
        k: How many are wanted of each row.
        columns: The only ones that exist, ascending, or what `select` made of them. Log-
            probabilities are normalised over them. None is all.
        suppressed: Columns that are not chosen; they count in the distribution all the same.

    Returns:
        Columns and their log-probabilities, [..., min(k, number of columns)] each, the best first
        and equal ones in the order of their columns, which are always numbered as in the whole
        matrix. Logits of -inf or not a number are not chosen; where too few are left, the columns
        are -1 and the log-probabilities -inf.

    Raises:
        ValueError: if the shapes do not agree, `k` is less than 1, there is no such column, or the
            selection is another matrix's.
        TypeError: if an argument is not an array of its type.
    """
    k = _checked_k(k)
    columns, logits, log_probs, forbidden = _scored("best_tokens", x, packed, columns, suppressed)
    logits[..., forbidden] = -np.inf
    logits[np.isnan(logits)] = -np.inf
    # A stable sort keeps equal logits in the order of their columns.
    order = np.argsort(-logits, axis=-1, kind="stable")[..., :k]
    missing = np.take_along_axis(logits, order, axis=-1) == -np.inf
    scores = np.take_along_axis(log_probs, order, axis=-1)
    scores[missing] = -np.inf
    return np.where(missing, -1, columns[order]), scores


def sample_tokens(
    x: Floats,
    packed: PackedLinear,
    uniforms: npt.NDArray[np.float64],
    *,
    temperature: float = 1.0,
    top_p: float = 1.0,
    columns: Selection | IntArray | None = None,
    suppressed: IntArray | None = None,
) -> tuple[Ints, Floats]:
    """Tokens drawn by softmax((x @ weight.T + bias) / temperature) with given random numbers.

    Args:
        x: [..., in], float32.
        packed: From `pack`, [vocab, in].
        uniforms: [..., draws], float64, in [0, 1): where in the cumulative distribution a draw is.
        temperature: Above 1 draws are more even, below 1 less so.
        top_p: Only the fewest of the likeliest tokens are drawn whose probabilities, at this
            temperature, add up to this; they then stand in the order of their probabilities.
        columns: As for `best_tokens`.
        suppressed: Columns that are not drawn, and have no part of the probabilities.

    Returns:
        Columns and their log-probabilities at a temperature of 1, [..., draws] each; -1 and -inf
        where there is no distribution.

    Raises:
        ValueError: if the shapes do not agree, a number is out of its range, there is no such
            column, or the selection is another matrix's.
        TypeError: if an argument is not an array of its type.
    """
    operation = "sample_tokens"
    if not (temperature > 0 and np.isfinite(temperature)):
        raise ValueError(f"{operation}: temperature is {temperature:f}, expected a positive number")
    if not 0 < top_p <= 1:
        raise ValueError(f"{operation}: top_p is {top_p:f}, expected more than 0 and at most 1")
    columns, logits, log_probs, forbidden = _scored(operation, x, packed, columns, suppressed)
    _check_uniforms(operation, uniforms, x.shape)
    ids = np.full(uniforms.shape, -1, np.int64)
    scores = np.full(uniforms.shape, -np.inf, np.float32)
    exponents = logits.astype(np.float64) / temperature
    exponents[..., forbidden] = -np.inf
    for row in np.ndindex(x.shape[:-1]):
        most = exponents[row].max()
        if not np.isfinite(most):
            continue
        weights = np.exp(exponents[row] - most)
        order = np.argsort(-weights, kind="stable") if top_p < 1 else np.arange(len(columns))
        sums = np.cumsum(weights[order])
        sums = sums[: np.searchsorted(sums, top_p * sums[-1]) + 1] if top_p < 1 else sums
        places = order[np.searchsorted(sums, uniforms[row] * sums[-1], side="right")]
        ids[row], scores[row] = columns[places], log_probs[row][places]
    return ids, scores


def _scored(
    operation: str,
    x: Floats,
    packed: PackedLinear,
    columns: Selection | IntArray | None,
    suppressed: IntArray | None,
) -> tuple[Ints, Floats, Floats, Bools]:
    """The columns, the logits and log-probabilities of each row, and which may not come."""
    vocab, inner = packed.weight.shape
    check_rows(operation, "x", x, inner)
    if columns is None:
        columns = np.arange(vocab)
    elif not isinstance(columns, Selection):
        columns = _checked_columns(operation, columns, vocab)
    elif columns.packed is packed:
        columns = columns.columns
    else:
        raise ValueError(
            f"{operation}: columns are of another matrix, expected a selection of packed's"
        )
    forbidden = np.isin(columns, _checked_ids(operation, "suppressed", suppressed, vocab))
    logits = packed(x)[..., columns]
    with np.errstate(invalid="ignore"):  # infinite logits have no distribution
        log_probs = log_softmax(logits)
    return columns, logits, log_probs, forbidden


def _check_uniforms(operation: str, uniforms: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(uniforms, np.ndarray) or uniforms.dtype != np.float64:
        raise TypeError(f"{operation}: uniforms is not an array of float64")
    if uniforms.ndim != len(shape) or uniforms.shape[:-1] != shape[:-1]:
        raise ValueError(
            f"{operation}: uniforms has shape {list(uniforms.shape)}, "
            f"expected the leading axes of x, {list(shape)}, and one of draws"
        )
    for wrong in uniforms[~((uniforms >= 0) & (uniforms < 1))][:1]:
        raise ValueError(f"{operation}: uniforms has {wrong:f}, expected 0 or more and less than 1")


def _checked_k(k: Any) -> int:
    try:
        number = operator.index(k)
    except TypeError:
        raise TypeError(f"best_tokens: k is {type(k).__name__}, expected an integer") from None
    if number < 1:
        raise ValueError(f"best_tokens: k is {number}, expected 1 or more")
    return number


def _checked_columns(operation: str, columns: Any, vocab: int) -> Ints:
    array = _checked_ids(operation, "columns", columns, vocab)
    if not array.size:
        raise ValueError(f"{operation}: columns is empty, expected at least one")
    for turn in np.flatnonzero(np.diff(array) <= 0)[:1]:
        raise ValueError(
            f"{operation}: columns has {array[turn + 1]} behind {array[turn]}, "
            "expected ascending ones"
        )
    return array


def _checked_ids(operation: str, name: str, ids: Any, columns: int) -> Ints:
    """Ids of columns as an array, [any]; None is no ids."""
    array = np.asarray([] if ids is None else ids)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{operation}: {name} is not an array of integers")
    if array.ndim != 1:
        raise ValueError(f"{operation}: {name} has shape {list(array.shape)}, expected [any]")
    for wrong in array[(array < 0) | (array >= columns)][:1]:
        raise ValueError(f"{operation}: {name} has {wrong}, expected 0 to {columns - 1}")
    return array.astype(np.int64)
