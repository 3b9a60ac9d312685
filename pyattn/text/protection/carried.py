# ruff: noqa: RUF001 (the marks of other scripts look like ours and are meant)
"""A sentence in which carriers stand for its protected parts, and the way back."""

from __future__ import annotations

import bisect
import collections
import dataclasses
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from pyattn.results import Span
from pyattn.text.glossary.entries import Term
from pyattn.text.normalization import Normalized

# How the protected parts of a sentence came through: seen by the model as they are, carried by
# other words, or left out and placed by the alignment. "" for a sentence without any.
Step: TypeAlias = Literal["", "itself", "carrier", "alignment"]

# Private characters, one of which stands for protected parts while a text is normalized.
_PRIVATE = range(0xE000, 0xF900)
# No carrier is part of a longer word or number.
_BEFORE, _BEHIND = r"(?<![0-9A-Za-z\u00c0-\u024f])", r"(?![0-9A-Za-z\u00c0-\u024f])"
_CLOSING = re.compile(r"[.,;:!?)\]}»”…。，、！？]|$")


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """A protected part that the model does not see.

    Attributes:
        place: Where it was left out of the form that the model sees.
        text: The protected part.
        spaced: Whether there was white space in front of it and behind it.
        glued: Whether there was a letter or digit.
    """

    place: int
    text: str
    spaced: tuple[bool, bool]
    glued: tuple[bool, bool]


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """A part of the model's output that is replaced: `output[begin:end]` by `text`.

    `term` is the glossary's term, in characters of the sentence, if it is replaced for one.
    """

    begin: int
    end: int
    text: str
    term: Term | None = None


class Carried:
    """A form of a sentence for the model; see `pyattn.text.normalization.Normalized`.

    Args:
        original: The sentence.
        parts: Spans of what the model does not see, ascending, not empty: its protected parts, with
            the quotes around them or without.
        carriers: What the model sees for each; None leaves the part out.
        normalize: Brings the sentence, with one character for each protected part, into the form
            that the model sees.
        step: How the parts are carried.
        terms: The glossary's terms, in characters of the sentence. The model sees those that are
            none of the parts; carriers of the others stand for their translations.

    Attributes:
        sentence: The sentence.
        text: What the model sees.
        raised: Whether its translation is to be put in capitals, except protected parts.
        slots: The parts that were left out.
        step: As passed.
        terms: The terms that the model sees.
    """

    def __init__(
        self,
        original: str,
        parts: Sequence[Span],
        carriers: Sequence[str | None],
        normalize: Callable[[str], Normalized],
        step: Step,
        terms: Sequence[Term] = (),
    ) -> None:
        self.step: Step = step
        self.sentence = original
        self._parts = parts
        self._carriers = carriers
        carried = {(term.begin, term.end): term for term in terms}
        self._stood_for = [carried.pop(span, None) for span in parts]
        self.terms = list(carried.values())
        self._originals = [original[begin:end] for begin, end in parts]
        characters = set(original)
        sign = next(chr(n) for n in _PRIVATE if chr(n) not in characters)
        self._base = normalize(_substituted(original, parts, sign))
        self._sign = sign
        self.raised = self._base.raised
        self.text, self.slots, self._origins = self._written()

    def _written(self) -> tuple[str, list[Slot], list[int]]:
        """The form, what was left out, and the place in the base form of each character."""
        text = self._base.text
        out: list[str] = []
        origins: list[int] = []
        slots: list[Slot] = []
        begin = length = 0
        for carrier, original in zip(self._carriers, self._originals, strict=True):
            place = text.index(self._sign, begin)
            between = text[begin:place]
            origins.extend(range(begin, place))
            if carrier is None:
                last = between[-1:] or next((piece[-1] for piece in reversed(out) if piece), "")
                following = text[place + 1 : place + 2]
                spaced = (not last or last.isspace(), following.isspace())
                glued = (last.isalnum(), following.isalnum())
                if between and last.isspace() and _closes(text, place + 1):
                    between = between[:-1]  # no two spaces, and none in front of a mark
                    origins.pop()
                slots.append(Slot(length + len(between), original, spaced, glued))
            out += [between, carrier or ""]
            length += len(between) + len(carrier or "")
            origins.extend([place] * len(carrier or ""))
            begin = place + 1
        origins.extend(range(begin, len(text) + 1))
        return "".join([*out, text[begin:]]), slots, origins

    def origins(self) -> list[int]:
        """Place in the sentence of each character of `text`, and of its end."""
        base = self._base.origins()
        return [self._unshortened(base[origin]) for origin in self._origins]

    def _unshortened(self, place: int) -> int:
        """A place in the sentence, from one where each protected part is one character."""
        for begin, end in self._parts:
            if place <= begin:
                break
            place += end - begin - 1
        return place

    def spans(self) -> list[Span]:
        """Spans of `terms` in `text`."""
        origins = self.origins()
        return [
            (bisect.bisect_left(origins, term.begin), bisect.bisect_left(origins, term.end))
            for term in self.terms
        ]

    def edits(self, output: str) -> list[Edit] | None:
        """The carriers in the model's output, to be replaced; None if some are lost or doubled."""
        wanted = collections.Counter(carrier for carrier in self._carriers if carrier)
        if any(output.count(carrier) != count for carrier, count in wanted.items()):
            return None
        meanings: dict[str, list[tuple[str, Term | None]]] = {}
        for carrier, original, term in zip(
            self._carriers, self._originals, self._stood_for, strict=True
        ):
            if carrier:
                meaning = (original if term is None else term.text, term)
                meanings.setdefault(carrier, []).append(meaning)
        edits: list[Edit] = []
        for carrier, originals in meanings.items():
            # What stands for itself may be glued to letters as it was.
            bare = re.escape(carrier)
            glued = any(carrier == original for original, _ in originals)
            pattern = bare if glued else f"{_BEFORE}{bare}{_BEHIND}"
            found = list(re.finditer(pattern, output))
            if len(found) != len(originals):
                return None
            edits += [
                Edit(*match.span(), *original)
                for match, original in zip(found, originals, strict=True)
            ]
        edits.sort(key=lambda edit: edit.begin)
        if any(one.end > following.begin for one, following in itertools.pairwise(edits)):
            return None
        return edits


def rewritten(output: str, edits: Sequence[Edit], raised: bool) -> str:
    """The model's output with its edits; in capitals, except for these, if `raised`."""
    out: list[str] = []
    begin = 0
    for edit in edits:
        between = output[begin : edit.begin]
        out += [between.upper() if raised else between, edit.text]
        begin = edit.end
    rest = output[begin:]
    out.append(rest.upper() if raised else rest)
    return "".join(out)


def places(output: str, edits: Sequence[Edit], raised: bool) -> list[int]:
    """The place of each character of the output, and of its end, in `rewritten`.

    Characters of a replaced part are where its replacement begins. What was put in between two
    characters belongs to the second.
    """
    found: list[int] = []
    length = begin = 0

    def pass_over(end: int) -> None:
        nonlocal length
        for letter in output[begin:end]:
            found.append(length)
            length += len(letter.upper()) if raised else 1

    for edit in edits:
        pass_over(edit.begin)
        if edit.begin == edit.end:
            # The next character begins with what was put in.
            found.append(length)
            length += len(edit.text)
            if edit.begin < len(output):
                letter = output[edit.begin]
                length += len(letter.upper()) if raised else 1
            begin = min(edit.begin + 1, len(output))
            continue
        found.extend([length] * (edit.end - edit.begin))
        length += len(edit.text)
        begin = edit.end
    pass_over(len(output))
    return [*found[: len(output)], length]


def _substituted(text: str, parts: Sequence[Span], sign: str) -> str:
    out: list[str] = []
    done = 0
    for begin, end in parts:
        out += [text[done:begin], sign]
        done = end
    return "".join([*out, text[done:]])


def _closes(text: str, place: int) -> bool:
    return text[place : place + 1].isspace() or bool(_CLOSING.match(text, place))
