"""Entries of a glossary, the words that they are found by, and how case is carried over."""

from __future__ import annotations

import dataclasses
import re
import unicodedata

# Scripts that put no space between words, of which every letter counts as one.
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
# No term goes across the end of a line.
_WORD = re.compile(
    rf"[\r\n\v\f\x85\u2028\u2029]|[{_SPACELESS}]|(?:(?![{_SPACELESS}])[\w\u0300-\u036f])+|[^\w\s]"
)
_ENDS_ALONE = re.compile(rf"[{_SPACELESS}]|[^\w]")

# Most characters and words of a term: what is longer is a sentence, or a damaged file.
MOST_CHARACTERS, MOST_WORDS = 500, 40
# Most letters of an ending, and least letters of what it ends.
ENDING, _STEM = 4, 3


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A term and its translation.

    Attributes:
        source: The term.
        target: Its translation; empty if it stays as it is.
    """

    source: str
    target: str


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """A word, a sign or an end of a line in a text.

    Attributes:
        begin: Its first character.
        end: The character behind its last.
        folded: Its letters without case.
    """

    begin: int
    end: int
    folded: str


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """A term of a glossary in a text, and what its translation has to be.

    Attributes:
        begin: Its first character.
        end: The character behind its last.
        text: The translation, with the term's case.
        plain: The translation as it is in the glossary, if a capital in the term may only be due
            to its place; else empty.
        strict: Whether the translation has to be there.
        endings: Whether the translation may have an ending.
    """

    begin: int
    end: int
    text: str
    plain: str
    strict: bool
    endings: bool

    def moved(self, by: int) -> Term:
        """The term in a text with `by` more characters in front."""
        return dataclasses.replace(self, begin=self.begin + by, end=self.end + by)


def words(text: str) -> list[Word]:
    """The words of a text."""
    return [Word(*match.span(), folded(match[0])) for match in _WORD.finditer(text)]


def folded(text: str) -> str:
    """A text without case, and with one form for each letter with an accent."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def stem_lengths(word: str) -> range:
    """Lengths of what may be left of a word without an ending, the longest first."""
    least = max(_STEM, len(word) - ENDING) if word.isalpha() else len(word)
    return range(len(word), least - 1, -1)


def is_border(text: str, place: int) -> bool:
    """Whether a term may begin or end at a place of a text."""
    if not 0 < place < len(text):
        return True
    last, following = text[place - 1], text[place]
    if not following.isascii() and unicodedata.category(following).startswith("M"):
        return False
    return bool(_ENDS_ALONE.match(last) or _ENDS_ALONE.match(following))


def matches_case(entry: Entry, found: str) -> bool:
    """Whether a text may be a term as far as case goes: IT is not "it"."""
    return not _in_capitals(entry.source) or found.isupper()


def cased(entry: Entry, found: str) -> str:
    """An entry's translation in the case of what was found of it in a text."""
    target = entry.target
    if not target:
        return found
    source = entry.source
    if source == found or _in_capitals(source):
        return target
    if _in_capitals(found):
        return target.upper()
    if _is_titled(source) and _is_titled(target) and found.islower():
        return lowered_first(target)
    if source.islower() and _is_titled(found):
        return raised_first(target)
    return target


def checked_entry(term: object, translation: object, place: str) -> Entry:
    """An entry, without white space around it.

    Raises:
        TypeError: if it is no text.
        ValueError: if it is empty or too long; the message begins with `place`.
    """
    if not isinstance(term, str) or not isinstance(translation, str | None):
        kinds = f"{type(term).__name__} and {type(translation).__name__}"
        raise TypeError(f"{place} is an entry of {kinds}, expected str and str or None")
    entry = Entry(" ".join(term.split()), " ".join((translation or "").split()))
    if not entry.source:
        raise ValueError(f"{place} has no term, expected one")
    for name, text in (("term", entry.source), ("translation", entry.target)):
        if len(text) > MOST_CHARACTERS or len(text.split()) > MOST_WORDS:
            raise ValueError(
                f"{place} has a {name} of {len(text)} characters, expected at most "
                f"{MOST_CHARACTERS}, and {MOST_WORDS} words"
            )
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
            raise ValueError(f"{place} has a {name} with half a surrogate pair, expected Unicode")
    return entry


def raised_first(text: str) -> str:
    """A text with a capital in front."""
    return text[:1].upper() + text[1:]


def lowered_first(text: str) -> str:
    """A text with a small letter in front."""
    return text[:1].lower() + text[1:]


def _in_capitals(text: str) -> bool:
    return text.isupper() and sum(map(str.isupper, text)) > 1


def _is_titled(text: str) -> bool:
    return text[:1].isupper() and not _in_capitals(text)
