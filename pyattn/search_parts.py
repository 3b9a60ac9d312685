"""What the core makes a vocabulary search of."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]

# Inputs of the bounds that are norms.
NORMS = 4


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SearchParts:
    """What the core makes a search of: csrc/ops/vocabulary_search.h.

    Attributes:
        axes: A but for its last column, if that belongs to the bias: [coordinates, dim], in the
            output's number type; bfloat16 as uint16.
        axes_scale: [coordinates], what rows of int8 are multiplied by.
        axes_bias: [coordinates], A's column of the bias; zeros without one.
        kept: Coordinates that are multiplied.
        bounds: [vocab, kept + 4], int8: coordinates and norms of each token.
        bounds_scale: A step of these.
        factors: [4]: what the norms of a state are multiplied by.
        slack_per_norm: By how much rounding can lift a logit over its bound, for each unit of |z|.
        slack_per_kept: The same, in addition, for each unit of |z'|.
        most_norm: The |z| from which a row is computed whole.
        cost: The estimated time, as a share of the whole product's.
    """

    axes: npt.NDArray[Any]
    axes_scale: Floats
    axes_bias: Floats
    kept: int
    bounds: npt.NDArray[np.int8]
    bounds_scale: float
    factors: Floats
    slack_per_norm: float
    slack_per_kept: float
    most_norm: float
    cost: float
