"""Runs of words: disjoint spans of indices, in order."""

from __future__ import annotations

import bisect

from pyattn.results import Span


def near(taken: list[Span], span: Span) -> list[Span]:
    """The few of some disjoint spans in order that may touch another."""
    first = max(0, bisect.bisect_left(taken, (span[0], span[0])) - 1)
    return taken[first : bisect.bisect_left(taken, (span[1], span[1])) + 1]


def is_inside(place: int, taken: list[Span]) -> bool:
    """Whether a word is in one of some disjoint runs in order."""
    return any(one[0] <= place < one[1] for one in near(taken, (place, place + 1)))


def free_around(run: Span, taken: list[Span], area: Span) -> Span:
    """How far a run may grow without touching others."""
    index = bisect.bisect_left(taken, run)
    low = max(area[0], taken[index - 1][1]) if index else area[0]
    high = min(area[1], taken[index][0]) if index < len(taken) else area[1]
    return low, high


def best_run(hits: list[int], counts: list[int], taken: list[Span], offset: int) -> Span:
    """The run of words with most hits and fewest other words, free of runs that are taken.

    Args:
        hits: Places of hits, ascending.
        counts: Number of words before each place, from `offset` on.
        taken: Runs that others have, in order.
        offset: The first place of the area.
    """
    best, best_value = (hits[0], hits[0] + 1), 0
    begin, value = hits[0], 0
    for number, place in enumerate(hits):
        if number:
            former = hits[number - 1]
            between = counts[place - offset] - counts[former + 1 - offset]
            blocked = any(
                former < one[1] and one[0] < place for one in near(taken, (former, place))
            )
            value -= between
            if blocked or value <= 0:
                begin, value = place, 0
        value += 1
        if value > best_value:
            best, best_value = (begin, place + 1), value
    return best
