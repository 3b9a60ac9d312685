"""The values of templates: plain data, and how much of it there may be."""

from __future__ import annotations

import contextlib
import contextvars
import time
from collections.abc import Iterator, Mapping
from typing import Any

from pyattn.text.checks import check_text

# Loops and calls of one rendering, and seconds of a thread that it takes.
_MOST_STEPS = 1_000_000
_MOST_SECONDS = 5.0
# Characters and items of a value, beside those that the messages have.
_MOST_SIZE = 4_000_000
_SIZES_OF_INPUT = 8
# What all values together may have, also those that are gone: so many times that.
_VALUES = 64
# The longest number: products of larger ones take time and memory of their own.
_MOST_NUMBER = 2**63
# Values inside of each other.
_MOST_DEPTH = 64


class Excess(Exception):
    """A template takes more than it may have."""


class Budget:
    """What is left of what one rendering may take.

    Args:
        size: Characters and items of the messages.
    """

    def __init__(self, size: int) -> None:
        self.size = _MOST_SIZE + _SIZES_OF_INPUT * size
        self._left = _VALUES * self.size
        self._steps = _MOST_STEPS
        self._end = time.thread_time() + _MOST_SECONDS

    def step(self) -> None:
        """Counts a step of a loop, or a call."""
        self._steps -= 1
        if self._steps < 0:
            raise Excess(f"it takes more than {_MOST_STEPS:,} steps")
        if time.thread_time() > self._end:
            raise Excess(f"it takes more than {_MOST_SECONDS:g} seconds")

    def check(self, size: int) -> None:
        """Checks the size of a value, before or after it is made."""
        if size > self.size:
            raise Excess(f"it makes a text or a list of more than {self.size:,} characters")

    def made(self, size: int) -> None:
        """Checks the size of a value that there is now, and counts it."""
        self.check(size)
        self._left -= size
        if self._left < 0:
            raise Excess(f"its values have more than {_VALUES * self.size:,} characters together")


_budget: contextvars.ContextVar[Budget] = contextvars.ContextVar("budget")


@contextlib.contextmanager
def budgeted(size: int) -> Iterator[Budget]:
    """A budget of its own for what is rendered in this context."""
    token = _budget.set(Budget(size))
    try:
        yield _budget.get()
    finally:
        _budget.reset(token)


def budget() -> Budget:
    """The budget of the rendering under way."""
    return _budget.get()


def held(value: Any) -> Any:
    """A value that a template has made, once it is known not to be too large."""
    own = budget()
    own.step()
    own.made(size_of(value, own.size))
    return value


def size_of(value: Any, most: int) -> int:
    """Characters and items of a value; no more than some beyond `most` are counted."""
    found = 0
    waiting = [(value, 0)]
    while waiting and found <= most:
        one, depth = waiting.pop()
        found += 1
        if isinstance(one, str | bytes):
            found += len(one)
        elif isinstance(one, int) and not -_MOST_NUMBER < one < _MOST_NUMBER:
            raise Excess("it computes with numbers of more than 64 bits")
        elif isinstance(one, Mapping | list | tuple):
            if depth > _MOST_DEPTH:
                raise Excess(f"it makes lists inside of each other, more than {_MOST_DEPTH} deep")
            inside = [*one, *one.values()] if isinstance(one, Mapping) else one
            found += len(inside)
            if found <= most:
                waiting += [(item, depth + 1) for item in inside]
    return found


def plain(value: Any, place: str, depth: int = 0) -> Any:
    """A value as JSON has it, copied; nothing else reaches a template.

    Raises:
        TypeError: if it is something else; the message names its place.
        ValueError: if it is too deep, or a text is not valid Unicode.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return check_text(str(value), place)
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    if depth > _MOST_DEPTH // 2:
        raise ValueError(f"{place}: more than {_MOST_DEPTH // 2} lists inside of each other")
    if isinstance(value, Mapping):
        return {
            check_text(str(key), f"{place}: a key"): plain(item, f"{place}[{key!r:.20}]", depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(item, f"{place}[{n}]", depth + 1) for n, item in enumerate(value)]
    raise TypeError(f"{place} is {type(value).__name__}, expected what JSON has")
