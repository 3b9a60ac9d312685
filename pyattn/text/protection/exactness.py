"""Whether a translation has the protected parts of a text as often as the text."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Sequence

from pyattn.results import Span
from pyattn.text.protection.kinds import Kept

# So many different protected parts of a text are looked for in every one of its sentences. Of more,
# a sentence's own, for time that is linear in the text.
_MOST_KEPT = 64
# Letters of code that may as well be a word of the target language, as "a" and "no" are.
_SHORT = 3
_LETTERS = "0-9A-Za-z\u00c0-\u024f"


class Exactness:
    """The protected parts of a text, each by itself, and how often they are in it.

    A text may have a protected part in other places, too: "`print` can print". Translations of
    those places have it or not.

    Args:
        text: The text.
        parts: Its protected parts, ascending.
    """

    __slots__ = ("_begins", "_places", "_text", "_texts")

    def __init__(self, text: str, parts: Sequence[Kept]) -> None:
        self._text = text
        self._texts = [text[part.begin : part.end] for part in parts]
        self._begins = [part.begin for part in parts]
        self._places: dict[str, list[int]] = {}
        for own, begin in zip(self._texts, self._begins, strict=True):
            self._places.setdefault(own, []).append(begin)

    def holds(self, span: Span, translation: str) -> bool:
        """Whether the translation of a span has every part exactly as often as it has to."""
        return all(self._fits(own, span, translation) for own in self._wanted(span))

    def _wanted(self, span: Span) -> Iterable[str]:
        if len(self._places) <= _MOST_KEPT:
            return self._places
        first, last = (bisect.bisect_left(self._begins, place) for place in span)
        return set(self._texts[first:last])

    def _fits(self, own: str, span: Span, translation: str) -> bool:
        source = self._text[slice(*span)]
        found = translation.count(own)
        if found == source.count(own):
            return True
        places = self._places[own]
        least = bisect.bisect_left(places, span[1]) - bisect.bisect_left(places, span[0])
        if found < least:
            return False
        if own.isalpha() and own.islower() and len(own) <= _SHORT:
            return True
        return _count(own, translation) <= max(least, _count(own, source))


def _count(own: str, text: str) -> int:
    """How often a text has a part that is in no longer word or number."""
    before = f"(?<![{_LETTERS}])" if own[0].isalnum() else ""
    behind = f"(?![{_LETTERS}])" if own[-1].isalnum() else ""
    return len(re.findall(f"{before}{re.escape(own)}{behind}", text))
