# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
"""Long sentences, halved until they fit into a model's positions.

A sentence is cut near its middle: at the end of a sentence inside it, at a clause, at a space or,
at worst, inside a word.
"""

from __future__ import annotations

import re

from pyattn.results import Span

_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]]*\s+|[。！？]+[”’」』）]*")
_CLAUSE_END = re.compile(r"[,;:–—]\s+|[，、；：]")
_SPACE = re.compile(r"\s+")


def halved(text: str, span: Span) -> list[Span]:
    """The two halves of a part of a text, without the white space around them.

    A single character cannot be halved: it is returned as it is.
    """
    begin, end = span
    if end - begin <= 1:
        return [span]
    cut = _middle(text, begin, end)
    halves = (stripped(text, (begin, cut)), stripped(text, (cut, end)))
    return [half for half in halves if half[0] < half[1]]


def stripped(text: str, span: Span) -> Span:
    """A part of a text without the white space around it."""
    begin, end = span
    part = text[begin:end]
    body = part.lstrip()
    begin = end - len(body)
    return begin, begin + len(body.rstrip())


def _middle(text: str, begin: int, end: int) -> int:
    quarter = (end - begin) // 4
    middle, low, high = (begin + end) // 2, begin + quarter, end - quarter
    for boundary in (_SENTENCE_END, _CLAUSE_END, _SPACE):
        # A cut at either end would leave the text as long as it was.
        ends = [
            match.end() for match in boundary.finditer(text, low, high) if begin < match.end() < end
        ]
        if ends:
            return min(ends, key=lambda place: abs(place - middle))
    return max(begin + 1, middle)
