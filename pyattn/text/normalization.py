# ruff: noqa: RUF001 (typographic quotes are meant)
"""Odd input, put right before the model sees it, in steps.

invisible   Invisible characters without a meaning to models, such as soft hyphens, are removed.
            Characters that join or separate letters of Arabic and Indian scripts, and emoji, stay.
quotes      Typographic quotes become straight ones, for models that were trained on these.
capitals    A text in capitals is lowered and its translation raised, for models that were not
            trained on capitals.
copies      A text without a letter, such as a number, or without a character that the model knows
            is its own translation.

Line breaks become spaces, with or without a step.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from pyattn.results import Span

# Soft hyphen, combining grapheme joiner, Mongolian vowel separator, zero-width space, marks and
# embeddings of writing direction, word joiner, invisible operators, byte-order mark.
_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_QUOTES = {"‘": "'", "’": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"'}
# Line ends of `str.splitlines`.
LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"

_ODD = {
    (invisible, quotes): re.compile(
        f"[{LINE_BREAKS}]+"
        + (f"|(?P<nothing>[{_INVISIBLE}]+)" if invisible else "")
        + (f"|[{''.join(_QUOTES)}]" if quotes else "")
    )
    for invisible in (False, True)
    for quotes in (False, True)
}
_ENGLISH_I = re.compile(r"\bi\b(?!\.\w)")


@dataclasses.dataclass(frozen=True)
class Normalized:
    """A text in the form that the model sees.

    Attributes:
        original: The text before normalization.
        text: The text that the model sees.
        odd: Matches the characters that were replaced; None if none were.
        raised: Whether the text was lowered, so that its translation has to be raised.
    """

    original: str
    text: str
    odd: re.Pattern[str] | None = None
    raised: bool = False

    def origins(self) -> list[int]:
        """Position in `original` of each character of `text`, and of its end."""
        whole = range(len(self.original))
        origins: list[int] = []
        done = 0
        for match in self.odd.finditer(self.original) if self.odd else ():
            origins.extend(whole[done : match.start()])
            origins.extend([match.start()] * len(_replacement(match)))
            done = match.end()
        origins.extend(whole[done:])
        if self.raised:  # some capitals have two small letters
            letters = self.odd.sub(_replacement, self.original) if self.odd else self.original
            lengths = (len(letter.lower()) for letter in letters)
            origins = [n for n, length in zip(origins, lengths, strict=True) for _ in range(length)]
        if origins:
            origins[0] = 0  # characters removed in front belong to the first one
        return [*origins, len(self.original)]


def normalized(text: str, steps: frozenset[str], language: str | None = None) -> Normalized:
    """A text in the form that the model sees.

    Args:
        text: The text.
        steps: The steps to apply.
        language: The text's language, if known.
    """
    odd = _ODD["invisible" in steps, "quotes" in steps]
    changed = odd.sub(_replacement, text)
    applied = None if changed == text else odd
    if "capitals" in steps and is_capitals(changed):
        return Normalized(text, _lowered(changed, language), applied, raised=True)
    return Normalized(text, changed, applied)


def raised_spans(text: str, spans: Sequence[Span]) -> list[Span]:
    """Spans of a text's parts in `text.upper()`, which may be longer."""
    places = [0]
    for letter in text:
        places.append(places[-1] + len(letter.upper()))
    return [(places[begin], places[end]) for begin, end in spans]


def is_capitals(text: str) -> bool:
    """Whether a text has two capital letters or more, and no small ones."""
    return text.isupper() and sum(map(str.isupper, text)) > 1


def has_letter(text: str) -> bool:
    """Whether there is a letter of any script in a text."""
    return any(map(str.isalpha, text))  # which stops at the first one


def _replacement(match: re.Match[str]) -> str:
    found = match[0]
    if found[0] in LINE_BREAKS:
        return " "
    return _QUOTES.get(found, "")


def _lowered(text: str, language: str | None) -> str:
    """Small letters, but for the first one and the English "I"; as long as `text.lower()`."""
    lowered = text.lower()
    if language == "en":
        lowered = _ENGLISH_I.sub("I", lowered)
    first = next((n for n, letter in enumerate(lowered) if letter.isalpha()), 0)
    capital = lowered[first].upper()
    return lowered[:first] + capital + lowered[first + 1 :] if len(capital) == 1 else lowered
