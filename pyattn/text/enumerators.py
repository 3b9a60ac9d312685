"""Enumerators, such as `2.`, `a)` or a bullet, in front of what they count."""

# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
from __future__ import annotations

import functools
import re

from pyattn.text.characters import BLANK, BREAKS, HAN, LOWER, UPPER

_BULLETS = "•◦‣⁃▪▫●○■□➢➤✓✔→"
_DASHES = r"\-–—*·"  # bullets in front of white space, else signs

_NUMBER = r"\d{1,3}(?:\.\d{1,3}){0,4}"


@functools.cache
def enumerators(*, ordinals: bool) -> str:
    """A regular expression for white space and enumerators, which matches at any place of any text.

    Neither a year (`1984.`, of more than three digits) nor an initial (`A. Smith`) is one, nor is a
    single small letter with a stop that no capital follows (`p. 5`).

    Args:
        ordinals: Whether a number with a stop in front of a small letter is an ordinal number.
    """
    # In front of a small letter it would be an ordinal number: "1. und 2. Liga".
    counting = rf"(?!{BLANK}+[{LOWER}](?![.)]))" if ordinals else ""
    # The most frequent come first. Some are there once more below, for the end of a text.
    ways = [
        rf"\d{{1,3}}(?:\.{counting}|\.?\))\s+",
        rf"[{_DASHES}]\s+",
        rf"[{_BULLETS}①-⒇❶-➓㈠-㈩]\s*",
        r"\(\d{1,3}\)\s+",
        r"[^\W\d_]\)\s+",
        r"（(?:\d{1,3}|[一二三四五六七八九十]{1,3})）\s*",
        rf"\d{{1,3}}(?:、|[.)．](?=[{HAN}]))\s*",
    ]
    # These need white space behind them.
    loose = [
        rf"{_NUMBER}(?:\.[\-–]?{counting}|\.?\))",
        rf"§\s?{_NUMBER}\.",
        rf"[ivx]{{2,6}}(?:\.{counting}|\))",
        rf"[IVX]{{2,6}}(?:\.{counting}|\))",
        rf"[a-i]\.(?={BLANK}+[{UPPER}])",
        r"[^\W\d_]\)",
        rf"\((?:{_NUMBER}\.?|[^\W\d_]|[ivx]{{2,6}}|[IVX]{{2,6}})\)",
        r"\[\d{1,3}\]",
        rf"[{_DASHES}]",
    ]
    ways.append(rf"(?:{'|'.join(loose)})(?:\s+|\Z)")
    return rf"\s*(?:{'|'.join(ways)})*"


# What may begin a list in one line: the bullet, what opens the number, the number, what closes it.
_FIRST_ITEM = re.compile(
    rf"\s*(?P<bullet>[{_BULLETS}]\s?)?"
    r"(?:(?P<open>\(?)(?P<number>\d{1,3}|[a-y]|[A-Y](?!\.))(?P<close>\.\)|[.)])(?=\s))?"
)


def items(text: str, begin: int, body: int, end: int) -> list[int]:
    """Where the further items of a list begin that fills one line: `1. Tea 2. Milk`.

    Args:
        text: Any text.
        begin: Where the line begins, or one of the empty lines in front of it.
        body: Where it goes on behind its white space and enumerators. It is a list if the next
            enumerator of the same kind follows further on.
        end: Where it ends.

    Returns:
        Where the second item and all others begin, ascending.
    """
    starts: list[int] = []
    begin = max(begin, 1 + max(text.rfind(mark, begin, body) for mark in BREAKS))
    first = _FIRST_ITEM.match(text, begin, end)
    bullet, opened, number, closed = first.groups(default="") if first else ("",) * 4
    at = body
    while number or bullet:
        if number:
            number = str(int(number) + 1) if number.isdecimal() else chr(ord(number) + 1)
        at = text.find(f" {bullet}{opened}{number}{closed}{' ' if number else ''}", at, end) + 1
        if not at:
            break
        starts.append(at)
    return starts
