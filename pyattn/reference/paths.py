"""What every row of a search has said so far, and how good that is."""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.candidates import Rules
from pyattn.results import Hypothesis


@dataclasses.dataclass(frozen=True, eq=False)
class Paths:
    """Rows of tokens, all equally long."""

    tokens: Ints  # [rows, length]
    scores: Floats  # [rows, length], the log-probability of each token
    totals: Floats  # [rows], the sums of the scores

    @classmethod
    def begin(cls, rows: int) -> Paths:
        """Rows without a token."""
        return cls(
            np.empty((rows, 0), np.int64),
            np.empty((rows, 0), np.float32),
            np.zeros(rows, np.float32),
        )

    def grow(self, rows: Ints, tokens: Ints, scores: Floats) -> Paths:
        """These rows, in this order, each with one more token."""
        return Paths(
            np.concatenate([self.tokens[rows], tokens[:, None]], axis=1),
            np.concatenate([self.scores[rows], scores[:, None]], axis=1),
            self.totals[rows] + scores,
        )

    def only(self, rows: Ints) -> Paths:
        """These rows, in this order."""
        return Paths(self.tokens[rows], self.scores[rows], self.totals[rows])

    def hypotheses(self, rules: Rules, limits: Ints) -> list[Hypothesis]:
        """Every row as a result; `limits` are the most tokens that each may have, [rows]."""
        length = self.tokens.shape[1]
        ended = self.tokens[:, -1] == rules.end
        forced = rules.force_end & (limits == length)
        ranks = rules.rank(self.totals, length)
        return [
            Hypothesis(
                tokens=(tokens[:-1] if end else tokens).tolist(),
                score=float(rank),
                token_scores=scores,
                finish_reason="eos" if end and not cut else "length",
            )
            for tokens, scores, rank, end, cut in zip(
                self.tokens, self.scores, ranks, ended, forced, strict=True
            )
        ]
