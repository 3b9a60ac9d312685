# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
"""Protected parts at the edges of sentences, which are cut off, and text that cannot be cut."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Sequence

from pyattn.results import Span
from pyattn.text.normalization import has_letter
from pyattn.text.pieces import halved, stripped
from pyattn.text.protection.kinds import Kept

# What parts a name, an address or the like from the sentence beside it.
_SEPARATOR = re.compile(r"\s*(?::|\s[-–—|>]|[—|])\s+")
_SEPARATED = re.compile(r"(?::|\s[-–—|>]|[—|])\s*$")
_PAIRS = frozenset({"''", '""', "``", "‘’", "“”", "„“", "«»", "‹›", "()", "[]", "「」", "『』"})


def masked(text: str, kept: Sequence[Kept]) -> str:
    """A text of the same length in which no sentence ends inside of a protected part.

    Marks become white space, because what is around them is complete without them; others a word.
    """
    if not kept:
        return text
    out: list[str] = []
    done = 0
    for part in kept:
        length = part.end - part.begin
        out += [text[done : part.begin], " " * length if part.role == "mark" else _word(length)]
        done = part.end
    return "".join([*out, text[done:]])


def uncut(spans: Iterable[Span], kept: Sequence[Kept]) -> list[Span]:
    """Spans of which none begins or ends inside of a protected part: those that do are joined."""
    joined: list[Span] = []
    for begin, end in spans:
        inside = _around(begin, kept)
        if inside is not None:
            begin = inside.begin
        inside = _around(end, kept)
        if inside is not None:
            end = inside.end
        if joined and begin < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def parted(mask: str, span: Span, kept: Sequence[Kept]) -> list[Span]:
    """The two halves of a span, cut beside a protected part where the middle is inside of one.

    Args:
        mask: The text, as `masked` makes it.
        span: What is halved.
        kept: The protected parts of the text.

    Returns:
        The halves without the white space around them, or the span, if it cannot be cut.
    """
    halves = halved(mask, span)
    cut = halves[0][1] if halves else span[1]
    part = _around(cut, kept)
    if part is None:
        return halves
    edges = [edge for edge in (part.begin, part.end) if span[0] < edge < span[1]]
    if not edges:
        return [span]
    edge = min(edges, key=lambda place: abs(place - cut))
    halves = [stripped(mask, (span[0], edge)), stripped(mask, (edge, span[1]))]
    return [half for half in halves if half[0] < half[1]]


def within(span: Span, kept: Sequence[Kept]) -> list[Kept]:
    """The protected parts inside of a span."""
    first = bisect.bisect_left(kept, span[0], key=lambda part: part.begin)
    last = bisect.bisect_left(kept, span[1], key=lambda part: part.begin)
    return list(kept[first:last])


def trimmed(text: str, span: Span, inside: list[Kept]) -> tuple[Span, list[Kept]]:
    """A sentence without the protected parts at its edges that it is complete without.

    These are marks, and what a colon or a dash separates from the sentence.
    """
    begin, end = span
    while inside:
        first, last = inside[0], inside[-1]
        if first.begin == begin and (after := _behind(text, first, end)) is not None:
            begin, inside = after, inside[1:]
        elif last.end == end and _comes_off(text, last, begin):
            end, inside = last.begin, inside[:-1]
        else:
            break
        part = text[begin:end]
        begin, end = end - len(part.lstrip()), begin + len(part.rstrip())
        if begin >= end:
            return (begin, begin), []
    return (begin, end), inside


def hugged(sentence: str, places: Sequence[Span]) -> list[Span]:
    """Spans of a sentence, each with the quotes or brackets that it alone is in."""
    wider: list[Span] = []
    for begin, end in places:
        least = wider[-1][1] if wider else 0
        while begin > least and sentence[begin - 1] + sentence[end : end + 1] in _PAIRS:
            begin, end = begin - 1, end + 1
        wider.append((begin, end))
    return wider


def has_words(text: str, span: Span, inside: Sequence[Kept]) -> bool:
    """Whether there is a letter in a sentence outside of its protected parts."""
    begin = span[0]
    for part in inside:
        if has_letter(text[begin : part.begin]):
            return True
        begin = part.end
    return has_letter(text[begin : span[1]])


def _behind(text: str, first: Kept, end: int) -> int | None:
    """Where a sentence begins behind its first part; None if that belongs to it."""
    separator = _SEPARATOR.match(text, first.end, end)
    if separator:
        return separator.end()
    return first.end if first.role == "mark" else None


def _comes_off(text: str, last: Kept, begin: int) -> bool:
    return last.role == "mark" or bool(
        _SEPARATED.search(text, max(begin, last.begin - 8), last.begin)
    )


def _around(place: int, kept: Sequence[Kept]) -> Kept | None:
    """The protected part that a place is inside of."""
    number = bisect.bisect_left(kept, place, key=lambda part: part.begin) - 1
    return kept[number] if number >= 0 and place < kept[number].end else None


def _word(length: int) -> str:
    return "X" + "x" * (length - 1)
