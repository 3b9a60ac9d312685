"""The options of a Marian model, from the text that its file carries, or from a config.yml."""

from __future__ import annotations

import math
from typing import NoReturn

from pyattn.errors import ModelError
from pyattn.files.marian.yaml import Value, Yaml
from pyattn.files.reading import bare, shown

_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")


class Options:
    """Options by their names, each checked when it is asked for.

    Args:
        place: Where they stand, for errors.
        values: What stands there.
    """

    def __init__(self, place: str, values: Yaml) -> None:
        self.place = place
        self._values = values

    def __contains__(self, name: str) -> bool:
        """Whether the option is there."""
        return name in self._values

    def fail(self, name: str, expected: str) -> NoReturn:
        """Raises the error of an option that cannot be used."""
        value = self._values.get(name, "missing")
        raise ModelError(f"{self.place}: {bare(name)} is {_shown(value)}, {expected}")

    def text(self, name: str, default: str) -> str:
        """A text."""
        value = self._values.get(name, default)
        if not isinstance(value, str):
            self.fail(name, "expected a text")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts, or one alone; empty if there is none."""
        value = self._values.get(name, [])
        if isinstance(value, str):
            return [value] if value else []
        if value is None:
            self.fail(name, "expected a list of texts")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.text(name, str(default)).lower()
        if value not in (*_TRUE, *_FALSE):
            self.fail(name, "expected true or false")
        return value in _TRUE

    def integer(self, name: str, default: int, *, high: int = 2**31 - 1) -> int:
        """An integer from 0 on."""
        number = _integer(self.text(name, str(default)), high)
        if number is None:
            self.fail(name, f"expected 0 to {high}")
        return number

    def integers(self, name: str, *, high: int) -> list[int]:
        """A list of integers from 0 on."""
        numbers = [_integer(text, high) for text in self.texts(name)]
        found = [number for number in numbers if number is not None]
        if len(found) < len(numbers):
            self.fail(name, f"expected integers from 0 to {high}")
        return found

    def number(self, name: str, default: float) -> float:
        """A finite number; true is 1 and false is 0."""
        text = self.text(name, str(default)).lower()
        if text in _TRUE or text in _FALSE:
            return float(text in _TRUE)
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(name, "expected a number")
        return number

    def expect(self, name: str, value: str, *others: str) -> None:
        """That an option has the only value that is supported, or one that comes to the same.

        Raises:
            ModelError: if it has another.
        """
        found = self._values.get(name, value)
        if found == [] and not value:
            return
        if not isinstance(found, str) or found.lower() not in (value, *others):
            self.fail(name, f"supported is {value!r}")


def _integer(text: str, high: int) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) > high:
        return None
    return int(text)


def _shown(value: Value) -> str:
    return "nested" if value is None else shown(value)
