"""Joining the translations of a text's parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyattn.results import FinishReason, Piece, Span, TermUse, Translation
from pyattn.text.answers import Answer
from pyattn.text.numbers import numbers_differ
from pyattn.text.plans import Form, Part, Plan
from pyattn.text.protection.carried import Step, places

if TYPE_CHECKING:
    from pyattn.text.tokenizers import Tokenizer

# Best outcome first.
_FINISH_REASONS: tuple[FinishReason, ...] = ("eos", "length", "timeout")

# Scripts that put no space between sentences: Chinese, Japanese, Thai, Lao, Burmese, Khmer.
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60\U00020000-\U0003ffff]"
)


class Joiner:
    """Joins the translations of parts.

    Args:
        tokenizer: The model's tokenizer.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def texts(self, plans: Sequence[Plan], found: Sequence[Sequence[Answer]]) -> list[str]:
        """The best translation of each text.

        Args:
            plans: How the texts were translated.
            found: The translations of every part of all texts, best first.
        """
        best = iter(ranked[0] for ranked in found)
        return [
            next(best).text if _is_whole(plan) else _text(plan, [next(best) for _ in plan.parts])[0]
            for plan in plans
        ]

    def translations(
        self, plans: Sequence[Plan], found: Sequence[Sequence[Answer]], *, aligned: bool
    ) -> list[list[Translation]]:
        """The translations of each text, best first.

        Args:
            plans: How the texts were translated.
            found: The translations of every part of all texts, best first; their numbers may
                differ.
            aligned: Whether they have alignments.
        """
        rest = iter(found)
        ranked = [
            list(zip(*(next(rest) for _ in plan.parts), strict=False)) or [()] for plan in plans
        ]
        make = self._aligned if aligned else _joined
        return [
            [make(plan, parts) for parts in ranks]
            for plan, ranks in zip(plans, ranked, strict=True)
        ]

    def _aligned(self, plan: Plan, parts: Sequence[Answer]) -> Translation:
        text, pieces = _text(plan, parts)
        decoded = self._tokenizer.decode_with_spans([part.hypothesis.tokens for part in parts])
        targets: list[Span] = []
        translated = (piece for piece in pieces if not piece.copied)
        for part, one, piece in zip(parts, decoded, translated, strict=True):
            begin, end = piece.target
            where = places(part.output, part.edits, part.form.raised)
            targets.extend((begin + where[low], begin + where[high]) for low, high in one.spans)
            # The end has a row of the alignment, but is none of the tokens.
            rows = one.spans if part.hypothesis.alignment is None else part.hypothesis.alignment
            targets.extend([(end, end)] * (len(rows) - len(one.spans)))
        return _translation(
            plan,
            parts,
            text,
            pieces,
            source_spans=tuple(
                span
                for part, answer in zip(plan.parts, parts, strict=True)
                for span in self._spans(plan, part, answer.form)
            ),
            target_spans=tuple(targets),
        )

    def _spans(self, plan: Plan, part: Part, form: Form) -> list[Span]:
        """Spans of a part's tokens in the text."""
        spans = part.spans
        if spans is None or form is not part.form:
            [encoded] = self._tokenizer.encode_with_spans([form.text], *plan.pair)
            spans = encoded.spans
        origins = [part.span[0] + origin for origin in form.origins()]
        return [(origins[begin], origins[end]) for begin, end in spans]


def _joined(plan: Plan, parts: Sequence[Answer]) -> Translation:
    text, pieces = _text(plan, parts)
    return _translation(plan, parts, text, pieces)


def _translation(
    plan: Plan,
    parts: Sequence[Answer],
    text: str,
    pieces: list[Piece],
    *,
    source_spans: tuple[Span, ...] | None = None,
    target_spans: tuple[Span, ...] | None = None,
) -> Translation:
    found = [part.hypothesis for part in parts]
    scores = [one.token_scores for one in found]
    reasons = [one.finish_reason for one in found]
    alignments = [one.alignment for one in found if one.alignment is not None]
    aligned = source_spans is not None
    return Translation(
        text=text,
        terms=_terms(plan, parts, pieces),
        tokens=[token for one in found for token in one.tokens],
        score=_mean([one.score for one in found]),
        token_scores=np.concatenate([np.zeros(0, np.float32), *scores]),
        finish_reason=max(reasons, key=_FINISH_REASONS.index, default="eos"),
        alignment=_block_diagonal(alignments) if aligned else None,
        pieces=tuple(pieces),
        source_spans=source_spans,
        target_spans=target_spans,
        warnings=_warnings(plan, parts, text),
    )


def _warnings(plan: Plan, parts: Sequence[Answer], text: str) -> tuple[str, ...]:
    """Codes of the faults of all parts; numbers are compared in the whole texts."""
    codes = {code for part in parts for code in part.faults} - {"numbers"}
    if plan.translated and numbers_differ(_read(plan), text):
        codes.add("numbers")
    if any(part.unread for part in plan.parts):
        codes.add("truncated")
    return tuple(sorted(codes))


def _read(plan: Plan) -> str:
    """A text without what was left out."""
    begin, out = plan.head, []
    for part in plan.parts:
        if part.unread:
            out.append(plan.text[begin : part.span[1]])
            begin = part.span[1] + part.unread
    return "".join([*out, plan.text[begin:]])


def _terms(plan: Plan, parts: Sequence[Answer], pieces: Sequence[Piece]) -> tuple[TermUse, ...]:
    """The terms of all parts."""
    if not plan.terms:
        return ()
    found: list[TermUse] = []
    translated = [piece for piece in pieces if not piece.copied]
    for part, answer, piece in zip(plan.parts, parts, translated, strict=True):
        by_place = {(use.term.begin, use.term.end): use for use in answer.uses}
        where = places(answer.output, answer.edits, answer.form.raised) if answer.uses else []
        taken: set[int] = set()
        for term in part.terms:
            own = term.moved(-part.span[0])
            use = by_place.get((own.begin, own.end))
            target: Span | None = None
            if use is not None and use.edit is not None:
                text, edit = use.edit.text.strip(), use.edit
                # What is put in at the end is in front of the end.
                at_end = edit.begin == len(answer.output)
                begin = where[edit.begin - 1] if at_end and edit.begin else where[edit.begin]
                begin = 0 if at_end and not edit.begin else begin
                # Several may be put in at the same place.
                while (begin := answer.text.find(text, begin)) in taken:
                    begin += len(text)
                taken.add(begin)
                target = (piece.target[0] + begin, piece.target[0] + begin + len(text))
            elif use is not None and use.span is not None:
                begin, end = (piece.target[0] + where[place] for place in use.span)
                target = (begin, end)
            found.append(TermUse((term.begin, term.end), target))
    return tuple(found)


def _is_whole(plan: Plan) -> bool:
    """Whether a text is one part."""
    return len(plan.parts) == 1 and plan.parts[0].span == (0, len(plan.text))


def _text(plan: Plan, answers: Sequence[Answer]) -> tuple[str, list[Piece]]:
    """The translation of a text, and its pieces."""
    whole, parts = plan.text, plan.parts
    out: list[str] = []
    pieces: list[Piece] = []
    begin, length = plan.head, 0
    if begin:
        pieces.append(Piece((0, begin), (0, 0), copied=True))

    def put(text: str, source: Span, copied: bool, step: Step = "") -> None:
        nonlocal length
        out.append(text)
        pieces.append(Piece(source, (length, length + len(text)), copied, step))
        length += len(text)

    for part, answer in zip(parts, answers, strict=True):
        gap = (begin, part.span[0])
        if gap[0] < gap[1]:
            put(whole[gap[0] : gap[1]], gap, True)
        elif out and _wants_space(whole[begin - 1 : begin], out[-1]):
            put(" ", gap, True)
        put(answer.text, part.span, False, answer.step)
        begin = part.span[1]
        if part.unread:
            rest = (begin, begin + part.unread)
            pieces.append(Piece(rest, (length, length), copied=True))
            begin = rest[1]
    if begin < len(whole):
        put(whole[begin:], (begin, len(whole)), True)
    return "".join(out), pieces


def _wants_space(last: str, translation: str) -> bool:
    """Whether two sentences get a space that their own script does not put between them."""
    return bool(_SPACELESS.match(last)) and not _SPACELESS.match(translation[-1:] or last)


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / max(1, len(known)) if len(known) == len(scores) else None


def _block_diagonal(blocks: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """A block diagonal matrix: no part sees another's source."""
    shape = np.sum([(0, 0), *(block.shape for block in blocks)], axis=0)
    joined = np.zeros(shape, np.float32)
    row = column = 0
    for block in blocks:
        joined[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return joined
