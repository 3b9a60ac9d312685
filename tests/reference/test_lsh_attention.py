"""Reformer's attention, against transformers' own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyattn import reference
from support.inputs import floats
from support.paths import GOLDEN
from support.tolerances import FLOAT32, assert_close

CHUNK = 8


@pytest.mark.parametrize(("name", "causal"), [("causal", True), ("open", False), ("short", True)])
def test_matches_transformers(name: str, causal: bool) -> None:
    golden = np.load(GOLDEN / "lsh.npz")
    wanted = golden[f"{name}_out"]
    found = reference.lsh_attention(
        golden[f"{name}_query_key"],
        golden[f"{name}_value"],
        golden["rotations"],
        chunk=CHUNK,
        causal=causal,
    )
    assert_close(found, wanted, FLOAT32)


def test_factors_of_buckets_are_hashes_side_by_side() -> None:
    query_key, value = floats(1, 1, 2, 16, 6), floats(2, 1, 2, 16, 6)
    rotations = floats(3, 2, 6, 1, 3)
    settings: dict[str, Any] = {"chunk": 4, "before": 0}
    found = reference.lsh_attention(query_key, value, rotations, buckets=(2, 4), **settings)
    for head in range(2):
        turned = query_key[0, head] @ rotations[head, :, 0]
        first = turned[:, 0] < 0
        second = np.concatenate([turned[:, 1:], -turned[:, 1:]], axis=1).argmax(1)
        order = np.argsort(first + 2 * second, kind="stable")
        for chunk in order.reshape(-1, 4):
            alone = reference.lsh_attention(
                query_key[:, head : head + 1, chunk].copy(),
                value[:, head : head + 1, chunk].copy(),
                rotations[head : head + 1],
                chunk=4,
            )
            assert_close(found[:, head : head + 1, chunk], alone, FLOAT32)


def test_padding_is_seen_by_nobody_and_sorted_behind_all() -> None:
    query_key, value, rotations = (
        floats(1, 1, 2, 16, 6),
        floats(2, 1, 2, 16, 6),
        floats(3, 2, 6, 2, 2),
    )
    found = reference.lsh_attention(query_key, value, rotations, chunk=4, length=13)
    query_key[:, :, 13:], value[:, :, 13:] = 7.0, 1e3
    other = reference.lsh_attention(query_key, value, rotations, chunk=4, length=13)
    np.testing.assert_array_equal(found[:, :, :13], other[:, :, :13])


def test_tokens_that_hash_alike_meet_wherever_they_stand() -> None:
    # Two directions that alternate, and one rotation that tells them apart: a token's chunk has
    # those of its own direction alone.
    signs = np.where(np.arange(64) % 2, 1, -1).astype(np.float32)
    query_key = np.zeros((1, 1, 64, 4), np.float32)
    query_key[..., 0] = signs
    value = np.repeat(signs[None, None, :, None], 4, axis=-1)
    rotations = np.zeros((1, 4, 1, 1), np.float32)
    rotations[0, 0] = 1
    found = reference.lsh_attention(query_key, value, rotations, chunk=8, before=0)
    np.testing.assert_allclose(found, value, atol=1e-6)


def test_later_tokens_do_not_change_a_causal_query_of_one_chunk() -> None:
    query_key, value, rotations = (
        floats(1, 1, 2, 8, 4),
        floats(2, 1, 2, 8, 4),
        floats(3, 2, 4, 1, 2),
    )
    whole = reference.lsh_attention(query_key, value, rotations, chunk=8, causal=True)
    part = reference.lsh_attention(
        query_key[:, :, :5], value[:, :, :5], rotations, chunk=8, causal=True
    )
    np.testing.assert_allclose(part, whole[:, :, :5], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": np.zeros((1, 2, 15, 4), np.float32)}, r"value has shape \[1, 2, 15, 4\]"),
        ({"rotations": np.zeros((2, 5, 1, 2), np.float32)}, r"rotations has shape \[2, 5, 1, 2\]"),
        ({"chunk": 7}, "query_key has 16 positions, expected a multiple of chunk, 7"),
        ({"chunk": 0}, "chunk, before and after are 0, 1 and 0"),
        ({"buckets": (3, 1)}, r"buckets are \[3, 1\], expected even numbers"),
        ({"buckets": ()}, r"buckets are \[\], expected even numbers"),
        ({"buckets": (2, 4)}, r"buckets are \[2, 4\], expected factors that add up to 4"),
        ({"length": 17}, "length is 17, expected 0 to 16"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "query_key": np.zeros((1, 2, 16, 4), np.float32),
        "value": np.zeros((1, 2, 16, 4), np.float32),
        "rotations": np.zeros((2, 4, 1, 2), np.float32),
        "chunk": 8,
    }
    with pytest.raises(ValueError, match=f"lsh_attention: {message}"):
        reference.lsh_attention(**(arguments | change))
