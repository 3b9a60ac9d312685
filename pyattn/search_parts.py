"""What the core makes a vocabulary search of."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]

# Inputs of the bounds that are norms.
NORMS = 8


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SearchParts:
    """What the core makes a search of: csrc/ops/vocabulary_search.h.

    Attributes:
        axes: A, [dim, dim], in the output's number type; bfloat16 as uint16.
        axes_scale: [dim], what rows of int8 are multiplied by.
        kept: Coordinates that are multiplied.
        bounds: [vocab, kept + 8], int8: coordinates and norms of each token.
        bounds_scale: [vocab].
        bias: [vocab], the output's.
        factors: [8]: what the norms of a state are multiplied by.
        slack: By how much rounding can lift a logit over its bound.
        slack_per_norm: The same, in addition, for each unit of |z|.
        slack_per_scale: The same for each unit of the scale of z'.
        most_norm: The |z| from which a row is computed whole.
        cost: The estimated time, as a share of the whole product's.
    """

    axes: npt.NDArray[Any]
    axes_scale: Floats
    kept: int
    bounds: npt.NDArray[np.int8]
    bounds_scale: Floats
    bias: Floats
    factors: Floats
    slack: float
    slack_per_norm: float
    slack_per_scale: float
    most_norm: float
    cost: float
