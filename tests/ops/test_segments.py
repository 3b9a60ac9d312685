"""Attention over further segments of keys."""

import itertools
from typing import Any

import numpy as np
import pytest

from pyattn import ops, reference
from pyattn.ops import KeySegment
from support.inputs import ISAS, Floats, floats
from support.tolerances import BFLOAT16, FLOAT32, assert_close

# Queries around the ends of tiles (2, 8, 16, 32) and of groups of tiles (64, 128, 256).
LENGTHS = [1, 2, 15, 16, 17, 31, 33, 127, 128, 129, 255, 257, 300]


def inputs(time: int, *, kv_heads: int = 2, head_dim: int = 8) -> tuple[Floats, Floats, Floats]:
    keys = (2, kv_heads, time, head_dim)
    return floats(1, 2, 2, time, head_dim), floats(2, *keys), floats(3, *keys)


def segment(count: int, *, kv_heads: int = 2, head_dim: int = 8, **rest: Any) -> KeySegment:
    keys = (2, kv_heads, count, head_dim)
    return KeySegment(k=floats(4, *keys), v=floats(5, *keys), **rest)


def check(isa: str, q: Floats, k: Floats, v: Floats, case: str = "", **options: Any) -> Floats:
    y = ops.attention(q, k, v, isa=isa, **options)
    assert_close(y, reference.attention(q, k, v, **options), FLOAT32, case)
    return y


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("time", LENGTHS)
def test_window_sees_both_sides(isa: str, time: int) -> None:
    q, k, v = inputs(time)
    for window in [(0, 0), (0, 3), (5, 0), (3, 3), (100, 7), (1000, 1000)]:
        y = check(isa, q, k, v, str(window), window=window)
        if window == (0, 0):
            np.testing.assert_array_equal(y, v)
        if window == (1000, 1000) and time > 1:
            assert y.tobytes() == ops.attention(q, k, v, isa=isa).tobytes()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("time", LENGTHS)
def test_segments_share_the_softmax(isa: str, time: int) -> None:
    q, k, v = inputs(time)
    for count in (1, 5, 96, 97, 200):
        others = [segment(count), segment(3, constant=np.log(4))]
        check(isa, q, k, v, f"{count} keys", segments=others, window=(9, 9))
        check(isa, q, k, v, f"{count} keys, capped", segments=others, soft_cap=2.0)


@pytest.mark.parametrize("isa", ISAS)
def test_segments_alone_are_all_that_is_seen(isa: str) -> None:
    q, k, v = inputs(40)
    other = segment(70)
    nothing = np.empty((2, 2, 0, 8), np.float32)
    y = ops.attention(q, nothing, nothing, segments=[other], isa=isa)
    assert_close(y, reference.attention(q, other.k, other.v), FLOAT32)
    # Some queries see no key of their own, but the segment.
    check(isa, q, k[:, :, :4].copy(), v[:, :, :4].copy(), causal=True, segments=[other])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("block", [1, 3, 16, 40])
def test_distances_are_counted_from_blocks_of_queries(isa: str, block: int) -> None:
    for time in LENGTHS:
        q, k, v = inputs(time)
        count = max(time // block, 1)
        table = floats(6, 2, 2 * count - 1)
        other = segment(count, distances=table, block=block)
        check(isa, q, k, v, f"{time} queries", segments=[other], window=(20, 20))


@pytest.mark.parametrize("isa", ISAS)
def test_key_is_seen_once(isa: str) -> None:
    for time, positions in [(1, [0]), (40, [0]), (300, [0, 7, 8, 150, 299]), (300, range(300))]:
        q, k, v = inputs(time)
        at = np.array(positions)
        other = KeySegment(k=k[:, :, at].copy(), v=v[:, :, at].copy(), positions=at)
        for window in [(0, 0), (4, 4), (64, 64), (500, 500)]:
            case = f"{time} keys, {len(at)} of them again, window {window}"
            y = check(isa, q, k, v, case, segments=[other], window=window)
            if len(at) == time:
                assert_close(y, ops.attention(q, k, v, isa=isa), FLOAT32, case)


@pytest.mark.parametrize("isa", ISAS)
def test_bits_of_a_query_do_not_depend_on_later_groups(isa: str) -> None:
    q, k, v = inputs(700)
    other = segment(20, distances=floats(6, 2, 39), block=16)
    whole = ops.attention(q, k, v, segments=[other], window=(30, 30), isa=isa)
    # The last 30 of the first 256 see keys behind them.
    start = [x[:, :, :256].copy() for x in (q, k, v)]
    part = ops.attention(*start, segments=[other], window=(30, 30), isa=isa)
    assert part[:, :, :96].tobytes() == whole[:, :, :96].tobytes()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kv_heads", [1, 2])
def test_segments_of_any_layout_and_shared_heads(isa: str, kv_heads: int) -> None:
    q, k, v = inputs(50, kv_heads=kv_heads)
    other = segment(33, kv_heads=kv_heads)
    y = check(isa, q, k, v, segments=[other])
    turned = KeySegment(k=np.asfortranarray(other.k), v=other.v[::-1].copy()[::-1])
    assert ops.attention(q, k, v, segments=[turned], isa=isa).tobytes() == y.tobytes()


@pytest.mark.parametrize("isa", ISAS)
def test_bfloat16_is_near(isa: str) -> None:
    for time, head_dim in itertools.product((17, 300), (8, 64)):
        q, k, v = inputs(time, head_dim=head_dim)
        others = [segment(97, head_dim=head_dim), segment(1, head_dim=head_dim, constant=1.0)]
        y = ops.attention(q, k, v, segments=others, window=(40, 40), dtype="bfloat16", isa=isa)
        wanted = reference.attention(q, k, v, segments=others, window=(40, 40))
        assert_close(y, wanted, BFLOAT16)


def wrong(**changes: Any) -> KeySegment:
    whole = dict(vars(segment(4)))
    return KeySegment(**(whole | changes))


@pytest.mark.parametrize(
    ("segments", "error", "message"),
    [
        (3, TypeError, "segments is int, expected a list"),
        ([3], TypeError, r"segments\[0\] is int, expected a KeySegment"),
        ([wrong(k=[1])], TypeError, r"segments\[0\].k"),
        ([wrong(k=floats(1, 2, 2, 4, 9))], ValueError, r"segments\[0\].k has shape"),
        ([wrong(v=floats(1, 2, 2, 5, 8))], ValueError, r"segments\[0\].v has shape"),
        ([wrong(block=0)], ValueError, "block is 0, expected 1 or more"),
        ([wrong(constant=float("nan"))], ValueError, "constant is NaN"),
        ([wrong(constant="a")], TypeError, "constant is str, expected a number"),
        ([wrong(distances=floats(1, 2, 8))], ValueError, r"expected \[2, 7\]"),
        ([wrong(positions=[0, 1])], ValueError, r"expected \[4\]"),
        ([wrong(positions=[0, 1, 1, 2])], ValueError, "not ascending within 0 to 8"),
        ([wrong(positions=[0, 1, 2, 9])], ValueError, "not ascending within 0 to 8"),
        ([wrong(positions=[0.0, 1, 2, 3])], TypeError, "not an array of integers"),
    ],
)
def test_wrong_segments_are_refused(segments: Any, error: type[Exception], message: str) -> None:
    q, k, v = inputs(9)
    with pytest.raises(error, match=message):
        ops.attention(q, k, v, segments=segments)


@pytest.mark.parametrize("window", [(1,), (1, 2, 3), (-1, 2), (1, "a")])
def test_wrong_windows_are_refused(window: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="window"):
        ops.attention(*inputs(9), window=window)


def test_segment_without_keys_changes_nothing() -> None:
    q, k, v = inputs(9)
    y = ops.attention(q, k, v, segments=[segment(0)])
    assert y.tobytes() == ops.attention(q, k, v).tobytes()
