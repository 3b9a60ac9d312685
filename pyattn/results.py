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
            "timeout" if max_time did, or a callback stopped it.
        alignment: What each of `token_scores` looked at: the attention to the source's tokens when
            the token was predicted, [len(token_scores), source] float32, whose rows add up to 1;
            None if it was not asked for.
    """

    tokens: list[int]
    score: float
    token_scores: npt.NDArray[np.float32]
    finish_reason: FinishReason
    alignment: npt.NDArray[np.float32] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecidedToken:
    """A token of a target that will not change any more.

    Attributes:
        sentence: Which of the sources of the call it belongs to.
        step: Its place in the target, from 0.
        token: Its id; the end is one too.
        score: Its log-probability.
        last: Whether the target ends with it.
    """

    sentence: int
    step: int
    token: int
    score: float
    last: bool


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Translation(Hypothesis):
    """A hypothesis with its text."""

    text: str
