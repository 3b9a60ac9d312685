# ruff: noqa: RUF001 (typographic quotes are meant)
"""What is odd about a text, put right before the model sees it.

invisible   Characters that are not seen and mean nothing to any model here, a soft hyphen above
            all, are taken out. Those that join or part letters of Arabic and Indian scripts, and
            emoji, stay.
quotes      Typographic quotes become straight ones, for models that were trained with these.
capitals    A text without a small letter is lowered, and its translation raised, for models that
            were not trained on capitals.
copies      What has no letter, such as a number, or no character that the model knows, is its own
            translation.

Line breaks are spaces to every model, with or without a step.
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
# What str.splitlines() cuts at.
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
    """A text as the model is given it.

    Attributes:
        original: The text as it was.
        text: What the model is given.
        odd: What was replaced.
        raised: Whether the translation is to be in capitals.
    """

    original: str
    text: str
    odd: re.Pattern[str] | None = None
    raised: bool = False

    def origins(self) -> list[int]:
        """Where each character of `text`, and its end, stood in `original`."""
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
            origins[0] = 0  # what was taken out in front is the first character's
        return [*origins, len(self.original)]


def normalized(text: str, steps: frozenset[str], language: str | None = None) -> Normalized:
    """A text as the model is given it.

    Args:
        text: The text.
        steps: What is done to it.
        language: The language that it is in, if that is known.
    """
    odd = _ODD["invisible" in steps, "quotes" in steps]
    changed = odd.sub(_replacement, text)
    applied = None if changed == text else odd
    if "capitals" in steps and is_capitals(changed):
        return Normalized(text, _lowered(changed, language), applied, raised=True)
    return Normalized(text, changed, applied)


def raised_spans(text: str, spans: Sequence[Span]) -> list[Span]:
    """Where parts of a text are in `text.upper()`, which may be longer."""
    places = [0]
    for letter in text:
        places.append(places[-1] + len(letter.upper()))
    return [(places[begin], places[end]) for begin, end in spans]


def is_capitals(text: str) -> bool:
    """Whether a text has two capital letters or more, and no small ones."""
    return text.isupper() and sum(map(str.isupper, text)) > 1


def has_letter(text: str) -> bool:
    """Whether there is a letter of any script in a text."""
    return any(map(str.isalpha, text))


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
