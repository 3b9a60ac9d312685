"""Which keys a query may see, as masks and as biases of the scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyattn.reference.arrays import Bools, Floats, check_lengths
from pyattn.segments import KeySegment


def padding_mask(lengths: Any, time: int) -> Bools:
    """Which of `time` keys are tokens of the sentence and which are padding.

    Args:
        lengths: [batch], the tokens of each sentence.
        time: Keys of each sentence, padding included.

    Returns:
        [batch, 1, 1, time], True for tokens.

    Raises:
        ValueError: if a length does not lie in 0 to `time`.
    """
    checked = check_lengths("padding_mask", lengths, len(lengths), time)
    mask: Bools = np.arange(time) < checked[:, None, None, None]
    return mask


def look_ahead_mask(time_q: int, time_k: int | None = None, *, back: int = 0) -> Bools:
    """Which keys are not later than the query, or than `back` positions before it.

    Args:
        time_q: Number of queries; they are the last of the positions.
        time_k: Number of positions, `time_q` if it is not given.
        back: By how much a key has to be earlier than the query.

    Returns:
        [1, 1, time_q, time_k], True up to the query's own position less `back`.
    """
    time_k = time_q if time_k is None else time_k
    positions = np.arange(time_k - time_q, time_k) - back
    mask: Bools = np.arange(time_k) <= positions[None, None, :, None]
    return mask


def as_bias(mask: Bools) -> Floats:
    """A mask as a bias of the scores: 0 where a query may look, -inf where it may not."""
    bias: Floats = np.where(mask, np.float32(0), np.float32(-np.inf))
    return bias


def window_mask(
    time_q: int, time_k: int, *, causal: bool, window: int | tuple[int, int] | None
) -> Bools:
    """What queries see by their positions, [1, 1, time_q, time_k]."""
    seen: Bools = np.ones((1, 1, time_q, time_k), np.bool_)
    if causal:
        seen = look_ahead_mask(time_q, time_k)
    if isinstance(window, tuple):
        before, after = window
        seen = seen & ~look_ahead_mask(time_q, time_k, back=before + 1)
        seen = seen & look_ahead_mask(time_q, time_k, back=-after)
    elif window is not None:
        check_window("attention", window)
        seen = seen & ~look_ahead_mask(time_q, time_k, back=window)
    return seen


def segment_bias(segment: KeySegment, in_window: Bools, scores: Sequence[int]) -> Floats:
    """What is added to a segment's scores, [batch, heads, time_q, count]; -inf hides a key."""
    batch, heads, time_q, _ = scores
    count = segment.k.shape[2]
    added = np.full((batch, heads, time_q, count), segment.constant, np.float32)
    if segment.distances is not None:
        blocks = np.minimum(np.arange(time_q) // segment.block, count - 1)
        added += segment.distances[:, np.arange(count) - blocks[:, None] + count - 1]
    if segment.positions is not None:
        seen = in_window[:, :, :, np.asarray(segment.positions)]
        added = np.where(seen, np.float32(-np.inf), added)
    return added


def check_window(operation: str, window: int) -> None:
    """Raises ValueError unless a window holds a position."""
    if window < 1:
        raise ValueError(f"{operation}: window is {window}, expected 1 or more")
