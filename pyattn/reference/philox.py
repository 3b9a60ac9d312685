"""Random numbers that depend on what they are for, and not on how many there were before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.reference.arrays import Ints

Doubles: TypeAlias = npt.NDArray[np.float64]
Words: TypeAlias = npt.NDArray[np.uint64]

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def uniforms(seed: int, ids: Iterable[int], hypotheses: Ints, step: int) -> Doubles:
    """Numbers in [0, 1), one for each hypothesis; 53 bits of what Philox makes of all this.

    Args:
        seed: The key, 0 to 2**64 - 1.
        ids: The source, and the tokens of its target that stood before the search began.
        hypotheses: Their numbers, [any].
        step: How many new tokens stand.
    """
    digest = digest_of(ids)
    counter = np.empty((4, len(hypotheses)), np.uint64)
    counter[0], counter[1] = step, hypotheses
    counter[2], counter[3] = digest & 0xFFFFFFFF, digest >> 32
    bits = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    numbers: Doubles = ((bits[0] << _HALF | bits[1]) >> np.uint64(11)) * 2.0**-53
    return numbers


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """Philox4x32-10 (Salmon et al. 2011): ten rounds, each of two products and a key.

    Args:
        counter: [4, any], numbers of 32 bits.
        key: Two more.

    Returns:
        [4, any], numbers of 32 bits.
    """
    one, two = key
    for _ in range(10):
        even = np.uint64(0xD2511F53) * counter[0]
        odd = np.uint64(0xCD9E8D57) * counter[2]
        counter = np.stack(
            [
                odd >> _HALF ^ counter[1] ^ np.uint64(one),
                odd & _LOW,
                even >> _HALF ^ counter[3] ^ np.uint64(two),
                even & _LOW,
            ]
        )
        one, two = (one + 0x9E3779B9) & 0xFFFFFFFF, (two + 0xBB67AE85) & 0xFFFFFFFF
    return counter


def digest_of(ids: Iterable[int]) -> int:
    """64 bits that stand for some ids (FNV-1a, an id at a time)."""
    digest = 0xCBF29CE484222325
    for token in ids:
        digest = (digest ^ token) * 0x100000001B3 % 2**64
    return digest
