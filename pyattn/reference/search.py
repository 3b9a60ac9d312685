"""The loop of a search: step (feed the last tokens), choose, keep (the rows to go on with)."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pyattn.options import GenerationOptions
from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.beam import Beam
from pyattn.reference.candidates import Rules
from pyattn.reference.greedy import Greedy
from pyattn.results import Hypothesis


class Steps(Protocol):
    """All that a search asks of a model."""

    def step(self, tokens: Ints) -> Floats:
        """The logits that follow the last token of each row, [rows] -> [rows, vocab]."""

    def keep(self, rows: Ints) -> None:
        """Goes on with these rows, in this order."""


class Strategy(Protocol):
    """All that tells greedy search from beam search."""

    candidates: int  # that it wants to see of each row

    @property
    def limits(self) -> Ints:
        """The most tokens that each row's target may have, [rows]."""

    def advance(self, ids: Ints, scores: Floats) -> tuple[Ints, Ints]:
        """From the candidates of each row, [rows, count], to the rows to go on with and tokens."""

    def results(self) -> list[list[Hypothesis]]:
        """The targets of every sentence, best first."""


def search(
    model: Steps, sentences: int, rules: Rules, options: GenerationOptions
) -> list[list[Hypothesis]]:
    """The best targets of every sentence, best first.

    Args:
        model: With beam_size rows for each sentence, next to each other.
        sentences: How many there are.
        rules: What a target may look like.
        options: How it is searched for.
    """
    if options.early_stopping == "best":
        raise ValueError('early_stopping: the reference does not have "best"')
    strategy: Strategy = (
        Greedy(sentences, rules)
        if options.beam_size == 1
        else Beam(sentences, rules, options.beam_size, options.early_stopping)
    )
    tokens: Ints = np.full(sentences * options.beam_size, rules.start, np.int64)
    for length in range(rules.limits.max(initial=0)):
        rows, tokens = strategy.advance(
            *rules.best(model.step(tokens), strategy.candidates, length, strategy.limits)
        )
        if not rows.size:
            break
        model.keep(rows)
    return [found[: options.num_hypotheses] for found in strategy.results()]
