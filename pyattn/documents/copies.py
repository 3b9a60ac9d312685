"""Elements that translations contain as they are."""

from __future__ import annotations

import bisect
import dataclasses
import re
from collections.abc import Iterator

from pyattn.documents.model import Element, Segment
from pyattn.documents.runs import near
from pyattn.documents.words import Links
from pyattn.results import Span

# Equal copies whose surroundings are looked at.
_FEW = 20
# Letters of copies that are never found inside of words.
_SHORT = 3
# Words, of which elements may cover parts.
_WORD = re.compile(r"[^\W_]+")


def with_protected(segment: Segment) -> list[Element]:
    """The elements of a segment, with its protected spans among them as copies of text."""
    spans = sorted(segment.protected)
    spans = [span for n, span in enumerate(spans) if n == 0 or span[0] >= spans[n - 1][1]]
    return _merged(segment.elements, spans)


def _merged(elements: list[Element], spans: list[Span]) -> list[Element]:
    """Elements with copies of spans; spans that cross the border of an element are left out."""
    if not spans:
        return elements
    starts = [span[0] for span in spans]
    out: list[Element] = []
    taken: set[Span] = set()
    for element in elements:
        begin, end = element.span
        first = max(0, bisect.bisect_right(starts, begin) - 1)
        last = bisect.bisect_left(starts, end)
        inner = [span for span in spans[first:last] if span[1] > begin]
        taken.update(inner)
        if element.closing is None:
            taken.update(span for span in spans[first : last + 1] if span[0] < begin < span[1])
        inside = [span for span in inner if begin <= span[0] and span[1] <= end]
        if element.closing is not None:
            element = dataclasses.replace(element, children=_merged(element.children, inside))
        out.append(element)
    out += [Element(span, None) for span in spans if span not in taken]
    return sorted(out, key=lambda element: element.span[0])


def _all(elements: list[Element]) -> Iterator[Element]:
    for element in elements:
        yield element
        yield from _all(element.children)


@dataclasses.dataclass(frozen=True)
class Copies:
    """Copied elements that a translation has as they are.

    Attributes:
        groups: Equal copies: their spans in the segment's text, and in the translation.
        inside: Spans of elements that cover a part of a word which the translation has as well,
            such as the "2" of "H2O", and these letters of the translation.
    """

    groups: list[tuple[list[Span], list[Span]]]
    inside: dict[Span, Span] = dataclasses.field(default_factory=dict)

    def borders(self, side: int) -> list[int]:
        """Where copies begin and end in the text (0) or in the translation (1): no word crosses."""
        own = {place for pair in self.inside.items() for place in pair[side]}
        return sorted(own | {n for group in self.groups for span in group[side] for n in span})

    def pairs(self, links: Links) -> dict[Span, Span]:
        """Spans of the translation by spans of the text: by alignment, else in order."""
        pairs = dict(self.inside)
        for spans, found in self.groups:
            pairs |= _paired(links, spans, found)
        return pairs


def found_copies(text: str, translation: str, elements: list[Element]) -> Copies:
    """Looks for copied elements in a translation.

    Args:
        text: The text of the segment.
        translation: Its translation.
        elements: The elements of the segment.
    """
    lowered = translation.lower()
    if len(lowered) != len(translation):  # some capitals have two small letters
        lowered = translation
    wanted: dict[str, list[Span]] = {}
    for element in _all(elements):
        if element.kept:
            wanted.setdefault(text[slice(*element.span)].lower(), []).append(element.span)
    taken: list[Span] = []
    groups: list[tuple[list[Span], list[Span]]] = []
    for copy in sorted(wanted, key=len, reverse=True):
        found = _occurrences(copy, wanted[copy], text, lowered, taken)
        for span in found:
            bisect.insort(taken, span)
        groups.append((sorted(wanted[copy]), found))
    return Copies(groups, dict(_inside_words(text, translation, elements)))


def _inside_words(
    text: str, translation: str, elements: list[Element]
) -> Iterator[tuple[Span, Span]]:
    """Elements inside of words that the translation has as often, with their letters there."""
    own = [
        element.span
        for element in _all(elements)
        if element.closing is not None
        and element.span[0] < element.span[1]
        and not _is_whole(text, element.span)
    ]
    if not own:
        return
    words = [match.span() for match in _WORD.finditer(text)]
    there: dict[str, list[int]] = {}
    for match in _WORD.finditer(translation):
        there.setdefault(match[0], []).append(match.start())
    here: dict[str, list[int]] = {}
    for begin, end in words:
        here.setdefault(text[begin:end], []).append(begin)
    for span in own:
        begin, end = words[bisect.bisect_right(words, (span[0], len(text))) - 1]
        word = text[begin:end]
        places, found = here[word], there.get(word, [])
        if begin <= span[0] and span[1] <= end and len(places) == len(found):
            moved = found[bisect.bisect_left(places, begin)] - begin
            yield span, (span[0] + moved, span[1] + moved)


def _paired(links: Links, spans: list[Span], found: list[Span]) -> dict[Span, Span]:
    pairs: dict[Span, Span] = {}
    rest: list[Span] = []
    waiting = list(spans)
    for span in found:
        origins = (links.best[n] for n in range(*links.target.within(span)))
        origin = next((one for one in origins if one >= 0), -1)
        if links.weights is None or origin < 0:
            rest.append(span)
            continue
        place = links.source.spans[origin][0]
        index = bisect.bisect_right(waiting, (place, place + (1 << 60))) - 1
        if index >= 0 and place < waiting[index][1]:
            pairs[waiting.pop(index)] = span
        else:
            rest.append(span)
    return pairs | dict(zip(waiting, rest, strict=False))


def _occurrences(
    copy: str, spans: list[Span], text: str, translation: str, taken: list[Span]
) -> list[Span]:
    """Where a translation has a copy, outside of what is taken.

    Args:
        copy: The copy.
        spans: Where the text has it.
        text: The text.
        translation: Its translation.
        taken: Spans of other copies, in order.
    """
    joined = [span for span in spans if not _is_whole(text, span)]
    sides = {_sides(text, span) for span in joined[:_FEW]}
    found: list[Span] = []
    parts: list[Span] = []
    place = -1
    while (place := translation.find(copy, place + 1)) >= 0:
        span = place, place + len(copy)
        if any(one[0] < span[1] and place < one[1] for one in near(taken, span)):
            continue
        if len(copy) < _SHORT and not _is_whole(translation, span):
            # Many words have such letters: these have to be where the text has them.
            if _sides(translation, span) not in sides:
                continue
            parts.append(span)
        elif _is_like(text, spans, translation, span):
            found.append(span)
        else:
            continue
        place = span[1] - 1
    return sorted(found + parts) if len(parts) <= len(joined) else found


def _is_like(text: str, spans: list[Span], translation: str, span: Span) -> bool:
    """Whether a copy touches letters of the translation only if one touches letters of the text."""
    return all(
        not touches(translation, span, after=after)
        or any(touches(text, own, after=after) for own in spans[:_FEW])
        for after in (False, True)
    )


def touches(text: str, span: Span, *, after: bool) -> bool:
    """Whether there is a letter or digit in front of a span, or behind it."""
    place = span[1] if after else span[0] - 1
    return 0 <= place < len(text) and text[place].isalnum()


def _sides(text: str, span: Span) -> tuple[bool, bool]:
    return touches(text, span, after=False), touches(text, span, after=True)


def _is_whole(text: str, span: Span) -> bool:
    """Whether a span does not begin or end inside a word."""
    return not any(
        0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum()
        for place in span
    )
