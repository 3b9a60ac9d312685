"""What a search returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
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
            length ** length_penalty, the length counting the end. None after a greedy search
            without `scores`.
        token_scores: Log-probability of each token and of the end, if it was reached; float32.
            Empty where `score` is None.
        finish_reason: "eos" if the model ended the target, "length" if `max_new_tokens` or
            `max_length_factor` did, also where they forced an end, "timeout" if `max_time` ran out
            or a callback stopped it.
        alignment: What each of `token_scores` looked at: the attention to the source's tokens when
            the token was predicted, [len(token_scores), source] float32, whose rows add up to 1;
            None if it was not asked for.
    """

    tokens: list[int]
    score: float | None
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


# From the one that leaves nothing to be desired on.
_FINISH_REASONS: tuple[FinishReason, ...] = ("eos", "length", "timeout")


def joined(parts: Sequence[Hypothesis], texts: Sequence[str]) -> Translation:
    """One translation from those of a text's pieces, or of nothing from none.

    Args:
        parts: Of each piece.
        texts: Their texts.
    """
    if len(parts) == 1:
        return Translation(text=texts[0], **vars(parts[0]))
    reasons: list[FinishReason] = [part.finish_reason for part in parts]
    scores = [np.zeros(0, np.float32), *(part.token_scores for part in parts)]
    alignments = [part.alignment for part in parts if part.alignment is not None]
    return Translation(
        text=" ".join(text for text in texts if text),
        tokens=[token for part in parts for token in part.tokens],
        score=_mean([part.score for part in parts]),
        token_scores=np.concatenate(scores),
        finish_reason=max(reasons, key=_FINISH_REASONS.index, default="eos"),
        alignment=_block_diagonal(alignments) if alignments else None,
    )


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / max(1, len(known)) if len(known) == len(scores) else None


def _block_diagonal(blocks: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Matrices one behind the other, on both axes: no piece looks at another's source."""
    joined = np.zeros(np.sum([block.shape for block in blocks], axis=0), np.float32)
    row = column = 0
    for block in blocks:
        joined[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return joined
