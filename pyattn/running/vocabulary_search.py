"""Bounds that find the most probable token without most of the vocabulary.

Greedy search wants one number of a row: the index of its largest logit. Let h be a row's state and
w a token's weights, both as the product reads them (in int8: the integers times their scales); if
there is a bias, h has one more input, which is 1, and w its bias. Let A be an invertible matrix.
Then h.w = z.y with z = A h and y = A^-T w. Let z' and y' be the first `kept` coordinates of both in
int8, and B the blocks of the others. For every token

    h.w <= z'.y' + |z'| |y - y'| + |z - z'| |y| + sum over B of |z_B| |y_B|

by the Cauchy-Schwarz inequality; y - y' and |y| are of the first coordinates. All tokens have the
same steps, so |y - y'| is much the same for all, and the largest stands for it. Each other term is
a product of two numbers that are not negative, one of the row and one of the token. They are stored
as further coordinates, rounded up to the steps of the first ones, so the sums of an int8 product of
`kept` + 4 inputs are the bounds, in steps of the row: what they are compared with is an integer.

Every term that floating point adds is a multiple of |z| (`_Reach`). The core lowers what it
compares with by as much as a logit may exceed the sum.

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

# Norms besides |z - z'|: of blocks of the other coordinates.
_BLOCKS = NORMS - 1

# Tokens whose coordinates are computed together.
_TOGETHER = 4096

# Rounding of float32.
_EPSILON = 2.0**-24

# Coordinates are symmetric integers of this size.
_MOST = 127

# Of a state's coordinates: far from sums that overflow.
_MOST_NORM = 1e15

# A share of the mean is added to all second moments, which states of fewer directions than `dim`
# leave zero.
_RIDGE = 1e-3

# What a share of the coordinates saves is estimated with this many states, and so many tokens in
# panels.
_TRIED_STATES = 128
_TRIED_PANELS = 256
_PANEL = 32
_SHARES = (0.25, 0.3125, 0.375, 0.4375, 0.5, 0.5625, 0.625)

# Parts of the whole product's time (Zen 4): bounds with all inputs, what every row costs besides,
# and a token's logit as a multiple of one in the whole product; in int8 by itself, else with its
# panel.
_BOUNDS_COST = {"int8": 0.74, "bfloat16": 0.43, "float32": 0.23}
_ROW_COST = {"int8": 0.12, "bfloat16": 0.08, "float32": 0.05}
_LOGIT_COST = {"int8": 20.0, "bfloat16": 80.0, "float32": 80.0}

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
    finite = tokens.with_ones(finite)
    known, tried = finite[:-_TRIED_STATES], finite[-_TRIED_STATES:]
    axes = _balanced_axes(_moments([known], known.shape[1]), tokens.moments(known.shape[1]))
    costs = _costs(axes, tried, tokens, dtype)
    kept = min(costs, key=lambda one: costs[one])
    if costs[kept] > most_cost:
        return None
    return _parts(_mixed(axes, kept), kept, tokens, dtype, costs[kept])


class _Tokens:
    """The output's columns, some at a time, with their biases as a last input if there are any."""

    def __init__(self, rows: Rows, vocab: int) -> None:
        self._rows = rows
        self.vocab = vocab
        self.biased = False
        self._finite = True
        for first in range(0, vocab, _TOGETHER):
            weights, bias = rows(first, min(_TOGETHER, vocab - first))
            self.biased |= bool(bias.any())
            self._finite &= bool(np.isfinite(weights).all() and np.isfinite(bias).all())

    def finite(self) -> bool:
        return self._finite

    def with_ones(self, states: Doubles) -> Doubles:
        return np.column_stack([states, np.ones(len(states))]) if self.biased else states

    def some(self, first: int, count: int) -> Doubles:
        weights, bias = self._rows(first, min(count, self.vocab - first))
        both = np.column_stack([weights, bias]) if self.biased else weights
        return both.astype(np.float64)

    def all(self) -> Iterator[tuple[slice, Doubles]]:
        for first in range(0, self.vocab, _TOGETHER):
            weights = self.some(first, _TOGETHER)
            yield slice(first, first + len(weights)), weights

    def moments(self, dim: int) -> Doubles:
        return _moments((weights for _, weights in self.all()), dim)


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


def _costs(axes: Doubles, states: Doubles, tokens: _Tokens, dtype: str) -> dict[int, float]:
    """The estimated time of a search by the coordinates that are kept; the whole product's is 1."""
    dim = len(axes)
    best = np.full(len(states), -np.inf)
    for _, weights in tokens.all():
        best = np.maximum(best, (states @ weights.T).max(axis=1))
    inverse = np.linalg.inv(axes)
    panels = -(-tokens.vocab // _PANEL)
    chosen = np.unique(np.linspace(0, panels - 1, min(panels, _TRIED_PANELS)).astype(int))
    z = states @ axes.T
    y = np.concatenate([tokens.some(panel * _PANEL, _PANEL) for panel in chosen]) @ inverse
    steps = np.abs(y).max() / _MOST
    fixed = dim / tokens.vocab + _ROW_COST[dtype]
    costs = {}
    for kept in sorted({max(4, int(share * dim) // 4 * 4) for share in _SHARES}):
        bounds = z[:, :kept] @ y[:, :kept].T
        bounds += _block_norms(z, kept) @ _block_norms(y, kept).T
        # Roundings of both: a step of z' is a 127th of three deviations.
        size = np.linalg.norm(z[:, :kept], axis=1)
        bounds += np.outer(size, np.linalg.norm(y[:, :kept], axis=1)) * (3 / _MOST / np.sqrt(12))
        bounds += size[:, None] * steps * np.sqrt(kept / 12)
        share = float((bounds >= best[:, None]).mean())
        bounds_cost = (kept + NORMS) / dim * _BOUNDS_COST[dtype]
        costs[kept] = bounds_cost + fixed + _LOGIT_COST[dtype] * share
    return costs


def _parts(
    axes: Doubles, kept: int, tokens: _Tokens, dtype: str, cost: float
) -> SearchParts | None:
    """The parts for these axes; None if rounding could exceed what bounds are good for."""
    stored, scale, bias, exact = _stored(axes, dtype, tokens.biased)
    inverse = np.linalg.inv(exact)
    tokens_norms = np.concatenate(
        [_token_norms(weights @ inverse, kept) for _, weights in tokens.all()]
    )
    factors = _factors(tokens_norms)
    step = _step(tokens_norms, factors)
    bounds = np.zeros((tokens.vocab, kept + NORMS), np.int8)
    reach = _Reach(exact, dtype)
    for place, weights in tokens.all():
        y = weights @ inverse
        bounds[place], error = _bounds(y[:, :kept], tokens_norms[place], step, factors)
        reach.add(weights, y, error)
    slacks = reach.slacks()
    if slacks is None:
        return None
    return SearchParts(
        axes=stored,
        axes_scale=scale,
        axes_bias=bias,
        kept=kept,
        bounds=bounds,
        bounds_scale=step,
        factors=factors,
        slack_per_norm=slacks[0],
        slack_per_kept=slacks[1],
        most_norm=_MOST_NORM,
        cost=cost,
    )


def _stored(
    axes: Doubles, dtype: str, biased: bool
) -> tuple[npt.NDArray[Any], Floats, Floats, Doubles]:
    """A in a number type, the scales of its rows, its column of the bias, and what these are."""
    own = axes[:, :-1] if biased else axes
    bias = axes[:, -1].astype(np.float32) if biased else np.zeros(len(axes), np.float32)
    scale = np.ones(len(axes), np.float32)
    stored: npt.NDArray[Any]
    if dtype == "int8":
        scale = (np.abs(own).max(axis=1) / _MOST).astype(np.float32)
        scale[scale == 0] = 1
        stored = np.clip(np.rint(own / scale[:, None]), -_MOST, _MOST).astype(np.int8)
        exact = stored * scale[:, None].astype(np.float64)
    elif dtype == "float32":
        stored = np.ascontiguousarray(own, np.float32)
        exact = stored.astype(np.float64)
    else:
        single = np.ascontiguousarray(own, np.float32)
        stored = ((single.view(np.uint32) + 0x8000) >> 16).astype(np.uint16)
        exact = (stored.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if biased:
        exact = np.column_stack([exact, bias.astype(np.float64)])
    return stored, scale, bias, exact


def _token_norms(y: Doubles, kept: int) -> Doubles:
    """|y|, those of the blocks, and the largest of the first coordinates: [any, 5]."""
    first = y[:, :kept]
    return np.column_stack(
        [np.linalg.norm(first, axis=1), _block_norms(y, kept), np.abs(first).max(axis=1)]
    )


def _factors(norms: Doubles) -> Floats:
    """What norms of states are multiplied by, and those of tokens divided by.

    The largest of each takes up the range of int8 as the largest coordinate does. Then coordinates
    of tokens alone decide about their steps; those of states may be larger for their norms, which
    matters ten times less: their roundings are multiplied by |y|, those of tokens by |z'|.
    """
    largest = norms.max(axis=0)
    factors: Floats = np.maximum(largest[:-1] / max(largest[-1], 1e-30), 1e-6).astype(np.float32)
    return factors


def _step(norms: Doubles, factors: Floats) -> float:
    """The step in which coordinates and norms of all tokens fit int8."""
    largest = max(float(norms[:, -1].max()), float((norms[:, :-1] / factors).max()))
    single = np.nextafter(np.float32(largest / _MOST * (1 + 1e-6)), np.float32(np.inf))
    return float(single) if largest > 0 else 1.0


def _bounds(
    first: Doubles, norms: Doubles, step: float, factors: Floats
) -> tuple[npt.NDArray[np.int8], float]:
    """Coordinates and norms of tokens in int8, norms rounded up; the largest |y - y'|."""
    whole = np.clip(np.rint(first / step), -_MOST, _MOST)
    error = float(np.linalg.norm(first - whole * step, axis=1).max(initial=0))
    steps = np.ceil(norms[:, :-1] / factors.astype(np.float64) / step * (1 + 1e-9))
    return np.concatenate([whole, steps], axis=1).astype(np.int8), error


class _Reach:
    """How far rounding can reach: the largest of what it is a share of, over all tokens."""

    def __init__(self, exact: Doubles, dtype: str) -> None:
        self._exact = exact
        self._dtype = dtype
        self._lengths = np.linalg.norm(exact, axis=1)
        self._of_coordinates = self._of_weights = self._residual = self._of_bounds = 0.0

    def add(self, weights: Doubles, y: Doubles, of_bounds: float) -> None:
        """Takes tokens, with the largest |y - y'| of theirs."""

        def longest(rows: Doubles) -> float:
            return float(np.linalg.norm(rows, axis=1).max(initial=0))

        self._of_coordinates = max(self._of_coordinates, float((np.abs(y) @ self._lengths).max()))
        self._of_weights = max(self._of_weights, longest(weights))
        self._residual = max(self._residual, longest(weights - y @ self._exact))
        self._of_bounds = max(self._of_bounds, of_bounds)

    def slacks(self) -> tuple[float, float] | None:
        """The multiples of |z| and of |z'|.

        A sum of n products has an error of at most n + 2 roundings of the sum of their magnitudes
        in any order, so z_j one of |h| |A_j|, a logit one of |h| |w|; twice that allows for
        instructions that round products by themselves. Sums of int8 are exact; what follows rounds
        less than eight times. And |h| <= |A^-1| |z|.
        """
        terms = 8 if self._dtype == "int8" else 2 * (len(self._exact) + 8)
        rounding = terms * _EPSILON
        smallest = float(np.linalg.svd(self._exact, compute_uv=False)[-1])
        lost = rounding * float(np.linalg.norm(self._lengths))
        if not smallest > 2 * lost:
            return None
        reach = rounding * (self._of_coordinates + self._of_weights) + self._residual
        return 1.01 * reach / (smallest - lost), (1 + 1e-6) * self._of_bounds
