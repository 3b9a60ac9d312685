"""Tags, text and comments of HTML and XML, each with its place; any input, in linear time."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Literal

from pyattn.results import Span

Kind = Literal["text", "start", "end", "raw", "other"]

_TAG_NAME = re.compile(r"[^\s/>]+")
_NAME = re.compile(r"=?[^\s/>=]*")
_EQUALS = re.compile(r"\s*=\s*")
_UNQUOTED = re.compile(r"[^\s>]*")
_BETWEEN = re.compile(r"[\s/]*")
_COMMENT_END = re.compile(r"--!?>")
# Elements of HTML whose content is not markup.
_RAW = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"})


@dataclasses.dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a tag.

    Attributes:
        name: Its name, in small letters in HTML.
        value: The place of its value, without quotes; None if it has none.
        quote: The quote around the value, or nothing.
    """

    name: str
    value: Span | None
    quote: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A part of a document.

    Attributes:
        kind: "start" and "end" are tags; "raw" is the content of an element without markup; "other"
            is a comment, a declaration, an instruction or a section of character data.
        span: Its place.
        name: The tag's name, in small letters in HTML.
        attributes: The attributes of a start tag.
        closed: Whether a start tag ends with "/>".
    """

    kind: Kind
    span: Span
    name: str = ""
    attributes: tuple[Attribute, ...] = ()
    closed: bool = False


def tokens(text: str, *, xml: bool, span: Span | None = None) -> Iterator[Token]:
    """The parts of a document, one after the other without a gap.

    Args:
        text: The document.
        xml: Whether it is XML, where names have capitals and no element has raw content.
        span: The part of the document to look at; None for all of it.
    """
    place, end = span or (0, len(text))
    while place < end:
        begin = text.find("<", place, end)
        if begin < 0:
            yield Token("text", (place, end))
            return
        token = _token(text, begin, end, xml)
        if token is None:  # a lone "<" is text
            following = text.find("<", begin + 1, end)
            following = end if following < 0 else following
            yield Token("text", (place, following))
            place = following
            continue
        if place < begin:
            yield Token("text", (place, begin))
        yield token
        place = token.span[1]
        if token.kind == "start" and not xml and token.name in _RAW and not token.closed:
            close = re.compile(rf"</{token.name}(?=[\s/>])", re.IGNORECASE).search(text, place, end)
            stop = close.start() if close else end
            if place < stop:
                yield Token("raw", (place, stop), token.name)
            place = stop


def _token(text: str, begin: int, end: int, xml: bool) -> Token | None:
    """What a "<" begins; None if it begins nothing."""
    following = text[begin + 1 : begin + 2]
    if following == "!":
        return Token("other", (begin, _declaration_end(text, begin, end, xml)))
    if following == "?":
        return Token("other", (begin, _after(text, "?>" if xml else ">", begin, end)))
    if following == "/":
        if _begins_name(text[begin + 2 : begin + 3], xml):
            return _tag(text, begin, begin + 2, end, xml)
        return Token("other", (begin, _after(text, ">", begin, end)))
    if _begins_name(following, xml):
        return _tag(text, begin, begin + 1, end, xml)
    return None


def _begins_name(letter: str, xml: bool) -> bool:
    return letter.isalpha() or (xml and letter in ("_", ":"))


def _tag(text: str, begin: int, start: int, end: int, xml: bool) -> Token:
    found = _TAG_NAME.match(text, start, end)
    if not found:
        return Token("other", (begin, end))
    name = found[0] if xml else found[0].lower()
    attributes: list[Attribute] = []
    place = found.end()
    while True:
        between = _BETWEEN.match(text, place, end)
        assert between
        place = between.end()
        if place >= end:
            return Token("other", (begin, end))  # a tag without an end
        if text[place] == ">":
            break
        attribute, place = _attribute(text, place, end, xml)
        if attribute is None:
            return Token("other", (begin, end))
        attributes.append(attribute)
    if start == begin + 2:
        return Token("end", (begin, place + 1), name)
    closed = text[place - 1] == "/"
    return Token("start", (begin, place + 1), name, tuple(attributes), closed)


def _attribute(text: str, place: int, end: int, xml: bool) -> tuple[Attribute | None, int]:
    """An attribute and the place behind it; None if the document ends in it."""
    found = _NAME.match(text, place, end)
    assert found
    name = found[0] if xml else found[0].lower()
    equals = _EQUALS.match(text, found.end(), end)
    if not equals:
        return Attribute(name, None), found.end()
    begin = equals.end()
    quote = text[begin : begin + 1]
    if begin < end and quote in ("'", '"'):
        stop = text.find(quote, begin + 1, end)
        if stop < 0:
            return None, end
        return Attribute(name, (begin + 1, stop), quote), stop + 1
    value = _UNQUOTED.match(text, begin, end)
    assert value
    return Attribute(name, value.span()), value.end()


def _declaration_end(text: str, begin: int, end: int, xml: bool) -> int:
    """The end of a comment, a section of character data or a declaration."""
    if text.startswith("<!--", begin):
        if text.startswith((">", "->"), begin + 4):
            return text.index(">", begin) + 1
        close = _COMMENT_END.search(text, begin + 4, end)
        return close.end() if close else end
    if xml and text.startswith("<![CDATA[", begin):
        return _after(text, "]]>", begin, end)
    subset = text.find("[", begin, end) if xml else -1
    stop = text.find(">", begin, end)
    if 0 <= subset < stop:
        inner = _after(text, "]", subset, end)
        return _after(text, ">", inner, end)
    return _after(text, ">", begin, end)


def _after(text: str, mark: str, begin: int, end: int) -> int:
    """The place behind a mark, or the end."""
    place = text.find(mark, begin, end)
    return end if place < 0 else place + len(mark)
