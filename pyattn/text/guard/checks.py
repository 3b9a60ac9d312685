"""Faults of a translation that can be seen without a reference."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from pyattn.text.languages import iso_639
from pyattn.text.normalization import has_letter
from pyattn.text.numbers import numbers_changed
from pyattn.text.scripts import letters_of

# Longest unit, in tokens, whose repetition is looked for.
_LONGEST_UNIT = 8
# Repetitions in a row that a translation may have whatever its source has: of one token, of more.
_REPEATS_OF_ONE, _REPEATS = 3, 2
# A translation of more than _FACTOR times the length of its source, and _SLACK characters, is none.
_FACTOR, _SLACK = 3, 12
# A source of this many characters whose translation is less than this share of it was cut short.
_SHORTENED, _LEAST_SHARE = 60, 0.2
# Letters of a long word; long words of a sentence that is judged by them; share that were copied.
_LONG_WORD, _LONG_WORDS, _COPIED = 4, 3, 0.6
# Brackets, also of full width. The sides of quotation marks differ between languages, and some have
# one form, so they are only counted.
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_ALIKE = str.maketrans("\uff08\uff09\uff3b\uff3d\uff5b\uff5d", "()[]{}")
_BRACKET = re.compile(r"[()\[\]{}\uff08\uff09\uff3b\uff3d\uff5b\uff5d]")
_QUOTE = re.compile('["\u00ab\u00bb\u201c\u201d\u201e\u201f\u300c-\u300f]')
# What languages also quote with: single marks, the dash in front of speech.
_ALSO_QUOTES = re.compile("['\u2018\u2019\u2039\u203a\u2013-\u2015-]")
# Letters of a translation that is judged by its script.
_ENOUGH_LETTERS = 4

# A character of Chinese, Japanese or Korean has about as much content as this many letters.
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_WIDTH = 3


class Checks:
    """What is checked for one pair of languages.

    Args:
        source: The source's language; None if it is not known.
        target: The target's language, likewise.
        translates: Whether outputs are translations, rather than summaries or the like, which may
            have other lengths, numbers and brackets than their sources.
    """

    def __init__(self, source: str | None, target: str | None, *, translates: bool = True) -> None:
        self._translates = translates
        known = source is not None and target is not None
        self._other = known and iso_639(source) != iso_639(target)
        self._letters = letters_of(target)

    def faults(
        self, source: str, output: str, ids: Sequence[int], tokens: Sequence[int]
    ) -> tuple[str, ...]:
        """Codes of a translation's faults.

        Args:
            source: The sentence, as the model saw it.
            output: The translation, likewise.
            ids: Token ids of the sentence.
            tokens: Token ids of the translation.
        """
        if not has_letter(source):
            return ()  # a number or signs: no search makes a better one of them
        if not any(map(str.isalnum, output)):
            return ("empty",)
        found: list[str] = []
        if repeats(ids, tokens):
            found.append("repetition")
        if not self._translates:
            return tuple(found)
        if bad_length(source, output):
            found.append("length")
        if self._other and is_copy(source, output):
            found.append("copy")
        if self._letters and self._foreign(source, output):
            found.append("script")
        if numbers_changed(source, output):
            found.append("numbers")
        if brackets_changed(source, output):
            found.append("brackets")
        return tuple(found)

    def _foreign(self, source: str, output: str) -> bool:
        """Whether most letters are of another script, not counting names in the source."""
        assert self._letters is not None
        if sum(map(len, self._letters.findall(output))) * 2 >= len(output):
            return False  # as for nearly all translations; the exact count takes ten times as long
        words = set(source.split())
        others = [word for word in output.split() if not (word in words and word[0].isupper())]
        letters = sum(letter.isalpha() for word in others for letter in word)
        own = sum(len(run) for word in others for run in self._letters.findall(word))
        return letters >= _ENOUGH_LETTERS and own * 2 < letters


# Of models that do what they may to whole texts.
WHOLE_TEXTS = Checks(None, None, translates=False)


@functools.lru_cache(256)
def checks_of(source: str | None, target: str | None) -> Checks:
    """The checks of a pair of languages, made once."""
    return Checks(source, target)


def repeats(ids: Sequence[int], tokens: Sequence[int]) -> bool:
    """Whether a translation repeats some tokens in a row, more often than its source."""
    if len(tokens) - len(set(tokens)) < _REPEATS_OF_ONE:
        return False
    most = max(_repeated(ids).values(), default=1)
    return any(
        count > max(most, _REPEATS_OF_ONE if unit == 1 else _REPEATS)
        for unit, count in _repeated(tokens).items()
    )


def _repeated(tokens: Sequence[int]) -> dict[int, int]:
    """How often in a row a unit of each length occurs at most; lengths that never do are absent."""
    found: dict[int, int] = {}
    for unit in range(1, min(_LONGEST_UNIT, len(tokens) // 2) + 1):
        longest = run = 0
        for token, before in zip(tokens[unit:], tokens, strict=False):
            run = run + 1 if token == before else 0
            longest = max(longest, run)
        if longest >= unit:
            found[unit] = longest // unit + 1
    return found


def bad_length(source: str, output: str) -> bool:
    """Whether a translation is much longer or shorter than any is."""
    before, behind = _length(source), _length(output)
    if behind > _FACTOR * before + _SLACK:
        return True
    return before >= _SHORTENED and behind < _LEAST_SHARE * before


def is_copy(source: str, output: str) -> bool:
    """Whether most long words of a sentence are in its translation, not counting names."""
    words = set(source.split())
    copied = words.intersection(output.split())
    if len(copied) < _LONG_WORDS * _COPIED:
        return False
    long = [word for word in words if len(word) >= _LONG_WORD and word.islower() and word.isalpha()]
    return len(long) >= _LONG_WORDS and sum(w in copied for w in long) >= _COPIED * len(long)


def brackets_changed(source: str, output: str) -> bool:
    """Whether brackets or quotation marks, balanced in a sentence, are gone or unbalanced.

    Other marks than the source's are right, and so is another number of pairs. Signs that were not
    balanced in the source, as in ":)" or a quotation of several sentences, are not checked.
    """
    if _BRACKET.search(source) and _balanced(source) > 0 and _balanced(output) < 1:
        return True
    before = len(_QUOTE.findall(source))
    if before == 0 or before % 2:
        return False
    behind = len(_QUOTE.findall(output))
    return behind % 2 == 1 or (behind == 0 and not _ALSO_QUOTES.search(output))


def _balanced(text: str) -> int:
    """Number of pairs of brackets; -1 if some have no partner."""
    open_brackets: list[str] = []
    pairs = 0
    for sign in _BRACKET.findall(text):
        bracket = sign.translate(_ALIKE)
        if bracket in _PAIRS:
            open_brackets.append(_PAIRS[bracket])
        elif not open_brackets or open_brackets.pop() != bracket:
            return -1
        else:
            pairs += 1
    return -1 if open_brackets else pairs


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text) + (_WIDTH - 1) * len(_WIDE.findall(text))
