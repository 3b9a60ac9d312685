"""Drawings of the chapter that computes attention by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drawings.canvas import Canvas
from pyattn import reference

_X = np.array([[1, 2, 1, 2, 1], [1, 1, 1, 2, 1], [3, 2, 1, 1, 1]], np.float32)
_CELL = 58


def _grid(
    canvas: Canvas,
    x: float,
    y: float,
    rows: Sequence[Sequence[str]],
    shades: Sequence[Sequence[float]],
    labels: tuple[Sequence[str], Sequence[str]],
) -> None:
    """A table of numbers; shades of 0 to 1 fill as much of each cell."""
    sides, heads = labels
    for n, head in enumerate(heads):
        canvas.text(x + (n + 0.5) * _CELL, y - 12, head, kind="small")
    for m, row in enumerate(rows):
        canvas.text(x - 8, y + (m + 0.5) * 36, sides[m], anchor="end", kind="small")
        for n, number in enumerate(row):
            filled = shades[m][n] * 34
            if filled > 0.5:
                canvas.box(x + n * _CELL, y + m * 36 + 34 - filled, _CELL - 2, filled, "c1")
            canvas.box(x + n * _CELL, y + m * 36, _CELL - 2, 34)
            inside = "inside" if filled > 17 else ""
            canvas.text(x + (n + 0.5) * _CELL - 1, y + m * 36 + 17, number, kind=inside)


def _two(scores: np.ndarray, sides: Sequence[str], heads: Sequence[str]) -> str:
    weights = reference.softmax(scores.astype(np.float32))
    count = len(heads)
    second = 80 + count * _CELL + 130
    canvas = Canvas(second + count * _CELL + 20, 60 + 36 * len(sides))
    shown = [["-inf" if np.isinf(one) else f"{one:.0f}" for one in row] for row in scores]
    _grid(canvas, 80, 44, shown, np.zeros(scores.shape).tolist(), (sides, heads))
    middle = 44 + 18 * len(sides)
    begin = 80 + count * _CELL + 10
    canvas.line([(begin, middle), (second - 64, middle)], "arrow")
    canvas.text((begin + second - 64) / 2, middle - 12, "softmax", kind="small")
    shares = [[f"{one:.2f}" for one in row] for row in weights]
    _grid(canvas, second, 44, shares, weights.tolist(), (sides, heads))
    return canvas.svg()


def scores() -> str:
    """Scores and weights of three words."""
    words = ["word 1", "word 2", "word 3"]
    return _two(_X @ _X.T, words, words)


def masked() -> str:
    """The same with a look-ahead mask."""
    words = ["word 1", "word 2", "word 3"]
    hidden = np.where(reference.look_ahead_mask(3)[0, 0], _X @ _X.T, -np.inf)
    return _two(hidden, words, words)


def cross() -> str:
    """Two words of a target and three of a source."""
    memory = np.array([[2, 0, 1], [0, 1, 1], [1, 3, 0]])
    target = np.array([[1, 0, 1], [0, 2, 0]])
    return _two(target @ memory.T, ["De", "nada"], ["You", "are", "welcome"])


def heads() -> str:
    """One matrix seen as two heads."""
    canvas = Canvas(620, 200)
    for row in range(3):
        canvas.text(70, 58 + row * 30, ("You", "are", "welcome")[row], anchor="end")
        for column in range(6):
            colour = "c1" if column < 3 else "c2"
            canvas.box(80 + column * 30, 44 + row * 30, 28, 28, colour)
    canvas.text(169, 26, "q: [3 words, 6 numbers]")
    canvas.line([(270, 88), (320, 88)], "arrow")
    for head, colour in enumerate(("c1", "c2")):
        y = 14 + head * 94
        for row in range(3):
            for column in range(3):
                canvas.box(330 + column * 26, y + row * 26, 24, 24, colour)
                canvas.box(470 + column * 26, y + row * 26, 24, 24)
        canvas.line([(415, y + 38), (460, y + 38)], "arrow")
        canvas.text(560, y + 30, f"head {head + 1}", anchor="start", kind="small")
        canvas.text(560, y + 46, "3 x 3", anchor="start", kind="small")
    return canvas.svg()


def positions() -> str:
    """The table of positions as a picture."""
    count, dim, side = 48, 32, 9
    table = reference.sinusoidal_positions(count, dim)
    canvas = Canvas(70 + dim * side + 30, 44 + count * side / 2 + 24)
    for p in range(count):
        for n in range(dim):
            value = float(table[p, n])
            if abs(value) < 0.04:
                continue
            width = abs(value) * (side - 1)
            colour = "c1" if value > 0 else "c2"
            x = 60 + n * side + (side - 1 - width) / 2
            canvas.box(x, 36 + p * side / 2, width, side / 2 - 0.5, colour)
    canvas.text(60 + dim * side / 4, 20, "sines", kind="small")
    canvas.text(60 + dim * side * 3 / 4, 20, "cosines", kind="small")
    for p in (0, 16, 32, 47):
        canvas.text(52, 36 + (p + 0.5) * side / 2, str(p), anchor="end", kind="small")
    return canvas.svg()


def walk() -> str:
    """From the text to its translation."""
    canvas = Canvas(700, 330)
    pieces = ["You", "are", "welcome", ".", "end"]
    for n, piece in enumerate(pieces):
        canvas.label(20 + n * 62, 16, 58, 28, piece)
        canvas.line([(49 + n * 62, 44), (49 + n * 62, 60)], "arrow")
        canvas.label(20 + n * 62, 62, 58, 28, ("47", "72", "3284", "2", "0")[n])
        canvas.line([(49 + n * 62, 90), (49 + n * 62, 106)], "arrow")
    canvas.label(20, 108, 306, 34, "vectors of 256 numbers + positions", "c5")
    canvas.line([(173, 142), (173, 160)], "arrow")
    canvas.label(20, 162, 306, 56, "6 layers of the encoder:\nself-attention, feed-forward", "c1")
    canvas.line([(173, 218), (173, 238)], "arrow")
    canvas.label(20, 240, 306, 34, "memory: 5 x 256", "c3")
    canvas.line([(326, 257), (352, 257), (352, 172), (374, 172)], "arrow")
    canvas.label(376, 108, 306, 34, "start, De, nada: vectors", "c5")
    canvas.line([(529, 142), (529, 152)], "arrow")
    canvas.label(
        376,
        154,
        306,
        72,
        "3 layers of the decoder:\nself-attention with mask,\ncross-attention, feed-forward",
        "c2",
    )
    canvas.line([(529, 226), (529, 238)], "arrow")
    canvas.label(376, 240, 306, 34, "8,768 logits, softmax, the best", "c4")
    canvas.line([(529, 274), (529, 294)], "arrow")
    canvas.text(529, 306, 'next piece: "."')
    canvas.line([(620, 306), (692, 306), (692, 125), (684, 125)], "arrow")
    return canvas.svg()
