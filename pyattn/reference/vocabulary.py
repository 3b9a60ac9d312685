"""The end of a decoder: which tokens are the likeliest after each row."""

from __future__ import annotations

import dataclasses
import operator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.reference.arrays import Floats, Ints, check_rows
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
    operation = "best_tokens"
    vocab, inner = packed.weight.shape
    check_rows(operation, "x", x, inner)
    k = _checked_k(k)
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
    logits[..., forbidden] = -np.inf
    logits[np.isnan(logits)] = -np.inf
    # A stable sort keeps equal logits in the order of their columns.
    order = np.argsort(-logits, axis=-1, kind="stable")[..., :k]
    missing = np.take_along_axis(logits, order, axis=-1) == -np.inf
    scores = np.take_along_axis(log_probs, order, axis=-1)
    scores[missing] = -np.inf
    return np.where(missing, -1, columns[order]), scores


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
