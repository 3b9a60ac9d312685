"""Plain text: paragraphs, lines, indentation and bullets."""

from __future__ import annotations

import itertools
import re

from pyattn.documents.document import Document
from pyattn.documents.model import Answer, Edit, Segment
from pyattn.documents.wrapping import wrapped
from pyattn.results import Span

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
# Indentation, marks of quotes and bullets. The engine copies enumerators such as "2." itself.
_HEAD = re.compile(r"[ \t\u3000]*(?:>[ \t>]*)?(?:[-*+•‣◦·–—▪●○][ \t\u00a0]+)?")
_ITEM = re.compile(r"[ \t]*(?:[-*+•‣◦·–—▪●○][ \t\u00a0]|(?:\d{1,3}|[A-Za-z])[.)][ \t])")
_END = re.compile(r"[.!?:;。！？…][\"'”’»)\]]*$")
# Widths that editors and mail programs wrap lines at.
_NARROWEST, _WIDEST = 40, 120


class TextDocument(Document):
    """A plain text.

    Lines that were wrapped belong together and are wrapped again, at the same width; all other
    lines are segments of their own.

    Args:
        text: The text.
        wrap: Whether lines of a paragraph belong together; None decides for each paragraph.
    """

    format = "text"

    def __init__(self, text: str, *, wrap: bool | None = None) -> None:
        super().__init__(text)
        self._tails: dict[Span, tuple[str, int]] = {}
        for lines in _paragraphs(text):
            self._read(lines, wrap)

    def _read(self, lines: list[Span], wrap: bool | None) -> None:
        group: list[Span] = []
        together = wrap if wrap is not None else _is_wrapped(self.text, lines)
        for line in lines:
            if group and (not together or _ITEM.match(self.text, *line)):
                self._add(group)
                group = []
            group.append(line)
        self._add(group)

    def _add(self, lines: list[Span]) -> None:
        begin = _HEAD.match(self.text, *lines[0]).end()  # type: ignore[union-attr]
        parts = [self.text[begin : lines[0][1]].strip()]
        for line in lines[1:]:
            start = _HEAD.match(self.text, *line).end()  # type: ignore[union-attr]
            parts.append(self.text[start : line[1]].strip())
        joined = " ".join(part for part in parts if part)
        if not any(map(str.isalpha, joined)):
            return
        raw = self.text[begin : lines[-1][1]]
        place = begin + len(raw) - len(raw.lstrip()), begin + len(raw.rstrip())
        if len(lines) > 1:
            second = lines[1][0]
            start = _HEAD.match(self.text, *lines[1]).end()  # type: ignore[union-attr]
            tail = self.text[lines[0][1] : second] + self.text[second:start]
            self._tails[place] = tail, max(end - first for first, end in lines)
        self.segments.append(Segment(joined, place))

    def edits(self, segment: Segment, answer: Answer, raw: object) -> list[Edit]:
        """A translation, wrapped if its segment was."""
        del raw
        if segment.place not in self._tails:
            return [Edit(segment.place, answer.text)]
        tail, width = self._tails[segment.place]
        begin = segment.place[0]
        indent = begin - max(self.text.rfind("\n", 0, begin), self.text.rfind("\r", 0, begin)) - 1
        head = len(tail.lstrip("\r\n"))
        return [Edit(segment.place, tail.join(wrapped(answer.text, width, indent, head)))]


def _paragraphs(text: str) -> list[list[Span]]:
    """The lines of each paragraph, without their ends; blank lines are in none."""
    found: list[list[Span]] = []
    before = False
    for match in _LINE.finditer(text):
        begin, end = match.span()
        line = match[0].rstrip("\r\n")
        if line.strip():
            if not before:
                found.append([])
            found[-1].append((begin, begin + len(line)))
        before = bool(line.strip())
        if begin == end:
            break
    return found


def _is_wrapped(text: str, lines: list[Span]) -> bool:
    """Whether the lines of a paragraph were wrapped: no line had room for the next one's word."""
    width = max(end - begin for begin, end in lines)
    if len(lines) < 2 or not _NARROWEST <= width <= _WIDEST:
        return False
    flowing = False
    for line, following in itertools.pairwise(lines):
        if _ITEM.match(text, *following):
            continue
        head = _HEAD.match(text, *following)
        words = text[head.end() if head else following[0] : following[1]].split(None, 1)
        if not words:
            return False
        if line[1] - line[0] + 1 + len(words[0]) <= width:
            return False
        flowing |= not _END.search(text[slice(*line)].rstrip()) and not words[0][0].isupper()
    return flowing
