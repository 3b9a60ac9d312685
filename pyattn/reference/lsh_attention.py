"""Attention among tokens that hash alike, as Reformer has it."""

from __future__ import annotations

import numpy as np

from pyattn.reference.arrays import Floats, Ints, check_floats

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
) -> Floats:
    """Attention by locality-sensitive hashing (Kitaev et al. 2020, section 2).

    Queries and keys are one vector: as a key it is normalised. A hash is the nearest of the axes
    of a random rotation and of their opposites. Tokens are sorted by their hash, and each sees its
    chunk of the sorted tokens and chunks beside it. Several hashes are mixed by the sums of
    their exponentials, as if all were keys of one softmax. Time is n log n in the length.

    This is transformers' `LSHSelfAttention`: unlike the paper, a query also sees keys of its chunks
    that have another hash; and the sorted tokens of all hashes are one circle: the neighbour of a
    hash's first chunk is the last of the hash before.

    Args:
        query_key: [batch, heads, time, head_dim], float32.
        value: Shaped like `query_key`.
        rotations: [heads, head_dim, hashes, buckets / 2], float32, normally distributed: which
            tokens meet depends on them alone.
        chunk: Tokens of a chunk. If there are no more, all see all, and nothing is hashed; else
            `time` is a multiple of it.
        before: Chunks that a query sees before its own.
        after: The same behind it.
        causal: Whether a query sees no later position than its own.

    Returns:
        [batch, heads, time, head_dim].

    Raises:
        ValueError: if the shapes do not agree, or `chunk` does not divide the time.
        TypeError: if an argument is not an array of its type.
    """
    check_floats("lsh_attention", "query_key", query_key, [None] * 4)
    batch, heads, time, head_dim = query_key.shape
    check_floats("lsh_attention", "value", value, query_key.shape)
    check_floats("lsh_attention", "rotations", rotations, [heads, head_dim, None, None])
    if chunk < 1 or before < 0 or after < 0:
        raise ValueError(
            f"lsh_attention: chunk, before and after are {chunk}, {before} and {after}, expected "
            "at least 1, 0 and 0"
        )
    if time > chunk and time % chunk:
        raise ValueError(
            f"lsh_attention: query_key has {time} positions, expected a multiple of chunk, {chunk}"
        )
    out = np.empty_like(value)
    for row in range(batch):
        for head in range(heads):
            tokens = _Tokens(query_key[row, head], value[row, head], causal=causal)
            if time <= chunk:
                every = np.arange(time)
                out[row, head] = tokens.attend(every[None], every[None])[0][0]
                continue
            orders = _orders(query_key[row, head], rotations[head])
            found = _by_chunks(tokens, orders, chunk, range(-before, after + 1))
            out[row, head] = _mixed(*found)
    return out


def _orders(vectors: Floats, rotations: Floats) -> Ints:
    """Positions sorted by bucket, those of a bucket by themselves, [hashes, time]."""
    turned = np.einsum("td,dhr->htr", vectors, rotations)
    buckets = np.concatenate([turned, -turned], axis=-1).argmax(-1)
    return np.argsort(buckets, axis=-1, kind="stable")


class _Tokens:
    """The tokens of one head of one sequence."""

    def __init__(self, vectors: Floats, values: Floats, *, causal: bool) -> None:
        size = np.sqrt(np.mean(vectors**2, -1, keepdims=True) + np.float32(_EPSILON))
        self._queries = vectors
        self._keys = vectors / size / np.float32(np.sqrt(vectors.shape[1]))
        self._values = values
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
        scores = np.where(queries[:, :, None] != keys[:, None], scores, _RATHER_NOT)
        most = scores.max(-1, keepdims=True)
        totals = most + np.log(np.exp(scores - most).sum(-1, keepdims=True))
        return np.exp(scores - totals) @ self._values[keys], totals[..., 0]


def _by_chunks(tokens: _Tokens, orders: Ints, chunk: int, sides: range) -> tuple[Floats, Floats]:
    """What positions find by each hash: means, [hashes, time, head_dim], sums, [hashes, time]."""
    own = orders.reshape(-1, chunk)
    beside = np.concatenate([np.roll(own, -side, axis=0) for side in sides], axis=1)
    means, totals = tokens.attend(own, beside)
    back = np.argsort(orders, axis=-1)
    return (
        np.take_along_axis(means.reshape(*orders.shape, -1), back[..., None], 1),
        np.take_along_axis(totals.reshape(orders.shape), back, 1),
    )


def _mixed(means: Floats, totals: Floats) -> Floats:
    """One mean of those of all hashes, each by its share of all exponentials."""
    weights = np.exp(totals - totals.max(0))
    mixed: Floats = np.einsum("ht,htd->td", weights / weights.sum(0), means)
    return mixed
