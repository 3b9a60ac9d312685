"""Independent samples: every hypothesis draws its tokens for itself."""

from __future__ import annotations

import numpy as np

from pyattn.reference.arrays import Bools, Ints
from pyattn.reference.distribution import Distribution, check_possible
from pyattn.reference.draws import drawable, pick
from pyattn.reference.paths import Paths, worse
from pyattn.reference.philox import uniforms
from pyattn.reference.rules import Rules
from pyattn.results import Hypothesis


class Sampling:
    """`width` rows, next to each other, for every sentence of which one has not ended."""

    def __init__(self, rules: Rules) -> None:
        sentences = len(rules.sources)
        self.width = rules.options.num_hypotheses
        self._rules = rules
        self._ended: list[list[Hypothesis]] = [[] for _ in range(sentences)]
        self._live: Bools = np.ones(sentences * self.width, np.bool_)
        self.sentences: Ints = np.repeat(np.arange(sentences), self.width)
        self.paths = Paths.begin(rules, self.width)

    def advance(self, following: Distribution) -> tuple[Ints, Ints]:
        """From what may follow each row to the rows that go on, and their tokens."""
        ids, length = self._drawn(following), self.paths.tokens.shape[1] + 1
        scores = following.scores()[np.arange(len(ids)), ids]
        self.paths = self.paths.grow(np.arange(len(ids)), ids, scores)
        limits = self._rules.limits[self.sentences]
        ended = np.flatnonzero(self._live & self._rules.ended(ids, length, limits))
        found = self.paths.only(ended).hypotheses(self._rules, limits[ended])
        for row, hypothesis in zip(ended, found, strict=True):
            self._ended[self.sentences[row]].append(hypothesis)
        self._live[ended] = False
        # A sentence stays with all its rows.
        stays = np.repeat(self._live.reshape(-1, self.width).any(axis=1), self.width)
        rows = np.flatnonzero(stays)
        self.paths, self.sentences = self.paths.only(rows), self.sentences[rows]
        self._live = self._live[rows]
        return rows, ids[rows]

    def results(self) -> list[list[Hypothesis]]:
        """The samples of every sentence, best first."""
        return [sorted(found, key=worse) for found in self._ended]

    def _drawn(self, following: Distribution) -> Ints:
        """A token for each live row, [rows], and any for the others."""
        options, length = self._rules.options, self.paths.tokens.shape[1]
        scores = following.scores()
        check_possible(scores.max(axis=1)[self._live])
        ids = np.zeros(len(scores), np.int64)
        for row in np.flatnonzero(self._live):
            number = uniforms(
                options.seed,
                self._rules.drawn_for(self.sentences[row]),
                np.array([row % self.width]),
                length,
            )
            touched = None if following.touched is None else following.touched[row]
            tokens, logs = drawable(options, scores[row], touched, least=1)
            ids[row] = tokens[pick(logs, number[0])]
        return ids
