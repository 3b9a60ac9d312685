"""The loop of a search: step (feed the last tokens), choose, keep (the rows to go on with)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pyattn.options import GenerationOptions
from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.beam import Beam
from pyattn.reference.distribution import Distribution, distribution
from pyattn.reference.greedy import Greedy
from pyattn.reference.paths import Paths
from pyattn.reference.rules import Rules
from pyattn.reference.sampling import Sampling
from pyattn.results import Hypothesis


class Steps(Protocol):
    """A model as a search uses it."""

    def step(self, tokens: Ints) -> Floats:
        """The logits that follow the last token of each row, [rows] -> [rows, vocab]."""

    def attention(self, heads: Sequence[tuple[int, int]]) -> Floats:
        """The attention of those tokens, a mean over heads, [rows, 1, source].

        Only `coverage_penalty` needs it.
        """

    def keep(self, rows: Ints) -> None:
        """Continues with these rows, in this order."""


class Strategy(Protocol):
    """The part of a search in which strategies differ.

    Attributes:
        width: Number of rows of a sentence, which are adjacent.
        sentences: The sentence of each row, [rows].
        paths: The tokens of the rows so far.
    """

    width: int
    sentences: Ints
    paths: Paths

    def advance(self, following: Distribution) -> tuple[Ints, Ints]:
        """From each row's distribution to the rows that continue and their next tokens."""

    def results(self) -> list[list[Hypothesis]]:
        """The targets of every sentence, best first."""


def is_greedy(options: GenerationOptions) -> bool:
    """Whether the likeliest token is taken every time."""
    return options.beam_size == 1 and not options.do_sample


def rows_of(options: GenerationOptions) -> int:
    """How many rows a sentence has in a search."""
    samples = options.do_sample and options.beam_size == 1
    return options.num_hypotheses if samples else options.beam_size


def search(model: Steps, rules: Rules) -> list[list[Hypothesis]]:
    """The best targets of every sentence, best first.

    Args:
        model: With `rows_of` rows for each sentence, next to each other.
        rules: The rules for targets, and the options of the search. Prompts are equally long.
    """
    options = rules.options
    strategy: Strategy
    if is_greedy(options):
        strategy = Greedy(rules)
    else:
        strategy = Sampling(rules) if options.beam_size == 1 else Beam(rules)
    return search_by(strategy, model, rules)


def search_by(strategy: Strategy, model: Steps, rules: Rules) -> list[list[Hypothesis]]:
    """The best `num_hypotheses` targets that a strategy finds for every sentence."""
    options = rules.options
    fed = np.concatenate(
        [
            np.array([rules.opening(sentence) for sentence in strategy.sentences], np.int64),
            strategy.paths.tokens,
        ],
        axis=1,
    )
    for tokens in fed[:, :-1].T:
        _step(model, tokens, strategy, rules)
    tokens = fed[:, -1]
    for _ in range(rules.first, rules.limits.max(initial=0)):
        following = distribution(
            rules,
            _step(model, tokens, strategy, rules),
            strategy.paths,
            strategy.sentences,
            log_probs=options.beam_size > 1,
        )
        rows, tokens = strategy.advance(following)
        if not rows.size:
            break
        model.keep(rows)
    return [found[: options.num_hypotheses] for found in strategy.results()]


def _step(model: Steps, tokens: Ints, strategy: Strategy, rules: Rules) -> Floats:
    """The logits behind these tokens; their attention is kept if an option needs it."""
    logits = model.step(tokens)
    if strategy.paths.seen is not None:
        attention = model.attention(rules.options.alignment_heads or ())
        strategy.paths = strategy.paths.look(attention[:, 0])
    return logits
