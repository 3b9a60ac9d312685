"""Which tests plain `pytest` leaves out: those whose subject others hold, in less time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

slow = pytest.mark.slow


def but_slow(values: Iterable[Any], *left_out: Any) -> list[Any]:
    """Parameters of a test, of which some are for the whole suite alone."""
    return [pytest.param(value, marks=slow) if value in left_out else value for value in values]


def each_on_each(names: Iterable[str], levels: Sequence[str]) -> list[Any]:
    """Every name with every level, the best of which is the first.

    Not slow are all names on the best level, and each on one of the others in turn.
    """
    pairs = []
    for n, name in enumerate(names):
        chosen = {levels[0], levels[1 + n % (len(levels) - 1)]}
        pairs += [
            pytest.param(name, level, marks=() if level in chosen else slow) for level in levels
        ]
    return pairs
