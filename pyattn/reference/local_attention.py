"""Attention within chunks and to those beside them, as Reformer has it."""

from __future__ import annotations

import numpy as np

from pyattn.reference.arrays import Floats, check_floats
from pyattn.reference.chunks import beside, check_chunks

_NEVER = np.float32(-1e9)


def local_attention(
    q: Floats,
    k: Floats,
    v: Floats,
    *,
    chunk: int,
    before: int = 1,
    after: int = 0,
    causal: bool = False,
) -> Floats:
    """Scaled dot-product attention of each query to its chunk and those beside it.

    softmax(q k^T / sqrt(head_dim)) v (Vaswani et al. 2017, eq. 1) over fewer keys: time is linear
    in the length. This is transformers' `LocalSelfAttention`, in which the first chunk has the
    last in front of it: `causal` hides that.

    Args:
        q: Queries, [batch, heads, time, head_dim], float32.
        k: Keys, shaped like `q`.
        v: Values, shaped like `q`.
        chunk: Tokens of a chunk. If there are no more, all see all; else `time` is a multiple.
        before: Chunks that a query sees before its own.
        after: The same behind it.
        causal: Whether a query sees no later position than its own.

    Returns:
        [batch, heads, time, head_dim].

    Raises:
        ValueError: if the shapes do not agree, or `chunk` does not divide the time.
        TypeError: if an argument is not an array of its type.
    """
    check_floats("local_attention", "q", q, [None] * 4)
    check_floats("local_attention", "k", k, q.shape)
    check_floats("local_attention", "v", v, q.shape)
    batch, heads, time, head_dim = q.shape
    check_chunks("local_attention", "q", time, chunk=chunk, before=before, after=after)
    if time <= chunk:
        chunk, before, after = max(time, 1), 0, 0
    places = np.arange(time).reshape(-1, chunk)
    seen = beside(places, before, after)
    keys = k / np.float32(np.sqrt(head_dim))
    out = np.empty_like(v)
    for row in range(batch):
        for head in range(heads):
            scores = q[row, head][places] @ keys[row, head][seen].swapaxes(1, 2)
            if causal:
                scores = np.where(places[:, :, None] >= seen[:, None], scores, _NEVER)
            weights = np.exp(scores - scores.max(-1, keepdims=True))
            weights /= weights.sum(-1, keepdims=True)
            out[row, head] = (weights @ v[row, head][seen]).reshape(time, head_dim)
    return out
