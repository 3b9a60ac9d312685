"""The argument `protect`, and the protected parts of a text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from pyattn.results import Span
from pyattn.text.protection.kinds import Kept, usual

# What is protected: the usual kinds, nothing, or the usual kinds and what these patterns match.
# None is the operation's default.
Protect: TypeAlias = bool | Sequence[str | re.Pattern[str]] | None

# Tags between which there are no sentences, but blocks of text.
_BLOCK = re.compile(r"</?(?:br|p|div|li|ul|ol|hr|h[1-6]|t[dhr]|table)\b", re.IGNORECASE)
# Signs between two parts of one expression, and how many there are.
_SIGNS = re.compile(r"[=/|:+~@#&*_.-]+")
_NEAR = 3


class Protection:
    """What to protect in texts.

    Args:
        kinds: Whether the usual kinds are protected.
        patterns: Patterns of what else is.
    """

    def __init__(self, kinds: bool, patterns: Sequence[re.Pattern[str]] = ()) -> None:
        self._kinds = kinds
        self._patterns = patterns

    def parts(self, text: str, more: Iterable[Span] = ()) -> list[Kept]:
        """The protected parts of a text, ascending and not empty; none overlap.

        Args:
            text: The text.
            more: Spans that are protected besides. Where parts overlap, they are one.

        Raises:
            ValueError: if a pattern matches an empty text.
        """
        found = usual(text) if self._kinds else []
        own = [Kept(begin, end, "name") for begin, end in more if begin < end]
        for pattern in self._patterns:
            for match in pattern.finditer(text):
                own.append(Kept(*_not_empty(match, pattern), "name"))
        if own:
            found = _merged(sorted([*found, *own], key=lambda part: (part.begin, -part.end)))
        return found


# Protects nothing but what is passed to it.
NOTHING = Protection(kinds=False)


def chosen_protection(protect: Protect, default: bool) -> Protection:
    """What `protect` stands for.

    Args:
        protect: The argument.
        default: Whether None protects the usual kinds.

    Raises:
        TypeError: if it is neither a bool nor patterns.
        ValueError: if a pattern is no regular expression, or matches an empty text.
    """
    if protect is None or isinstance(protect, bool):
        return Protection(kinds=default if protect is None else protect)
    expected = "expected True, False or a list of regular expressions"
    if isinstance(protect, str | bytes | re.Pattern) or not isinstance(protect, Iterable):
        raise TypeError(f"protect is {type(protect).__name__}, {expected}")
    patterns: list[re.Pattern[str]] = []
    for place, pattern in enumerate(protect):
        if isinstance(pattern, str):
            try:
                pattern = re.compile(pattern)
            except re.error as error:
                raise ValueError(
                    f"protect[{place}] is {pattern!r:.60}, expected a regular expression: {error}"
                ) from None
        if not isinstance(pattern, re.Pattern) or not isinstance(pattern.pattern, str):
            raise TypeError(f"protect[{place}] is {type(pattern).__name__}, {expected}")
        match = pattern.search("")
        if match:
            _not_empty(match, pattern)
        patterns.append(pattern)
    return Protection(kinds=True, patterns=patterns)


def _not_empty(match: re.Match[str], pattern: re.Pattern[str]) -> Span:
    if match.start() == match.end():
        raise ValueError(
            f"protect has {pattern.pattern!r:.60}, which matches an empty text, expected a pattern "
            "of one character or more"
        )
    return match.span()


def units(text: str, parts: list[Kept]) -> list[Kept]:
    """Parts with those that belong together as one, as in `<b>{name}</b>` and `{key}={value}`."""
    if all(one.end + _NEAR < two.begin for one, two in itertools.pairwise(parts)):
        return parts
    joined: list[Kept] = []
    for part in parts:
        if joined and _belong(text, joined[-1], part):
            last = joined[-1]
            role = last.role if last.role != "mark" else part.role
            joined[-1] = Kept(last.begin, part.end, role)
        else:
            joined.append(part)
    return joined


def _belong(text: str, last: Kept, part: Kept) -> bool:
    if _BLOCK.match(text, part.begin) or _BLOCK.match(text, last.begin):
        return False
    if last.end == part.begin:
        return True
    between = text[last.end : part.begin]
    marks = "mark" in (last.role, part.role)
    return len(between) <= _NEAR and not marks and bool(_SIGNS.fullmatch(between))


def _merged(parts: Sequence[Kept]) -> list[Kept]:
    merged: list[Kept] = []
    for part in parts:
        last = merged[-1] if merged else None
        if last is None or part.begin >= last.end:
            merged.append(part)
        elif part.end > last.end:
            merged[-1] = Kept(last.begin, part.end, last.role)
    return merged
