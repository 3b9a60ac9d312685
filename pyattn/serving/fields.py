"""The fields of a request, with their types checked."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from starlette.datastructures import UploadFile

from pyattn.serving.problems import Problem

_REQUIRED: Any = object()


class Fields:
    """The fields of a request.

    Args:
        given: Fields by name.
        repeated: Names of the fields that came several times in a form or a query.
        text: Whether values were written as text, as in forms.
    """

    def __init__(
        self, given: Mapping[str, Any], *, repeated: Collection[str] = (), text: bool = False
    ) -> None:
        self._given = given
        self._repeated = repeated
        self._text = text

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def without(self, *names: str) -> Fields:
        """The same fields but for some."""
        left = {name: value for name, value in self._given.items() if name not in names}
        return Fields(left, repeated=self._repeated, text=self._text)

    def get(self, name: str) -> Any:
        """A field as it is; None if it is not there."""
        return self._given.get(name)

    def text(self, name: str, default: str | None = _REQUIRED) -> Any:
        """A field that is a str.

        Raises:
            Problem: if it is not there and has no default, or is no str.
        """
        value = self._given.get(name)
        if value is None:
            if default is _REQUIRED:
                raise Problem(400, f"Invalid request: missing {name} parameter")
            return default
        if not isinstance(value, str):
            raise Problem(400, f"Invalid request: {name} is {_kind(value)}, expected a string")
        return value

    def texts(self, name: str) -> list[str]:
        """A field that is a str or a list of them.

        Raises:
            Problem: if it is not there, or something else.
        """
        value = self._given.get(name)
        if value is None:
            raise Problem(400, f"Invalid request: missing {name} parameter")
        if isinstance(value, str):
            return [value]
        if not isinstance(value, list):
            expected = "a string or a list of strings"
            raise Problem(400, f"Invalid request: {name} is {_kind(value)}, expected {expected}")
        for index, one in enumerate(value):
            if not isinstance(one, str):
                raise Problem(
                    400, f"Invalid request: {name}[{index}] is {_kind(one)}, expected a string"
                )
        return value

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A field that is a whole number.

        Raises:
            Problem: if it is something else, or out of its range.
        """
        value = self._given.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, str) and len(value) < 20 and value.strip().isascii():
            digits = value.strip()
            if digits.lstrip("-").isdigit() and digits.count("-") <= 1:
                value = int(digits)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            shown = value if isinstance(value, int) else _kind(value)
            raise Problem(
                400, f"Invalid request: {name} is {shown}, expected a number from {least} to {most}"
            )
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """A field that is true or false; 1 and 0 mean the same.

        Raises:
            Problem: if it is something else.
        """
        value = self._given.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, bool):
            return value
        known = {"1": True, "true": True, "0": False, "false": False}
        if isinstance(value, str | int) and (found := known.get(str(value).lower())) is not None:
            return found
        raise Problem(400, f"Invalid request: {name} is {_kind(value)}, expected true or false")

    def strings(self, name: str) -> list[str]:
        """A field that is a list of str; in forms also one that is separated by commas.

        Raises:
            Problem: if it is something else.
        """
        value = self._given.get(name)
        if value is None or value == "":
            return []
        if isinstance(value, str) and self._text:
            return [part.strip() for part in value.split(",") if part.strip()]
        return self.texts(name)

    def mapping(self, name: str) -> dict[str, Any] | None:
        """A field that is a JSON object, in forms as text.

        Raises:
            Problem: if it is something else.
        """
        value = self._given.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str) and self._text:
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                value = None
        if not isinstance(value, dict):
            raise Problem(400, f"Invalid request: {name} is {_kind(value)}, expected an object")
        return value

    def choice(self, name: str, default: str, choices: Collection[str]) -> str:
        """A field that is one of some words.

        Raises:
            Problem: if it is another.
        """
        value = self.text(name, default)
        if value not in choices:
            raise Problem(400, f"{value:.60} {name} is not supported")
        return str(value)

    def file(self, name: str) -> UploadFile:
        """A field that is a file.

        Raises:
            Problem: if it is not there.
        """
        value = self._given.get(name)
        if not isinstance(value, UploadFile):
            raise Problem(400, f"Invalid request: missing {name} parameter")
        return value


def _kind(value: Any) -> str:
    names = {str: "a string", dict: "an object", list: "a list", bool: "true or false"}
    if value is None:
        return "null"
    return names.get(type(value), "a number" if isinstance(value, int | float) else "a file")
