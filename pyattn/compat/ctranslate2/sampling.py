"""Seeds of random choices, which all translators of a process share."""

from __future__ import annotations

import random

_seeds = random.Random()


def set_random_seed(seed: int) -> None:
    """Has all later random choices follow from `seed`."""
    _seeds.seed(seed)


def next_seed() -> int:
    """A seed for one request."""
    return _seeds.getrandbits(63)
