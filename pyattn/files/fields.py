"""The fields of config files, each checked when it is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import numpy as np

from pyattn.errors import ModelError
from pyattn.files.reading import JsonObject, bare, shown

T = TypeVar("T")

# Bounds of sizes that no real model comes near, and that keep products of them far from overflow.
MAX_DIM = 1 << 20
MAX_LAYERS = 1 << 10
MAX_POSITIONS = 1 << 24

# Of float32, which the core has them in.
_LARGEST = float(np.finfo(np.float32).max)


class Fields:
    """What one or more config files say; later files override earlier ones.

    A field that is null counts as one that is not there.

    Args:
        files: By their names, in the order of rising precedence.
    """

    def __init__(self, files: Mapping[str, JsonObject]) -> None:
        self._files = files

    def get(self, key: str) -> Any:
        """What the last file that has the field says; None if none has."""
        return self._files[self._file(key)].get(key)

    def names(self, file: str) -> list[str]:
        """The fields of one of the files; none if there is no such file."""
        return list(self._files.get(file, {}))

    def fail(self, key: str, problem: str) -> NoReturn:
        """Raises the error of a field that cannot be used."""
        raise ModelError(f"{self._file(key)}: {bare(key)} {problem}")

    def warn(self, key: str, problem: str) -> None:
        """Warns of a field that is not followed."""
        warnings.warn(f"{self._file(key)}: {bare(key)} {problem}", stacklevel=2)

    def integer(
        self, key: str, default: int | None = None, *, low: int = 1, high: int = 2**31 - 1
    ) -> int:
        """An integer from `low` to `high`; `default` None makes the field required."""
        value = self.optional_integer(key, default, low=low, high=high)
        if value is None:
            self.fail(key, f"is missing, expected {low} to {high}")
        return value

    def optional_integer(
        self, key: str, default: int | None = None, *, low: int = 1, high: int = 2**31 - 1
    ) -> int | None:
        """An integer from `low` to `high`, or `default`, which is checked as well."""
        value = self.get(key)
        if value is None:
            value = default
        if value is not None and (type(value) is not int or not low <= value <= high):
            self.fail(key, f"is {shown(value)}, expected {low} to {high}")
        return value

    def id(self, key: str, default: int | None, *, vocab: int) -> int:
        """An id below `vocab`, which may stand alone in a list; or `default`, None for none."""
        value = self.optional_id(key, default, vocab=vocab)
        if value is None:
            self.fail(key, f"is missing, expected an id below {vocab}")
        return value

    def ids(self, key: str, *, vocab: int) -> list[int]:
        """One id below `vocab`, or a list of such."""
        value = self.get(key)
        values = value if isinstance(value, list) else [value]
        if not values or not all(type(item) is int and 0 <= item < vocab for item in values):
            self.fail(key, f"is {shown(value)}, expected one id below {vocab}, or a list of them")
        return values

    def optional_id(self, key: str, default: int | None, *, vocab: int) -> int | None:
        """The same, or None."""
        value = self.get(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is None:
            value = default
        if value is not None and (type(value) is not int or not 0 <= value < vocab):
            self.fail(key, f"is {shown(value)}, expected one id below {vocab}")
        return value

    def divisor(self, key: str, default: int | None = None, *, of: str, value: int) -> int:
        """An integer that divides `value`, which is that of the field `of`."""
        number = self.integer(key, default, high=value)
        if value % number:
            self.fail(key, f"is {number}, expected a divisor of {of}, {value}")
        return number

    def number(
        self, key: str, default: float, *, low: float = -_LARGEST, high: float = _LARGEST
    ) -> float:
        """A number from `low` to `high` that is finite in float32."""
        value = self.optional_number(key, low=low, high=high)
        return default if value is None else value

    def optional_number(
        self, key: str, *, low: float = -_LARGEST, high: float = _LARGEST
    ) -> float | None:
        """The same, or None."""
        value = self.get(key)
        if value is None:
            return None
        if type(value) not in (int, float) or not low <= value <= high:
            self.fail(key, f"is {shown(value)}, expected a number from {low:g} to {high:g}")
        return float(value)

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fail(key, f"is {shown(value)}, expected true or false")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A string; `default` None makes the field required."""
        value = self.get(key)
        if value is None:
            value = default
        if not isinstance(value, str):
            self.fail(key, f"is {shown(value)}, expected a string")
        return value

    def choice(self, key: str, choices: Mapping[str, T], default: str | None = None) -> T:
        """What the name in this field stands for."""
        name = self.text(key, default)
        if name not in choices:
            self.fail(key, f"is {shown(name)}, supported are {', '.join(choices)}")
        return choices[name]

    def list(self, key: str) -> list[Any]:
        """A list, empty if there is none."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fail(key, f"is {shown(value)}, expected a list")
        return value

    def object(self, key: str) -> JsonObject:
        """An object, empty if there is none."""
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fail(key, f"is {shown(value)}, expected an object")
        return value

    def _file(self, key: str) -> str:
        names = list(self._files)
        return next((name for name in reversed(names) if key in self._files[name]), names[0])
