"""Segments made of the text and the tags that a reader meets."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from pyattn.documents.model import Element, Segment
from pyattn.results import Span

# White space of markup languages.
_SPACES = " \t\n\r\f"
_WHITE = re.compile(f"[{_SPACES}]+")
# Elements that are entries of a menu if no text is between them.
_ENTRIES = frozenset({"a", "button", "label", "option", "span"})
# Marks that end a sentence or its part.
_ENDS = frozenset(".!?:;…。！？")
# Letters that the number of a footnote has at most, brackets and all.
_LONGEST_NOTE = 12
# Elements nested deeper than this keep their place in the text, but are not pairs of tags anymore.
_DEEPEST = 64


@dataclasses.dataclass(slots=True)
class _Item:
    """Something of a segment in the making: text, a tag, or what is copied."""

    kind: str  # "text", "open", "close", "empty", "kept", "break", "space"; "gone" in another
    place: Span
    text: str = ""
    name: str = ""
    partner: int = -1


class SegmentBuilder:
    """Makes a segment of the text and the tags that a reader meets, one after the other.

    Tags that do not pair, or lie at the edges of a segment, are left out of it or become markup
    without text.
    """

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._open: list[int] = []
        self._written: dict[str, str] = {}

    def text(self, text: str, place: Span) -> None:
        """Some text; `place` is where it is written in the document."""
        self._items.append(_Item("text", place, text))

    def reference(self, text: str, place: Span, written: str) -> None:
        """A text that is written in another way, such as "&" as "&amp;"."""
        if len(text) == 1:
            self._written[text] = written
        self._items.append(_Item("text", place, text))

    def open(self, name: str, place: Span) -> None:
        """An opening tag."""
        if len(self._open) < _DEEPEST:
            self._open.append(len(self._items))
            self._items.append(_Item("open", place, name=name))
        else:
            self._items.append(_Item("empty", place))

    def close(self, name: str, place: Span) -> None:
        """A closing tag; tags that were opened behind its partner stay without one."""
        depth = len(self._open) - 1
        while depth >= 0 and self._items[self._open[depth]].name != name:
            depth -= 1
        if depth < 0:
            self._items.append(_Item("empty", place))
            return
        partner = self._open[depth]
        del self._open[depth:]
        self._items[partner].partner = len(self._items)
        self._items.append(_Item("close", place, name=name, partner=partner))

    def empty(self, place: Span) -> None:
        """Markup without text."""
        self._items.append(_Item("empty", place))

    def space(self, place: Span) -> None:
        """Markup for a space, which is one in the text unless another is before it."""
        self._items.append(_Item("space", place, " "))

    def kept(self, text: str, place: Span) -> None:
        """An element that is copied as a whole; `text` is what a reader sees of it."""
        self._items.append(_Item("kept" if text.strip() else "empty", place, text))

    def line_break(self, place: Span, *, firm: bool = False) -> None:
        """Markup that begins a new line; a firm one never is inside of a sentence."""
        self._items.append(_Item("kept", place, "\n") if firm else _Item("break", place))

    def build(self) -> Iterator[Segment]:
        """The segments of what was met since the last call, mostly one; none has no letter."""
        items, written = self._items, self._written
        self._items, self._open, self._written = [], [], {}
        for item in items:
            if item.kind == "open" and item.partner < 0:
                item.kind = "empty"
        _settle_breaks(items)
        _settle_notes(items)
        for first, last in _independent(items):
            yield from _trimmed(items, first, last, written)


def _trimmed(
    items: list[_Item], first: int, last: int, written: dict[str, str]
) -> Iterator[Segment]:
    """The segment of some items without what is at their edges; none without a letter."""
    while first < last:
        if _is_edge(items[first]):
            first += 1
        elif _is_edge(items[last - 1]):
            last -= 1
        elif items[first].kind == "open" and items[first].partner == last - 1:
            first, last = first + 1, last - 1
        else:
            break
    segment = _segment(items[first:last], first, written)
    if any(map(str.isalpha, _open_text(segment))):
        yield segment


def _settle_breaks(items: list[_Item]) -> None:
    """Tells breaks that end a sentence or a line from those inside of one, which are spaces."""
    last = ""
    inside: list[_Item] = []
    for item in items:
        if item.kind == "break":
            item.kind, item.text = "kept", "\n"
            inside.append(item)
        elif item.kind in ("text", "kept") and item.text.strip():
            if len(inside) == 1 and last not in _ENDS and item.text.strip()[0].islower():
                inside[0].kind, inside[0].text = "space", " "
            inside.clear()
            last = item.text.strip()[-1]


def _settle_notes(items: list[_Item]) -> None:
    """Makes raised numbers of footnotes markup without text: no sentence reads on in them."""
    last = ""
    for number, item in enumerate(items):
        if item.kind == "open" and item.name == "sup":
            inside = items[number + 1 : item.partner]
            text = "".join(one.text for one in inside)
            linked = any(one.name == "a" for one in inside)
            short = len(text) <= _LONGEST_NOTE and not any(map(str.isalpha, text))
            if short and (linked or not last.isalnum()):
                item.kind, item.place = "empty", (item.place[0], items[item.partner].place[1])
                for one in items[number + 1 : item.partner + 1]:
                    one.kind = "gone"
        elif item.text.strip() and item.kind != "gone":
            last = item.text[-1]


def _independent(items: list[_Item]) -> list[Span]:
    """Ranges of items that have nothing to do with each other: mostly one, more for lists of links.

    Links and buttons with no word between them are entries of a menu.
    """
    entries: list[Span] = []
    number = 0
    while number < len(items):
        item = items[number]
        if item.kind == "open":
            if item.name not in _ENTRIES:
                return [(0, len(items))]
            entries.append((number, item.partner + 1))
            number = item.partner
        elif item.kind == "kept" or (item.kind == "text" and any(map(str.isalnum, item.text))):
            return [(0, len(items))]
        number += 1
    return entries or [(0, len(items))]


def _is_edge(item: _Item) -> bool:
    """Whether something is left out at the edge of a segment."""
    if item.kind in ("text", "kept"):
        return not item.text.strip()
    return item.kind in ("empty", "space", "gone")


def _open_text(segment: Segment) -> str:
    """The text of a segment without what is copied."""
    spans = [element.span for element in segment.elements if element.kept]
    begin, parts = 0, []
    for span in spans:
        parts.append(segment.text[begin : span[0]])
        begin = span[1]
    return "".join([*parts, segment.text[begin:]])


def _segment(items: list[_Item], offset: int, written: dict[str, str]) -> Segment:
    """A segment of items that pair among themselves; white space of any length is one space."""
    parts: list[str] = []
    length = 0
    spaced = True
    between: list[Element] = []
    root: list[Element] = []
    levels = [root]
    begin, end = (items[0].place[0], items[-1].place[1]) if items else (0, 0)
    final = [n for n, item in enumerate(items) if item.kind in ("text", "kept")]
    for number, item in enumerate(items):
        if item.kind == "open":
            partner = items[item.partner - offset]
            element = Element((length, length), item.place, partner.place)
            levels[-1].append(element)
            levels.append(element.children)
            continue
        if item.kind == "close":
            levels.pop()
            owner = levels[-1][-1]
            owner.span = (owner.span[0], length)
            continue
        if item.kind in ("empty", "space"):
            lone = Element((length, length), item.place)
            levels[-1].append(lone)
            if spaced:
                between.append(lone)
            if item.kind == "space" and not spaced:
                parts.append(" ")
                length, spaced = length + 1, True
            continue
        if item.kind == "gone":
            continue
        if item.kind == "kept":
            kept = item.text if item.text == "\n" else " ".join(item.text.split())
            levels[-1].append(Element((length, length + len(kept)), item.place))
            parts.append(kept)
            length += len(kept)
            spaced = kept == "\n"
            continue
        for lone in between if item.text[0] in _SPACES else ():
            lone.padded = True
        folded, spaced = _folded(item.text, spaced)
        if folded or not spaced:
            between.clear()
        if number == final[-1]:
            folded = folded.rstrip(_SPACES)
        parts.append(folded)
        length += len(folded)
    if items and items[0].kind == "text":
        begin += len(items[0].text) - len(items[0].text.lstrip(_SPACES))
    if items and items[-1].kind == "text":
        end -= len(items[-1].text) - len(items[-1].text.rstrip(_SPACES))
    return Segment("".join(parts), (begin, end), root, written=written)


def _folded(text: str, spaced: bool) -> tuple[str, bool]:
    """A text with single spaces, and whether it ends with one; none behind another one."""
    folded = _WHITE.sub(" ", text)
    if spaced:
        folded = folded.lstrip(" ")
    return folded, folded.endswith(" ") or (spaced and not folded)
