"""What random draws have to be: those of Philox's numbers, as often as they are probable."""

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


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


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10."""
    for _ in range(10):
        even, odd = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [
            (odd >> 32) ^ counter[1] ^ key[0],
            odd & 0xFFFFFFFF,
            (even >> 32) ^ counter[3] ^ key[1],
            even & 0xFFFFFFFF,
        ]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def uniform(seed: int, source: Sequence[int], hypothesis: int, step: int) -> float:
    """The number in [0, 1) that a draw is made by."""
    digest = 0xCBF29CE484222325
    for token in source:
        digest = (digest ^ token) * 0x100000001B3 % 2**64
    bits = philox(
        [step, hypothesis, digest & 0xFFFFFFFF, digest >> 32], [seed & 0xFFFFFFFF, seed >> 32]
    )
    return ((bits[0] << 32 | bits[1]) >> 11) / 2**53
