"""Alternatives: the best first tokens of a target, each with the best that follows it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from pyattn.reference.arrays import Ints
from pyattn.reference.distribution import Distribution, check_possible
from pyattn.reference.paths import Paths
from pyattn.reference.rules import Begun, Rules
from pyattn.reference.search import Steps, rows_of, search, search_by
from pyattn.results import Hypothesis


def alternatives(
    start: Callable[[Sequence[Ints], int], Steps], rules: Rules
) -> list[list[Hypothesis]]:
    """The best first tokens of every sentence, in their order, with their best continuations.

    Args:
        start: Begins a run over some sources, with so many rows for each.
        rules: What a target may look like, and how it is searched for.
    """
    alone = dataclasses.replace(rules.options, return_alternatives=False, num_hypotheses=1)
    # First tokens are compared by logits, however their continuations are.
    greedy = dataclasses.replace(alone, beam_size=1)
    results = []
    for source in rules.sources:
        first = FirstTokens(dataclasses.replace(rules, options=greedy, sources=[source]), rules)
        search_by(first, start([source], 1), first.rules)
        begun = dataclasses.replace(
            rules, options=alone, sources=[source] * len(first.begun.tokens), begun=first.begun
        )
        over = begun.ended(first.begun.tokens, 1, begun.limits)
        found: list[list[Hypothesis]] = [[one] for one in first.hypotheses(begun)]
        going = np.flatnonzero(~over)
        if going.size:
            model = start([source] * len(going), rows_of(alone))
            for n, hypotheses in zip(going, search(model, begun.only(going)), strict=True):
                found[n] = hypotheses
        results.append([one for [one] in found])
    return results


class FirstTokens:
    """Looks no further than one step: a row for its one sentence, whose best tokens it keeps."""

    width = 1

    def __init__(self, rules: Rules, wanted: Rules) -> None:
        self.rules = rules
        self.begun = Begun(np.empty(0, np.int64), np.empty(0, np.float32))
        self.sentences: Ints = np.arange(1)
        self.paths = Paths.begin(rules, self.width)
        self._count = wanted.options.num_hypotheses

    def advance(self, following: Distribution) -> tuple[Ints, Ints]:
        """Keeps the best, and ends."""
        ids, scores = (one[0] for one in following.best(self._count))
        check_possible(scores[:1])
        enough = np.exp(scores) >= self.rules.options.min_alternative_expansion_prob
        enough[0] = True  # the best is always there
        enough &= scores > -np.inf
        self.begun = Begun(ids[enough], scores[enough])
        return self.sentences[:0], ids[:0]

    def results(self) -> list[list[Hypothesis]]:
        """Nothing: what it found is `begun`."""
        return [[]]

    def hypotheses(self, begun: Rules) -> list[Hypothesis]:
        """The tokens as targets without continuations."""
        paths = Paths.begin(begun, self.width)
        if self.paths.seen is not None:
            paths = paths.look(np.repeat(self.paths.seen, len(paths.tokens), axis=0))
        return paths.hypotheses(begun, begun.limits)
