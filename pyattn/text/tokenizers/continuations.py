"""The text behind a prompt, as its tokens come.

A token's text depends on its neighbours: half a character has none, and some decoders drop a space
at the head of a list. So some tokens in front of it are decoded with it, which begin with a whole
character: bytes of which one is missing may all be unreadable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

Join: TypeAlias = Callable[[list[int]], str]

# What decoders put in place of an incomplete character.
_INCOMPLETE = "\ufffd"
# Tokens of a prompt that are decoded with what is behind it: so many, or as many as begin with a
# whole character and are more than spaces.
_CONTEXT = 6
_MOST_CONTEXT = 32
# Tokens that wait for the rest of a character, which is complete after four: behind so many the
# model means what it says.
_MOST_WAITING = 16


class Continuation:
    """The text of tokens behind a prompt, given out as soon as it is certain.

    Args:
        join: Ids to their text.
        prompt: The prompt's ids.
    """

    def __init__(self, join: Join, prompt: Sequence[int]) -> None:
        self._join = join
        self._ids = _context(join, prompt)
        self._read = len(self._ids)  # the text of so many ids was given out
        self._known = join(self._ids)

    def add(self, token: int) -> str:
        """The text that this token completes; "" while a character is incomplete."""
        self._ids.append(token)
        text = self._join(self._ids)
        if text.endswith(_INCOMPLETE) and len(self._ids) - self._read < _MOST_WAITING:
            return ""
        return self._given(text)

    def rest(self) -> str:
        """The text of tokens that wait for others, once no more come."""
        return self._given(self._join(self._ids))

    def _given(self, text: str) -> str:
        new = text[len(self._known) :]
        if not new:
            return ""
        later = self._ids[self._read :]
        alone = self._join(later)
        if _is_context(alone) or len(self._ids) > 2 * _MOST_CONTEXT:
            self._ids, self._known = later, alone
        else:
            self._known = text
        self._read = len(self._ids)
        return new


def continued(join: Join, prompt: Sequence[int], ids: Sequence[int]) -> str:
    """The text of ids behind a prompt: that of a `Continuation`, all at once."""
    context = _context(join, prompt)
    text = join([*context, *ids])[len(join(context)) :]
    if _INCOMPLETE not in text:
        return text
    one = Continuation(join, prompt)
    return "".join([*map(one.add, ids), one.rest()])


def _context(join: Join, prompt: Sequence[int]) -> list[int]:
    for count in range(_CONTEXT, min(_MOST_CONTEXT, len(prompt)) + 1):
        context = list(prompt[-count:])
        if _is_context(join(context)):
            return context
    return list(prompt[-_CONTEXT:])


def _is_context(text: str) -> bool:
    return _INCOMPLETE not in text and not text.isspace() and text != ""
