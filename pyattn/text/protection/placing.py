"""Where a protected part goes that the model did not see: beside its neighbour's translation."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pyattn.results import Span
from pyattn.text.protection.carried import Edit, Slot

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")  # noqa: RUF001 (the apostrophe is meant)


def placed(
    slots: Sequence[Slot],
    form: str,
    source_spans: Sequence[Span],
    output: str,
    target_spans: Sequence[Span],
    alignment: npt.NDArray[np.float32],
) -> list[Edit]:
    """Edits that put parts into the model's output.

    A part that touches the word behind it, as `<b>` does, goes in front of that word's translation.
    Any other goes behind the translation of the word before it. Parts keep their order.

    Args:
        slots: The parts, in order.
        form: What the model saw.
        source_spans: Spans of the source's tokens in `form`.
        output: What the model answered.
        target_spans: Spans of the target's tokens in `output`.
        alignment: [target or more, source]; the rows of tokens that are no text come last.

    Returns:
        Edits that replace nothing, ascending, with one for each place.
    """
    words = [match.span() for match in _WORD.finditer(form)]
    edits: list[Edit] = []
    least = 0
    for slot in slots:
        leans_right = slot.spaced[0] and not slot.spaced[1]
        neighbour = _neighbour(slot.place, leans_right, words)
        if neighbour is None:
            place = len(output) if leans_right else 0
        else:
            place = _place(neighbour, leans_right, source_spans, target_spans, alignment, output)
            place = _past_marks(form, slot.place, neighbour, output, place)
        place = least = max(least, place)
        text = _with_spaces(slot, output, place)
        if edits and edits[-1].begin == place:
            edits[-1] = Edit(place, place, _joined(edits[-1].text, text, slot))
        else:
            edits.append(Edit(place, place, text))
    return edits


def _neighbour(place: int, leans_right: bool, words: Sequence[Span]) -> Span | None:
    """The word of the form that a part stays beside."""
    if leans_right:
        return next((word for word in words if word[0] >= place), None)
    return next((word for word in reversed(words) if word[1] <= place), None)


def _place(
    neighbour: Span,
    leans_right: bool,
    source_spans: Sequence[Span],
    target_spans: Sequence[Span],
    alignment: npt.NDArray[np.float32],
    output: str,
) -> int:
    """The border of the word of the output that a word of the form is aligned with."""
    columns = [
        column
        for column, (begin, end) in enumerate(source_spans)
        if begin < neighbour[1] and end > neighbour[0] and begin < end
    ]
    rows = [row for row, (begin, end) in enumerate(target_spans[: len(alignment)]) if begin < end]
    if not columns or not rows:
        return len(output)
    weights = alignment[np.ix_(rows, columns)].sum(1)
    begin, end = target_spans[rows[int(weights.argmax())]]
    return _at_a_border(output, begin if leans_right else end, leans_right)


def _past_marks(form: str, place: int, neighbour: Span, output: str, found: int) -> int:
    """Leaves as many marks between the neighbour and the part as there are in the form."""
    if neighbour[1] <= place:
        count = len(form[neighbour[1] : place].strip())
        while count and found < len(output) and _is_mark(output[found]):
            found, count = found + 1, count - 1
    else:
        count = len(form[place : neighbour[0]].strip())
        while count and found > 0 and _is_mark(output[found - 1]):
            found, count = found - 1, count - 1
    return found


def _is_mark(letter: str) -> bool:
    return not (letter.isalnum() or letter.isspace())


def _at_a_border(output: str, place: int, leans_right: bool) -> int:
    """The border of the word around a place; the space of a token is no part of its word."""
    if leans_right:
        while place < len(output) and output[place].isspace():
            place += 1
        while 0 < place < len(output) and output[place - 1].isalnum() and output[place].isalnum():
            place -= 1
    else:
        while place > 0 and output[place - 1].isspace():
            place -= 1
        while 0 < place < len(output) and output[place - 1].isalnum() and output[place].isalnum():
            place += 1
    return place


def _with_spaces(slot: Slot, output: str, place: int) -> str:
    """A part with the spaces that it had around it, where the output has none."""
    last, following = output[place - 1 : place], output[place : place + 1]
    before = (slot.spaced[0] and not last.isspace()) or (last.isalnum() and not slot.glued[0])
    behind = following.isalnum() and not slot.glued[1]
    return f"{' ' if last and before else ''}{slot.text}{' ' if behind else ''}"


def _joined(first: str, second: str, slot: Slot) -> str:
    if slot.spaced[0] and not first.endswith(" ") and not second.startswith(" "):
        return f"{first} {second}"
    return f"{first}{second}"
