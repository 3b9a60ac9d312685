"""What readers and writers of documents share: segments, the markup in them, translations, edits.

A reader finds segments in the decoded text of a document. Translations replace the places of their
segments; everything else stays as it is, character by character.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.results import Span


@dataclasses.dataclass(slots=True)
class Element:
    """Inline markup in a segment: a pair of tags, or something that is copied as a whole.

    Attributes:
        span: What it covers in the segment's text; empty for markup without text.
        markup: Place in the document of the opening tag, or of all that is copied. None for a
            protected span, which is text of the segment.
        closing: Place of the closing tag; None if the element is copied as a whole.
        children: The elements inside, in order.
        padded: Whether markup without text has white space on both sides, of which the segment's
            text has one.
    """

    span: Span
    markup: Span | None
    closing: Span | None = None
    children: list[Element] = dataclasses.field(default_factory=list)
    padded: bool = False

    @property
    def kept(self) -> bool:
        """Whether it covers text and is copied as a whole."""
        return self.closing is None and self.span[0] < self.span[1]


@dataclasses.dataclass(slots=True)
class Segment:
    """A translatable unit of a document.

    Attributes:
        text: What is translated, without markup; neither end is white space.
        place: Where its translation goes in the document.
        elements: Its markup, outermost elements in order.
        protected: Spans of `text` that the translation must contain as they are, such as
            placeholders and the text of code.
        inner: Whether its place is inside the markup of another segment, as in attributes.
        written: How single characters of it are written in the document, such as "&amp;" for "&".
        style: What else the format needs to write it.
        aligned: Whether an alignment is needed even if there is no markup.
        language: Its language, if it was found in the document; None for the caller's.
    """

    text: str
    place: Span
    elements: list[Element] = dataclasses.field(default_factory=list)
    protected: list[Span] = dataclasses.field(default_factory=list)
    inner: bool = False
    written: dict[str, str] = dataclasses.field(default_factory=dict)
    style: str = ""
    aligned: bool = False
    language: str | None = None

    @property
    def marked(self) -> bool:
        """Whether something in its text has a place in the translation."""
        return bool(self.elements or self.protected)


@dataclasses.dataclass(frozen=True)
class Alignment:
    """Which tokens of a source the tokens of its translation looked at.

    Attributes:
        sources: Spans of the source's tokens.
        targets: Spans of the translation's tokens, in order.
        weights: [targets, sources].
        copied: Spans of the source that were copied, and of their copies.
    """

    sources: Sequence[Span]
    targets: Sequence[Span]
    weights: npt.NDArray[np.float32]
    copied: Sequence[tuple[Span, Span]] = ()


@dataclasses.dataclass(frozen=True)
class Answer:
    """The translation of a segment.

    Attributes:
        text: The translation.
        alignment: Where its tokens come from, if known.
    """

    text: str
    alignment: Alignment | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """A text in place of a span of a document."""

    span: Span
    text: str


# Text of the translation, or the place of markup in the document.
Fragment: TypeAlias = str | Span
