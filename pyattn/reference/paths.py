"""The tokens of every row of a search so far, and their scores."""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.rules import Rules
from pyattn.results import Hypothesis


@dataclasses.dataclass(frozen=True, eq=False)
class Paths:
    """Rows of new tokens, all equally long."""

    tokens: Ints  # [rows, length]
    scores: Floats  # [rows, length], the log-probability of each token
    totals: Floats  # [rows], the sums of the scores of tokens that the search found itself
    seen: Floats | None  # [rows, source], attention of all tokens so far; None if not needed

    @classmethod
    def begin(cls, rules: Rules, width: int) -> Paths:
        """`width` adjacent rows for each sentence, with the tokens that exist already."""
        lengths = np.repeat([len(source) for source in rules.sources], width)
        rows, begun, seen = len(lengths), rules.begun, None
        if rules.options.coverage_penalty != 0:
            # Positions beyond a source count as seen.
            seen = (np.arange(lengths.max(initial=0)) >= lengths[:, None]).astype(np.float32)
        return cls(
            np.empty((rows, 0), np.int64)
            if begun is None
            else np.repeat(begun.tokens, width)[:, None],
            np.empty((rows, 0), np.float32)
            if begun is None
            else np.repeat(begun.scores, width)[:, None],
            np.zeros(rows, np.float32),
            seen,
        )

    def look(self, attention: Floats) -> Paths:
        """The same after a step with this attention to the sources, [rows, source]."""
        return dataclasses.replace(
            self, seen=attention if self.seen is None else self.seen + attention
        )

    def grow(self, rows: Ints, tokens: Ints, scores: Floats) -> Paths:
        """These rows, in this order, each with one more token."""
        return Paths(
            np.concatenate([self.tokens[rows], tokens[:, None]], axis=1),
            np.concatenate([self.scores[rows], scores[:, None]], axis=1),
            self.totals[rows] + scores,
            None if self.seen is None else self.seen[rows],
        )

    def only(self, rows: Ints) -> Paths:
        """These rows, in this order."""
        seen = None if self.seen is None else self.seen[rows]
        return Paths(self.tokens[rows], self.scores[rows], self.totals[rows], seen)

    def hypotheses(self, rules: Rules, limits: Ints) -> list[Hypothesis]:
        """Every row as a result; `limits` are the most tokens that each may have, [rows]."""
        options, length = rules.options, self.tokens.shape[1]
        ended = rules.is_end(self.tokens[:, -1])
        forced = rules.forces_end(length, limits)
        ranks = rules.rank(self.totals, length) + self._coverage(options.coverage_penalty)
        ranks += self.scores[:, : rules.first].sum(axis=1)
        # The start is never returned, and what was fed behind it has no scores.
        before = rules.certain if options.return_prefix else []
        certain = np.zeros(len(before), np.float32)
        return [
            Hypothesis(
                tokens=before
                + (tokens[:-1] if end and not options.return_end_token else tokens).tolist(),
                score=float(rank),
                token_scores=np.concatenate([certain, scores]),
                finish_reason="eos" if end and not cut else "length",
            )
            for tokens, scores, rank, end, cut in zip(
                self.tokens, self.scores, ranks, ended, forced, strict=True
            )
        ]

    def _coverage(self, penalty: float) -> Floats:
        """The penalty of each rank for source tokens without attention (Wu et al. 2016, eq. 14)."""
        if self.seen is None:
            return np.zeros(len(self.tokens), np.float32)
        seen = np.clip(self.seen, np.finfo(np.float32).tiny, 1)
        covered: Floats = np.float32(penalty) * np.log(seen).sum(axis=1)
        return covered


def worse(hypothesis: Hypothesis) -> float:
    """The key by which a sort puts the best first."""
    assert hypothesis.score is not None
    return -hypothesis.score
