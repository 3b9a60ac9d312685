"""Several corpora by weight, altered for training, round after round."""

from __future__ import annotations

import dataclasses
import functools
import math
from random import Random

import numpy as np
from augment import Augmenter, Pair


@dataclasses.dataclass(frozen=True)
class Source:
    """A corpus of a mixture.

    Attributes:
        pairs: Sentences and their translations.
        weight: Its share of a round, in the unit of the other corpora's weights.

    Raises:
        ValueError: if it is not above zero.
    """

    pairs: list[Pair]
    weight: float

    def __post_init__(self) -> None:
        if not 0 < self.weight < math.inf:
            raise ValueError(f"weight of a corpus is {self.weight}, expected above 0")


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Rounds of pairs, each a function of the mixture and the round's number and nothing else.

    A corpus is gone through in one random order after another, so that all its pairs come equally
    often, in however many rounds that takes.

    Attributes:
        sources: The corpora.
        size: Pairs of a round, about.
        seed: Of the orders, and of what the augmenter chooses.
        augmenter: Alters the pairs; None leaves them as they are.
    """

    sources: list[Source]
    size: int
    seed: int
    augmenter: Augmenter | None = None

    @property
    def steady(self) -> bool:
        """Whether all rounds have the same pairs."""
        return self.augmenter is None and self.counts() == [len(s.pairs) for s in self.sources]

    def counts(self) -> list[int]:
        """How many pairs of each corpus a round has."""
        total = sum(source.weight for source in self.sources)
        return [round(self.size * source.weight / total) for source in self.sources]

    def round(self, number: int) -> tuple[list[str], list[str]]:
        """Sources and targets of a round, corpus after corpus; `number` from 0."""
        random = Random(f"{self.seed} {number}")
        sources, targets = [], []
        for place, (source, count) in enumerate(zip(self.sources, self.counts(), strict=True)):
            pairs = source.pairs
            for chosen in self._chosen(place, number * count, count):
                pair = pairs[chosen]
                if self.augmenter:
                    pair = self.augmenter(pair, functools.partial(random.choice, pairs), random)
                sources.append(pair[0])
                targets.append(pair[1])
        return sources, targets

    def _chosen(self, place: int, begin: int, count: int) -> list[int]:
        """`count` pair numbers of a corpus from place `begin` of its orders on."""
        length, chosen = len(self.sources[place].pairs), []
        for lap in range(begin // length, (begin + count - 1) // length + 1):
            order = np.random.default_rng([self.seed, place, lap]).permutation(length)
            chosen += order[max(begin - lap * length, 0) : begin + count - lap * length].tolist()
        return chosen
