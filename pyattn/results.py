"""What a search returns."""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FinishReason: TypeAlias = Literal["eos", "length", "timeout"]

# Begin and end of a part of a text, in characters.
Span: TypeAlias = tuple[int, int]


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


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, and what became of it in the translation.

    Attributes:
        source: Where it stands in the text: begin and end, in characters.
        target: Where its translation stands in the translated text.
        copied: Whether it was not translated but copied, as white space between sentences is, or
            left out, as what asks for a language is.
    """

    source: Span
    target: Span
    copied: bool


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Translation(Hypothesis):
    """A hypothesis with its text.

    Attributes:
        text: The translation.
        pieces: The parts that the text was translated in, in order, and what was copied between
            them: their `source` spans cover the text exactly, their `target` spans the translation.
        source_spans: Where the tokens of the source stand in the text, one for each column of
            `alignment`; None without an alignment. What belongs to no token was copied.
        target_spans: Where each of `tokens` stands in the translation, likewise.
        warnings: What may be wrong: "numbers", if the text's are not those of the translation.
    """

    text: str
    pieces: tuple[Piece, ...] = ()
    source_spans: tuple[Span, ...] | None = None
    target_spans: tuple[Span, ...] | None = None
    warnings: tuple[str, ...] = ()
