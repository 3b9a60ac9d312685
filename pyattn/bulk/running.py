"""From a file to its parts: groups are translated side by side, and kept when they are finished."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pyattn.bulk.parts import Parts
from pyattn.text.streaming import Pending

# Groups under way: the engine has the next ones while one is written.
_AHEAD = 3


class Source(Protocol):
    """A file's groups of texts: `Records` or `Columns`."""

    def groups(self) -> Iterator[Any]:
        """The groups, in order; each has its input as bytes, `content`."""
        ...

    def texts(self, group: Any) -> list[str | None]:
        """The texts of a group; None where there is none."""
        ...

    def written(self, group: Any, found: Sequence[str | None]) -> bytes:
        """The part of a group."""
        ...

    def joined(self, parts: Sequence[Path], file: BinaryIO) -> None:
        """Write the output of all parts."""
        ...


def complete(source: Source, parts: Parts, start: Callable[[list[str]], Pending]) -> list[Path]:
    """Translate what is not among the parts yet.

    Args:
        source: The input.
        parts: Where finished groups are kept.
        start: Begins the translation of texts.

    Returns:
        All parts, in order.

    Raises:
        ValueError: if the input cannot be used; the groups before are among the parts.
    """
    under_way: collections.deque[Callable[[], None]] = collections.deque()
    count = 0
    try:
        for group in source.groups():
            if not parts.has(count, group.content):
                under_way.append(_started(source, parts, start, group, count))
            count += 1
            if len(under_way) >= _AHEAD:
                under_way.popleft()()
    except ValueError:
        for finish in under_way:
            finish()
        raise
    for finish in under_way:
        finish()
    parts.check_end(count)
    return [parts.paths[number] for number in range(count)]


def _started(
    source: Source, parts: Parts, start: Callable[[list[str]], Pending], group: Any, number: int
) -> Callable[[], None]:
    """Begins a group; returns what waits for it and keeps it."""
    texts = source.texts(group)
    there = [text for text in texts if text is not None]
    pending = start(there) if there else None

    def finish() -> None:
        made = iter(pending.texts() if pending else ())
        found = [None if text is None else next(made) for text in texts]
        parts.add(number, group.content, source.written(group, found))

    return finish
