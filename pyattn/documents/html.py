"""HTML and XHTML, pages and fragments."""

from __future__ import annotations

import collections
import dataclasses
import html
import html.entities
import itertools
import re
from collections.abc import Callable, Sequence

from pyattn.documents import html_names as names
from pyattn.documents.builder import SegmentBuilder
from pyattn.documents.document import Document
from pyattn.documents.markup import Attribute, Token, tokens
from pyattn.documents.model import Answer, Edit, Segment
from pyattn.documents.settings import DocumentSettings, is_right_to_left
from pyattn.results import Span
from pyattn.text.languages import iso_639

_REFERENCE = re.compile(r"&(?:#[0-9]{1,8};?|#[xX][0-9a-fA-F]{1,8};?|[A-Za-z][A-Za-z0-9]{1,32};?)")
# In XML, names that are none of HTML's are declared by the document.
_ENTITY = re.compile(r"&(?:#[0-9]{1,8}|#x[0-9a-fA-F]{1,8}|[^\W\d][\w.:-]{0,99});")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Open elements that are looked at for one that ends without an end tag.
_NEAR = 64
# Letters of a kept element that an engine sees.
_MOST_KEPT = 200


@dataclasses.dataclass(slots=True)
class _Open:
    """An open element.

    Attributes:
        name: Its name.
        begin: The place of its tag.
        kept: Whether its text is not translated.
        block: Whether it begins and ends a segment.
        copies: Whether it begins a copy inside of a sentence.
    """

    name: str
    begin: int
    kept: bool
    block: bool
    copies: bool = False


class HtmlDocument(Document):
    """A page or a fragment of HTML or XHTML.

    Args:
        text: The document.
        settings: How to read it.
        xml: Whether it is XHTML.
        holds: Whether the document's encoding has all letters of a text.
    """

    format = "html"

    def __init__(
        self,
        text: str,
        settings: DocumentSettings,
        *,
        xml: bool = False,
        holds: Callable[[str], bool] = lambda _: True,
    ) -> None:
        super().__init__(text)
        self._holds = holds
        reader = HtmlReader(self, settings, xml=xml)
        reader.read((0, len(text)))

    def escaped(self, text: str, segment: Segment) -> str:
        """A text with references for what would be markup or has no place in the encoding."""
        return escaped(text, segment, self._holds)

    def edits(self, segment: Segment, answer: Answer, raw: Callable[[Span], str]) -> list[Edit]:
        """The edits that put a translation in place; a bare attribute's value gets quotes."""
        edits = super().edits(segment, answer, raw)
        if segment.style != "bare":
            return edits
        return [dataclasses.replace(edit, text=f'"{edit.text}"') for edit in edits]


def escaped(text: str, segment: Segment, holds: Callable[[str], bool]) -> str:
    """A text as HTML.

    Args:
        text: The text.
        segment: Its segment, whose `style` is the quote around an attribute's value.
        holds: Whether the encoding has all letters of a text.
    """
    special = dict(_ESCAPES)
    if segment.style in ('"', "bare"):
        special['"'] = "&quot;"
    elif segment.style == "'":
        special["'"] = "&#39;"
    special |= segment.written
    written = "".join(special.get(letter, letter) for letter in text)
    if holds(written):
        return written
    return "".join(letter if holds(letter) else f"&#{ord(letter)};" for letter in written)


class HtmlReader:
    """Finds the segments of HTML and adds them to a document.

    Args:
        document: The document.
        settings: How to read it.
        xml: Whether it is XHTML.
    """

    def __init__(self, document: Document, settings: DocumentSettings, *, xml: bool) -> None:
        self._document = document
        self._text = document.text
        self._xml = xml
        self._source, self._target = settings.source, settings.target
        self._kept = names.KEPT.union(_written(settings.keep, xml))
        blocks = names.BLOCKS.union(_written(settings.blocks, xml))
        self._blocks = blocks.difference(_written(settings.inline, xml))
        self._open: list[_Open] = []
        self._counts: collections.Counter[str] = collections.Counter()
        self._builder = SegmentBuilder()
        self._copied: list[str] = []
        self._copying = False

    def read(self, *spans: Span) -> None:
        """Reads parts of the document, at whose outer borders no element is open."""
        parts = (tokens(self._text, xml=self._xml, span=span) for span in spans)
        for token in itertools.chain.from_iterable(parts):
            if token.kind == "start":
                self._start(token)
            elif token.kind == "end":
                self._end(token)
            elif token.kind == "text" or (token.kind == "raw" and token.name == "title"):
                self._words(token.span)
            elif token.kind == "other" and not self._copying:
                self._builder.empty(token.span)
        self._pop(0, spans[-1][1])
        self._flush()

    def _words(self, span: Span) -> None:
        if self._copying:
            if sum(map(len, self._copied)) < _MOST_KEPT:
                self._copied.append(html.unescape(self._text[slice(*span)]))
        elif not (self._open and self._open[-1].kept):
            feed(self._builder, self._text, span, xml=self._xml)

    def _flush(self) -> None:
        self._document.segments.extend(self._builder.build())

    def _start(self, token: Token) -> None:
        name = token.name
        if not self._xml:
            self._end_implied(name, token.span[0])
        block = name in self._blocks
        attributes = {a.name: a for a in reversed(token.attributes)}
        kept = self._is_kept(name, attributes)
        if block and not self._copying:
            self._flush()
        if not kept:
            self._attributes(token, attributes)
        if (token.closed and self._xml) or name in names.VOID:
            if not block and not self._copying:
                if name == "br":
                    self._builder.line_break(token.span)
                else:
                    self._builder.empty(token.span)
            return
        opened = _Open(name, token.span[0], kept, block)
        if not self._copying and not block:
            if kept and not (self._open and self._open[-1].kept):
                opened.copies = self._copying = True
                self._copied = []
            else:
                self._builder.open(name, token.span)
        self._open.append(opened)
        self._counts[name] += 1

    def _end(self, token: Token) -> None:
        name = token.name
        if not self._counts[name]:
            if name in self._blocks or name == "br":
                if not self._copying:
                    self._flush()
            elif not self._copying:
                self._builder.empty(token.span)
            return
        depth = len(self._open) - 1
        while self._open[depth].name != name:
            depth -= 1
        opened = self._open[depth]
        copying = self._copying and not opened.copies
        self._pop(depth + 1, token.span[0])
        if opened.copies:
            self._pop(depth, token.span[1])
        else:
            self._pop(depth, token.span[0])
            if not opened.block and not copying and not self._copying:
                self._builder.close(name, token.span)

    def _pop(self, depth: int, place: int) -> None:
        """Closes open elements down to a depth; copies end at a place."""
        while len(self._open) > depth:
            opened = self._open.pop()
            self._counts[opened.name] -= 1
            if opened.copies:
                self._copying = False
                text = "" if opened.name in names.WORDLESS else "".join(self._copied)
                self._builder.kept(text[:_MOST_KEPT], (opened.begin, place))
            elif opened.block and not self._copying:
                self._flush()

    def _end_implied(self, name: str, place: int) -> None:
        """Closes elements that have no end tag before a tag that ends them."""
        if name not in self._blocks:
            return
        found = None
        for depth in range(len(self._open) - 1, max(-1, len(self._open) - 1 - _NEAR), -1):
            opened = self._open[depth]
            ends = names.IMPLIED_ENDS.get(opened.name, frozenset())
            if name in ends:
                found = depth
            elif opened.block:
                break
        if found is not None:
            self._pop(found, place)

    def _is_kept(self, name: str, attributes: dict[str, Attribute]) -> bool:
        """Whether the text of a new element is not translated."""
        asked = self._value(attributes.get("translate")).strip().lower()
        if asked in ("yes", "no"):
            return asked == "no"
        if (self._open and self._open[-1].kept) or name in self._kept:
            return True
        if "class" in attributes:
            classes = self._value(attributes["class"]).lower().split()
            if not names.KEPT_CLASSES.isdisjoint(classes):
                return True
        language = attributes.get("lang") or attributes.get("xml:lang")
        if language is None or name in ("html", "body") or not self._source:
            return False
        code = self._value(language).strip()
        return bool(code) and iso_639(code) != self._source

    def _value(self, attribute: Attribute | None) -> str:
        if attribute is None or attribute.value is None:
            return ""
        return html.unescape(self._text[slice(*attribute.value)])

    def _attributes(self, token: Token, attributes: dict[str, Attribute]) -> None:
        """Finds texts in attributes, and sets the language."""
        for attribute in attributes.values():
            if attribute.value and self._is_text(token.name, attribute, attributes):
                builder = SegmentBuilder()
                feed(builder, self._text, attribute.value, xml=self._xml)
                for segment in builder.build():
                    segment.inner, segment.style = True, attribute.quote or "bare"
                    self._document.segments.append(segment)
        self._set_language(token, attributes)

    def _is_text(
        self, element: str, attribute: Attribute, attributes: dict[str, Attribute]
    ) -> bool:
        name = attribute.name
        if name in names.TEXT_ATTRIBUTES:
            elements = names.TEXT_ATTRIBUTES[name]
            return elements is None or element in elements
        if name == "content" and element == "meta":
            key = attributes.get("name") or attributes.get("property")
            return self._value(key).strip().lower() in names.TEXT_METAS
        if name == "value" and element == "input":
            return self._value(attributes.get("type")).strip().lower() in names.BUTTON_TYPES
        return False

    def _set_language(self, token: Token, attributes: dict[str, Attribute]) -> None:
        """Gives the source's language the target's name, and pages the direction of its script."""
        root = token.name in ("html", "body")
        if self._target is None:
            return
        changed = root
        for name in ("lang", "xml:lang"):
            attribute = attributes.get(name)
            code = self._value(attribute).strip()
            if attribute and attribute.value and code and (root or iso_639(code) == self._source):
                self._set(attribute, self._target)
                changed = True
        if token.name == "meta" and self._value(attributes.get("http-equiv")).lower() == (
            "content-language"
        ):
            self._set(attributes.get("content"), self._target)
        if changed:
            self._set_direction(token, attributes)

    def _set_direction(self, token: Token, attributes: dict[str, Attribute]) -> None:
        assert self._target is not None
        after = "rtl" if is_right_to_left(self._target) else "ltr"
        before = "rtl" if self._source and is_right_to_left(self._source) else "ltr"
        if after == before:
            return
        direction = attributes.get("dir")
        if direction:
            if self._value(direction).strip().lower() == before:
                self._set(direction, after)
        elif token.name == "html":
            place = token.span[0] + len("<html")
            self._document.settled.append(Edit((place, place), f' dir="{after}"'))

    def _set(self, attribute: Attribute | None, value: str) -> None:
        """Gives an attribute another value, unless it is the same."""
        if attribute is None or attribute.value is None:
            return
        if self._text[slice(*attribute.value)] != value:
            self._document.settled.append(Edit(attribute.value, value))


def feed(builder: SegmentBuilder, text: str, span: Span, *, xml: bool = False) -> None:
    """Gives a builder the text of a span, with its references decoded.

    Args:
        builder: The builder.
        text: The document.
        span: The span.
        xml: Whether references may be to entities that the document declares; they are copied.
    """
    begin, end = span
    for match in (_ENTITY if xml else _REFERENCE).finditer(text, begin, end):
        own = xml and match[0][1] != "#" and match[0][1:] not in html.entities.html5
        meant = match[0] if own else html.unescape(match[0])
        if meant == match[0] and not own:
            continue
        if begin < match.start():
            builder.text(text[begin : match.start()], (begin, match.start()))
        if own:
            builder.kept(meant, match.span())
        elif meant:
            builder.reference(meant, match.span(), match[0])
        else:  # a letter that there is not
            builder.empty(match.span())
        begin = match.end()
    if begin < end:
        builder.text(text[begin:end], (begin, end))


def _written(elements: Sequence[str], xml: bool) -> list[str]:
    """Names of elements as the tokens of a document have them; case counts in XML alone."""
    return [name if xml else name.lower() for name in elements]
