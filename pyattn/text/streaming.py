"""Streams of texts, translated in order: many at a time where they come fast."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterator
from typing import Protocol

# Most texts and characters to read ahead: enough to keep the model's batches full.
_AHEAD_TEXTS = 1024
_AHEAD_CHARACTERS = 1 << 18
# Most texts and characters to submit together.
_GROUP_TEXTS = 256
_GROUP_CHARACTERS = 1 << 16
# Seconds. A source that needs this long for a text may be waiting for the last translation.
_SLOW = 0.005


class Pending(Protocol):
    """A group's translations under way, with the methods of `PendingTranslations`."""

    def __len__(self) -> int: ...

    def done(self) -> bool:
        """Whether all texts are translated."""
        ...

    def texts(self) -> list[str]:
        """Waits for all texts and returns the best translation of each."""
        ...


def translated(texts: Iterator[str], start: Callable[[list[str]], Pending]) -> Iterator[str]:
    """The translations of texts, one at a time.

    If a text had to be waited for, it and all texts before it are yielded before the next is read.
    Otherwise groups of texts, each twice as large as the last, are under way side by side.

    Args:
        texts: Any number of texts.
        start: Begins the translation of a group.

    Raises:
        Exception: whatever `texts` or `start` raise, behind the translations of all texts before.
    """
    groups = _Groups(texts)
    under_way: collections.deque[tuple[Pending, int]] = collections.deque()
    error: BaseException | None = None
    while True:
        group = groups.next()
        try:
            if group:
                under_way.append((start(group), sum(map(len, group))))
        except Exception as raised:
            error = raised
        over = groups.over or error is not None
        while under_way and (over or groups.slow or _enough(under_way) or under_way[0][0].done()):
            yield from under_way.popleft()[0].texts()
        if over:
            if error or groups.error:
                raise error or groups.error  # type: ignore[misc]
            return


def _enough(under_way: collections.deque[tuple[Pending, int]]) -> bool:
    return (
        sum(len(pending) for pending, _ in under_way) >= _AHEAD_TEXTS
        or sum(characters for _, characters in under_way) >= _AHEAD_CHARACTERS
    )


class _Groups:
    """Groups of texts.

    Attributes:
        slow: Whether the last text had to be waited for.
        over: Whether there are no more texts.
        error: The error that ended them; None if there was none.
    """

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._size = 1
        self._first = True
        self.slow = False
        self.over = False
        self.error: Exception | None = None

    def next(self) -> list[str]:
        """The next group; empty if there is none."""
        group: list[str] = []
        characters = 0
        # The caller may derive the second text from the first translation.
        self.slow = self._first
        while len(group) < self._size and characters < _GROUP_CHARACTERS:
            begin = time.monotonic()
            try:
                text = next(self._texts)
            except StopIteration:
                self.over = True
                break
            except Exception as error:
                self.over, self.error = True, error
                break
            group.append(text)
            characters += len(text)
            if time.monotonic() - begin > _SLOW:
                self.slow = True
                break
        if not self._first:
            self._size = 1 if self.slow else min(2 * self._size, _GROUP_TEXTS)
        self._first = False
        return group
