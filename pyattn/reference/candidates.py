"""Which tokens may come next, and which of them are the likeliest."""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.reference.arrays import Bools, Floats, Ints


@dataclasses.dataclass(frozen=True, eq=False)
class Rules:
    """What a target may look like.

    Attributes:
        start: The token before the first.
        end: The token after the last.
        limits: The most tokens that the target of each sentence may have, its end included.
        shortest: The end may not come before this many tokens stand.
        suppressed: Ids that never come.
        force_end: Whether the token at that limit can only be the end.
        length_penalty: The power of the length that a total is divided by.
    """

    start: int
    end: int
    limits: Ints
    shortest: int
    suppressed: Ints
    force_end: bool
    length_penalty: float

    def best(self, logits: Floats, count: int, length: int, limits: Ints) -> tuple[Ints, Floats]:
        """The likeliest tokens after `length` tokens, best first.

        Log-probabilities are those of the whole distribution: what the rules forbid is left out of
        the choice, not out of the sum. Only a forced end is different: it is certain, and its
        log-probability is 0.

        Args:
            logits: [rows, vocab]; overwritten.
            count: How many are asked for; there may be fewer.
            length: How many tokens each row has.
            limits: How many its target may have, [rows].

        Returns:
            Ids and log-probabilities, [rows, count] each; -inf is a token that may not come.

        Raises:
            ValueError: if there is a row that no token may follow.
        """
        logits -= logits.max(axis=-1, keepdims=True)
        log_total = np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        if self.suppressed.size:
            logits[:, self.suppressed] = -np.inf
        if length < self.shortest:
            logits[:, self.end] = -np.inf
        ids = top_k(logits, count)
        scores = np.take_along_axis(logits, ids, axis=1) - log_total
        if self.force_end:
            certain = length + 1 == limits
            ids[certain, 0] = self.end
            scores[certain] = -np.inf
            scores[certain, 0] = 0
        if not (scores[:, 0] > -np.inf).all():
            raise ValueError(
                "generate: no token may follow: all are suppressed, or the model's output is "
                "not a number"
            )
        return ids, scores

    def ends(self, ids: Ints, length: int, limits: Ints) -> Bools:
        """Whether a target that has `length` tokens, the last of them these, has ended."""
        ends: Bools = (ids == self.end) | (length == limits)
        return ends

    def rank(self, totals: Floats, length: int | Ints) -> Floats:
        """What hypotheses are compared by: totals / length ** length_penalty."""
        with np.errstate(all="ignore"):  # a penalty may be so large that the power is none
            ranks: Floats = totals / np.float32(np.float64(length) ** self.length_penalty)
        return ranks


def top_k(x: Floats, k: int) -> Ints:
    """The columns of the k largest values of each row, the largest first; [rows, n] -> [rows, k].

    Which of equal values comes first is left open, but for k = 1, when it is the first. If k is
    more than n, n are returned.
    """
    if k == 1:
        largest: Ints = x.argmax(axis=-1, keepdims=True)
        return largest
    rows, n = x.shape
    k = min(k, n)
    groups = n // _GROUP
    if groups <= k:
        return _partition(x, k)
    # The k largest values lie in the k groups of columns with the largest maxima. Maxima are a
    # quick pass over the row; a partition is a slow one, and now sees few of the columns. Group g
    # is columns g, g + groups, g + 2 * groups, ...: like this NumPy takes many maxima at once. What
    # is left over at the end of the row is looked at in any case.
    maxima = x[:, : groups * _GROUP].reshape(rows, _GROUP, groups).max(axis=1)
    inside = _partition(maxima, k)[:, None, :] + groups * np.arange(_GROUP)[:, None]
    left_over = np.broadcast_to(np.arange(groups * _GROUP, n), (rows, n % _GROUP))
    columns = np.concatenate([inside.reshape(rows, -1), left_over], axis=1)
    places = _partition(np.take_along_axis(x, columns, axis=1), k)
    return np.take_along_axis(columns, places, axis=1)


def _partition(x: Floats, k: int) -> Ints:
    n = x.shape[1]
    largest = np.argpartition(x, n - k, axis=-1)[:, n - k :]
    order = np.argsort(-np.take_along_axis(x, largest, axis=1), axis=-1)
    return np.take_along_axis(largest, order, axis=1)


# Columns of a group: a row of 8,000 has 250 of them, and k = 8 leaves 256 columns to partition.
_GROUP = 32
