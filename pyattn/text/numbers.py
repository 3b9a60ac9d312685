"""Comparison of the numbers in a text and its translation."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable

# Digits and separators. Point and comma have opposite meanings in English and Spanish.
_NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f' ]\d{3}(?!\d)|[.,:]\d+)*")
_DIGIT = re.compile(r"\d")
_TIME = re.compile(r"\d{1,2}:\d\d")
_PARTING = re.compile(r"\D")
# Length of numbers that languages write as words or as digits.
_SPELT = 1


def numbers_differ(text: str, translation: str) -> bool:
    """Whether digits were lost, changed or made up; single digits and times may become words."""
    return any(_differences(text, translation))


def numbers_changed(text: str, translation: str) -> bool:
    """Whether there are digits in the translation that are not in the text."""
    return bool(_DIGIT.search(translation)) and _differences(text, translation)[1]


def _differences(text: str, translation: str) -> tuple[bool, bool]:
    """Whether numbers of a text are missing in its translation, and the other way round."""
    before, behind = _NUMBER.findall(text), _NUMBER.findall(translation)
    if before == behind:
        return False, False
    lost, made_up = _digits(before), _digits(behind)
    common = lost & made_up
    times = _digits(filter(_TIME.fullmatch, before))
    return (
        any(len(number) > _SPELT for number in lost - common - times),
        any(len(number) > _SPELT for number in made_up - common),
    )


def _digits(numbers: Iterable[str]) -> collections.Counter[str]:
    # \d are the digits of all scripts, and int() reads them.
    return collections.Counter(
        "".join(str(int(digit)) for digit in _PARTING.sub("", number)) for number in numbers
    )
