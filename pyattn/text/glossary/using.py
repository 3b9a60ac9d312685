"""Where the terms of a sentence go in the model's output."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pyattn.results import Span
from pyattn.text.glossary.entries import ENDING, Term, is_border, raised_first
from pyattn.text.protection.carried import Edit, Slot
from pyattn.text.protection.placing import placed

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")  # noqa: RUF001 (the apostrophe is meant)
# Letters of an article or a preposition, at most: in front of a noun or between two.
_SHORT = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Looks:
    """Which words of the model's output belong to which of its source.

    Attributes:
        form: What the model saw.
        source_spans: Spans of the source's tokens in `form`.
        target_spans: Spans of the target's tokens in the output.
        weights: [target or more, source] attention.
    """

    form: str
    source_spans: Sequence[Span]
    target_spans: Sequence[Span]
    weights: npt.NDArray[np.float32]


@dataclasses.dataclass(slots=True)
class Use:
    """What became of a term.

    Attributes:
        term: The term, in characters of its sentence.
        edit: What puts it into the output; None if it is there without.
        span: Its span in the output if it is there without; None if it is not there.
    """

    term: Term
    edit: Edit | None = None
    span: Span | None = None

    @property
    def used(self) -> bool:
        """Whether the term is in the translation."""
        return self.edit is not None or self.span is not None


def uses(
    sentence: str,
    terms: Sequence[Term],
    spans: Sequence[Span],
    output: str,
    edits: Sequence[Edit],
    looks: Callable[[], Looks],
    force: bool,
) -> list[Use]:
    """What becomes of the terms of a sentence.

    Args:
        sentence: The sentence.
        terms: Its terms that the model saw, ascending.
        spans: Their spans in what the model saw.
        output: What the model answered.
        edits: What is replaced in it already.
        looks: The alignment, computed at the first call.
        force: Whether every term is put somewhere, be it clear where or not.
    """
    found = [Use(term) for term in terms]
    taken = [(edit.begin, edit.end) for edit in edits]
    # What is there may be the translation of another term.
    table = _Table(looks(), output) if len(terms) > 1 else None
    # The longest first: a short term may be part of a long one.
    for use, span in sorted(zip(found, spans, strict=True), key=_longest):
        rest = [other for other in spans if other != span]
        for where in occurrences(use.term.text, output, use.term.endings):
            if not _meets(where, taken) and not (table and table.belongs(where, rest)):
                _take(use, where, sentence, output)
                taken.append(where)
                break
    if all(use.used for use in found):
        return found
    seen = looks()
    table = table or _Table(seen, output)
    for use, span in zip(found, spans, strict=True):
        if not use.used:
            best = table.aligned(span, taken, force)
            if best is not None:
                text = in_place(use.term, sentence, output, best[0])
                use.edit = Edit(*best, text)
                taken.append(best)
    if force:
        _insert([use for use in found if not use.used], spans, found, seen, output, taken)
    return found


def merged(edits: Sequence[Edit]) -> list[Edit]:
    """Edits in order, with one for all that put something in at the same place."""
    found: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.begin, edit.end)):
        last = found[-1] if found else None
        if last and last.begin == last.end == edit.begin == edit.end:
            found[-1] = Edit(edit.begin, edit.end, f"{last.text.rstrip()} {edit.text.lstrip()}")
        else:
            found.append(edit)
    return found


def in_place(term: Term, sentence: str, output: str, place: int) -> str:
    """A term's translation as it is written at a place of the output."""
    if not term.plain:
        return term.text
    source = sentence[term.begin : term.end]
    head = not any(map(str.isalnum, sentence[: term.begin]))
    rest = source[1:] if head else source
    if rest != rest.lower():
        return term.text  # the capital is meant
    first = not any(map(str.isalnum, output[:place]))
    return raised_first(term.plain) if first else term.plain


def occurrences(text: str, output: str, endings: bool) -> list[Span]:
    """Where a term's translation is in the output, whatever its case."""
    return [
        match.span()
        for match in _pattern(text, endings).finditer(output)
        if is_border(output, match.start()) and is_border(output, match.end())
    ]


@functools.lru_cache(4096)
def _pattern(text: str, endings: bool) -> re.Pattern[str]:
    bare = r"\s+".join(map(re.escape, text.split()))
    ending = rf"[^\W\d_]{{0,{ENDING}}}" if endings and len(text) > _SHORT else ""
    return re.compile(bare + ending, re.IGNORECASE)


def _longest(pair: tuple[Use, Span]) -> int:
    return -len(pair[0].term.text)


def _meets(span: Span, others: Sequence[Span]) -> bool:
    return any(span[0] < end and begin < span[1] for begin, end in others)


def _take(use: Use, where: Span, sentence: str, output: str) -> None:
    """Uses an occurrence that the model wrote itself, in the term's case."""
    text = in_place(use.term, sentence, output, where[0])
    # A small letter or a capital in front is the model's choice where the glossary has none.
    if use.term.plain or use.term.endings or output[slice(*where)] == text:
        use.span = where
    else:
        use.edit = Edit(*where, text)


class _Table:
    """The words of the output, and how much each looked at each token of the source."""

    def __init__(self, looks: Looks, output: str) -> None:
        self._columns = looks.source_spans
        self._words = [match.span() for match in _WORD.finditer(output)]
        rows = looks.weights[: len(looks.target_spans)]
        empty = [begin >= end for begin, end in looks.source_spans]
        self._weights = np.zeros((len(self._words), len(self._columns)), np.float32)
        for number, (begin, end) in enumerate(self._words):
            inside = [
                row
                for row, span in enumerate(looks.target_spans[: len(rows)])
                if span[0] < end and begin < span[1]
            ]
            if inside:
                self._weights[number] = rows[inside].mean(0)
        self._weights[:, empty] = 0
        self._form = [match.span() for match in _WORD.finditer(looks.form)]

    def aligned(self, span: Span, taken: Sequence[Span], force: bool) -> Span | None:
        """The words of the output that are the translation of a span of the source.

        Args:
            span: The span.
            taken: What is used already.
            force: Whether the best word is returned if it is not clear which ones these are.
        """
        columns = _inside(self._columns, span)
        free = [number for number, word in enumerate(self._words) if not _meets(word, taken)]
        if not columns or not free:
            return None
        shares = self._weights[:, columns].sum(1)
        seed = max(free, key=lambda number: float(shares[number]))
        own = {number for number in free if self._belongs(number, columns)}
        if seed not in own:
            return self._words[seed] if force and shares[seed] > 0 else None
        first = last = seed
        while first - 1 in own or (first - 2 in own and self._bridge(first - 1, free)):
            first -= 1
        while last + 1 in own or (last + 2 in own and self._bridge(last + 1, free)):
            last += 1
        if not force and any(number < first or number > last for number in own):
            return None
        # The article in front of a noun often looks at the noun. A word of the term's own looks at
        # another word of the source than those behind it.
        while first < seed and self._length(first) <= _SHORT:
            if self._origin(first) not in map(self._origin, range(first + 1, last + 1)):
                break
            first += 1
        return self._words[first][0], self._words[last][1]

    def belongs(self, where: Span, others: Sequence[Span]) -> bool:
        """Whether words of the output look at some spans of the source most."""
        numbers = _inside(self._words, where)
        return any(
            self._belongs(number, _inside(self._columns, span))
            for number in numbers
            for span in others
        )

    def _belongs(self, number: int, columns: Sequence[int]) -> bool:
        weights = self._weights[number]
        return bool(weights.any()) and int(weights.argmax()) in columns

    def _origin(self, number: int) -> int:
        """The word of the source that a word looks at most; -1 if it is none."""
        place = self._columns[int(self._weights[number].argmax())][0]
        return next((n for n, (begin, end) in enumerate(self._form) if begin <= place < end), -1)

    def _bridge(self, number: int, free: Sequence[int]) -> bool:
        return number in free and self._length(number) <= _SHORT

    def _length(self, number: int) -> int:
        begin, end = self._words[number]
        return end - begin


def _inside(spans: Sequence[Span], span: Span) -> list[int]:
    return [
        number
        for number, (begin, end) in enumerate(spans)
        if begin < span[1] and end > span[0] and begin < end
    ]


def _insert(
    rest: Sequence[Use],
    spans: Sequence[Span],
    found: Sequence[Use],
    looks: Looks,
    output: str,
    taken: Sequence[Span],
) -> None:
    """Puts terms for which no word is left beside the translations of their neighbours."""
    numbers = [number for number, use in enumerate(found) if any(use is one for one in rest)]
    for number in numbers:
        use, (begin, end) = found[number], spans[number]
        slot = Slot(begin, use.term.text, (True, True), (False, False))
        form = looks.form[:begin] + " " * (end - begin) + looks.form[end:]
        [edit] = placed([slot], form, looks.source_spans, output, looks.target_spans, looks.weights)
        place = edit.begin
        around = next((last for first, last in taken if first < place < last), None)
        place = place if around is None else around
        before = " " if place and not output[place - 1].isspace() else ""
        behind = " " if place < len(output) and output[place].isalnum() else ""
        text = in_place(use.term, looks.form, output, place)
        use.edit = Edit(place, place, f"{before}{text}{behind}")
