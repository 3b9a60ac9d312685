"""Parts of XML in which some elements are paragraphs: their segments, nested ones too."""

from __future__ import annotations

import bisect
import dataclasses
import html
import re
from collections.abc import Callable, Iterator, Sequence

from pyattn.documents.builder import SegmentBuilder
from pyattn.documents.document import Document, applied
from pyattn.documents.encodings import Encoded
from pyattn.documents.html import escaped, feed
from pyattn.documents.markup import Attribute, Token, tokens
from pyattn.documents.model import Answer, Edit, Segment
from pyattn.documents.settings import DocumentSettings
from pyattn.results import Span
from pyattn.text.languages import iso_639

# Elements inside of each other; real documents have about 50.
_DEEPEST = 500
# Paragraphs inside of each other, as in notes of frames; real documents have 3.
_DEEPEST_PARAGRAPH = 16
# Pairs of tags inside of each other in one paragraph; the builder of segments pairs no more.
_DEEPEST_PAIRS = 60
# What no XML may contain.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def local(name: str) -> str:
    """A name without its prefix."""
    return name.rpartition(":")[2]


@dataclasses.dataclass(frozen=True)
class Group:
    """An element with all that is inside.

    Attributes:
        tokens: Its parts, from its start tag to its end tag.
        last: For each start tag the index of the end tag, or of itself; for all others their own.
        parent: The start tag of the element around it; None if there is none.
    """

    tokens: list[Token]
    last: list[int]
    parent: Token | None

    def span(self, number: int) -> Span:
        """The place of a whole element."""
        return self.tokens[number].span[0], self.tokens[self.last[number]].span[1]

    def outermost(self, name: Callable[[str], bool], first: int, stop: int) -> list[int]:
        """The elements between two tokens that have a name, without those inside of others."""
        found = []
        while first < stop:
            token = self.tokens[first]
            if token.kind == "start" and name(token.name):
                found.append(first)
                first = self.last[first]
            first += 1
        return found


class XmlPart(Document):
    """A part of a document that is XML.

    Args:
        encoded: The text.
        label: The part's name in errors.
        settings: How to read it.
    """

    def __init__(self, encoded: Encoded, label: str, settings: DocumentSettings) -> None:
        super().__init__(encoded.text)
        self.format = label
        self.settings = settings
        self._holds = encoded.holds

    def groups(
        self, wanted: Callable[[str, list[str]], bool], seen: Callable[[Token], None]
    ) -> Iterator[Group]:
        """The outermost elements of some kind.

        Args:
            wanted: Whether an element of a name inside of others is of that kind.
            seen: Called for every start tag.

        Raises:
            DocumentError: if tags do not pair.
        """
        stack: list[str] = []
        tags: list[Token] = []
        group: list[Token] = []
        depth = -1
        for token in tokens(self.text, xml=True):
            if token.kind == "start":
                seen(token)
                if depth < 0 and not token.closed and wanted(token.name, stack):
                    depth = len(stack)
                if not token.closed:
                    stack.append(token.name)
                    tags.append(token)
                    if len(stack) > _DEEPEST:
                        raise self.fail(token.span[0], f"<{token.name:.60}> is nested too deep")
            elif token.kind == "end":
                if not stack or stack[-1] != token.name:
                    raise self.fail(token.span[0], f"</{token.name:.60}> closes nothing")
                stack.pop()
                tags.pop()
            if depth >= 0:
                group.append(token)
                if len(stack) == depth:
                    yield Group(group, _partners(group), tags[-1] if tags else None)
                    group, depth = [], -1
        if stack:
            raise self.fail(len(self.text), f"<{stack[-1]:.60}> is not closed")

    def value(self, token: Token, name: str) -> str | None:
        """The value of an attribute, by its local name; None if a tag does not have it."""
        attribute = attribute_of(token, name)
        if attribute is None or attribute.value is None:
            return None
        return html.unescape(self.text[slice(*attribute.value)])

    def words(self, group: Group, first: int, stop: int) -> str:
        """The text between two tokens."""
        return html.unescape(
            "".join(
                self.text[slice(*token.span)]
                for token in group.tokens[first:stop]
                if token.kind == "text"
            )
        )

    def settle(self, place: Span | None, value: str) -> None:
        """Puts a value in a place, unless it is there."""
        if place is not None and self.text[slice(*place)] != value:
            self.settled.append(Edit(place, value))

    def settle_language(self, attribute: Attribute | None) -> None:
        """Gives an attribute the target's language if it names the source's."""
        if self.settings.target is None or attribute is None or attribute.value is None:
            return
        if self.is_source(self.text[slice(*attribute.value)]):
            self.settle(attribute.value, self.settings.target)

    def is_source(self, code: str) -> bool:
        """Whether a code is that of the source's language."""
        source = self.settings.source
        known = re.fullmatch(r"[A-Za-z]{2,3}([-_]\w+)*", code)
        return bool(known) and (source is None or iso_639(code) == source)

    def add_attribute(self, attribute: Attribute | None) -> None:
        """Adds the text of an attribute."""
        if attribute is not None and attribute.value is not None:
            self.add_text(attribute.value, attribute.quote)

    def add_text(self, place: Span, style: str = "") -> None:
        """Adds a text without markup."""
        builder = SegmentBuilder()
        feed(builder, self.text, place)
        for segment in builder.build():
            segment.style = style
            self.segments.append(segment)

    def check_depth(self, depth: int, place: int) -> None:
        """Refuses paragraphs that are nested too deep."""
        if depth > _DEEPEST_PARAGRAPH:
            raise self.fail(place, "paragraphs are nested too deep")

    def check_pairs(self, level: int, place: int) -> None:
        """Refuses tags in a paragraph that are nested too deep."""
        if level > _DEEPEST_PAIRS:
            raise self.fail(place, "text is nested too deep")

    def escaped(self, text: str, segment: Segment) -> str:
        """A text with references for what would be markup or has no place in the encoding."""
        return escaped(_ILLEGAL.sub("", text), segment, self._holds)

    def rendered(self, answers: Sequence[Answer]) -> str:
        """The part with translations of all its segments, which may lie inside of each other."""
        return _Rendering(self, answers).raw((0, len(self.text)))


class _Rendering:
    """Puts translations in place, the inner ones of a span first."""

    def __init__(self, part: XmlPart, answers: Sequence[Answer]) -> None:
        self._part = part
        self._changed = sorted(
            (
                (segment, answer)
                for segment, answer in zip(part.segments, answers, strict=True)
                if answer.text != segment.text
            ),
            key=lambda pair: (pair[0].place[0], -pair[0].place[1]),
        )
        self._starts = [segment.place[0] for segment, _ in self._changed]
        self._settled = sorted(part.settled, key=lambda edit: edit.span)
        self._settled_starts = [edit.span[0] for edit in self._settled]

    def raw(self, span: Span) -> str:
        """The text of a span with all translations and settled edits inside."""
        edits: list[Edit] = []
        place = span[0]
        number = bisect.bisect_left(self._starts, span[0])
        while number < len(self._starts) and self._starts[number] < span[1]:
            segment, answer = self._changed[number]
            if segment.place[1] > span[1] or segment.place[0] < place:
                number += 1  # around the span, or an inner one of the last
                continue
            edits += self._between(place, segment.place[0])
            edits += self._part.edits(segment, answer, self.raw)
            place = segment.place[1]
            number = bisect.bisect_left(self._starts, place, lo=number + 1)
        edits += self._between(place, span[1])
        return applied(self._part.text, edits, span)

    def _between(self, begin: int, end: int) -> list[Edit]:
        first = bisect.bisect_left(self._settled_starts, begin)
        return self._settled[first : bisect.bisect_left(self._settled_starts, end)]


def attribute_of(token: Token, name: str) -> Attribute | None:
    """An attribute of a tag, by its local name."""
    return next((one for one in token.attributes if local(one.name) == name), None)


def _partners(group: list[Token]) -> list[int]:
    """For each token of an element the index of its end tag, or its own."""
    last = list(range(len(group)))
    stack: list[int] = []
    for number, token in enumerate(group):
        if token.kind == "start" and not token.closed:
            stack.append(number)
        elif token.kind == "end":
            last[stack.pop()] = number
    return last
