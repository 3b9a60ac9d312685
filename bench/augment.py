"""Aligned pairs altered for training: joined, in capitals, renumbered, with text to be copied.

Each alteration treats both sides alike where the translation has to: capitals on both sides, equal
digits replaced by equal digits, the same web address in both. All choices come from the `Random`
that is passed in, so that a seed fixes them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from random import Random

import copied

Pair = tuple[str, str]

LONGEST_JOINED = 150  # characters of a source that is joined to others
_MARK = re.compile(r"[.!?…]+$")
_OPENING = re.compile(r"[¡¿]")
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"(?<![\w.,:/'-])\w+(?:[.,:]\d+)*(?![\w'-])")
_INITIAL = re.compile(r"(?<![\w'])\w")
_SLOT = re.compile(r"\{(\w+)\}")


@dataclasses.dataclass(frozen=True)
class Shares:
    """The share of the pairs that each alteration gets; at most one but for `joined`.

    Raises:
        ValueError: if one is not from 0 to 1, or those but for `joined` are more than 1 together.
    """

    joined: float = 0.12
    capitals: float = 0.09
    titled: float = 0.01
    lowered: float = 0.02
    bare: float = 0.03
    renumbered: float = 0.05
    replaced: float = 0.05
    inserted: float = 0.05
    carried: float = 0.05
    alone: float = 0.01
    numbered: float = 0.0

    def __post_init__(self) -> None:
        values = dataclasses.asdict(self)
        for name, value in values.items():
            if not 0 <= value <= 1:
                raise ValueError(f"share of {name} is {value}, expected 0 to 1")
        total = sum(values.values()) - self.joined
        if total > 1 + 1e-9:
            raise ValueError(f"shares but for joined are {total:g} together, expected at most 1")


class Augmenter:
    """Alters pairs by shares.

    Args:
        carriers: Pairs with slots such as `{url}`, the names of `copied.KINDS`, on both sides.
    """

    def __init__(self, carriers: Sequence[Pair], shares: Shares) -> None:
        self.carriers = carriers
        self.numerals = [carrier for carrier in carriers if "{num}" in carrier[0]]
        self.joined = shares.joined
        self.ways: list[tuple[float, Callable[[Pair, Random], Pair]]] = [
            (shares.capitals, capitals),
            (shares.titled, titled),
            (shares.lowered, lowered),
            (shares.bare, bare),
            (shares.renumbered, renumbered),
            (shares.replaced, replaced),
            (shares.inserted, inserted),
            (shares.carried, self.carried),
            (shares.alone, alone),
            (shares.numbered, self.numbered),
        ]

    def __call__(self, pair: Pair, others: Callable[[], Pair], random: Random) -> Pair:
        """The pair, altered or not.

        Args:
            pair: A source and its translation.
            others: Draws a pair that may be joined to this one.
            random: Makes all choices.
        """
        if random.random() < self.joined:
            pair = joined(pair, others, random)
        chance = random.random()
        for share, way in self.ways:
            if chance < share:
                return way(pair, random)
            chance -= share
        return pair

    def carried(self, pair: Pair, random: Random) -> Pair:
        """A sentence made to carry copies in place of the pair."""
        if not self.carriers:
            return pair
        return filled(random.choice(self.carriers), random)

    def numbered(self, pair: Pair, random: Random) -> Pair:
        """Numbers that are hard to keep, long ones and repeated digits, in one of four ways."""
        place = random.randrange(4)
        if place == 0 and self.numerals:
            return filled(random.choice(self.numerals), random, copied.long_number)
        if place == 1:
            return renumbered(pair, random, copied.repeating)
        if place == 2:
            return replaced(pair, random, copied.long_number)
        return inserted(pair, random, copied.long_number)


def joined(pair: Pair, others: Callable[[], Pair], random: Random) -> Pair:
    """The pair and one to three others, each side with spaces between; long ones stay alone."""
    parts = [pair]
    for _ in range(random.choice((1, 1, 2, 2, 3))):
        parts.append(others())
    parts = [part for part in parts if len(part[0]) <= LONGEST_JOINED] or [pair]
    return " ".join(part[0] for part in parts), " ".join(part[1] for part in parts)


def capitals(pair: Pair, _random: Random) -> Pair:
    """Both sides in capitals."""
    return pair[0].upper(), pair[1].upper()


def titled(pair: Pair, _random: Random) -> Pair:
    """A source As Titles Have It; the translation stays."""
    return _INITIAL.sub(lambda match: match[0].upper(), pair[0]), pair[1]


def lowered(pair: Pair, _random: Random) -> Pair:
    """A source without capitals; the translation stays."""
    return pair[0].lower(), pair[1]


def bare(pair: Pair, _random: Random) -> Pair:
    """Both sides without their final marks, and without opening ones if that leaves them alone."""
    source, target = (_MARK.sub("", text) for text in pair)
    if target != pair[1] and not re.search(r"[!?]", target):
        target = _OPENING.sub("", target)
    return (source, target) if source and target else pair


def renumbered(
    pair: Pair, random: Random, digits: Callable[[int, Random], str] = copied.digits
) -> Pair:
    """Other digits for numbers that both sides have equally often; else something inserted."""
    found = [sorted(_NUMBER.findall(text)) for text in pair]
    if not found[0] or found[0] != found[1]:
        return inserted(pair, random)
    new = {number: digits(len(number), random) for number in dict.fromkeys(found[0])}
    source, target = (_NUMBER.sub(lambda match: new[match[0]], text) for text in pair)
    return source, target


def replaced(pair: Pair, random: Random, thing: Callable[[Random], str] = copied.anything) -> Pair:
    """A name or number that both sides have once, replaced or wrapped; else something inserted."""
    source, target = ([match[0] for match in _WORD.finditer(text)] for text in pair)
    shared = [
        word
        for word in source
        if not word.islower() and source.count(word) == target.count(word) == 1
    ]
    if not shared:
        return inserted(pair, random, thing)
    word = random.choice(shared)
    new = copied.wrapped(word, random) if random.random() < 0.3 else thing(random)

    def put(text: str) -> str:
        return _WORD.sub(lambda match: new if match[0] == word else match[0], text)

    return put(pair[0]), put(pair[1])


def inserted(pair: Pair, random: Random, make: Callable[[Random], str] = copied.anything) -> Pair:
    """The same thing to be copied before, behind or around both sides."""
    source, target = pair
    place = random.randrange(5)
    if place == 0:
        opening, closing = copied.around(random)
        return f"{opening}{source}{closing}", f"{opening}{target}{closing}"
    thing = make(random)
    if place == 1:
        between = random.choice((" ", ": ", " - "))
        return f"{thing}{between}{source}", f"{thing}{between}{target}"
    if place == 2 and source[-1] == target[-1] == ".":
        return f"{source[:-1]} ({thing}).", f"{target[:-1]} ({thing})."
    if place == 3 and source[-1] == target[-1] == ".":
        return f"{source[:-1]}: {thing}", f"{target[:-1]}: {thing}"
    return f"{source} {thing}", f"{target} {thing}"


def alone(_pair: Pair, random: Random) -> Pair:
    """Only something to be copied."""
    thing = copied.anything(random)
    return thing, thing


def filled(carrier: Pair, random: Random, number: Callable[[Random], str] = copied.number) -> Pair:
    """A carrier with its slots filled, equal ones with equal things.

    Raises:
        ValueError: if a slot has no kind, or is not on both sides.
    """
    slots = [_SLOT.findall(text) for text in carrier]
    if sorted(slots[0]) != sorted(slots[1]) or not set(slots[0]) <= set(copied.KINDS):
        raise ValueError(f"carrier has slots {slots[0]} and {slots[1]}, expected equal known ones")
    kinds = {**copied.KINDS, "num": number}
    new = {name: kinds[name](random) for name in dict.fromkeys(slots[0])}
    source, target = (_SLOT.sub(lambda match: new[match[1]], text) for text in carrier)
    return source, target
