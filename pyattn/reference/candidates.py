"""The best of many numbers."""

from __future__ import annotations

import numpy as np

from pyattn.reference.arrays import Floats, Ints


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
