"""What a search returns."""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FinishReason: TypeAlias = Literal["eos", "length", "timeout"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Hypothesis:
    """One target that a search found.

    Attributes:
        tokens: Target ids, without the start and the end.
        score: What hypotheses are ranked by: the sum of `token_scores`, over
            length ** length_penalty, the length counting the end.
        token_scores: Log-probability of each token and of the end, if it was reached; float32.
        finish_reason: "eos" if the end was produced, "length" if max_new_tokens ran out,
            "timeout" if the time did.
        alignment: Attention over the source for each token, [target, source] float32, if asked for.
    """

    tokens: list[int]
    score: float
    token_scores: npt.NDArray[np.float32]
    finish_reason: FinishReason
    alignment: npt.NDArray[np.float32] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Translation(Hypothesis):
    """A hypothesis with its text."""

    text: str
