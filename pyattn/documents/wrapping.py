"""Lines of a limited length."""

from __future__ import annotations

from collections.abc import Callable


def wrapped(
    text: str,
    width: int,
    first: int = 0,
    following: int = 0,
    *,
    may_begin: Callable[[str], bool] = bool,
) -> list[str]:
    """A text in lines; words that are too long have lines of their own.

    Args:
        text: The text.
        width: Letters in a line.
        first: Letters before the first line.
        following: Letters before each other line.
        may_begin: Whether a line may begin with a word.
    """
    lines: list[str] = []
    line = ""
    room = width - first
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > room and word and may_begin(word):
            lines.append(line)
            line, room = word, width - following
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
