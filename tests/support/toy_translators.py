"""Translators whose answers and alignments are known."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.results import Piece, Span, Translation

Order = Callable[[int], Sequence[int]]


def reversed_order(count: int) -> Sequence[int]:
    return range(count - 1, -1, -1)


def same_order(count: int) -> Sequence[int]:
    return range(count)


def shuffled_order(count: int) -> Sequence[int]:
    return random.Random(count).sample(range(count), count)


class Capitals:
    """Puts words in capitals and in another order, and knows where each came from.

    Line breaks stay where they are: the words of each line are its own.

    Attributes:
        calls: The texts of each call.
    """

    settings = None

    def __init__(self, order: Order = reversed_order) -> None:
        self._order = order
        self.calls: list[list[str]] = []

    def submit(self, texts: Iterable[str], *, alignment: bool = False, **_: Any) -> Capitals:
        self.calls.append(list(texts))
        self._found = [[self._translation(text, alignment)] for text in self.calls[-1]]
        pending = Capitals(self._order)
        pending._found = self._found
        return pending

    def results(self) -> list[list[Translation]]:
        return self._found

    def _translation(self, text: str, aligned: bool) -> Translation:
        out = ""
        sources: list[Span] = []
        targets: list[Span] = []
        looks: list[tuple[int, int]] = []
        pieces: list[Piece] = []
        rows = 0
        for line in re.finditer(r"[^\n]+|\n+", text):
            begin = len(out)
            if line[0].startswith("\n"):
                out += line[0]
                pieces.append(Piece(line.span(), (begin, len(out)), copied=True))
                continue
            words = list(re.finditer(r"\S+", line[0]))
            first = len(sources)
            sources += [(line.start() + w.start(), line.start() + w.end()) for w in words]
            sources.append((line.end(), line.end()))
            for number, place in enumerate(self._order(len(words))):
                out += " " * bool(number)
                targets.append((len(out), len(out) + len(words[place][0])))
                out += words[place][0].upper()
                looks.append((rows, first + place))
                rows += 1
            targets.append((len(out), len(out)))  # of the end
            looks.append((rows, first + len(words)))
            rows += 1
            pieces.append(Piece(line.span(), (begin, len(out)), copied=False))
        weights = _looks(looks, pieces, sources, rows) if aligned else None
        return Translation(
            tokens=[1] * (len(targets) - sum(not piece.copied for piece in pieces)),
            score=None,
            token_scores=np.zeros(0, np.float32),
            finish_reason="eos",
            text=out,
            pieces=tuple(pieces),
            alignment=weights,
            source_spans=tuple(sources) if aligned else None,
            target_spans=tuple(targets) if aligned else None,
        )


def _looks(
    looks: Sequence[tuple[int, int]], pieces: Sequence[Piece], sources: Sequence[Span], rows: int
) -> npt.NDArray[np.float32]:
    """The tokens' weights: each looks at one, and a little at all others of its line."""
    weights = np.zeros((rows, len(sources)), np.float32)
    for row, column in looks:
        weights[row, column] = 1
    # No model looks at nothing of its source but one token.
    for piece in pieces:
        inside = [n for n, s in enumerate(sources) if piece.source[0] <= s[0] <= piece.source[1]]
        own = [row for row, column in looks if column in inside]
        if own:
            weights[np.ix_(own, inside)] += 0.01
    return weights


def identity(texts: list[str]) -> list[str]:
    return texts


def capitals(texts: list[str]) -> list[str]:
    """The same words in the same order, another text; ẞ has a capital of one letter only so."""
    return [text.upper() for text in texts]
