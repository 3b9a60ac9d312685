"""Cues of films: joined into sentences, translated, and cut again where their words are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from pyattn.documents.document import Document
from pyattn.documents.model import Answer, Edit, Element, Segment
from pyattn.documents.placement import Area, Placement
from pyattn.documents.words import Links, Words
from pyattn.documents.wrapping import wrapped
from pyattn.results import Span

# Letters of a line, and lines of a cue, unless the source has more.
LINE_LETTERS = 42
_CUE_LINES = 2
# Cues that are joined at most, and their letters.
_MOST_CUES = 12
_MOST_LETTERS = 800
# Milliseconds between cues of one sentence, at most.
_LONGEST_GAP = 1000
# What a cue with a line too long counts for, in letters: rather dozens of words in another cue.
_RAGGED = 50
# Share of its room up to which the lines of a cue are never too long.
_TIGHT = 0.75
# Share of its room from which on a cue may need some of a neighbour's for its translation.
# Sentences are translated one by one: cues that are joined for nothing are cut where they were.
_NEEDY = 0.45
# What ends a sentence, and what begins one whatever was before.
_ENDS = frozenset('.!?…:;"”»)]♪♫。！？」』*')
_BEGINS = frozenset("-–—‐♪♫[(#*")
# Costs of a cut: for each letter without room, for a cue without words, and for each word of the
# translation on the wrong side, which is 1; a cut behind a sign is a little better.
_NO_ROOM, _NO_WORDS, _SIGN = 1.0, 1000.0, 0.3


@dataclasses.dataclass(frozen=True)
class Cue:
    """A text on the screen, or what one of two speakers says in it.

    Attributes:
        segment: Its text.
        times: Milliseconds at which it begins and ends.
        letters: Letters of its longest line.
        lines: Number of its lines.
        alone: Whether it is not joined with others: a line of a dialogue.
        style: Cues of different styles are not joined.
    """

    segment: Segment
    times: tuple[int, int]
    letters: int
    lines: int
    alone: bool = False
    style: str = ""

    @property
    def width(self) -> int:
        """Letters that a line of its translation has at most."""
        return max(LINE_LETTERS, self.letters)

    @property
    def most_lines(self) -> int:
        """Lines that its translation has at most."""
        return self.lines if self.alone else max(_CUE_LINES, self.lines)

    @property
    def room(self) -> int:
        """Letters that its translation has at most."""
        return self.width * self.most_lines

    def lacks(self, text: str) -> int:
        """How many letters of a text have no room in its lines."""
        if len(text) > self.room:
            return len(text) - self.room + _RAGGED
        if len(text) < _TIGHT * self.room or len(wrapped(text, self.width)) <= self.most_lines:
            return 0
        return _RAGGED


@dataclasses.dataclass(frozen=True)
class _Part:
    """A cue as a part of a joined segment: its span in the segment's text, and its elements."""

    cue: Cue
    span: Span
    elements: list[Element]


class CueDocument(Document):
    """A document of cues. Formats derive from it.

    Attributes:
        line_end: What ends a line of a cue.
    """

    line_end = "\n"

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._parts: dict[Span, list[_Part]] = {}

    def add(self, cues: Sequence[Cue]) -> None:
        """Adds the segments of all cues, in the order of time."""
        group: list[Cue] = []
        for cue in cues:
            if group and not _goes_on(group, cue):
                self._join(group)
                group = []
            group.append(cue)
        if group:
            self._join(group)

    def _join(self, cues: list[Cue]) -> None:
        text = ""
        parts: list[_Part] = []
        whole = Segment("", (cues[0].segment.place[0], cues[-1].segment.place[1]))
        for cue in cues:
            own = cue.segment
            text += " " if text else ""
            offset = len(text)
            elements = [_moved(element, offset) for element in own.elements]
            parts.append(_Part(cue, (offset, offset + len(own.text)), elements))
            whole.elements += elements
            whole.protected += [(begin + offset, end + offset) for begin, end in own.protected]
            whole.written |= own.written
            text += own.text
        whole.text = text
        # Cuts need an alignment, too.
        whole.aligned = len(parts) > 1
        self._parts[whole.place] = parts
        self.segments.append(whole)

    def edits(self, segment: Segment, answer: Answer, raw: Callable[[Span], str]) -> list[Edit]:
        """The text of each cue, in lines."""
        parts = self._parts[segment.place]
        answer = dataclasses.replace(answer, text=" ".join(answer.text.split("\n")))
        placement = Placement.of(segment, answer)
        links = placement.links
        spans = [links.source.within(part.span) for part in parts]
        cuts = _cuts([part.cue for part in parts], spans, links)
        areas = [
            Area(source, (low, high), _letters(links.target, low, high))
            for source, low, high in zip(spans, cuts, cuts[1:], strict=False)
        ]
        text = links.target.text
        for part, area in zip(parts, areas, strict=True):
            text = _in_lines(text, area.span, part.cue)
        placement = placement.with_text(text)
        edits = []
        for part, area in zip(parts, areas, strict=True):
            inside = [
                one for one in placement.elements if part.span[0] <= one.span[0] < part.span[1] + 1
            ]
            inside = [one for one in inside if one.span[1] <= part.span[1]]
            written = "".join(
                self.escaped(piece, segment).replace("\n", self.line_end)
                if isinstance(piece, str)
                else raw(piece)
                for piece in placement.fragments(inside, area)
            )
            edits.append(Edit(part.cue.segment.place, written or "…"))
        return edits


def _goes_on(group: list[Cue], following: Cue) -> bool:
    """Whether a cue goes on with the sentence of the cues before it."""
    last = group[-1]
    text, then = last.segment.text, following.segment.text
    letters = sum(len(cue.segment.text) for cue in group) + len(then)
    return not (
        last.alone
        or following.alone
        or last.style != following.style
        or len(group) >= _MOST_CUES
        or letters > _MOST_LETTERS
        or not -_LONGEST_GAP < following.times[0] - last.times[1] < _LONGEST_GAP
        or (text[-1] in _ENDS and not _is_needy(last) and not _is_needy(following))
        or then[0] in _BEGINS
        or (text.isupper() and not then.isupper())
    )


def _is_needy(cue: Cue) -> bool:
    return len(cue.segment.text) >= _NEEDY * cue.room


def _moved(element: Element, offset: int) -> Element:
    begin, end = element.span
    children = [_moved(child, offset) for child in element.children]
    return dataclasses.replace(element, span=(begin + offset, end + offset), children=children)


def _letters(target: Words, low: int, high: int) -> Span:
    """The letters of some words of a translation, without white space around them."""
    if low >= high:
        place = target.spans[low][0] if low < len(target) else len(target.text.rstrip())
        return place, place
    begin = 0 if low == 0 else target.spans[low][0]
    begin += len(target.text[begin:]) - len(target.text[begin:].lstrip())
    end = target.spans[high - 1][1] if high < len(target) else len(target.text.rstrip())
    return begin, end


def _cuts(cues: list[Cue], spans: list[Span], links: Links) -> list[int]:
    """Where a translation is cut: the first word of each cue, and the number of words.

    The best cuts have the fewest words on the wrong side and enough room in every cue.
    """
    count = len(links.target)
    if len(cues) == 1:
        return [0, count]
    places = [0, *(n for n in range(1, count) if _may_cut(links.target, n)), count]
    costs: list[float] = [0.0] + [float("inf")] * (len(places) - 1)
    origins: list[list[int]] = []
    firsts = [_letters(links.target, place, count)[0] for place in places]
    lasts = [_letters(links.target, 0, place)[1] for place in places]
    for number, cue in enumerate(cues):
        last = number == len(cues) - 1
        wrong = [] if last else _wrong_sides(links, spans[number + 1][0])
        best, origin = [float("inf")] * len(places), [0] * len(places)
        for end in range(len(places)) if not last else (len(places) - 1,):
            border = 0.0 if last else _border_cost(links, places[end], wrong, spans[number + 1][0])
            for begin in range(end + 1):
                if costs[begin] == float("inf"):
                    continue
                cost = costs[begin] + border
                if cost < best[end] and begin < end:
                    cost += _NO_ROOM * cue.lacks(links.target.text[firsts[begin] : lasts[end]])
                cost += _NO_WORDS * (begin == end)
                if cost < best[end]:
                    best[end], origin[end] = cost, begin
        costs = best
        origins.append(origin)
    cuts = [len(places) - 1]
    for origin in reversed(origins):
        cuts.append(origin[cuts[-1]])
    return [places[cut] for cut in reversed(cuts)]


def _may_cut(target: Words, place: int) -> bool:
    """Whether a cue may begin with a word: behind white space, or a letter that needs none."""
    begin = target.spans[place][0]
    before = target.text[begin - 1]
    if before.isspace():
        return True
    # Letters of scripts without spaces are words of their own.
    return target.solid[place] and not before.isascii() and ord(target.text[begin]) > 0x2E7F


def _wrong_sides(links: Links, border: int) -> list[int]:
    """For each place of a cut, how many words are on the wrong side of a border of the source."""
    after = sum(0 <= origin < border for origin in links.best)
    wrong = [after]
    for origin in links.best:
        after += (origin >= border) - (0 <= origin < border)
        wrong.append(after)
    return wrong


def _border_cost(links: Links, place: int, wrong: list[int], border: int) -> float:
    """What a cut costs at a place of the translation for a border of the source."""
    expected = border / max(1, len(links.source))
    share = place / max(1, len(links.target))
    sign = place > 0 and not links.target.solid[place - 1]
    return wrong[place] + abs(share - expected) - _SIGN * sign


def _in_lines(text: str, span: Span, cue: Cue) -> str:
    """A text with line breaks in place of spaces, so that a cue has short lines, if it can."""
    part = text[slice(*span)]
    if len(part) <= cue.width:
        return text
    lines = min(len(wrapped(part, cue.width)), cue.most_lines)
    low, high = -(-len(part) // lines), len(part)
    while low < high:
        middle = (low + high) // 2
        if len(wrapped(part, middle)) <= lines:
            high = middle
        else:
            low = middle + 1
    return text[: span[0]] + "\n".join(wrapped(part, low)) + text[span[1] :]
