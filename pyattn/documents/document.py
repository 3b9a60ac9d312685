"""A decoded document: its segments, and its text with their translations."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Sequence

from pyattn.documents.model import Answer, Edit, Fragment, Segment
from pyattn.documents.placement import placed
from pyattn.errors import DocumentError
from pyattn.results import Span


class Document:
    """A decoded document with its segments; formats derive from it.

    Attributes:
        text: The document, decoded.
        segments: What is translated, in any order.
        settled: Edits that no translation decides, such as a new `lang`.
    """

    format = "document"

    def __init__(self, text: str) -> None:
        self.text = text
        self.segments: list[Segment] = []
        self.settled: list[Edit] = []

    def fragments(self, segment: Segment, answer: Answer) -> list[Fragment]:
        """A translation with the segment's markup in it."""
        return placed(segment, answer)

    def escaped(self, text: str, segment: Segment) -> str:
        """A text as the document writes it in the place of a segment."""
        return "".join(segment.written.get(letter, letter) for letter in text)

    def edits(self, segment: Segment, answer: Answer, raw: Callable[[Span], str]) -> list[Edit]:
        """The edits that put a translation in place.

        Args:
            segment: The segment.
            answer: Its translation.
            raw: Markup at a place of the document, with translated attributes.
        """
        parts = [
            self.escaped(part, segment) if isinstance(part, str) else raw(part)
            for part in self.fragments(segment, answer)
        ]
        return [Edit(segment.place, "".join(parts))]

    def finish(self, written: str) -> str:
        """Last changes to the whole document; none by default."""
        return written

    def rendered(self, answers: Sequence[Answer]) -> str:
        """The document with translations of all its segments.

        Args:
            answers: The translation of each of `segments`.

        Raises:
            DocumentError: if two edits overlap.
        """
        changed = [
            (segment, answer)
            for segment, answer in zip(self.segments, answers, strict=True)
            if answer.text != segment.text
        ]
        small = list(self.settled)
        for segment, answer in changed:
            if segment.inner:
                small += self.edits(segment, answer, self._slice)
        small.sort(key=lambda edit: edit.span)
        starts = [edit.span[0] for edit in small]

        def raw(span: Span) -> str:
            first, last = bisect.bisect_left(starts, span[0]), bisect.bisect_left(starts, span[1])
            return applied(self.text, small[first:last], span)

        large: list[Edit] = []
        for segment, answer in changed:
            if not segment.inner:
                large += self.edits(segment, answer, raw)
        large.sort(key=lambda edit: edit.span)
        return self.finish(applied(self.text, _outer(large, small)))

    def fail(self, place: int, reason: str) -> DocumentError:
        """An error at a place of the document."""
        return DocumentError(f"{self.format}: {located(self.text, place)}: {reason}")

    def _slice(self, span: Span) -> str:
        return self.text[span[0] : span[1]]


def located(text: str, place: int) -> str:
    """A place as people count: "line 3, column 7"."""
    line = text.count("\n", 0, place)
    return f"line {line + 1}, column {place - text.rfind(chr(10), 0, place)}"


def applied(text: str, edits: Iterable[Edit], span: Span | None = None) -> str:
    """A span of a text with edits, which are in order.

    Raises:
        DocumentError: if two edits overlap.
    """
    begin, end = span or (0, len(text))
    parts: list[str] = []
    for edit in edits:
        if edit.span[0] < begin:
            raise DocumentError(f"document: two edits at {located(text, edit.span[0])}")
        parts += text[begin : edit.span[0]], edit.text
        begin = edit.span[1]
    parts.append(text[begin:end])
    return "".join(parts)


def _outer(large: list[Edit], small: list[Edit]) -> list[Edit]:
    """The large edits and the small ones that are inside none of them, in order."""
    starts = [edit.span[0] for edit in large]
    outside = []
    for edit in small:
        before = bisect.bisect_right(starts, edit.span[0]) - 1
        if before < 0 or large[before].span[1] <= edit.span[0]:
            outside.append(edit)
    return sorted([*large, *outside], key=lambda edit: edit.span)
