"""Text inside quotation marks or brackets, found in one pass."""

# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
from __future__ import annotations

import collections
import re

from pyattn.text.characters import BREAKS

# Quotations and brackets of fewer characters are kept whole. Longer ones hold more sentences than
# a model of single sentences translates without loss.
WHOLE = 160

# Opening marks, each with its closing ones. Some open in one language and close in another.
_CLOSING = {
    "(": ")",
    "[": "]",
    "“": "”",
    "„": "“”",
    "«": "»",
    "「": "」",
    "『": "』",
    "（": "）",
    "《": "》",
    "〈": "〉",
    "【": "】",
    '"': '"',
    "”": "”",
    "»": "«»",
}
_EITHER = frozenset('"”»')  # their neighbours decide whether they open
_BREAK = re.compile(f"[{BREAKS}]")
_OPENING = re.compile(rf"[{re.escape(''.join(_CLOSING))}]")
_MARK = re.compile(rf"[{BREAKS}{re.escape(''.join(_CLOSING))})\]」』）》〉】]")


class Quotations:
    """Follows quotation marks and brackets from the begin of a text to its end.

    Attributes:
        opened: Position of the opening mark that was closed last; -1 if none was.
    """

    def __init__(self, text: str) -> None:
        self.opened = -1
        self._text = text
        self._at = 0
        self._open: collections.deque[int] = collections.deque()

    def hold(self, place: int) -> bool:
        """Whether a position is inside a quotation that is kept whole.

        Args:
            place: A position in the text, not before that of the last call.
        """
        # A quotation that begins further back is too long.
        first = place - WHOLE
        if self._at < first:
            self._at = first
            self._open.clear()
        for mark in _MARK.finditer(self._text, self._at, place):
            self._see(mark.start())
        self._at = place
        while self._open and (self._open[0] <= first or not self._closes(self._open[0], place)):
            self._open.popleft()
        return bool(self._open)

    def _see(self, place: int) -> None:
        """Take note of the quotation mark, bracket or line break at a place."""
        mark = self._text[place]
        if self._open and mark in _CLOSING[self._text[self._open[-1]]]:
            self.opened = self._open.pop()
        elif mark in _EITHER:
            before, after = self._text[place - 1 : place], self._text[place + 1 : place + 2]
            if (not before or before.isspace() or before in "([-–—") and not after.isspace():
                self._open.append(place)
        elif mark in _CLOSING:
            self._open.append(place)
        elif _BREAK.match(mark):
            self._open.clear()

    def _closes(self, opened: int, place: int) -> bool:
        """Whether what is open at a place closes near enough and in the same line."""
        closing, last = _CLOSING[self._text[opened]], opened + WHOLE
        found = [at for mark in closing if (at := self._text.find(mark, place, last)) >= 0]
        return bool(found) and not _BREAK.search(self._text, place, min(found))


def may_quote(text: str, begin: int, end: int) -> bool:
    """Whether a part of a text has any quotation mark or bracket."""
    return _OPENING.search(text, begin, end) is not None
