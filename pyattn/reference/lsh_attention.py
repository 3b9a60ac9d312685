"""Attention among tokens that hash alike, as Reformer has it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pyattn.reference.arrays import Floats, Ints, check_floats
from pyattn.reference.chunks import beside, check_chunks

_NEVER = np.float32(-1e9)
_RATHER_NOT = np.float32(-1e5)  # a token's own key, which counts where there is no other
_EPSILON = 1e-6


def lsh_attention(
    query_key: Floats,
    value: Floats,
    rotations: Floats,
    *,
    chunk: int,
    before: int = 1,
    after: int = 0,
    causal: bool = False,
    buckets: Sequence[int] | None = None,
    length: int | None = None,
) -> Floats:
    """Attention by locality-sensitive hashing (Kitaev et al. 2020, section 2).

    Queries and keys are one vector: as a key it is normalised. A hash is the nearest of the axes
    of a random rotation and of their opposites, h(x) = argmax([xR; -xR]). Tokens are sorted by
    their hash, and each sees its chunk of the sorted tokens and chunks beside it. Several hashes
    are mixed by the sums of their exponentials, as if all were keys of one softmax (there in
    appendix A). Time is n log n in the length.

    This is transformers' `LSHSelfAttention`: unlike the paper, a query also sees keys of its chunks
    that have another hash; and the sorted tokens of all hashes are one circle: the neighbour of a
    hash's first chunk is the last of the hash before.

    Args:
        query_key: [batch, heads, time, head_dim], float32.
        value: Shaped like `query_key`.
        rotations: [heads, head_dim, hashes, rotated], float32, normally distributed: which tokens
            meet depends on them alone. `rotated` is half of the buckets, or of the sum of their
            factors.
        chunk: Tokens of a chunk. If there are no more, all see all, and nothing is hashed; else
            `time` is a multiple of it.
        before: Chunks that a query sees before its own.
        after: The same behind it.
        causal: Whether a query sees no later position than its own.
        buckets: Even factors of the number of buckets: a hash is made of one smaller hash for each,
            which take up `rotations` in turns. None is one factor, 2 * `rotated`.
        length: Tokens that are not padding, which stands behind them: it has a bucket of its own,
            the last, and no query sees it. None is `time`.

    Returns:
        [batch, heads, time, head_dim].

    Raises:
        ValueError: if the shapes do not agree, `chunk` does not divide the time, or `buckets` or
            `length` does not fit.
        TypeError: if an argument is not an array of its type.
    """
    check_floats("lsh_attention", "query_key", query_key, [None] * 4)
    batch, heads, time, head_dim = query_key.shape
    check_floats("lsh_attention", "value", value, query_key.shape)
    check_floats("lsh_attention", "rotations", rotations, [heads, head_dim, None, None])
    check_chunks("lsh_attention", "query_key", time, chunk=chunk, before=before, after=after)
    factors = [2 * rotations.shape[3]] if buckets is None else list(buckets)
    if min(factors, default=0) < 2 or any(factor % 2 for factor in factors):
        raise ValueError(f"lsh_attention: buckets are {factors}, expected even numbers")
    if sum(factors) != 2 * rotations.shape[3]:
        raise ValueError(
            f"lsh_attention: buckets are {factors}, expected factors that add up to "
            f"{2 * rotations.shape[3]}, twice the last axis of rotations"
        )
    if length is None:
        length = time
    if not 0 <= length <= time:
        raise ValueError(f"lsh_attention: length is {length}, expected 0 to {time}")
    out = np.empty_like(value)
    for row in range(batch):
        for head in range(heads):
            tokens = _Tokens(query_key[row, head], value[row, head], length, causal=causal)
            if time <= chunk:
                every = np.arange(time)
                out[row, head] = tokens.attend(every[None], every[None])[0][0]
                continue
            hashed = hash_buckets(query_key[row, head], rotations[head], factors)
            hashed[:, length:] = math.prod(factors)
            orders = np.argsort(hashed, axis=-1, kind="stable")
            found = _by_chunks(tokens, orders, chunk, before, after)
            out[row, head] = _mixed(*found)
    return out


def lsh_step(
    query_key: Floats, value: Floats, buckets: Ints | None, *, chunk: int, before: int
) -> Floats:
    """What the last token of a text finds, as transformers has it with its cache of buckets.

    The token takes its place among the sorted tokens before it, and sees what are its chunk and
    the chunks before that then. Nothing is padded, and the tokens of each hash are a circle by
    themselves, in which it may meet a token twice.

    Args:
        query_key: [time, head_dim], float32, of one head.
        value: Shaped like `query_key`.
        buckets: [hashes, time]; None if nothing was hashed before: then it sees all.
        chunk: Tokens of a chunk.
        before: Chunks that it sees before its own.

    Returns:
        [head_dim].
    """
    time = len(query_key)
    tokens = _Tokens(query_key, value, time, causal=False)
    if buckets is None:
        means, _ = tokens.attend(np.full((1, 1), time - 1), np.arange(time)[None])
        found: Floats = means[0, 0]
        return found
    orders = np.argsort(buckets, axis=-1, kind="stable")
    places = np.argmax(orders == time - 1, axis=-1)
    begins = (places // chunk - before) * chunk
    seen = (begins[:, None] + np.arange((before + 1) * chunk)) % time
    keys = np.take_along_axis(orders, seen, 1)
    means, totals = tokens.attend(np.full((len(keys), 1), time - 1), keys)
    mixed: Floats = _mixed(means, totals)[0]
    return mixed


def hash_buckets(vectors: Floats, rotations: Floats, factors: Sequence[int]) -> Ints:
    """The bucket of each vector by each hash, [hashes, time].

    Args:
        vectors: [time, head_dim].
        rotations: [head_dim, hashes, rotated], as for `lsh_attention`, of one head.
        factors: Of the number of buckets.
    """
    turned = np.einsum("td,dhr->htr", vectors, rotations)
    buckets: Ints = np.zeros(turned.shape[:2], np.int64)
    begin, product = 0, 1
    for factor in factors:
        part = turned[..., begin : begin + factor // 2]
        buckets += product * np.concatenate([part, -part], axis=-1).argmax(-1)
        begin, product = begin + factor // 2, product * factor
    return buckets


class _Tokens:
    """The tokens of one head of one sequence."""

    def __init__(self, vectors: Floats, values: Floats, length: int, *, causal: bool) -> None:
        size = np.sqrt(np.mean(vectors**2, -1, keepdims=True) + np.float32(_EPSILON))
        self._queries = vectors
        self._keys = vectors / size / np.float32(np.sqrt(vectors.shape[1]))
        self._values = values
        self._length = length
        self._causal = causal

    def attend(self, queries: Ints, keys: Ints) -> tuple[Floats, Floats]:
        """What queries find among keys, by position, [chunks, any] each.

        Returns:
            The means of values, [chunks, queries, head_dim], and the logarithms of the sums of
            exponentials, [chunks, queries].
        """
        scores = self._queries[queries] @ self._keys[keys].swapaxes(1, 2)
        if self._causal:
            scores = np.where(queries[:, :, None] >= keys[:, None], scores, _NEVER)
        if self._length < len(self._values):
            scores = np.where(keys[:, None] < self._length, scores, _NEVER)
        scores = np.where(queries[:, :, None] != keys[:, None], scores, _RATHER_NOT)
        most = scores.max(-1, keepdims=True)
        totals = most + np.log(np.exp(scores - most).sum(-1, keepdims=True))
        return np.exp(scores - totals) @ self._values[keys], totals[..., 0]


def _by_chunks(
    tokens: _Tokens, orders: Ints, chunk: int, before: int, after: int
) -> tuple[Floats, Floats]:
    """What positions find by each hash: means, [hashes, time, head_dim], sums, [hashes, time]."""
    own = orders.reshape(-1, chunk)
    means, totals = tokens.attend(own, beside(own, before, after))
    back = np.argsort(orders, axis=-1)
    return (
        np.take_along_axis(means.reshape(*orders.shape, -1), back[..., None], 1),
        np.take_along_axis(totals.reshape(orders.shape), back, 1),
    )


def _mixed(means: Floats, totals: Floats) -> Floats:
    """One mean of those of all hashes, each by its share of all exponentials."""
    # As transformers has it: the total of a token that found but itself is near -100,000, where
    # float32 has steps of 1/128, so that its shares do not add up to 1. Models' answers show that.
    most = totals.max(0)
    weights = np.exp(totals - (most + np.log(np.exp(totals - most).sum(0))))
    mixed: Floats = np.einsum("ht,htd->td", weights, means)
    return mixed
