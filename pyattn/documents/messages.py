"""Messages of programs: texts with placeholders, tags, and choices by number or gender (ICU)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyattn.documents.builder import SegmentBuilder
from pyattn.documents.model import Segment
from pyattn.documents.placeholders import placeholders
from pyattn.results import Span

_TAG = re.compile(r"<(/?)([A-Za-z][\w:-]*)(?:\s[^<>]*)?(/?)>")
_CHOICE = re.compile(r"\s{0,9}[\w.]{1,99}\s{0,9},\s*(?:plural|select|selectordinal)\s*,")
_OPTION = re.compile(r"\s*(?:offset:\d+\s*)?(?:=\d+|\w+)\s*\{")
_QUOTED = re.compile(r"'[{}][^']*'")
# Choices inside of choices.
_DEEPEST = 8


def message_segments(text: str, places: Sequence[int]) -> list[Segment]:
    """The segments of a message: one, or one for each text of its choices.

    Args:
        text: The message.
        places: Place in the document of each letter, and of the end.
    """
    texts = _texts(text)
    segments = []
    for (begin, end), arguments in texts:
        body = text[begin:end]
        begin += len(body) - len(body.lstrip())
        end -= len(body) - len(body.rstrip())
        if begin >= end:
            continue
        if _TAG.search(text, begin, end):
            own = _with_tags(text, (begin, end), places)
        elif any(map(str.isalpha, text[begin:end])):
            own = [Segment(text[begin:end], (places[begin], places[end]))]
        else:
            continue
        for segment in own:
            names = [text[slice(*span)] for span in arguments]
            segment.protected = _distinct(segment.text, names)
        segments += own
    return segments


def _distinct(text: str, arguments: list[str]) -> list[Span]:
    """The spans of placeholders and arguments in a text, without overlaps."""
    spans = placeholders(text)
    place = 0
    for argument in arguments:
        begin = text.find(argument, place)
        if begin >= 0:
            place = begin + len(argument)
            spans.append((begin, place))
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not found or span[0] >= found[-1][1]:
            found.append(span)
    return found


def _with_tags(text: str, span: Span, places: Sequence[int]) -> list[Segment]:
    builder = SegmentBuilder()
    begin = span[0]
    for tag in _TAG.finditer(text, *span):
        if begin < tag.start():
            builder.text(text[begin : tag.start()], (places[begin], places[tag.start()]))
        begin = tag.end()
        place = places[tag.start()], places[tag.end()]
        if tag[1]:
            builder.close(tag[2].lower(), place)
        elif tag[3] or tag[2].lower() in ("br", "img", "hr", "wbr"):
            builder.empty(place)
        else:
            builder.open(tag[2].lower(), place)
    if begin < span[1]:
        builder.text(text[begin : span[1]], (places[begin], places[span[1]]))
    return list(builder.build())


def _texts(text: str) -> list[tuple[Span, list[Span]]]:
    """The texts of a message, and the arguments in each; all of it if its choices are broken."""
    found: list[tuple[Span, list[Span]]] = []
    if not _CHOICE.search(text) or not _read(text, (0, len(text)), found, 0):
        return [((0, len(text)), [])]
    return found


def _read(text: str, span: Span, found: list[tuple[Span, list[Span]]], depth: int) -> bool:
    """Adds the texts of a part of a message; whether its braces match."""
    begin, end = span
    start, arguments = begin, list[Span]()
    place = begin
    while place < end:
        quoted = _QUOTED.match(text, place, end)
        if quoted:
            place = quoted.end()
        elif text[place] == "{":
            close = _closing(text, place, end)
            if close < 0:
                return False
            choice = _CHOICE.match(text, place + 1, close)
            if choice:
                found.append(((start, place), arguments))
                if not _read_options(text, (choice.end(), close), found, depth):
                    return False
                start, arguments = close + 1, []
            else:
                arguments.append((place, close + 1))
            place = close + 1
        elif text[place] == "}":
            return False
        else:
            place += 1
    found.append(((start, end), arguments))
    return True


def _read_options(text: str, span: Span, found: list[tuple[Span, list[Span]]], depth: int) -> bool:
    place, end = span
    while option := _OPTION.match(text, place, end):
        close = _closing(text, option.end() - 1, end)
        if close < 0 or depth > _DEEPEST:
            return False
        if not _read(text, (option.end(), close), found, depth + 1):
            return False
        place = close + 1
    return not text[place:end].strip()


def _closing(text: str, begin: int, end: int) -> int:
    """The brace that closes one; -1 if none does."""
    depth = 0
    for place in range(begin, end):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return place
    return -1
