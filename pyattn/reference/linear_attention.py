"""Attention without a softmax: weights that are products of features, so sums can be carried on."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyattn.reference.arrays import Floats, check_floats, check_lengths


def linear_attention(
    q: Floats,
    k: Floats,
    v: Floats,
    *,
    lengths: Any = None,
    causal: bool = False,
) -> Floats:
    """Linear attention with the features elu(x) + 1 (Katharopoulos et al. 2020, equations 4 to 12).

    Where attention has exp(q.k), this has f(q).f(k), with f(x) = elu(x) + 1, which is positive. The
    mean of the values is then

        f(q) (sum of f(k) v^T) / f(q).(sum of f(k))

    and both sums are the same for all queries, or, with `causal`, grow by a term from one to the
    next: time is linear in the length, and what a decoder keeps of the past is one matrix a head.

    Args:
        q: Queries, [batch, heads, time_q, head_dim], float32.
        k: Keys, [batch, heads, time_k, head_dim], float32.
        v: Values, [batch, heads, time_k, value_dim], float32.
        lengths: [batch], how many of a row's keys are real; all if None.
        causal: Whether a query sees no later position than its own. The queries are the last
            `time_q` of the `time_k` positions.

    Returns:
        [batch, heads, time_q, value_dim]. A query that sees no key gets zeros, as does one whose
        features, or those of all its keys, are 0 in float32.

    Raises:
        ValueError: if the shapes do not agree; the message names the argument.
        TypeError: if an argument is not an array of its type.
    """
    check_floats("linear_attention", "q", q, [None] * 4)
    batch, heads, time_q, head_dim = q.shape
    check_floats("linear_attention", "k", k, [batch, heads, None, head_dim])
    time_k = k.shape[2]
    check_floats("linear_attention", "v", v, [batch, heads, time_k, None])
    if causal and time_q > time_k:
        raise ValueError(
            f"linear_attention: q has {time_q} positions, expected at most k's {time_k} if causal"
        )
    seen = np.full(batch, time_k)
    if lengths is not None:
        seen = check_lengths("linear_attention", lengths, batch, time_k)
    out = np.zeros((batch, heads, time_q, v.shape[3]), np.float32)
    for row in range(batch):
        weights, values = features(k[row, :, : seen[row]]), v[row, :, : seen[row]]
        queries = features(q[row])
        if causal:
            out[row] = _with_a_state(queries, weights, values, time_k - time_q)
        else:
            state = weights.swapaxes(1, 2) @ values
            out[row] = _quotient(queries @ state, queries @ weights.sum(1)[..., None])
    return out


def features(x: Floats) -> Floats:
    """elu(x) + 1: x + 1 above zero, exp(x) below."""
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def _with_a_state(queries: Floats, weights: Floats, values: Floats, before: int) -> Floats:
    """The rows of one sentence, [heads, time_q, value_dim].

    Args:
        queries: Features, [heads, time_q, head_dim].
        weights: Features of the keys, [heads, time_k, head_dim].
        values: [heads, time_k, value_dim].
        before: Position of the first query.
    """
    heads, time_k, head_dim = weights.shape
    state = np.zeros((heads, head_dim, values.shape[2]), np.float32)  # sum of f(k) v^T
    total = np.zeros((heads, head_dim), np.float32)  # sum of f(k)
    out = np.zeros((heads, queries.shape[1], values.shape[2]), np.float32)
    for position in range(before + queries.shape[1]):
        if position < time_k:
            state += weights[:, position, :, None] * values[:, position, None, :]
            total += weights[:, position]
        if position >= before:
            query = queries[:, position - before, None, :]
            out[:, position - before] = _quotient(query @ state, query @ total[..., None])[:, 0]
    return out


def _quotient(sums: Floats, totals: Floats) -> Floats:
    """Their quotient; 0 where the features of all keys, or of the query, are."""
    return np.divide(sums, totals, out=np.zeros_like(sums), where=totals != 0)
