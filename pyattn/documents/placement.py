"""Markup in translations: every element once, well nested, on the words that belong to its own.

An element goes to the run of words that holds most of the words aligned with its own and fewest of
others. Siblings never overlap. Children stay inside their parents.
"""

from __future__ import annotations

import bisect
import dataclasses

from pyattn.documents.copies import found_copies, touches, with_protected
from pyattn.documents.model import Answer, Element, Fragment, Segment
from pyattn.documents.runs import best_run, free_around, is_inside, near
from pyattn.documents.words import Links, Words, linked
from pyattn.results import Span

# Signs that belong to the word behind them; all others belong to the word before.

_OPENING = frozenset("([{¿¡«‹„“‘‚「『（【《〈")

# Share of a word's attention on an element from which on it surely belongs there.
_SURE = 0.5
# And how much of the best word's share: keeps "Tom" and leaves the "a" of "vi a Tom", which the
# included model also aligns with it. 96 % of 557 single words with tags are right then, 88 % at 0.
_CLEAR = 0.85
# Letters of a text that is hardly the same in two languages by chance, unless it is a name or has
# digits; and how many elements of a parent are looked at.
_TELLING = 4
_MOST_EQUALS = 100
# Steps to the words around the expected one that an element without words looks at.
_FARTHEST = 64


def placed(segment: Segment, answer: Answer) -> list[Fragment]:
    """The translation of a segment with all its markup.

    Args:
        segment: The segment.
        answer: Its translation.

    Returns:
        Texts of the translation and places of markup in the document, in order.
    """
    if not segment.marked:
        return [answer.text]
    placement = Placement.of(segment, answer)
    whole = Area((0, len(placement.source)), (0, len(placement.target)), (0, len(answer.text)))
    return placement.fragments(placement.elements, whole)


@dataclasses.dataclass(frozen=True, slots=True)
class Area:
    """Where the children of an element are placed.

    Attributes:
        source: The words of the element in the source.
        target: The words of the translation that are its own.
        span: The letters of the translation that are its own.
    """

    source: Span
    target: Span
    span: Span


@dataclasses.dataclass(slots=True)
class _Child:
    """An element on its way to its words.

    Attributes:
        element: The element.
        index: Its index among its siblings.
        source: Its words in the source.
        target: Its words in the translation; equal numbers if there are none.
        span: Its letters there.
        hits: Words of the translation that belong to its own.
    """

    element: Element
    index: int
    source: Span
    target: Span = (0, 0)
    span: Span = (0, 0)
    hits: list[int] = dataclasses.field(default_factory=list)
    exact: bool = False


class Placement:
    """Places markup in one translation.

    Args:
        text: The text of the segment.
        links: Which words belong together.
        elements: The elements of the segment.
        copies: Where the translation has copied elements as they are, by their spans in the text.
    """

    @classmethod
    def of(cls, segment: Segment, answer: Answer) -> Placement:
        """The placement of a segment's markup, with its protected spans, in a translation."""
        elements = with_protected(segment)
        copies = found_copies(segment.text, answer.text, elements)
        source = Words.of(segment.text, copies.borders(0))
        links = linked(source, Words.of(answer.text, copies.borders(1)), answer)
        return cls(segment.text, links, elements, copies.pairs(links))

    def __init__(
        self, text: str, links: Links, elements: list[Element], copies: dict[Span, Span]
    ) -> None:
        self.text = text
        self.links = links
        self.source = links.source
        self.target = links.target
        self._pulled: list[list[int]] = [[] for _ in range(len(self.source))]
        for place, origin in enumerate(links.best):
            if origin >= 0:
                self._pulled[origin].append(place)
        self.elements = elements
        self._copies = copies

    def with_text(self, text: str) -> Placement:
        """The same placement in a translation with other white space, as long as before."""
        target = dataclasses.replace(self.target, text=text)
        links = dataclasses.replace(self.links, target=target)
        return Placement(self.text, links, self.elements, self._copies)

    def fragments(self, elements: list[Element], area: Area) -> list[Fragment]:
        """The translation of an area with elements in it.

        Args:
            elements: Siblings in order.
            area: Their parent's words.
        """
        if not elements:
            return [self.target.text[slice(*area.span)]]
        children = [
            _Child(element, n, self.source.within(element.span))
            for n, element in enumerate(elements)
        ]
        covering = [
            child
            for child in children
            if child.source[0] < child.source[1] and child.element.span[0] < child.element.span[1]
        ]
        for child in covering:
            span = self._copies.get(child.element.span)
            if span and area.span[0] <= span[0] and span[1] <= area.span[1]:
                child.exact, child.span = True, span
                child.target = self.target.within(span)
                child.hits = list(range(*child.target))
        self._find_equals(covering, area)
        self._find_hits(covering, area)
        self._settle(covering, area)
        taken = sorted(child.target for child in covering if child.target[0] < child.target[1])
        for child in children:
            if child.target[0] == child.target[1]:
                self._put_between(child, area, taken)
        return self._joined(children, area)

    def _joined(self, children: list[_Child], area: Area) -> list[Fragment]:
        out: list[Fragment] = []
        text = self.target.text
        place = area.span[0]
        for child in sorted(children, key=lambda child: (child.span, child.index)):
            element = child.element
            out.append(text[place : child.span[0]])
            copy: Fragment | None = element.markup
            if copy is None:
                copy = self.text[slice(*element.span)]
            if child.span[0] == child.span[1] and (element.kept or element.padded):
                out += self._spaced(copy, child.span[0], area, padded=element.padded)
            else:
                out.append(copy)
            if element.closing is not None:
                inner = Area(child.source, child.target, child.span)
                out += [*self.fragments(element.children, inner), element.closing]
            place = child.span[1]
        out.append(text[place : area.span[1]])
        return [part for part in out if part != ""]

    def _spaced(self, copy: Fragment, place: int, area: Area, *, padded: bool) -> list[Fragment]:
        """A copy with spaces towards the words around it."""
        text = self.target.text
        before = " " if place > area.span[0] and not text[place - 1].isspace() else ""
        after = ""
        if place < area.span[1] and (text[place].isalnum() or padded):
            after = "" if text[place].isspace() else " "
        return [before, copy, after]

    def _find_equals(self, children: list[_Child], area: Area) -> None:
        """Gives elements the words that are the same in both texts, as names and numbers are."""
        low, high = area.span
        taken = sorted(child.target for child in children if child.exact)
        for child in children[:_MOST_EQUALS]:
            own = self.text[slice(*child.element.span)].strip()
            telling = len(own) >= _TELLING or any(map(str.isdigit, own)) or own[:1].isupper()
            if child.exact or not telling or self.text.count(own) != 1:
                continue
            begin = self.target.text.find(own, low, high)
            if begin < 0 or self.target.text.find(own, begin + 1, high) >= 0:
                continue
            span = begin, begin + len(own)
            target = self.target.within(span)
            words = self.target.spans[target[0]][0], self.target.spans[target[1] - 1][1]
            apart = all(one[1] <= target[0] or target[1] <= one[0] for one in near(taken, target))
            if words == span and apart:
                bisect.insort(taken, target)
                child.exact, child.span, child.target = True, span, target
                child.hits = list(range(*target))

    def _find_hits(self, children: list[_Child], area: Area) -> None:
        """Finds the words of the translation that belong to each child; each belongs to one."""
        owner: dict[int, _Child] = {}
        for child in children:
            for place in child.hits:
                owner[place] = child
        for child in children:
            if child.exact or (child.element.kept and not self._may_replace(child.element)):
                continue
            solid = [n for n in range(*child.source) if self.source.solid[n]]
            for origin in solid or range(*child.source):
                for place in self._pulled[origin]:
                    if area.target[0] <= place < area.target[1] and place not in owner:
                        if solid and not self.target.solid[place]:
                            continue
                        owner[place] = child
                        child.hits.append(place)
            child.hits.sort()
        for child in children:
            if not child.hits:
                self._borrow(child, area, owner)

    def _may_replace(self, copy: Element) -> bool:
        """Whether a copy that the translation lacks may be put over words of it, or only between.

        That takes an alignment. And the translation may have one word for a copy and for the word
        that it touches.
        """
        return self.links.weights is not None and not any(
            touches(self.text, copy.span, after=after) for after in (False, True)
        )

    def _borrow(self, child: _Child, area: Area, owner: dict[int, _Child]) -> None:
        """Gives a child without words the nearest that nobody, or somebody with more, owns."""
        if child.element.kept:
            return
        place = self._expected(child, area)
        for step in range(min(_FARTHEST, 2 * (area.target[1] - area.target[0]))):
            near = place + (step + 1) // 2 * (1 if step % 2 else -1)
            if not area.target[0] <= near < area.target[1] or not self.target.solid[near]:
                continue
            former = owner.get(near)
            if former is not None and (former.exact or len(former.hits) < 2):
                continue
            if former is not None:
                former.hits.remove(near)
            owner[near] = child
            child.hits.append(near)
            return

    def _expected(self, child: _Child, area: Area) -> int:
        """The word of the translation where a child is expected: by attention, or by position."""
        low, high = area.target
        weights = self.links.weights
        if low < high and weights is not None:
            looks = weights[low:high, slice(*child.source)].sum(axis=1)
            if looks.max() > 0:
                return low + int(looks.argmax())
        middle = (child.source[0] + child.source[1] - 1) / 2 - area.source[0]
        share = (middle + 0.5) / max(1, area.source[1] - area.source[0])
        return min(max(low + int(share * (high - low)), low), max(low, high - 1))

    def _settle(self, children: list[_Child], area: Area) -> None:
        """Turns the words of each child into one run of words, best known children first."""
        taken: list[Span] = sorted(child.target for child in children if child.exact)
        foreign = self._foreign_counts(area)
        open_ends = self._is_cover(children, area)
        for child in sorted(children, key=lambda child: -len(child.hits)):
            hits = [n for n in child.hits if not is_inside(n, taken)]
            if child.exact or not hits:
                continue
            if open_ends:
                run = self._extent(area)
            else:
                run = best_run(self._sure(hits, child), foreign, taken, area.target[0])
            run = self._with_signs(child, run, area, taken)
            child.target = run
            child.span = self.target.spans[run[0]][0], self.target.spans[run[1] - 1][1]
            bisect.insort(taken, run)

    def _sure(self, hits: list[int], child: _Child) -> list[int]:
        """Hits without those at either end that look at the element less than elsewhere."""
        weights = self.links.weights
        if weights is None:
            return hits
        looks = weights[hits, slice(*child.source)].sum(axis=1)
        least = max(_SURE, _CLEAR * float(looks.max()))
        sure = [n for n, look in enumerate(looks) if look >= least]
        return hits[sure[0] : sure[-1] + 1] if sure else hits

    def _is_cover(self, children: list[_Child], area: Area) -> bool:
        """Whether the only child with words has all words of its parent."""
        if len(children) != 1 or children[0].exact or children[0].element.kept:
            return False
        inside = range(*children[0].source)
        return all(n in inside or not self.source.solid[n] for n in range(*area.source))

    def _extent(self, area: Area) -> Span:
        """All words of an area, without the signs around them."""
        solid = [n for n in range(*area.target) if self.target.solid[n]]
        return (solid[0], solid[-1] + 1) if solid else area.target

    def _foreign_counts(self, area: Area) -> list[int]:
        """Number of words of an area before each of its places."""
        counts = [0]
        for place in range(*area.target):
            counts.append(counts[-1] + self.target.solid[place])
        return counts

    def _with_signs(self, child: _Child, run: Span, area: Area, taken: list[Span]) -> Span:
        """A run with the signs that its element has at either end."""
        low, high = run
        first, last = child.source
        free = free_around(run, taken, area.target)
        signs = 0
        while first + signs < last and not self.source.solid[first + signs]:
            signs += 1
        while signs and low > free[0] and self._is_sign(low - 1, first + signs - 1, opening=True):
            low, signs = low - 1, signs - 1
        signs = 0
        while last - signs > first and not self.source.solid[last - 1 - signs]:
            signs += 1
        while signs and high < free[1] and self._is_sign(high, last - signs, opening=False):
            high, signs = high + 1, signs - 1
        ends = {self.target[n] for n in range(run[1], high)}
        if low > free[0] and self.target[low - 1] in {"¿": "?", "¡": "!"}:
            low -= {"¿": "?", "¡": "!"}[self.target[low - 1]] in ends
        return low, high

    def _is_sign(self, place: int, origin: int, *, opening: bool) -> bool:
        """Whether a word is a sign like one of the source, or begins or ends something as it."""
        if self.target.solid[place]:
            return False
        sign = self.target[place]
        if sign == self.source[origin] or sign in "\"'":
            return True
        return (sign in _OPENING) == opening

    def _put_between(self, child: _Child, area: Area, taken: list[Span]) -> None:
        """Gives an element without words a place between words, outside of its siblings."""
        begin, end = child.element.span
        text = self.text
        after = self.source.within((begin, max(begin, end)))[0]
        if after < len(self.source) and self.source.spans[after][0] < begin:
            after += 1  # inside a word: behind it
        before = after - 1
        after = max(after, child.source[1])
        glued_right = begin < len(text) and not text[begin].isspace()
        glued_left = begin > 0 and not text[begin - 1].isspace()
        if before < area.source[0] or not self.source.spans:
            place, left = area.target[0], False
        elif after >= area.source[1]:
            place, left = area.target[1], True
        else:
            left = glued_left or not glued_right
            found = self._border(before, after, area, left=left)
            if found is None:
                found, left = self._border(before, after, area, left=not left), not left
            place = self._expected(child, area) if found is None else found
        run = next(
            (one for one in near(taken, (place, place + 1)) if one[0] < place < one[1]), None
        )
        if run:
            place = run[1] if left else run[0]
        child.target = place, place
        child.span = (self._letter(place, area, left=left),) * 2

    def _border(self, before: int, after: int, area: Area, *, left: bool) -> int | None:
        """The place behind the words of one source word, or in front of the other's."""
        origin = before if left else after
        if not 0 <= origin < len(self._pulled):
            return None
        places = [n for n in self._pulled[origin] if area.target[0] <= n < area.target[1]]
        if not places:
            return None
        return places[-1] + 1 if left else places[0]

    def _letter(self, place: int, area: Area, *, left: bool) -> int:
        """The letter of the translation at a place between words."""
        low, high = area.target
        if place <= low:
            return area.span[0]
        if place >= high:
            return area.span[1]
        return self.target.spans[place - 1][1] if left else self.target.spans[place][0]
