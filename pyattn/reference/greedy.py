"""Greedy search: the likeliest token, every time."""

from __future__ import annotations

import numpy as np

from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.candidates import Rules
from pyattn.reference.paths import Paths
from pyattn.results import Hypothesis


class Greedy:
    """One row for every sentence that has not ended."""

    candidates = 1

    def __init__(self, sentences: int, rules: Rules) -> None:
        self._rules = rules
        self._results: list[list[Hypothesis]] = [[] for _ in range(sentences)]
        self._sentences: Ints = np.arange(sentences)  # whose the rows are
        self._paths = Paths.begin(sentences)

    @property
    def limits(self) -> Ints:
        """The most tokens that each row's target may have."""
        return self._rules.limits[self._sentences]

    def advance(self, ids: Ints, scores: Floats) -> tuple[Ints, Ints]:
        """From the best token of each row, [rows, 1], to the rows that go on, and their tokens."""
        rows: Ints = np.arange(len(ids))
        self._paths = self._paths.grow(rows, ids[:, 0], scores[:, 0])
        limits = self.limits
        done = self._rules.ends(ids[:, 0], self._paths.tokens.shape[1], limits)
        if done.any():
            ended = self._paths.only(np.flatnonzero(done)).hypotheses(self._rules, limits[done])
            for sentence, hypothesis in zip(self._sentences[done], ended, strict=True):
                self._results[sentence] = [hypothesis]
            rows = np.flatnonzero(~done)
            self._paths = self._paths.only(rows)
            self._sentences = self._sentences[rows]
        return rows, ids[rows, 0]

    def results(self) -> list[list[Hypothesis]]:
        """The target of every sentence."""
        return self._results
