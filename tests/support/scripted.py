"""Models so small that every target can be written down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyattn.options import GenerationOptions
from pyattn.reference.alternatives import alternatives
from pyattn.reference.arrays import Ints
from pyattn.reference.rules import Rules
from pyattn.reference.search import search
from pyattn.results import Hypothesis
from support.inputs import Floats

END, A, B = range(3)
START = 3

Probabilities = dict[int, list[float]]


class Table:
    """A model whose next token depends on the last one alone.

    It looks at token n of its source when it was given token n, and never elsewhere.

    Attributes:
        fed: The tokens that each step was given.
    """

    def __init__(self, probabilities: Probabilities, source: int = 1) -> None:
        with np.errstate(divide="ignore"):
            self._logits = {last: np.log(row) for last, row in probabilities.items()}
        self._source = source
        self.fed: list[list[int]] = []

    def step(self, tokens: Ints) -> Floats:
        self.fed.append(tokens.tolist())
        return np.array([self._logits[token] for token in tokens.tolist()], np.float32)

    def attention(self, heads: Sequence[tuple[int, int]]) -> Floats:  # noqa: ARG002 - has one
        places = np.array(self.fed[-1])[:, None, None]
        return (places == np.arange(self._source)).astype(np.float32)

    def keep(self, rows: Ints) -> None:
        # What a row says depends on its last token, which the next step brings.
        assert rows.size


def rules(sentences: int, source: Sequence[int] = (1,), **options: object) -> Rules:
    chosen = GenerationOptions().replace(**options)
    return Rules(chosen, START, chosen.end_tokens or (END,), [np.array(source)] * sentences)


def find(table: Probabilities, **options: object) -> tuple[list[list[Hypothesis]], Table]:
    model = Table(table)
    return search(model, rules(1, **{"max_new_tokens": 5} | options)), model


def found(
    table: Probabilities, source: Sequence[int] = (1,), **options: object
) -> list[Hypothesis]:
    """What a search finds of a source."""
    asked = rules(1, source, **{"max_new_tokens": 5} | options)
    if asked.options.return_alternatives:
        return alternatives(lambda *_: Table(table, len(source)), asked)[0]
    return search(Table(table, len(source)), asked)[0]
