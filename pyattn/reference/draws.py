"""Tokens drawn at random: which may be, how often, and by which number."""

from __future__ import annotations

import numpy as np

from pyattn.options import GenerationOptions
from pyattn.reference.arrays import Bools, Floats, Ints
from pyattn.reference.philox import Doubles


def drawable(
    options: GenerationOptions, scores: Floats, touched: Bools | None, least: int
) -> tuple[Ints, Doubles]:
    """The tokens that may be drawn behind a row, and the logarithms of their weights.

    Their order is that in which their weights are added up: the best first where `top_k`, `top_p`
    or `min_p` chooses among them; else first those that other options have touched.

    Args:
        options: How to draw.
        scores: [vocab].
        touched: As `Distribution` has it, [vocab].
        least: How many tokens top_k, top_p and min_p leave, if there are so many.

    Returns:
        Ids and logarithms, [kept] each.
    """
    logs = scores.astype(np.float64) / options.temperature
    possible = scores > -np.inf
    if not (options.top_k or options.top_p < 1 or options.min_p):
        last = possible if touched is None else possible & ~touched
        order = np.concatenate([np.flatnonzero(possible & ~last), np.flatnonzero(last)])
        return order, logs[order]
    order = np.argsort(-scores, kind="stable")[: np.count_nonzero(possible)]
    if options.top_k:
        order = order[: max(options.top_k, least)]
    weights = np.exp(logs[order] - logs.max())
    # A token stays while those before it do not add up to top_p (Holtzman et al. 2020, section
    # 3.1), and while it is at least min_p times as probable as the best (Nguyen et al. 2024).
    before = (np.cumsum(weights) - weights) / weights.sum()
    stays = (before < options.top_p) & (weights >= options.min_p * weights[:1])
    order = order[: max(np.count_nonzero(stays), least)]
    return order, logs[order]


def pick(logs: Doubles, share: float) -> int:
    """Where the sum of the weights, in their order, passes this share of all, in [0, 1).

    Args:
        logs: The logarithms of the weights, [any]; not all are -inf.
        share: A random number.
    """
    sums = np.cumsum(np.exp(logs - logs.max()))
    place = int(np.searchsorted(sums, share * sums[-1], side="right"))
    return min(place, len(logs) - 1)  # rounding must not take it past the end
