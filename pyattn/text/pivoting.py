"""Translations through a language between two: texts under way, and results put together."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.results import Piece, Span, Translation
from pyattn.text.pending import PendingTranslations


class PendingPivot:
    """Translations under way through two models.

    Any thread may use it. In a coroutine, `await` it for its `results`. The second model begins
    when the first is done and somebody waits or asks; texts of one call do not overtake each other.

    Args:
        first: The translations into the language between.
        start: Begins the translations of those.
    """

    def __init__(
        self, first: PendingTranslations, start: Callable[[list[str]], PendingTranslations]
    ) -> None:
        self._first = first
        self._start = start
        self._second: PendingTranslations | None = None
        self._cancelled = False
        self._beginning = threading.Lock()

    def __len__(self) -> int:
        """Number of texts."""
        return len(self._first)

    def done(self) -> bool:
        """Whether all texts are translated."""
        return self._first.done() and self._begun().done()

    def cancel(self) -> None:
        """Ends the searches within a step; results that are not done raise a ValueError then."""
        with self._beginning:
            self._cancelled = True
            for pending in (self._first, self._second):
                if pending is not None:
                    pending.cancel()

    def results(self, *, progress: bool = False) -> list[list[Translation]]:
        """Waits for all texts and returns the translations of each, best first.

        Args:
            progress: Whether to draw bars on standard error; needs the package tqdm.

        Raises:
            ValueError: if a search cannot continue, or was cancelled.
        """
        first = self._first.results(progress=progress)
        return _joined(first, self._begun().results(progress=progress))

    def texts(self, *, progress: bool = False) -> list[str]:
        """Waits for all texts and returns the best translation of each; raises as `results`."""
        return self._begun(progress).texts(progress=progress)

    def __await__(self) -> Generator[object, None, list[list[Translation]]]:
        """Waits for all texts without blocking the event loop."""
        first = yield from self._first.__await__()
        second = yield from self._begun().__await__()
        return _joined(first, second)

    def _begun(self, progress: bool = False) -> PendingTranslations:
        """The second model's translations; waits for the first's."""
        with self._beginning:
            if self._second is None:
                between = self._first.texts(progress=progress)
                self._second = self._start(between)
                if self._cancelled:
                    self._second.cancel()
            return self._second


def _joined(
    first: Sequence[Sequence[Translation]], second: Sequence[Sequence[Translation]]
) -> list[list[Translation]]:
    """The second model's translations of the best ones of the first."""
    return [
        [joined(before[0], after) for after in ranked]
        for before, ranked in zip(first, second, strict=True)
    ]


def kept_again(
    texts: Sequence[str], kept: Sequence[Sequence[Span]], between: Sequence[str]
) -> list[list[Span]]:
    """Where the kept parts of texts are in their translations.

    Args:
        texts: The texts.
        kept: Spans of each that came back as they were, in any order.
        between: The translation of each.
    """
    return [
        _found([text[begin:end] for begin, end in spans], translation)
        for text, spans, translation in zip(texts, kept, between, strict=True)
    ]


def _found(parts: Sequence[str], text: str) -> list[Span]:
    """The places of parts in a text: of each part as many as there are of it, the longest first."""
    found: list[Span] = []
    for part in sorted(filter(None, parts), key=len, reverse=True):
        begin = text.find(part)
        while begin >= 0 and any(begin < end and start < begin + len(part) for start, end in found):
            begin = text.find(part, begin + 1)
        if begin >= 0:
            found.append((begin, begin + len(part)))
    return sorted(found)


def joined(before: Translation, after: Translation) -> Translation:
    """The translation of a text by way of its translation into a language between.

    Tokens and scores are the second model's. The alignment is the product of both: how much a token
    of the target looked at the characters of a token between, times how much that looked at the
    source.

    Args:
        before: From the text to the language between.
        after: From there.
    """
    return dataclasses.replace(
        after,
        finish_reason=after.finish_reason
        if before.finish_reason == "eos"
        else before.finish_reason,
        warnings=tuple(dict.fromkeys(before.warnings + after.warnings)),
        pieces=_pieces(before.pieces, after.pieces),
        alignment=_alignment(before, after),
        source_spans=before.source_spans if after.target_spans is not None else None,
    )


def _pieces(before: Sequence[Piece], after: Sequence[Piece]) -> tuple[Piece, ...]:
    """The parts of a text that both models cut: between places in the middle that both have."""
    places = {piece.target[1] for piece in before} & {piece.source[1] for piece in after}
    found: list[Piece] = []
    one, other = list(before), list(after)
    for place in sorted(places):
        ours = [piece for piece in one if piece.target[1] <= place]
        theirs = [piece for piece in other if piece.source[1] <= place]
        one, other = one[len(ours) :], other[len(theirs) :]
        if ours and theirs:
            source = (ours[0].source[0], ours[-1].source[1])
            target = (theirs[0].target[0], theirs[-1].target[1])
            copied = all(piece.copied for piece in ours + theirs)
            found.append(Piece(source, target, copied))
    return tuple(found)


def _alignment(before: Translation, after: Translation) -> npt.NDArray[np.float32] | None:
    """The attention of each of the target's tokens to the source's, [tokens, source] float32."""
    if before.alignment is None or after.alignment is None:
        return None
    between = _overlaps(after.source_spans or (), before.target_spans or ())
    width = before.alignment.shape[1]
    looked: npt.NDArray[Any]
    looked = after.alignment[:, : len(between)] @ between @ before.alignment[: between.shape[1]]
    total = looked.sum(axis=1, keepdims=True)
    even: npt.NDArray[np.float32] = np.full(looked.shape, 1 / max(width, 1), dtype=np.float32)
    np.divide(looked, total, out=even, where=total > 0)
    return even


def _overlaps(ones: Sequence[Span], others: Sequence[Span]) -> npt.NDArray[np.float32]:
    """How much of each span lies in each of some others, [ones, others] float32."""
    low = np.array([span[0] for span in ones], np.float32)[:, None]
    high = np.array([span[1] for span in ones], np.float32)[:, None]
    begins = np.array([span[0] for span in others], np.float32)[None]
    ends = np.array([span[1] for span in others], np.float32)[None]
    shared = np.clip(np.minimum(high, ends) - np.maximum(low, begins), 0, None)
    fractions: npt.NDArray[np.float32] = (shared / np.maximum(high - low, 1)).astype(np.float32)
    return fractions
