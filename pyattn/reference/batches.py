"""Which sentences are computed together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def batches(
    lengths: Sequence[int], tokens: int, most: int | None = None, *, equal: bool = False
) -> Iterator[list[int]]:
    """Numbers of sentences that are computed together, the longest sentences first.

    Each batch has at most `tokens` tokens, padding included, and `most` sentences, and at least one
    sentence. Neighbours in length share a batch, so that there is little padding; or none, if only
    those of equal length do.
    """
    order = sorted(range(len(lengths)), key=lambda n: -lengths[n])
    while order:
        fitting = max(tokens // lengths[order[0]], 1)
        size = min(fitting, most or fitting)
        if equal:
            size = min(size, [lengths[n] for n in order].count(lengths[order[0]]))
        yield order[:size]
        order = order[size:]
