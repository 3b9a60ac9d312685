"""Attention within chunks and to those beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyattn import reference
from support.inputs import floats
from support.tolerances import FLOAT32, assert_close


def test_one_chunk_is_plain_attention() -> None:
    q, k, v = (floats(n, 2, 3, 7, 4) for n in range(3))
    for chunk in (7, 8, 100):
        for causal in (True, False):
            found = reference.local_attention(q, k, v, chunk=chunk, causal=causal)
            assert_close(found, reference.attention(q, k, v, causal=causal), FLOAT32)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 0), (2, 0), (1, 1)])
def test_a_query_sees_its_chunk_and_those_beside_it(before: int, after: int) -> None:
    chunk, chunks = 3, 5
    q, k, v = (floats(n, 1, 2, chunk * chunks, 4) for n in range(3))
    chunk_of = np.arange(chunk * chunks) // chunk
    # A circle: the first chunk has the last in front of it.
    distance = (chunk_of[None] - chunk_of[:, None] + before) % chunks - before
    mask = (distance >= -before) & (distance <= after)
    found = reference.local_attention(q, k, v, chunk=chunk, before=before, after=after)
    assert_close(found, reference.attention(q, k, v, mask=mask[None, None]), FLOAT32)
    causal = reference.local_attention(
        q, k, v, chunk=chunk, before=before, after=after, causal=True
    )
    past = np.tril(np.ones_like(mask))
    assert_close(causal, reference.attention(q, k, v, mask=(mask & past)[None, None]), FLOAT32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": np.zeros((1, 2, 15, 4), np.float32)}, r"k has shape \[1, 2, 15, 4\]"),
        ({"v": np.zeros((1, 2, 16, 5), np.float32)}, r"v has shape \[1, 2, 16, 5\]"),
        ({"chunk": 7}, "q has 16 positions, expected a multiple of chunk, 7"),
        ({"before": -1}, "chunk, before and after are 8, -1 and 0"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        **dict.fromkeys(("q", "k", "v"), np.zeros((1, 2, 16, 4), np.float32)),
        "chunk": 8,
    }
    with pytest.raises(ValueError, match=f"local_attention: {message}"):
        reference.local_attention(**(arguments | change))
