"""Beam search: several hypotheses of a sentence side by side.

It follows `_beam_search` of Hugging Face transformers 5, whose results it reproduces:

- Of all continuations of a sentence the best beam * (1 + ends) are looked at, or drawn. At most so
  many continuations of a row end it as there are end tokens, so that at least `beam` of them go on.
- An end counts only among the first `beam`. Ended hypotheses are ranked by total / length **
  length_penalty; the best beam * patience stay (Kasai et al. 2022).
- A sentence is done when its best live row, at the length that `early_stopping` says, does not beat
  the worst of so many ended ones.

There the sentences of a batch wait for each other; here one that is done leaves, and its rows with
it. A forced end adds 0 to the total, as it does there.
"""

from __future__ import annotations

import math

import numpy as np

from pyattn.reference.arrays import Bools, Floats, Ints
from pyattn.reference.continuations import Continuations, best_continuations, drawn_continuations
from pyattn.reference.distribution import Distribution, check_possible
from pyattn.reference.paths import Paths, worse
from pyattn.reference.rules import Rules
from pyattn.results import Hypothesis


class Beam:
    """`width` rows, next to each other, for every sentence that is not done."""

    def __init__(self, rules: Rules) -> None:
        sentences, options = len(rules.sources), rules.options
        self.width = options.beam_size
        self._rules = rules
        self._options = options
        self._wanted = math.floor(options.beam_size * options.patience + 0.5)
        self._ended: list[list[Hypothesis]] = [[] for _ in range(sentences)]  # best first
        self._worst: Floats = np.full(sentences, -np.inf, np.float32)  # of `wanted` ended ones
        self._topped: Bools = np.zeros(sentences, np.bool_)  # whether an end has ever been the best
        self.sentences: Ints = np.repeat(np.arange(sentences), self.width)
        self.paths = Paths.begin(rules, self.width)
        # All rows of a sentence begin alike: only the first may speak, or they would stay alike.
        self.paths.totals.reshape(sentences, self.width)[:, 1:] = -np.inf

    def advance(self, following: Distribution) -> tuple[Ints, Ints]:
        """From what may follow each row to the rows to go on with and their tokens."""
        chosen = self._chosen(following)
        check_possible(chosen.totals.max(axis=1))
        present, length = self.sentences[:: self.width], self.paths.tokens.shape[1] + 1
        if length == 1 and not self._options.end_behind_prefix and self._options.certain_prefix:
            chosen = self._without_late_ends(chosen)
        ended = self._rules.ended(chosen.ids, length, self._rules.limits[present, None])
        self._end(chosen, (ended & (chosen.totals > -np.inf))[:, : self.width])
        if self._options.do_sample:
            best_first = np.argsort(-chosen.totals, axis=1, kind="stable")
            chosen = chosen.ordered(best_first)
            ended = np.take_along_axis(ended, best_first, axis=1)
        self._topped[present] |= ended[:, 0]

        # Those that go on, in order; where too few can, the rest is dead.
        going = chosen.without(ended)
        alive = ~self._done(going.totals[:, 0], length)
        self.sentences = np.repeat(present[alive], self.width)
        rows, ids = going.rows[alive, : self.width].ravel(), going.ids[alive, : self.width].ravel()
        possible = going.totals > -np.inf
        scores = np.where(possible, going.scores, np.float32(-np.inf))[alive, : self.width].ravel()
        self.paths = self.paths.grow(rows, ids, scores)
        return rows, ids

    def results(self) -> list[list[Hypothesis]]:
        """Up to beam * patience targets of every sentence, best first."""
        return self._ended

    def _chosen(self, following: Distribution) -> Continuations:
        """What each sentence chooses among: so many that `width` of them go on."""
        count, totals = self.width * (1 + len(self._rules.ends)), self.paths.totals
        if self._options.do_sample:
            return drawn_continuations(following, self.paths, self._rules, self.sentences, count)
        return best_continuations(following, totals, self.width, count)

    def _without_late_ends(self, chosen: Continuations) -> Continuations:
        """Without the ends that are not the very first.

        Nothing takes their places in the beam, but for one: where the first is an end itself, what
        is right behind the beam moves up.
        """
        is_end = self._rules.is_end(chosen.ids)
        places = np.arange(is_end.shape[1])
        beyond = places >= self.width + is_end[:, :1]
        return chosen.without(beyond | (is_end & (places > 0)))

    def _end(self, chosen: Continuations, ended: Bools) -> None:
        """Files the continuations that are marked, [sentences, width], among the hypotheses."""
        which = ended.nonzero()
        sentences = self.sentences[:: self.width][which[0]]
        paths = self.paths.grow(chosen.rows[which], chosen.ids[which], chosen.scores[which])
        found = paths.hypotheses(self._rules, self._rules.limits[sentences])
        for sentence, hypothesis in zip(sentences, found, strict=True):
            ranking = self._ended[sentence]
            ranking.append(hypothesis)
            ranking.sort(key=worse)
            del ranking[self._wanted :]
            if len(ranking) == self._wanted:
                self._worst[sentence] = -worse(ranking[-1])

    def _done(self, best: Floats, length: int) -> Bools:
        """Which sentences are done, given the total of each one's best live row."""
        options, present = self._options, self.sentences[:: self.width]
        counts = np.array([len(self._ended[sentence]) for sentence in present])
        dead: Bools = ~(best > -np.inf)
        if options.early_stopping == "best":
            return dead | (self._topped[present] & (counts >= options.num_hypotheses))
        full: Bools = counts == self._wanted
        if options.early_stopping is True:
            return dead | full
        never = options.early_stopping == "never" and options.length_penalty > 0
        lengths = self._rules.limits[present] if never else length
        ranks = self._rules.rank(best, lengths)
        if self._rules.begun is not None:
            ranks = ranks + self._rules.begun.scores[present]  # as the ended ones have it
        return dead | (full & ~(ranks > self._worst[present]))
