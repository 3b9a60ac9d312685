import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyattn import ops, reference
from support.inputs import ISAS, Floats, floats
from support.tolerances import BFLOAT16, FLOAT32, assert_close

HEAD_DIMS = [
    1,
    2,
    3,
    5,
    7,
    8,
    9,
    15,
    16,
    17,
    20,
    31,
    32,
    33,
    48,
    63,
    64,
    65,
    96,
    127,
    128,
    129,
    130,
]


def queries_keys_values(
    batch: int, heads: int, time_q: int, time_k: int, head_dim: int, *, kv_heads: int | None = None
) -> tuple[Floats, Floats, Floats]:
    keys = (batch, kv_heads or heads, time_k, head_dim)
    return floats(1, batch, heads, time_q, head_dim), floats(2, *keys), floats(3, *keys)


def check(isa: str, q: Floats, k: Floats, v: Floats, case: str = "", **options: Any) -> Floats:
    y = ops.attention(q, k, v, isa=isa, **options)
    assert y.shape == q.shape
    assert y.dtype == np.float32
    assert_close(y, reference.attention(q, k, v, **options), FLOAT32, case)
    return y


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("head_dim", HEAD_DIMS)
def test_matches_reference_at_every_head_dim(isa: str, head_dim: int) -> None:
    for time_q, time_k in [(1, 1), (1, 70), (5, 3), (17, 65), (35, 20)]:
        q, k, v = queries_keys_values(2, 2, time_q, time_k, head_dim)
        check(isa, q, k, v, f"{time_q} queries, {time_k} keys")


@pytest.mark.parametrize("isa", ISAS)
def test_matches_reference_at_every_number_of_queries(isa: str) -> None:
    # The kernel's tiles hold up to 2 * 16 queries.
    for time_q in [*range(1, 36), 47, 48, 49, 63, 64, 65, 97]:
        q, k, v = queries_keys_values(1, 1, time_q, 9, 4)
        check(isa, q, k, v, f"{time_q} queries")
        check(isa, q, k, v, f"{time_q} queries, causal", causal=True)


@pytest.mark.parametrize("isa", ISAS)
def test_matches_reference_at_every_number_of_keys(isa: str) -> None:
    # The kernel takes up keys by blocks of 64.
    for time_k in [0, 1, 2, 3, 7, 8, 9, 31, 62, 63, 64, 65, 66, 127, 128, 129, 191, 192, 193, 300]:
        q, k, v = queries_keys_values(1, 2, 3, time_k, 6)
        check(isa, q, k, v, f"{time_k} keys")


@pytest.mark.parametrize("isa", ISAS)
def test_lengths_cut_off_keys(isa: str) -> None:
    lengths = [0, 1, 2, 63, 64, 65, 128, 299, 300]
    q, k, v = queries_keys_values(len(lengths), 2, 4, 300, 5)
    y = check(isa, q, k, v, lengths=lengths)
    for row, length in enumerate(lengths):
        cut = ops.attention(
            q[row : row + 1], k[row : row + 1, :, :length], v[row : row + 1, :, :length], isa=isa
        )
        assert y[row].tobytes() == cut.tobytes(), length
    for dtype in (np.int32, np.int64, np.uint8, np.uint16, np.uint64):
        typed = np.minimum(lengths, 255).astype(dtype)
        check(isa, q, k, v, str(dtype), lengths=typed)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("causal", [False, True])
def test_keys_beyond_lengths_are_never_read(isa: str, causal: bool) -> None:
    q, k, v = queries_keys_values(3, 2, 5, 70, 7)
    lengths = np.array([0, 3, 66])
    clean = ops.attention(q, k, v, lengths=lengths, causal=causal, isa=isa)
    for row, length in enumerate(lengths):
        k[row, :, length:] = np.nan
        v[row, :, length:] = np.inf
    dirty = check(isa, q, k, v, lengths=lengths, causal=causal)
    assert dirty.tobytes() == clean.tobytes()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    ("time_q", "time_k"),
    [(1, 1), (9, 9), (40, 40), (70, 70), (1, 80), (5, 80), (33, 100), (9, 4), (80, 66), (50, 1)],
)
def test_causal_matches_reference(isa: str, time_q: int, time_k: int) -> None:
    q, k, v = queries_keys_values(2, 2, time_q, time_k, 10)
    check(isa, q, k, v, causal=True)
    check(isa, q, k, v, causal=True, lengths=[time_k, time_k // 2])


@pytest.mark.parametrize("isa", ISAS)
def test_causal_query_does_not_see_what_follows(isa: str) -> None:
    q, k, v = queries_keys_values(1, 2, 40, 40, 8)
    whole = ops.attention(q, k, v, causal=True, isa=isa)
    for time in (1, 7, 16, 39):
        start = [x[:, :, :time] for x in (q, k, v)]
        y = ops.attention(*start, causal=True, isa=isa)
        assert y.tobytes() == whole[:, :, :time].tobytes(), time


@pytest.mark.parametrize("isa", ISAS)
def test_causal_queries_are_the_last_positions(isa: str) -> None:
    q, k, v = queries_keys_values(1, 2, 40, 40, 8)
    whole = ops.attention(q, k, v, causal=True, isa=isa)
    for last in (1, 3, 32):
        y = ops.attention(q[:, :, -last:], k, v, causal=True, isa=isa)
        assert_close(y, whole[:, :, -last:], FLOAT32)


@pytest.mark.parametrize("isa", ISAS)
def test_masks_and_biases_spread_over_the_first_three_axes(isa: str) -> None:
    batch, heads, time_q, time_k = 2, 3, 5, 70
    q, k, v = queries_keys_values(batch, heads, time_q, time_k, 6)
    for b, h, t in itertools.product((1, batch), (1, heads), (1, time_q)):
        bias = floats(4, b, h, t, time_k)
        mask = floats(5, b, h, t, time_k) > 0
        case = f"[{b}, {h}, {t}, {time_k}]"
        check(isa, q, k, v, f"mask {case}", mask=mask)
        check(isa, q, k, v, f"bias {case}", bias=bias)
        check(isa, q, k, v, f"all {case}", bias=bias, mask=mask, lengths=[70, 33], causal=True)


@pytest.mark.parametrize("isa", ISAS)
def test_masks_and_biases_of_any_layout_give_the_same_bits(isa: str) -> None:
    q, k, v = queries_keys_values(2, 3, 5, 9, 6)
    bias, mask = floats(4, 2, 3, 5, 9), floats(5, 2, 3, 5, 9) > 0
    y = ops.attention(q, k, v, bias=bias, mask=mask, isa=isa).tobytes()

    def backward(x: np.ndarray) -> np.ndarray:
        return x[:, ::-1, ::-1, ::-1].copy()[:, ::-1, ::-1, ::-1]

    for layout in (backward, np.asfortranarray):
        other = ops.attention(q, k, v, bias=layout(bias), mask=layout(mask), isa=isa)
        assert other.tobytes() == y


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kv_heads", [1, 2, 3, 6])
def test_groups_of_heads_share_keys(isa: str, kv_heads: int) -> None:
    q, k, v = queries_keys_values(2, 6, 5, 11, 8, kv_heads=kv_heads)
    y = check(isa, q, k, v, lengths=[11, 4])
    repeated = [np.repeat(x, 6 // kv_heads, axis=1) for x in (k, v)]
    assert y.tobytes() == ops.attention(q, *repeated, lengths=[11, 4], isa=isa).tobytes()


@pytest.mark.parametrize("isa", ISAS)
def test_arrays_of_any_layout_give_the_same_bits(isa: str) -> None:
    contiguous = queries_keys_values(2, 3, 17, 17, 12)
    y = ops.attention(*contiguous, isa=isa).tobytes()

    def heads_inside(x: Floats) -> Floats:  # [batch, time, heads, head_dim], as projections are
        return x.swapaxes(1, 2).copy().swapaxes(1, 2)

    def backward(x: Floats) -> Floats:
        return x[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]

    def spread(x: Floats) -> Floats:
        wide = np.full([2 * size for size in x.shape], np.nan, np.float32)
        wide[::2, ::2, ::2, ::2] = x
        return wide[::2, ::2, ::2, ::2]

    for layout in (heads_inside, backward, spread, np.asfortranarray):
        arrays = [layout(x) for x in contiguous]
        assert ops.attention(*arrays, isa=isa).tobytes() == y, layout
    for layouts in itertools.permutations([heads_inside, backward, spread]):
        arrays = [layout(x) for layout, x in zip(layouts, contiguous, strict=True)]
        assert ops.attention(*arrays, isa=isa).tobytes() == y


@pytest.mark.parametrize("isa", ISAS)
def test_strided_arrays_are_not_copied(isa: str) -> None:
    # Keys that repeat in memory, for the first row of a batch that is too large to be copied.
    q, k, v = queries_keys_values(1, 1, 2, 1, 4)
    endless = [np.broadcast_to(x, (1, 1, 2**44, 4)) for x in (k, v)]
    y = ops.attention(q, *endless, lengths=[7], isa=isa)
    np.testing.assert_allclose(y, np.broadcast_to(v, y.shape), rtol=1e-6)


@pytest.mark.parametrize("isa", ISAS)
def test_query_that_sees_no_key_gets_zeros(isa: str) -> None:
    q, k, v = queries_keys_values(2, 2, 40, 70, 6)
    mask = np.ones((2, 1, 40, 70), np.bool_)
    mask[0, 0, [0, 17, 39]] = False
    y = check(isa, q, k, v, mask=mask)
    assert not y[0][:, [0, 17, 39]].any()
    bias = np.where(mask, np.float32(0), np.float32(-np.inf))
    assert check(isa, q, k, v, bias=bias).tobytes() == y.tobytes()
    assert not ops.attention(q, k, v, lengths=[0, 0], isa=isa).any()
    assert not ops.attention(q, k, v, mask=np.zeros((1, 1, 1, 70), np.bool_), isa=isa).any()
    # Four queries are the last of one position: three of them stand before it.
    y = ops.attention(q[:, :, :4], k[:, :, :1], v[:, :, :1], causal=True, isa=isa)
    assert not y[:, :, :3].any()
    np.testing.assert_array_equal(y[:, :, 3], v[:, :, 0])


@pytest.mark.parametrize("isa", ISAS)
def test_one_key_gives_its_value(isa: str) -> None:
    q, k, v = queries_keys_values(2, 3, 5, 1, 9)
    np.testing.assert_array_equal(ops.attention(q, k, v, isa=isa), np.broadcast_to(v, q.shape))


@pytest.mark.parametrize("isa", ISAS)
def test_scores_of_any_size_do_not_overflow(isa: str) -> None:
    q, k, v = queries_keys_values(1, 2, 9, 130, 16)
    for factor in (1e-3, 1.0, 30.0, 1e4):
        check(isa, q * np.float32(factor), k, v, f"times {factor}")
    bias = np.zeros((1, 1, 1, 130), np.float32)
    for loud in (0, 63, 64, 129):  # the largest score in the first, the second and the last block
        bias[...] = -1e30
        bias[..., loud] = 1e30
        y = ops.attention(q, k, v, bias=bias, isa=isa)
        assert_close(y, np.broadcast_to(v[:, :, loud : loud + 1], y.shape), FLOAT32)


@pytest.mark.parametrize("isa", ISAS)
def test_scale_replaces_the_root_of_head_dim(isa: str) -> None:
    q, k, v = queries_keys_values(1, 2, 9, 30, 16)
    default = ops.attention(q, k, v, isa=isa)
    assert ops.attention(q, k, v, scale=0.25, isa=isa).tobytes() == default.tobytes()
    for scale in (0.0, 1.0, -0.5):
        check(isa, q, k, v, scale=scale)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(
    "shape", [(0, 2, 3, 4, 5), (2, 0, 3, 4, 5), (2, 2, 0, 4, 5), (2, 2, 3, 0, 5)]
)
def test_empty_axes_give_empty_or_zero_results(isa: str, shape: tuple[int, ...]) -> None:
    batch, heads, time_q, time_k, head_dim = shape
    q = floats(1, batch, heads, time_q, head_dim)
    k = floats(2, batch, heads or 1, time_k, head_dim)
    y = ops.attention(q, k, k, isa=isa)
    assert y.shape == q.shape
    assert not y.any()


@pytest.mark.parametrize("isa", ISAS)
def test_nan_stays_where_it_is_seen(isa: str) -> None:
    q, k, v = queries_keys_values(1, 1, 20, 70, 6)
    q[0, 0, 4, 2] = np.nan
    y = check(isa, q, k, v)
    assert np.isnan(y[0, 0, 4]).all()
    assert np.isfinite(np.delete(y[0, 0], 4, axis=0)).all()
    q, k, v = queries_keys_values(1, 2, 20, 70, 6)
    k[0, 1, 66, 3] = np.nan
    y = check(isa, q, k, v)
    assert np.isfinite(y[0, 0]).all()
    assert np.isnan(y[0, 1]).all()
    q, k, v = queries_keys_values(1, 1, 20, 70, 6)
    v[0, 0, 66, 3] = np.nan
    y = check(isa, q, k, v)
    assert np.isnan(y[..., 3]).all()
    assert np.isfinite(np.delete(y, 3, axis=-1)).all()


@pytest.mark.parametrize("isa", ISAS)
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=60, database=None)
def test_matches_reference_on_any_shape(isa: str, data: st.DataObject) -> None:
    draw = data.draw
    batch, kv_heads, group = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
    )
    time_q, time_k = draw(st.integers(1, 70)), draw(st.integers(0, 300))
    heads = kv_heads * group
    q, k, v = queries_keys_values(
        batch, heads, time_q, time_k, draw(st.integers(1, 130)), kv_heads=kv_heads
    )

    def spread() -> tuple[int, ...]:
        full = (batch, heads, time_q)
        return (*(draw(st.sampled_from([1, size])) for size in full), time_k)

    options: dict[str, Any] = {"causal": draw(st.booleans())}
    if draw(st.booleans()):
        options["lengths"] = draw(st.lists(st.integers(0, time_k), min_size=batch, max_size=batch))
    if draw(st.booleans()):
        options["mask"] = floats(4, *spread()) > draw(st.floats(-2, 2))
    if draw(st.booleans()):
        options["bias"] = floats(5, *spread()) * np.float32(draw(st.floats(0, 20, width=32)))
    if draw(st.booleans()):
        options["window"] = draw(st.integers(1, 200))
    if draw(st.booleans()):
        options["soft_cap"] = draw(st.floats(0.5, 50))
    check(isa, q, k, v, **options)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("window", [1, 2, 3, 31, 64, 97, 1000, 2**62])
def test_window_hides_what_lies_further_back(isa: str, window: int, causal: bool) -> None:
    for time_q, time_k in [(1, 1), (1, 130), (40, 40), (300, 300), (33, 200), (9, 4)]:
        q, k, v = queries_keys_values(1, 2, time_q, time_k, 5)
        case = f"{time_q} queries, {time_k} keys"
        y = check(isa, q, k, v, case, window=window, causal=causal)
        if causal and window == 1:
            own = min(time_q, time_k)
            np.testing.assert_array_equal(y[:, :, -own:], v[:, :, -own:])
        if window > time_k + time_q:
            assert y.tobytes() == ops.attention(q, k, v, causal=causal, isa=isa).tobytes()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("soft_cap", [1e-30, 0.1, 1.0, 30.0, 1e30])
def test_soft_cap_bends_scores_before_the_bias(isa: str, soft_cap: float) -> None:
    q, k, v = queries_keys_values(2, 2, 20, 130, 9)
    bias = np.where(floats(4, 1, 1, 20, 130) > 0, floats(5, 1, 1, 20, 130), np.float32(-np.inf))
    for factor in (0.01, 1.0, 30.0):
        check(isa, q * np.float32(factor), k, v, soft_cap=soft_cap, bias=bias, lengths=[130, 70])
    if soft_cap == 1e30:
        assert_close(
            ops.attention(q, k, v, soft_cap=soft_cap, isa=isa),
            ops.attention(q, k, v, isa=isa),
            FLOAT32,
        )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("head_dim", [1, 2, 15, 16, 17, 33, 64, 65, 130])
def test_bfloat16_is_near_float32(isa: str, head_dim: int) -> None:
    for time_q, time_k in [(1, 1), (5, 3), (17, 65), (35, 97), (300, 301)]:
        q, k, v = queries_keys_values(1, 2, time_q, time_k, head_dim)
        for options in ({}, {"causal": True}, {"causal": True, "window": 7}):
            y = ops.attention(q, k, v, dtype="bfloat16", isa=isa, **options)
            assert_close(y, reference.attention(q, k, v, **options), BFLOAT16)


@pytest.mark.parametrize("isa", ISAS)
def test_bfloat16_hides_and_weighs_keys_as_float32_does(isa: str) -> None:
    for time_q, time_k, head_dim in [(5, 3, 7), (40, 40, 20), (33, 200, 64), (70, 97, 33)]:
        q, k, v = queries_keys_values(2, 2, time_q, time_k, head_dim)
        bias = 3 * floats(4, 2, 1, time_q, time_k)
        mask = floats(5, 1, 2, time_q, time_k) > -1
        cut = [time_k, time_k // 2]
        every = {"bias": bias, "mask": mask, "lengths": cut, "soft_cap": 5.0, "causal": True}
        for options in ({"bias": bias}, {"mask": mask}, {"lengths": cut}, {"soft_cap": 5.0}, every):
            y = ops.attention(q, k, v, dtype="bfloat16", isa=isa, **options)
            case = f"{time_q} queries, {time_k} keys, {[*options]}"
            assert_close(y, reference.attention(q, k, v, **options), BFLOAT16, case)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("length", [25, 26, 40, 41])
def test_queries_that_see_no_key_get_zeros(isa: str, dtype: Any, length: int) -> None:
    # The window of query 32, the first of a second tile, begins at key 25.
    q, k, v = queries_keys_values(1, 1, 64, 64, 20)
    none = np.full_like(q, np.nan)
    for _ in range(10):  # leaves no number where the kernel keeps its own
        ops.attention(none, none, none, dtype=dtype, isa=isa)
        y = ops.attention(q, k, v, window=8, lengths=[length], dtype=dtype, isa=isa)
        assert not y[:, :, length + 7 :].any()
        assert y[:, :, : length + 7].all()


@pytest.mark.parametrize("isa", ISAS)
def test_bfloat16_has_the_same_bits_in_any_batch(isa: str) -> None:
    q, k, v = queries_keys_values(3, 2, 37, 150, 20)
    options: dict[str, Any] = {"causal": True, "dtype": "bfloat16", "isa": isa}
    together = ops.attention(q, k, v, lengths=[150, 3, 77], **options)
    for row, length in enumerate([150, 3, 77]):
        one = slice(row, row + 1)
        alone = ops.attention(q[one], k[one], v[one], lengths=[length], **options)
        assert alone.tobytes() == together[one].tobytes()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("head_dim", [17, 32, 64])
def test_one_query_has_the_same_bits_in_any_batch_and_group(isa: str, head_dim: int) -> None:
    q, k, v = queries_keys_values(3, 4, 1, 37, head_dim, kv_heads=2)
    bias, lengths = floats(4, 3, 4, 1, 37), [37, 20, 0]
    for options in ({}, {"window": 30}, {"causal": True, "window": 9, "soft_cap": 2.0}):
        y = check(isa, q, k, v, bias=bias, lengths=lengths, **options)
        for row, head in itertools.product(range(3), range(4)):
            one = slice(row, row + 1), slice(head, head + 1)
            of_group = slice(row, row + 1), slice(head // 2, head // 2 + 1)
            alone = ops.attention(
                *(q[one], k[of_group], v[of_group]),
                **{"bias": bias[one], "lengths": lengths[row : row + 1], "isa": isa, **options},
            )
            assert alone.tobytes() == y[one].tobytes()


@pytest.mark.parametrize("isa", ISAS)
def test_sequence_has_the_same_bits_in_any_batch(isa: str) -> None:
    q, k, v = queries_keys_values(7, 4, 37, 50, 12)
    lengths = np.array([50, 3, 17, 50, 1, 33, 49])
    together = ops.attention(q, k, v, lengths=lengths, causal=True, isa=isa)
    for row in range(7):
        one = slice(row, row + 1)
        alone = ops.attention(q[one], k[one], v[one], lengths=lengths[one], causal=True, isa=isa)
        assert alone.tobytes() == together[one].tobytes()


Q, K, V = queries_keys_values(2, 4, 3, 5, 6, kv_heads=2)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"q": Q[0]}, ValueError, "q has shape [4, 3, 6], expected [batch, heads, time, head_dim]"),
        ({"k": K[0]}, ValueError, "k has shape [2, 5, 6], expected [batch, heads, time, head_dim]"),
        ({"v": V[..., None]}, ValueError, "v has shape [2, 2, 5, 6, 1], expected [batch, "),
        ({"k": K[..., :5]}, ValueError, "k has shape [2, 2, 5, 5], expected [2, 2, 5, 6]"),
        ({"k": K[:1]}, ValueError, "k has shape [1, 2, 5, 6], expected [2, 2, 5, 6]"),
        ({"v": V[:, :, :4]}, ValueError, "v has shape [2, 2, 4, 6], expected [2, 2, 5, 6]"),
        ({"v": V[:, :1]}, ValueError, "v has shape [2, 1, 5, 6], expected [2, 2, 5, 6]"),
        ({"q": Q[:, :3]}, ValueError, "q has 3 heads, expected a multiple of k's 2"),
        ({"k": K[:, :0], "v": V[:, :0]}, ValueError, "q has 4 heads, expected a multiple of k's 0"),
        ({"q": Q[..., :0], "k": K[..., :0], "v": V[..., :0]}, ValueError, "q has head_dim 0"),
        ({"q": Q.astype(np.float64)}, TypeError, "q has dtype float64, expected float32"),
        ({"k": K.astype(np.float16)}, TypeError, "k has dtype float16, expected float32"),
        ({"v": V.tolist()}, TypeError, "v is list, expected a float32 array"),
        ({"lengths": [5]}, ValueError, "lengths has shape [1], expected [2]"),
        ({"lengths": [[5, 5]]}, ValueError, "lengths has shape [1, 2], expected [2]"),
        ({"lengths": [5, 6]}, ValueError, "lengths has 6, expected 0 to 5"),
        ({"lengths": [-1, 5]}, ValueError, "lengths has -1, expected 0 to 5"),
        ({"lengths": [2.0, 3.0]}, TypeError, "lengths is not an array of integers"),
        ({"lengths": ["a", "b"]}, TypeError, "lengths is not an array of integers"),
        ({"lengths": [[1], [2, 3]]}, TypeError, "lengths is not an array of integers"),
        ({"lengths": [2**70, 1]}, TypeError, "lengths is not an array of integers"),
        ({"mask": np.ones((2, 4, 3, 4), bool)}, ValueError, "mask has shape [2, 4, 3, 4]"),
        ({"mask": np.ones((3, 4, 3, 5), bool)}, ValueError, "mask has shape [3, 4, 3, 5]"),
        ({"mask": np.ones((2, 2, 3, 5), bool)}, ValueError, "mask has shape [2, 2, 3, 5]"),
        ({"mask": np.ones((3, 5), bool)}, ValueError, "mask has shape [3, 5], expected [2, 4, 3,"),
        ({"mask": np.ones((2, 4, 3, 5), np.int8)}, TypeError, "mask is not a bool array"),
        ({"mask": [[True]]}, TypeError, "mask is not a bool array"),
        ({"bias": floats(4, 2, 4, 2, 5)}, ValueError, "bias has shape [2, 4, 2, 5], expected [2,"),
        ({"bias": floats(4, 5)}, ValueError, "bias has shape [5], expected [2, 4, 3, 5]"),
        ({"bias": np.zeros((2, 4, 3, 5))}, TypeError, "bias has dtype float64, expected float32"),
        ({"scale": "large"}, TypeError, "scale is str, expected a number"),
        ({"window": 0}, ValueError, "window is 0, expected 1 or more"),
        ({"window": 1.5}, TypeError, "window is float, expected a whole number"),
        ({"soft_cap": 0.0}, ValueError, "soft_cap is out of range"),
        ({"soft_cap": np.nan}, ValueError, "soft_cap is out of range"),
        ({"soft_cap": "hard"}, TypeError, "soft_cap is str, expected a number"),
        ({"dtype": "int8"}, ValueError, "dtype is int8, expected float32 or bfloat16"),
        ({"dtype": "float8"}, ValueError, "dtype is 'float8', expected"),
        ({"causal": "yes"}, TypeError, "causal is str, expected True or False"),
    ],
)
def test_what_does_not_fit_is_named(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments = {"q": Q, "k": K, "v": V, **changes}
    with pytest.raises(error) as raised:
        ops.attention(**arguments)
    assert str(raised.value).startswith(f"attention: {message}")
