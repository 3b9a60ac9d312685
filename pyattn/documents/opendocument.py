"""ODT, ODP and ODS: paragraphs, headings, notes and cells of the content and of the styles."""

from __future__ import annotations

import re
from collections.abc import Callable

from pyattn.documents.builder import SegmentBuilder
from pyattn.documents.elements import ElementsPart
from pyattn.documents.encodings import Encoded
from pyattn.documents.html import feed
from pyattn.documents.markup import Token
from pyattn.documents.model import Answer, Edit, Segment
from pyattn.documents.packages import Package
from pyattn.documents.settings import DocumentSettings
from pyattn.documents.xml_parts import Group, XmlPart, attribute_of
from pyattn.results import Span

_TYPES = {"odt": "text", "odp": "presentation", "ods": "spreadsheet"}
_MIME = "application/vnd.oasis.opendocument."

# Elements whose content is text of the paragraph.
_PAIRS = frozenset({"text:span", "text:a", "text:meta", "text:meta-field"})
# What programs note about a text and find out again.
_DROPPED = frozenset({"text:soft-page-break"})
# Parts of a paragraph whose text stands elsewhere.
_ASIDE = ("draw:", "office:", "text:note", "presentation:", "dr3d:", "form:", "math:")
# Elements with text that is not shown anymore, or never was.
_HIDDEN = frozenset({"text:tracked-changes", "text:note-citation", "table:tracked-changes"})
# Paragraphs and descriptions of pictures.
_TEXTS = frozenset({"text:p", "text:h", "svg:title", "svg:desc"})
# Attributes of styles that make no difference to a reader.
_UNCHECKED = re.compile(r"officeooo:|fo:(language|country)$|style:(language|country)-")


def open_opendocument(data: bytes, format: str, settings: DocumentSettings) -> Package:
    """A file of OpenDocument with its segments.

    Args:
        data: The file.
        format: "odt", "odp" or "ods".
        settings: How to read it.

    Raises:
        DocumentError: if it is no such file, encrypted, broken or hostile.
    """
    package = Package(data, format)
    expected = _MIME + _TYPES[format]
    if "mimetype" in package:
        found = package.archive.read("mimetype")[:200].decode("ascii", "replace").strip()
        if not found.startswith(expected):
            raise package.archive.fail(f"its mimetype is {found!r}, expected {expected}")
    manifest = "META-INF/manifest.xml"
    if manifest in package and "encryption-data" in package.text(manifest, doctype=True).text:
        raise package.archive.fail("is encrypted; save the document without a password")
    for name in ("content.xml", "styles.xml"):
        if name in package or name == "content.xml":
            package.add(name, lambda text, label: OpenDocumentPart(text, label, settings))
    if "meta.xml" in package:
        texts = {"title", "subject", "description"}
        package.add(
            "meta.xml", lambda text, label: ElementsPart(text, label, settings, texts=texts)
        )
    return package


class OpenDocumentPart(XmlPart):
    """The content or the styles of a file of OpenDocument.

    Args:
        encoded: The text.
        label: The part's name in errors.
        settings: How to read it.
    """

    def __init__(self, encoded: Encoded, label: str, settings: DocumentSettings) -> None:
        super().__init__(encoded, label, settings)
        # What styles of spans look like; nothing for those that change nothing.
        self._styles: dict[str, str] = {}
        self._style: str | None = None
        self._computed = False
        # Tags of spans that change nothing: those of a paragraph, and those across a segment's
        # borders.
        self._plain: list[tuple[Span, Span]] = []
        self._halves: dict[int, tuple[list[Span], list[Span]]] = {}
        for group in self.groups(self._is_wanted, self._seen):
            self._read(group, 0, 0)

    def _is_wanted(self, name: str, stack: list[str]) -> bool:
        if name not in _TEXTS or not _HIDDEN.isdisjoint(stack):
            return False
        # A cell with a number or a formula shows it as text, which programs make again.
        return not (self._computed and stack and stack[-1] == "table:table-cell")

    def _seen(self, token: Token) -> None:
        """Notes cells, styles and languages."""
        if token.name == "table:table-cell":
            kind = self.value(token, "value-type")
            formula = attribute_of(token, "formula")
            self._computed = formula is not None or kind not in (None, "string")
        elif token.name == "style:style":
            self._style = self.value(token, "name")
            if self._style is not None and self.value(token, "family") == "text":
                self._styles[self._style] = self.value(token, "parent-style-name") or ""
        elif token.name == "style:text-properties":
            if self._style in self._styles:
                self._styles[self._style] += "".join(
                    f" {one.name}={self.text[slice(*one.value)]}"
                    for one in token.attributes
                    if one.value and not _UNCHECKED.match(one.name)
                )
            self._set_language(token)

    def _set_language(self, token: Token) -> None:
        language, country = (
            next((one for one in token.attributes if one.name == f"fo:{name}"), None)
            for name in ("language", "country")
        )
        before = len(self.settled)
        self.settle_language(language)
        if len(self.settled) > before and country is not None:
            self.settle(country.value, "none")

    def _read(self, group: Group, paragraph: int, depth: int) -> None:
        """Adds the segments of a paragraph and of those inside."""
        self.check_depth(depth, group.tokens[paragraph].span[0])
        builder = SegmentBuilder()
        self._plain = []
        nested = self._content(group, paragraph, builder)
        for segment in builder.build():
            self._balance(segment)
            self.segments.append(segment)
        for number in nested:
            self._read(group, number, depth + 1)

    def _content(self, group: Group, paragraph: int, builder: SegmentBuilder) -> list[int]:
        """Gives a builder the content of a paragraph; the paragraphs inside of it."""
        nested: list[int] = []
        closing: dict[int, str] = {}
        joined: set[int] = set()
        number, stop = paragraph + 1, group.last[paragraph]
        while number < stop:
            token = group.tokens[number]
            if token.kind == "text":
                feed(builder, self.text, token.span)
            elif token.kind == "end" and number in closing:
                builder.close(closing.pop(number), token.span)
            elif token.kind == "start" and token.name in _PAIRS and not token.closed:
                if number not in joined:
                    end = self._end(group, number, joined)
                    self.check_pairs(len(closing), token.span[0])
                    if self._look(token):
                        builder.open(token.name, token.span)
                        closing[end] = token.name
                    else:
                        self._plain.append((token.span, group.tokens[end].span))
            elif token.kind == "start":
                self._put(group, number, builder)
                nested += group.outermost(_TEXTS.__contains__, number, group.last[number])
                number = group.last[number]
            number += 1
        return nested

    def _balance(self, segment: Segment) -> None:
        """Notes the tags of plain spans that only begin or only end in the place of a segment."""
        begin, end = segment.place
        for first, last in reversed(self._plain):
            if first[1] == begin < last[0] < end:
                begin = first[0]
        for first, last in self._plain:
            if begin < first[0] < end == last[0]:
                end = last[1]
        segment.place = begin, end
        closed = [last for first, last in self._plain if first[0] < begin <= last[0] < end]
        opened = [first for first, last in self._plain if begin <= first[0] < end <= last[0]]
        if closed or opened:
            self._halves[id(segment)] = closed, opened

    def edits(self, segment: Segment, answer: Answer, raw: Callable[[Span], str]) -> list[Edit]:
        """The edits that put a translation in place; plain spans across its borders stay there."""
        [edit] = super().edits(segment, answer, raw)
        closed, opened = self._halves.get(id(segment), ([], []))
        ends = "".join(map(raw, closed)), "".join(map(raw, opened))
        return [Edit(edit.span, ends[0] + edit.text + ends[1])]

    def _look(self, token: Token) -> str:
        """What an element looks like; nothing for a span that changes nothing."""
        if token.name != "text:span":
            return self.text[slice(*token.span)]
        style = self.value(token, "style-name") or ""
        return self._styles.get(style, style)

    def _end(self, group: Group, number: int, joined: set[int]) -> int:
        """The end tag of a span, and of those behind it that look the same and are joined to it."""
        look, end = self._look(group.tokens[number]), group.last[number]
        while group.tokens[number].name == "text:span":
            following = end + 1
            while group.tokens[following].name in _DROPPED:
                following = group.last[following] + 1
            token = group.tokens[following]
            same = token.kind == "start" and token.name == "text:span" and not token.closed
            if not same or self._look(token) != look:
                break
            joined.add(following)
            end = group.last[following]
        return end

    def _put(self, group: Group, number: int, builder: SegmentBuilder) -> None:
        """Gives a builder an element that is copied as a whole."""
        name, place = group.tokens[number].name, group.span(number)
        if name == "text:s":
            builder.space(place)
        elif name == "text:line-break":
            builder.line_break(place)
        elif name == "text:tab":
            builder.line_break(place, firm=True)
        elif name.startswith(_ASIDE):
            builder.empty(place)
        elif name not in _DROPPED:
            builder.kept(self.words(group, number, group.last[number]), place)
