"""Greedy search: the likeliest token, every time."""

from __future__ import annotations

import numpy as np

from pyattn.reference.arrays import Ints
from pyattn.reference.distribution import Distribution, check_possible
from pyattn.reference.paths import Paths
from pyattn.reference.rules import Rules
from pyattn.results import Hypothesis


class Greedy:
    """One row for every sentence that has not ended."""

    width = 1

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._results: list[list[Hypothesis]] = [[] for _ in rules.sources]
        self.sentences: Ints = np.arange(len(rules.sources))
        self.paths = Paths.begin(rules, self.width)

    def advance(self, following: Distribution) -> tuple[Ints, Ints]:
        """From what may follow each row to the rows that go on, and their tokens."""
        ids, scores = following.best(1)
        check_possible(scores[:, 0])
        rows: Ints = np.arange(len(ids))
        self.paths = self.paths.grow(rows, ids[:, 0], scores[:, 0])
        limits = self._rules.limits[self.sentences]
        done = self._rules.ended(ids[:, 0], self.paths.tokens.shape[1], limits)
        if done.any():
            ended = self.paths.only(np.flatnonzero(done)).hypotheses(self._rules, limits[done])
            for sentence, hypothesis in zip(self.sentences[done], ended, strict=True):
                self._results[sentence] = [hypothesis]
            rows = np.flatnonzero(~done)
            self.paths = self.paths.only(rows)
            self.sentences = self.sentences[rows]
        return rows, ids[rows, 0]

    def results(self) -> list[list[Hypothesis]]:
        """The target of every sentence."""
        return self._results
