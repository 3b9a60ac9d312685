"""Keys that an attention sees beside its own."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class KeySegment:
    """Keys that every query sees beside those of its window, in the same softmax.

    Long models have them: tokens that all others see (Beltagy et al. 2020), sums of blocks of
    tokens (Guo et al. 2022), blocks at either end (Zaheer et al. 2020).

    Attributes:
        k: Keys, [batch, kv_heads, count, head_dim], float32.
        v: Values, shaped like `k`.
        constant: Added to the scores; log(n) counts each key n times.
        distances: Added to the scores by distance, [heads, 2 * count - 1], float32: query i and key
            j get entry j - min(i // block, count - 1) + count - 1 of their head. None adds nothing.
        block: Queries in a block, for `distances`.
        positions: Where among the keys of the attention itself these keys stand as well, [count],
            ascending. A query whose window holds such a position sees the key there, and not here
            again. None: nowhere.
    """

    k: npt.NDArray[np.float32]
    v: npt.NDArray[np.float32]
    constant: float = 0.0
    distances: npt.NDArray[np.float32] | None = None
    block: int = 1
    positions: npt.NDArray[np.integer] | None = None
