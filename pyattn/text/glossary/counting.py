"""How often the terms of a sentence are in its translation."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import NamedTuple

from pyattn.results import Span
from pyattn.text.glossary.entries import Term, folded
from pyattn.text.glossary.using import occurrences


class Count(NamedTuple):
    """Terms of a sentence against its translation.

    Attributes:
        lacking: How many are not there.
        spare: How many are there too often, not counting those that the sentence has itself.
    """

    lacking: int
    spare: int


def counted(terms: Sequence[Term], sentence: str, translation: str) -> Count:
    """Counts the translations of terms; one inside of another's is not counted."""
    wanted = collections.Counter(folded(term.text) for term in terms)
    endings = any(term.endings for term in terms)
    outside = [(term.begin, term.end) for term in terms]
    taken: list[Span] = []
    lacking = spare = 0
    for text, count in sorted(wanted.items(), key=lambda item: -len(item[0])):
        found = _free(occurrences(text, translation, endings), taken)
        taken += found
        lacking += max(0, count - len(found))
        if len(found) > count:
            own = _free(occurrences(text, sentence, endings), outside)
            spare += max(0, len(found) - count - len(own))
    return Count(lacking, spare)


def _free(spans: Sequence[Span], taken: Sequence[Span]) -> list[Span]:
    return [
        (begin, end)
        for begin, end in spans
        if not any(begin < last and first < end for first, last in taken)
    ]
