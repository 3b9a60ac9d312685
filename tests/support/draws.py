"""What random draws have to be: those of Philox's numbers, as often as they are probable."""

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pyattn.reference.philox import uniforms


def chi_square_bound(freedom: int) -> float:
    """What one in a thousand goes beyond (Wilson and Hilferty 1931)."""
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + 3.09 * part**0.5) ** 3)


def assert_drawn_from(
    outcomes: Iterable[Any], probabilities: Mapping[Any, float], draws: int = 20_000
) -> None:
    """Fails if what was drawn is too rare for these probabilities, or impossible."""
    counted = collections.Counter(outcomes)
    assert counted.total() == draws
    assert counted.keys() <= probabilities.keys()
    # Those that are expected fewer than five times count as one.
    often = {one: p for one, p in probabilities.items() if p * draws >= 5}
    pairs = [(counted[one], p * draws) for one, p in often.items()]
    rare = draws * (1 - sum(often.values()))
    if rare >= 5:
        pairs.append((draws - sum(count for count, _ in pairs), rare))
    if len(pairs) > 1:
        distance = sum((count - wanted) ** 2 / wanted for count, wanted in pairs)
        assert distance < chi_square_bound(len(pairs) - 1)


def uniform(seed: int, source: Sequence[int], hypothesis: int, step: int) -> float:
    """The number in [0, 1) that a draw is made by."""
    return float(uniforms(seed, source, np.array([hypothesis]), step)[0])
