"""Paragraphs of Office Open XML as pieces: texts, each in a run, and what stands between them."""

from __future__ import annotations

import dataclasses
import re

from pyattn.documents.markup import Token
from pyattn.documents.xml_parts import Group, XmlPart, local
from pyattn.results import Span


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Local names of elements by what they mean.

    Attributes:
        paragraphs: Elements whose text is one segment.
        unchecked: What makes no difference between two runs' properties.
        preserves: Whether texts with white space at an end need xml:space.
        escapes: What is markup inside of a text, such as line breaks of cells; None if nothing is.
    """

    paragraphs: frozenset[str]
    unchecked: re.Pattern[str]
    preserves: bool = True
    escapes: re.Pattern[str] | None = None


# Elements around runs.
_PAIRS = frozenset({"hyperlink", "ins", "moveTo", "smartTag", "customXml", "sdt", "dir", "bdo"})
# Elements whose text a program computes, or shows in another way.
_KEPT = frozenset({"fldSimple", "fld", "ruby"})
# Text that is not there anymore; nothing inside is translated.
_DELETED = frozenset({"del", "moveFrom", "rPh", "pPr", "rPr", "rPrChange", "pPrChange"})
# What programs note about a text and find out again.
_DROPPED = frozenset({"proofErr", "lastRenderedPageBreak", "softHyphen", "noBreakHyphen"})
_BREAKS = frozenset({"br", "cr"})
_TABS = frozenset({"tab", "ptab"})
_FIELDS = frozenset({"fldChar", "instrText", "delInstrText"})
_EMPTY = re.compile(r"<[\w:.-]+\s*/>|<([\w:.-]+)\s*></\1\s*>")
_GAP = re.compile(r">\s+<")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        begin: The place of its start tag.
        content: The place behind its properties.
        end: The place of its end tag.
        key: Its properties, equal for runs that look the same.
    """

    begin: int
    content: int
    end: Span
    key: str


@dataclasses.dataclass
class Piece:
    """A piece of a paragraph.

    Attributes:
        kind: "text"; "inline", "break" or "tab" in a run or as a whole run; "open" or "close" for
            tags around runs; "kept" for what has text, and "whole" for what has none, that is
            copied as it is.
        place: Where it is; the text itself for a text.
        text: The text; for what is kept, that which a reader sees.
        run: Its run; None if it is not in one.
        tag: The element around a text.
        marks: The marks of fields in it: "b" begins one, "s" begins its result, "e" ends it.
        code: The code of a field in it.
    """

    kind: str
    place: Span
    text: str = ""
    run: Run | None = None
    tag: Span = (0, 0)
    marks: str = ""
    code: str = ""


class RunReader:
    """Reads paragraphs of a part.

    Args:
        part: The part.
        vocabulary: Its elements.
    """

    def __init__(self, part: XmlPart, vocabulary: Vocabulary) -> None:
        self._part = part
        self._vocabulary = vocabulary
        self._keys: dict[str, str] = {}

    def pieces(self, group: Group, paragraph: int) -> tuple[list[Piece], list[int]]:
        """The pieces of a paragraph, and the paragraphs inside of it.

        Args:
            group: The tokens around.
            paragraph: The index of its start tag.
        """
        pieces: list[Piece] = []
        nested: list[int] = []
        closing: dict[int, Span] = {}
        number, stop = paragraph + 1, group.last[paragraph]
        while number < stop:
            token = group.tokens[number]
            name = local(token.name)
            span = group.span(number)
            if token.kind == "end" and number in closing:
                pieces.append(Piece("close", closing.pop(number)))
            if token.kind != "start":
                number += 1
                continue
            if name in _PAIRS and not token.closed:
                self._part.check_pairs(len(closing), span[0])
                number = self._pair(group, number, pieces, closing)
                continue
            if name == "r" and not token.closed:
                pieces += self._run(group, number, nested)
            elif name == "t":
                run = Run(span[0], span[0], (span[1], span[1]), "")
                pieces += self._text(group, number, run)
            elif name in _BREAKS:
                pieces.append(Piece("break", span))
            elif name in _KEPT:
                text = self._part.words(group, number, group.last[number])
                pieces.append(Piece("kept", span, text))
            elif name not in _DROPPED:
                pieces.append(Piece("whole", span))
                nested += self._nested(group, number)
            number = group.last[number] + 1
        return _with_fields(pieces), nested

    def _nested(self, group: Group, number: int) -> list[int]:
        if local(group.tokens[number].name) in _DELETED:
            return []
        names = self._vocabulary.paragraphs
        return group.outermost(lambda name: local(name) in names, number, group.last[number])

    def _pair(
        self, group: Group, number: int, pieces: list[Piece], closing: dict[int, Span]
    ) -> int:
        """Opens an element around runs, with its properties; the index of what follows."""
        begin, end = group.span(number)
        last, following = group.last[number], number + 1
        while following < last:
            token = group.tokens[following]
            name = local(token.name)
            if token.kind == "start" and name == "sdtContent" and not token.closed:
                last, following = group.last[following], following + 1
                break
            if token.kind == "start" and not name.endswith("Pr"):
                break
            following = group.last[following] + 1
        following = min(following, last)
        # White space behind the properties is no part of them.
        while following > number + 1 and group.tokens[following - 1].kind == "text":
            following -= 1
        pieces.append(Piece("open", (begin, group.tokens[following - 1].span[1])))
        closing[last] = group.tokens[last].span[0], end
        return following

    def _run(self, group: Group, number: int, nested: list[int]) -> list[Piece]:
        """The pieces of a run; one for a run without text."""
        begin, end = group.span(number)
        last = group.last[number]
        content = group.tokens[number].span[1]
        key = ""
        children = group.outermost(lambda _: True, number + 1, last)
        if children and local(group.tokens[children[0]].name) == "rPr":
            span = group.span(children[0])
            key, content = self._key(self._part.text[slice(*span)]), span[1]
            del children[0]
        run = Run(begin, content, group.tokens[last].span, key)
        pieces: list[Piece] = []
        marks, code = "", ""
        for child in children:
            name = local(group.tokens[child].name)
            if name in _FIELDS:
                marks += self._mark(group.tokens[child])
                code += self._part.words(group, child, group.last[child])
            pieces += self._child(group, child, run)
            nested += self._nested(group, child)
        if marks or code:
            text = "".join(piece.text for piece in pieces)
            return [Piece("whole", (begin, end), text, marks=marks or "i", code=code)]
        if not pieces or any(piece.kind == "text" for piece in pieces):
            return pieces
        kinds = {piece.kind for piece in pieces}
        kind = kinds.pop() if len(kinds) == 1 and "inline" not in kinds else "whole"
        return [Piece(kind, (begin, end))]

    def _child(self, group: Group, number: int, run: Run) -> list[Piece]:
        token = group.tokens[number]
        name, span = local(token.name), group.span(number)
        if name == "t":
            return self._text(group, number, run)
        if name in _BREAKS and self._part.value(token, "type") in (None, "textWrapping"):
            return [Piece("break", span, run=run)]
        if name in _TABS:
            return [Piece("tab", span, run=run)]
        if name == "noBreakHyphen":
            return [Piece("text", span, "\u2011", run, span)]
        return [] if name in _DROPPED or name in _FIELDS else [Piece("inline", span, run=run)]

    def _text(self, group: Group, number: int, run: Run) -> list[Piece]:
        """The text of an element; none if it is empty, and an inline piece if it has markup."""
        inside = group.tokens[number + 1 : group.last[number]]
        span = group.span(number)
        if not inside:
            return []
        if len(inside) > 1 or inside[0].kind != "text":
            return [Piece("inline", span, run=run)]
        return [Piece("text", inside[0].span, self._part.text[slice(*inside[0].span)], run, span)]

    def _mark(self, token: Token) -> str:
        kind = self._part.value(token, "fldCharType") if local(token.name) == "fldChar" else None
        return {"begin": "b", "separate": "s", "end": "e"}.get(kind or "", "")

    def _key(self, raw: str) -> str:
        key = self._keys.get(raw)
        if key is None:
            key = _GAP.sub("><", self._vocabulary.unchecked.sub("", raw))
            key = self._keys[raw] = "" if _EMPTY.fullmatch(key) else key
        return key


def _with_fields(pieces: list[Piece]) -> list[Piece]:
    """Pieces with one piece for each field, or a pair around the text of a link."""
    out: list[Piece] = []
    extents = _extents(pieces)
    closing: dict[int, Span] = {}
    number = 0
    while number < len(pieces):
        piece = pieces[number]
        if number in closing:
            out.append(Piece("close", closing[number]))
        elif "b" not in piece.marks:
            out.append(piece)
        else:
            separate, end = extents[number]
            begin = piece.place[0]
            head = end if separate is None else separate
            code = "".join(one.code for one in pieces[number : head + 1])
            if separate is not None and end > separate and code.split()[:1] == ["HYPERLINK"]:
                out.append(Piece("open", (begin, pieces[separate].place[1])))
                closing[end] = pieces[end].place
                number = separate
            else:
                shown = [] if separate is None else pieces[separate + 1 : end]
                text = "".join(one.text for one in shown)
                out.append(Piece("kept", (begin, pieces[end].place[1]), text))
                number = end
        number += 1
    return out


def _extents(pieces: list[Piece]) -> dict[int, tuple[int | None, int]]:
    """For each piece that begins a field where its result begins, if it has one, and where it ends.

    A field whose end is in another paragraph, or in an element that it is not in itself, ends where
    its result begins.
    """
    extents: dict[int, tuple[int | None, int]] = {}
    results: dict[int, int] = {}
    waiting: list[tuple[int, int]] = []  # fields that have no end yet, with their level
    level = 0
    for number, piece in enumerate(pieces):
        level += (piece.kind == "open") - (piece.kind == "close")
        while waiting and waiting[-1][1] > level:
            waiting.pop()
        for mark in piece.marks:
            if mark == "b":
                waiting.append((number, level))
            elif mark == "s" and waiting and waiting[-1][1] == level:
                results.setdefault(waiting[-1][0], number)
            elif mark == "e" and waiting and waiting[-1][1] == level:
                begin, _ = waiting.pop()
                extents[begin] = results.get(begin), number
    for number, piece in enumerate(pieces):
        if "b" in piece.marks and number not in extents:
            extents[number] = None, results.get(number, number)
    return extents
