"""The tokens that a beam search chooses among, of all rows of a sentence together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from pyattn.reference.arrays import Bools, Floats, Ints
from pyattn.reference.candidates import top_k
from pyattn.reference.distribution import Distribution
from pyattn.reference.draws import drawable, pick
from pyattn.reference.paths import Paths
from pyattn.reference.philox import Doubles, uniforms
from pyattn.reference.rules import Rules


@dataclasses.dataclass(frozen=True, eq=False)
class Continuations:
    """Tokens behind rows, [sentences, count] each, in the order in which they were chosen."""

    totals: Floats  # of the row and the token; -inf is one that may not come
    rows: Ints
    ids: Ints
    scores: Floats  # of the token

    def ordered(self, order: Ints) -> Continuations:
        """These of each sentence, in this order, [sentences, any]."""
        return Continuations(
            np.take_along_axis(self.totals, order, axis=1),
            np.take_along_axis(self.rows, order, axis=1),
            np.take_along_axis(self.ids, order, axis=1),
            np.take_along_axis(self.scores, order, axis=1),
        )

    def without(self, dropped: Bools) -> Continuations:
        """The others, [sentences, count], moved up; the places left at the end are nothing."""
        order = np.argsort(dropped, axis=1, kind="stable")
        left = dataclasses.replace(self, totals=np.where(dropped, np.float32(-np.inf), self.totals))
        return left.ordered(order)


def best_continuations(
    following: Distribution, totals: Floats, width: int, count: int
) -> Continuations:
    """The best `count` of each sentence, best first.

    Args:
        following: What may follow each row.
        totals: The rows' own, [rows].
        width: Rows of a sentence.
        count: How many are wanted; there are fewer if the vocabulary is that small.
    """
    sentences = len(totals) // width
    ids, scores = following.best(count)
    columns = ids.shape[1]
    sums = (totals[:, None] + scores).reshape(sentences, -1)
    best = top_k(sums, count)
    return Continuations(
        np.take_along_axis(sums, best, axis=1),
        best // columns + width * np.arange(sentences)[:, None],
        np.take_along_axis(ids.reshape(sentences, -1), best, axis=1),
        np.take_along_axis(scores.reshape(sentences, -1), best, axis=1),
    )


def drawn_continuations(
    following: Distribution, paths: Paths, rules: Rules, sentences: Ints, count: int
) -> Continuations:
    """As many of each sentence, drawn without putting back by exp(total / temperature).

    It is the beam sampling of transformers; what such draws are is in Kool et al. 2019.

    Args:
        following: What may follow each row.
        paths: The rows.
        rules: What a target may look like.
        sentences: Whose the rows are, [rows].
        count: How many are wanted; the last are nothing where there are fewer.
    """
    width = rules.options.beam_size
    shape = len(sentences) // width, count
    rows = np.repeat(np.arange(0, len(sentences), width)[:, None], count, axis=1)
    ids = np.zeros(shape, np.int64)
    nothing = np.full(shape, -np.inf, np.float32)
    drawn = Continuations(nothing.copy(), rows, ids, nothing.copy())
    scores = following.scores()
    for n, sentence in enumerate(sentences[::width]):
        every, tokens, logs = _drawable(following, paths, rules, range(n * width, (n + 1) * width))
        numbers = uniforms(
            rules.options.seed, rules.drawn_for(sentence), np.arange(count), paths.tokens.shape[1]
        )
        for place, number in enumerate(numbers[: len(tokens)]):
            at = pick(logs, number)
            logs[at] = -np.inf
            drawn.rows[n, place], drawn.ids[n, place] = every[at], tokens[at]
            drawn.scores[n, place] = scores[every[at], tokens[at]]
            drawn.totals[n, place] = paths.totals[every[at]] + drawn.scores[n, place]
    return drawn


def _drawable(
    following: Distribution, paths: Paths, rules: Rules, rows: Iterable[int]
) -> tuple[Ints, Ints, Doubles]:
    """Rows, tokens and the logarithms of the weights of all that may be drawn, [any] each."""
    scores, least = following.scores(), len(rules.ends) + 1
    parts: list[tuple[Ints, Ints, Doubles]] = []
    for row in rows:
        if paths.totals[row] > -np.inf:
            touched = None if following.touched is None else following.touched[row]
            tokens, logs = drawable(rules.options, scores[row], touched, least)
            logs += np.float64(paths.totals[row]) / rules.options.temperature
            parts.append((np.full(len(tokens), row), tokens, logs))
    every, tokens, logs = (np.concatenate(part) for part in zip(*parts, strict=True))
    return every, tokens, logs
