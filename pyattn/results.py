"""Results of a search: hypotheses, and translations with their texts."""

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
        score: The rank of hypotheses: the sum of `token_scores` / length ** length_penalty, where
            the length counts the end. None after a greedy search without `scores`.
        token_scores: Log-probability of each token and of the end, if it was reached; float32.
            Empty if `score` is None.
        finish_reason: "eos" if the model ended the target; "length" if `max_new_tokens` or
            `max_length_factor` did, also with `force_end`; "timeout" if `max_time` ran out or a
            callback stopped it.
        alignment: Attention to the source's tokens at the prediction of each of `token_scores`,
            [len(token_scores), source] float32; rows add up to 1. None without the option
            `alignment`.
    """

    tokens: list[int]
    score: float | None
    token_scores: npt.NDArray[np.float32]
    finish_reason: FinishReason
    alignment: npt.NDArray[np.float32] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecidedToken:
    """A token of a target, final.

    Attributes:
        sentence: Index of its source in the call.
        step: Its index in the target.
        token: Its id; the end is a token, too.
        score: Its log-probability; None in a search without `scores`.
        last: Whether the target ends with it.
    """

    sentence: int
    step: int
    token: int
    score: float | None
    last: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text and its counterpart in the translation.

    Attributes:
        source: Its span in the text.
        target: The span of its translation in the translated text.
        copied: Whether it was copied, as white space between sentences is, or left out, as a
            language at the head of a text or what is truncated is, instead of translated.
        protection: How protected parts inside of it, and strict terms of a glossary, came through:
            "itself" (the model saw them), "carrier" (another word stood for each) or "alignment"
            (parts were left out and put beside the translation of their neighbours; terms replaced
            the best aligned word); "" if it has none, or terms that were clear.
    """

    source: Span
    target: Span
    copied: bool
    protection: Literal["", "itself", "carrier", "alignment"] = ""


@dataclasses.dataclass(frozen=True, slots=True)
class TermUse:
    """A term of a glossary in a text, and its counterpart in the translation.

    Attributes:
        source: Its span in the text.
        target: The span of the glossary's translation of it in the translated text; None if that is
            not there.
    """

    source: Span
    target: Span | None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Translation(Hypothesis):
    """A hypothesis with its text.

    Attributes:
        text: The translation.
        pieces: The translated parts of the text in order, and the copied parts between them. Their
            `source` spans cover the text exactly, their `target` spans the translation.
        source_spans: Spans of the source's tokens in the text, one for each column of `alignment`;
            None without an alignment. Characters in no span were copied.
        target_spans: Spans of the target's tokens in the translation, one for each row of
            `alignment`, of which the end of every part has an empty one; None likewise.
        warnings: Codes of possible faults, sorted. "numbers": text and translation have other
            numbers. "protected": a protected part was placed by the alignment although it is more
            than a mark. And with a guard, of what other searches could not mend: "empty",
            "length" (far too long or too short), "repetition", "copy" (of the text, untranslated),
            "script" (letters of another language), "brackets" (brackets or quotation marks that are
            gone or have no partner). "glossary": a term of the glossary is not in the
            translation, or more often than in the text. "truncated": the model did not see the end
            of the text, as it takes no more tokens.
        terms: The terms of the glossary that are in the text, in order.
    """

    text: str
    pieces: tuple[Piece, ...] = ()
    source_spans: tuple[Span, ...] | None = None
    target_spans: tuple[Span, ...] | None = None
    warnings: tuple[str, ...] = ()
    terms: tuple[TermUse, ...] = ()
