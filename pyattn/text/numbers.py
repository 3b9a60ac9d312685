"""Comparison of the numbers in a text and its translation."""

from __future__ import annotations

import collections
import re

# Digits and separators. Point and comma have opposite meanings in English and Spanish.
_NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f' ]\d{3}(?!\d)|[.,:]\d+)*")
_PARTING = re.compile(r"\D")
# Length of numbers that languages write as words or as digits.
_SPELT = 1


def numbers_differ(text: str, translation: str) -> bool:
    """Whether digits were lost, changed or made up; single digits may have become words."""
    lost, made_up = _numbers(text), _numbers(translation)
    common = lost & made_up
    lost -= common
    made_up -= common
    return any(len(number) > _SPELT for number in (*lost, *made_up))


def _numbers(text: str) -> collections.Counter[str]:
    # \d are the digits of all scripts, and int() reads them.
    return collections.Counter(
        "".join(str(int(digit)) for digit in _PARTING.sub("", match[0]))
        for match in _NUMBER.finditer(text)
    )
