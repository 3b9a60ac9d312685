"""Bounds that find the most probable token without most of the vocabulary.

Greedy search wants one number of a row: the index of its largest logit. Let h be a row's state and
w a token's weights, both as the product reads them (in int8: the integers times their scales), and
A an invertible matrix. Then h.w = z.y with z = A h and y = A^-T w. Let z' and y' be the first
`kept` coordinates of both in int8, and B the blocks of the others. For every token

    h.w + bias <= z'.y' + bias + |z'| |y - y'| + |z - z'| |y| + sum over B of |z_B| |y_B|

by the Cauchy-Schwarz inequality; y - y' and |y| are of the first coordinates. Each term behind the
bias is a product of two numbers that are not negative, one of the row and one of the token. They
are stored as further coordinates, rounded up to the steps of the first ones, so an int8 product of
`kept` + 8 inputs yields the bound itself.

Every term that floating point adds to either side is bounded in turn: by `slack`, with a multiple
of |z| and one of the scale of z' (`_slacks`). A logit that exceeded its bound by less is still
found, since the core lowers what it compares with by as much.

The axes change the speed alone, never an answer. The mean of |z_B| |y_B| over states and tokens is
least where the second moments of both sets of coordinates are the same diagonal matrix, largest
first: balanced truncation (Moore 1981). It halves the candidates of the principal axes of states.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.search_parts import NORMS, SearchParts

Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]

# Columns [first, first + count) of the output, as they are multiplied, and their biases.
Rows: TypeAlias = Callable[[int, int], tuple[Floats, Floats]]

# Norms besides |z'| and |z - z'|: of blocks of the other coordinates.
_BLOCKS = NORMS - 2

# Tokens whose coordinates are computed together.
_TOGETHER = 4096

# Rounding of float32.
_EPSILON = 2.0**-24

# Coordinates are symmetric integers of this size.
_MOST = 127

# A row's norms must fit the 127 steps above its zero, or it is computed whole. The largest that
# were seen have so many.
_USUAL_STEPS = 100.0

# Of a state's coordinates: far from sums that overflow.
_MOST_NORM = 1e15

# A share of the mean is added to all second moments, which states of fewer directions than `dim`
# leave zero.
_RIDGE = 1e-3

# What a share of the coordinates saves is estimated with this many states, and panels of tokens.
_TRIED_STATES = 128
_TRIED_PANELS = 256
_PANEL = 32
_SHARES = (0.25, 0.3125, 0.375, 0.4375, 0.5)

# Bounds cost the share of inputs that they have and a little more, the exact logits of a panel for
# a few rows this multiple of a panel in the whole product: see kPayingShare in the core.
_PANEL_COST = 2.7
_FIXED_COST = 0.09

# A search that would take more of the product's time is not worth it.
MOST_COST = 0.85


def search_parts(
    states: Floats, rows: Rows, vocab: int, dtype: str, most_cost: float = MOST_COST
) -> SearchParts | None:
    """The parts of a search for a model; None if it would save nothing.

    Args:
        states: States that the model projects to its vocabulary, [any, dim], float32.
        rows: The output's columns.
        vocab: How many.
        dtype: The output's number type.
        most_cost: The estimated time, as a share of the whole product's, that is worth it.
    """
    finite: Doubles = states[np.isfinite(states).all(1)].astype(np.float64)
    tokens = _Tokens(rows, vocab)
    if len(finite) < 2 * _TRIED_STATES or not tokens.finite():
        return None
    known, tried = finite[:-_TRIED_STATES], finite[-_TRIED_STATES:]
    axes = _balanced_axes(_moments([known], known.shape[1]), tokens.moments(states.shape[1]))
    costs = _costs(axes, tried, tokens)
    kept = min(costs, key=lambda one: costs[one])
    if costs[kept] > most_cost:
        return None
    return _parts(_mixed(axes, kept), kept, known, tokens, dtype, costs[kept])


class _Tokens:
    """The output's columns, some at a time."""

    def __init__(self, rows: Rows, vocab: int) -> None:
        self._rows = rows
        self.vocab = vocab

    def some(self, first: int, count: int) -> tuple[Doubles, Floats]:
        weights, bias = self._rows(first, min(count, self.vocab - first))
        return weights.astype(np.float64), bias

    def all(self) -> Iterator[tuple[slice, Doubles, Floats]]:
        for first in range(0, self.vocab, _TOGETHER):
            weights, bias = self.some(first, _TOGETHER)
            yield slice(first, first + len(bias)), weights, bias

    def finite(self) -> bool:
        return all(np.isfinite(one).all() and np.isfinite(b).all() for _, one, b in self.all())

    def moments(self, dim: int) -> Doubles:
        return _moments((weights for _, weights, _ in self.all()), dim)


def _moments(parts: Iterable[Doubles], dim: int) -> Doubles:
    """The second moments of rows, with the ridge."""
    total, count = np.zeros((dim, dim)), 0
    for rows in parts:
        total += rows.T @ rows
        count += len(rows)
    total /= count
    total += np.eye(dim) * max(float(np.trace(total)) / dim * _RIDGE, 1e-30)
    return total


def _balanced_axes(states: Doubles, weights: Doubles) -> Doubles:
    """A as rows, [dim, dim], for which both second moments are one diagonal, largest first."""
    factor = np.linalg.cholesky(states)
    values, vectors = np.linalg.eigh(factor.T @ weights @ factor)
    order = np.argsort(values)[::-1]
    roots = np.maximum(values[order], values.max() * 1e-12) ** 0.25
    axes: Doubles = (np.linalg.solve(factor.T, vectors[:, order]) * roots).T
    return axes


def _mixed(axes: Doubles, kept: int) -> Doubles:
    """The same with the first `kept` turned at random.

    Otherwise the first few, which are the largest, would take up the range of int8.
    """
    turn, _ = np.linalg.qr(np.random.default_rng(kept).standard_normal((kept, kept)))
    return np.concatenate([turn @ axes[:kept], axes[kept:]])


def _blocks(kept: int, dim: int) -> list[slice]:
    """The coordinates behind the first, as the core divides them."""
    ends = [kept + (dim - kept) * block // _BLOCKS for block in range(_BLOCKS + 1)]
    return [slice(begin, end) for begin, end in itertools.pairwise(ends)]


def _block_norms(coordinates: Doubles, kept: int) -> Doubles:
    """[any, blocks]."""
    blocks = _blocks(kept, coordinates.shape[1])
    return np.stack([np.linalg.norm(coordinates[:, one], axis=1) for one in blocks], axis=1)


def _costs(axes: Doubles, states: Doubles, tokens: _Tokens) -> dict[int, float]:
    """The estimated time of a search by the coordinates that are kept; the whole product's is 1."""
    dim = len(axes)
    best = np.full(len(states), -np.inf)
    for _, weights, bias in tokens.all():
        best = np.maximum(best, (states @ weights.T + bias).max(axis=1))
    inverse = np.linalg.inv(axes)
    panels = -(-tokens.vocab // _PANEL)
    chosen = np.unique(np.linspace(0, panels - 1, min(panels, _TRIED_PANELS)).astype(int))
    z = states @ axes.T
    parts = [tokens.some(panel * _PANEL, _PANEL) for panel in chosen]
    starts = np.cumsum([0, *(len(bias) for _, bias in parts)])[:-1]
    y = np.concatenate([weights for weights, _ in parts]) @ inverse
    biases = np.concatenate([bias for _, bias in parts])
    costs = {}
    for kept in sorted({max(4, int(share * dim) // 4 * 4) for share in _SHARES}):
        bounds = z[:, :kept] @ y[:, :kept].T + biases
        bounds += _block_norms(z, kept) @ _block_norms(y, kept).T
        # Roundings of both, 127 steps of three deviations: see `_parts`.
        rounding = np.linalg.norm(z[:, :kept], axis=1), np.linalg.norm(y[:, :kept], axis=1)
        bounds += np.outer(*rounding) * (1.5 * 3 / _MOST / np.sqrt(12))
        maxima = np.maximum.reduceat(bounds, starts, axis=1)
        share = float((maxima >= best[:, None]).mean())
        costs[kept] = (kept + NORMS) / dim + dim / tokens.vocab + _PANEL_COST * share + _FIXED_COST
    return costs


def _parts(
    axes: Doubles, kept: int, states: Doubles, tokens: _Tokens, dtype: str, cost: float
) -> SearchParts | None:
    """The parts for these axes; None if rounding could exceed what bounds are good for."""
    stored, scale, exact = _stored(axes, dtype)
    inverse = np.linalg.inv(exact)
    z = states @ exact.T
    dim, vocab = len(axes), tokens.vocab
    usual = _usual_norms(z, kept)
    bounds = np.zeros((vocab, kept + NORMS), np.int8)
    bounds_scale, biases = np.zeros(vocab, np.float32), np.zeros(vocab, np.float32)
    factors = None
    reach = _Reach(exact)
    for place, weights, bias in tokens.all():
        y = weights @ inverse
        if factors is None:
            factors = _factors(usual, y, kept)
        made = _bounds(y, kept, factors)
        if made is None:
            return None
        bounds[place], bounds_scale[place] = made
        biases[place] = bias
        reach.add(weights, y, bias)
    slacks = reach.slacks(dim)
    if factors is None or slacks is None:
        return None
    largest = (kept + NORMS) * 255 * _MOST
    return SearchParts(
        axes=stored,
        axes_scale=scale,
        kept=kept,
        bounds=bounds,
        bounds_scale=bounds_scale,
        bias=biases,
        factors=factors,
        slack=slacks[0],
        slack_per_norm=slacks[1],
        slack_per_scale=8 * _EPSILON * largest * float(bounds_scale.max()),
        most_norm=_MOST_NORM,
        cost=cost,
    )


def _stored(axes: Doubles, dtype: str) -> tuple[npt.NDArray[Any], Floats, Doubles]:
    """A in a number type, the scales of its rows, and the numbers that these are."""
    ones = np.ones(len(axes), np.float32)
    if dtype == "int8":
        scale = (np.abs(axes).max(axis=1) / _MOST).astype(np.float32)
        scale[scale == 0] = 1
        q = np.clip(np.rint(axes / scale[:, None]), -_MOST, _MOST).astype(np.int8)
        return q, scale, q * scale[:, None].astype(np.float64)
    single = axes.astype(np.float32)
    if dtype == "float32":
        return single, ones, single.astype(np.float64)
    upper = ((single.view(np.uint32) + 0x8000) >> 16).astype(np.uint16)
    exact = (upper.astype(np.uint32) << 16).view(np.float32)
    return upper, ones, exact.astype(np.float64)


def _usual_norms(z: Doubles, kept: int) -> Doubles:
    """The largest norms of states in steps of z', [8]."""
    first = z[:, :kept]
    low, high = np.minimum(first.min(axis=1), 0), np.maximum(first.max(axis=1), 0)
    scale = np.maximum((high - low) / 255, 1e-30)
    rounding = np.sqrt(kept / 12) * scale
    norms = np.column_stack([np.linalg.norm(first, axis=1), rounding, _block_norms(z, kept)])
    largest: Doubles = np.maximum((norms / scale[:, None]).max(axis=0), 1e-6)
    return largest


def _factors(usual: Doubles, y: Doubles, kept: int) -> Floats:
    """What norms of states are multiplied by, so that both sides have steps enough."""
    first = y[:, :kept]
    scale = np.abs(first).max(axis=1) / _MOST
    norms = np.column_stack(
        [np.sqrt(kept / 12) * scale, np.linalg.norm(first, axis=1), _block_norms(y, kept)]
    )
    there = scale > 0
    of_tokens = np.median(norms[there] / scale[there, None], axis=0) if there.any() else usual
    return np.minimum(_USUAL_STEPS / usual, np.sqrt(np.maximum(of_tokens, 1e-6) / usual)).astype(
        np.float32
    )


def _bounds(y: Doubles, kept: int, factors: Floats) -> tuple[npt.NDArray[np.int8], Floats] | None:
    """Coordinates and norms of tokens in int8, norms rounded up, with their scales."""
    first = y[:, :kept]
    others = np.column_stack([np.linalg.norm(first, axis=1), _block_norms(y, kept)])
    largest = np.maximum(np.abs(first).max(axis=1), (others / factors[1:]).max(axis=1))
    single = np.nextafter((largest / _MOST * (1 + 1e-6)).astype(np.float32), np.float32(np.inf))
    single[largest == 0] = 1
    scale = single.astype(np.float64)[:, None]
    whole = np.clip(np.rint(first / scale), -_MOST, _MOST)
    errors = np.linalg.norm(first - whole * scale, axis=1)
    norms = np.column_stack([errors, others]) / factors.astype(np.float64)
    steps = np.ceil(norms / scale * (1 + 1e-9))
    if not steps.max(initial=0) <= _MOST:
        return None
    return np.concatenate([whole, steps], axis=1).astype(np.int8), single


class _Reach:
    """How far rounding can reach: the largest of what it is a share of, over all tokens."""

    def __init__(self, exact: Doubles) -> None:
        self._exact = exact
        self._lengths = np.linalg.norm(exact, axis=1)
        self._of_coordinates = self._of_weights = self._residual = self._bias = 0.0

    def add(self, weights: Doubles, y: Doubles, bias: Floats) -> None:
        def longest(rows: Doubles) -> float:
            return float(np.linalg.norm(rows, axis=1).max(initial=0))

        self._of_coordinates = max(self._of_coordinates, float((np.abs(y) @ self._lengths).max()))
        self._of_weights = max(self._of_weights, longest(weights))
        self._residual = max(self._residual, longest(weights - y @ self._exact))
        self._bias = max(self._bias, float(np.abs(bias).max()))

    def slacks(self, dim: int) -> tuple[float, float] | None:
        """The constant, and the multiple of |z|.

        A sum of n products has an error of at most n + 2 roundings of the sum of their magnitudes
        in any order, so z_j one of |h| |A_j|, a logit one of |h| |w|; twice that allows for
        instructions that round products by themselves. And |h| <= |A^-1| |z|.
        """
        rounding = 2 * (dim + 8) * _EPSILON
        smallest = float(np.linalg.svd(self._exact, compute_uv=False)[-1])
        lost = rounding * float(np.linalg.norm(self._lengths))
        if not smallest > 2 * lost:
            return None
        reach = rounding * (self._of_coordinates + self._of_weights) + self._residual
        return 2.0**-20 * self._bias, 1.01 * reach / (smallest - lost)
