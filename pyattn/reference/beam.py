"""Beam search: several hypotheses of a sentence side by side.

It follows `_beam_search` of Hugging Face transformers 5, whose results it reproduces:

- Of all continuations of a sentence the best 2 * beam are looked at. At most one continuation of a
  row is an end, so that at least `beam` of them go on.
- An end counts only among the best `beam`. Ended hypotheses are ranked by total / length **
  length_penalty; the best `beam` stay.
- A sentence is done when its best live row, at the length that `early_stopping` says, does not beat
  the worst of `beam` ended ones.

There the sentences of a batch wait for each other; here one that is done leaves, and its rows with
it. A forced end adds 0 to the total, as it does there.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from pyattn.reference.arrays import Bools, Floats, Ints
from pyattn.reference.candidates import Rules, top_k
from pyattn.reference.paths import Paths
from pyattn.results import Hypothesis


class Beam:
    """`beams` rows, next to each other, for every sentence that is not done."""

    def __init__(
        self, sentences: int, rules: Rules, beams: int, early_stopping: bool | Literal["never"]
    ) -> None:
        self.candidates = 2 * beams
        self._rules = rules
        self._beams = beams
        self._early_stopping = early_stopping
        self._ended: list[list[Hypothesis]] = [[] for _ in range(sentences)]  # best first
        self._worst: Floats = np.full(sentences, -np.inf, np.float32)  # of `beams` ended ones
        self._sentences: Ints = np.arange(sentences)  # whose the rows are
        self._paths = Paths.begin(sentences * beams)
        # All rows of a sentence begin alike: only the first may speak, or they would stay alike.
        self._paths.totals.reshape(sentences, beams)[:, 1:] = -np.inf

    @property
    def limits(self) -> Ints:
        """The most tokens that each row's target may have."""
        return np.repeat(self._rules.limits[self._sentences], self._beams)

    def advance(self, ids: Ints, scores: Floats) -> tuple[Ints, Ints]:
        """From the candidates of each row, [rows, count], to the rows to go on with and tokens."""
        count = len(self._sentences)
        totals = (self._paths.totals[:, None] + scores).reshape(count, -1)
        best = top_k(totals, 2 * self._beams)  # [sentences, up to 2 * beams]
        rows = best // ids.shape[1] + self._beams * np.arange(count)[:, None]
        ids = np.take_along_axis(ids.reshape(count, -1), best, axis=1)
        scores = np.take_along_axis(scores.reshape(count, -1), best, axis=1)
        length = self._paths.tokens.shape[1] + 1
        ends = self._rules.ends(ids, length, self._rules.limits[self._sentences, None])

        possible = np.take_along_axis(totals, best, axis=1) > -np.inf
        self._end(rows, ids, scores, (ends & possible)[:, : self._beams])

        # Those that go on, in order; where too few can, the rest is dead.
        onward = np.argsort(ends, axis=1, kind="stable")[:, : self._beams]
        scores = np.where(ends, np.float32(-np.inf), scores)
        rows, ids, scores = (np.take_along_axis(x, onward, axis=1) for x in (rows, ids, scores))
        alive = ~self._done(self._paths.totals[rows[:, 0]] + scores[:, 0], length)
        self._sentences, self._worst = self._sentences[alive], self._worst[alive]
        rows, ids, scores = rows[alive].ravel(), ids[alive].ravel(), scores[alive].ravel()
        self._paths = self._paths.grow(rows, ids, scores)
        return rows, ids

    def results(self) -> list[list[Hypothesis]]:
        """Up to `beams` targets of every sentence, best first."""
        return self._ended

    def _end(self, rows: Ints, ids: Ints, scores: Floats, ended: Bools) -> None:
        """Files the candidates that are marked, [sentences, beams], among the ended hypotheses."""
        which = ended.nonzero()
        limits = self._rules.limits[self._sentences[which[0]]]
        paths = self._paths.grow(rows[which], ids[which], scores[which])
        found = paths.hypotheses(self._rules, limits)
        for sentence, hypothesis in zip(which[0], found, strict=True):
            ranking = self._ended[self._sentences[sentence]]
            ranking.append(hypothesis)
            ranking.sort(key=_rank)
            del ranking[self._beams :]
            if len(ranking) == self._beams:
                self._worst[sentence] = -_rank(ranking[-1])

    def _done(self, best: Floats, length: int) -> Bools:
        """Which sentences are done, given the total of each one's best live row."""
        never = self._early_stopping == "never" and self._rules.length_penalty > 0
        lengths = self._rules.limits[self._sentences] if never else length
        done: Bools = ~(self._rules.rank(best, lengths) > self._worst)
        if self._early_stopping is True:
            done |= self._worst > -np.inf
        return done


def _rank(hypothesis: Hypothesis) -> float:
    """What a sort puts the best first by."""
    assert hypothesis.score is not None
    return -hypothesis.score
