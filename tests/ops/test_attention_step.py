from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyattn import ops, reference
from support.inputs import ISAS, Floats, floats
from support.number_types import weights_to_int8
from support.tolerances import FLOAT32, assert_close

Slots = npt.NDArray[np.int64]


def queries_cache_table(
    rows: int, heads: int, time: int, head_dim: int, *, kv_heads: int | None = None
) -> tuple[Floats, Floats, Slots]:
    slots = rows * time + 3
    cache = floats(2, slots, 2, kv_heads or heads, head_dim)
    table = np.random.default_rng(3).integers(0, slots, (rows, time))
    return floats(1, rows, heads, head_dim), cache, table


def halves(cache: Floats) -> npt.NDArray[np.uint16]:
    """The bits of bfloat16, rounded towards zero."""
    return (cache.view(np.uint32) >> 16).astype(np.uint16)


def kept_as(cache: Floats) -> list[tuple[npt.NDArray[Any], Floats | None]]:
    """Keys and values in each type, and the scales of int8."""
    safe = np.where(np.isfinite(cache), cache, np.float32(0))
    whole, scales = weights_to_int8(safe)
    lost = ~np.isfinite(cache).all(axis=-1, keepdims=True)
    scales = np.where(lost, np.float32(np.nan), scales)
    return [(halves(cache), None), (whole.astype(np.int8), scales[..., 0]), (cache, None)]


def check(isa: str, q: Floats, cache: Floats, table: Slots, **options: Any) -> Floats:
    for kept, scales in kept_as(cache):
        y = ops.attention_step(q, kept, table, scales=scales, isa=isa, **options)
        assert y.shape == q.shape
        assert y.dtype == np.float32
        wanted = reference.attention_step(q, kept, table, scales=scales, **options)
        if scales is not None and not np.isfinite(wanted).all():
            # A head that holds what is not finite has no number left.
            np.testing.assert_array_equal(np.isfinite(y), np.isfinite(wanted))
            continue
        assert_close(y, wanted, FLOAT32)
    return y


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kv_heads", [2, 6])
def test_few_rows_over_many_tokens_match_the_reference(isa: str, kv_heads: int) -> None:
    # So much to read is shared by heads where there are several threads.
    q, cache, table = queries_cache_table(1, 6, 6000, 32, kv_heads=kv_heads)
    check(isa, q, cache, table)
    check(isa, q, cache, table, bias=floats(4, 1, 6, 6000), window=5801)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("head_dim", [1, 2, 3, 7, 8, 9, 15, 16, 17, 20, 33, 63, 64, 65, 128, 130])
def test_matches_reference_at_every_head_dim(isa: str, head_dim: int) -> None:
    for time in (1, 5, 66):
        check(isa, *queries_cache_table(3, 2, time, head_dim))


@pytest.mark.parametrize("isa", ISAS)
def test_matches_reference_at_every_number_of_tokens(isa: str) -> None:
    for time in [*range(40), 255, 256, 257, 300]:
        check(isa, *queries_cache_table(2, 3, time, 6))


@pytest.mark.parametrize("isa", ISAS)
def test_is_attention_over_the_tokens_in_the_table(isa: str) -> None:
    q, cache, table = queries_cache_table(4, 2, 9, 16)
    y = check(isa, q, cache, table)
    k, v = cache[table].transpose(2, 0, 3, 1, 4)
    assert_close(y, ops.attention(q[:, :, None], k, v, isa=isa)[:, :, 0], FLOAT32)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("kv_heads", [1, 2, 3, 6])
def test_groups_of_heads_share_keys(isa: str, kv_heads: int) -> None:
    q, cache, table = queries_cache_table(2, 6, 11, 8, kv_heads=kv_heads)
    y = check(isa, q, cache, table)
    repeated = np.repeat(cache, 6 // kv_heads, axis=2)
    assert y.tobytes() == ops.attention_step(q, repeated, table, isa=isa).tobytes()


@pytest.mark.parametrize("isa", ISAS)
def test_window_is_the_last_tokens(isa: str) -> None:
    q, cache, table = queries_cache_table(3, 2, 20, 5)
    bias = floats(4, 1, 2, 20)
    for window in (1, 2, 19, 20, 2**62):
        y = check(isa, q, cache, table, lengths=[20, 0, 7], window=window, bias=bias)
        cut = table[:1, -min(window, 20) :]
        near = bias[:, :, -min(window, 20) :]
        alone = ops.attention_step(q[:1], cache, cut, bias=near, isa=isa)
        assert alone.tobytes() == y[:1].tobytes()


@pytest.mark.parametrize("isa", ISAS)
def test_row_that_sees_no_token_gets_zeros(isa: str) -> None:
    q, cache, table = queries_cache_table(2, 2, 5, 7)
    assert not ops.attention_step(q, cache, table, lengths=[0, 0], isa=isa).any()
    hidden = np.full((1, 2, 5), -np.inf, np.float32)
    assert not check(isa, q, cache, table, bias=hidden).any()


@pytest.mark.parametrize("isa", ISAS)
def test_slots_beyond_lengths_are_never_read(isa: str) -> None:
    q, cache, table = queries_cache_table(3, 2, 9, 7)
    clean = ops.attention_step(q, cache, table, lengths=[9, 4, 1], isa=isa)
    table[1, 4:], table[2, 1:] = -1, 2**62
    dirty = ops.attention_step(q, cache, table, lengths=[9, 4, 1], isa=isa)
    assert dirty.tobytes() == clean.tobytes()


@pytest.mark.parametrize("isa", ISAS)
def test_what_is_not_finite_stays_in_its_row_and_head(isa: str) -> None:
    for odd in (np.nan, np.inf):
        q, cache, table = queries_cache_table(2, 2, 9, 17)
        cache[table[1, 8], 1, 1, 16] = odd
        table[0] = np.arange(len(cache))[~np.isin(np.arange(len(cache)), table[1])][:9]
        y = check(isa, q, cache, table)
        assert np.isfinite(y[0]).all()
        assert np.isfinite(y[1, 0]).all()
        assert not np.isfinite(y[1, 1, 16])
        assert np.isfinite(y[1, 1, :16]).all()


@pytest.mark.parametrize("isa", ISAS)
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=60, database=None)
def test_matches_reference_on_any_shape(isa: str, data: st.DataObject) -> None:
    draw = data.draw
    rows, kv_heads, group = (draw(st.integers(1, 3)) for _ in range(3))
    time = draw(st.integers(0, 300))
    heads = kv_heads * group
    q, cache, table = queries_cache_table(
        rows, heads, time, draw(st.integers(1, 130)), kv_heads=kv_heads
    )
    options: dict[str, Any] = {}
    if draw(st.booleans()):
        options["lengths"] = draw(st.lists(st.integers(0, time), min_size=rows, max_size=rows))
    if draw(st.booleans()):
        options["bias"] = floats(5, draw(st.sampled_from([1, rows])), heads, time)
    if draw(st.booleans()):
        options["window"] = draw(st.integers(1, 400))
    if draw(st.booleans()):
        options["soft_cap"] = draw(st.floats(0.5, 50))
    if draw(st.booleans()):
        options["scale"] = draw(st.floats(-1, 1))
    check(isa, q, cache, table, **options)


@pytest.mark.parametrize("isa", ISAS)
def test_row_has_the_same_bits_in_any_batch(isa: str) -> None:
    q, cache, table = queries_cache_table(7, 4, 50, 12)
    lengths = np.array([50, 3, 17, 50, 1, 33, 49])
    for kept, scales in kept_as(cache):
        options: dict[str, Any] = {"scales": scales, "isa": isa}
        together = ops.attention_step(q, kept, table, lengths=lengths, **options)
        for row, length in enumerate(lengths):
            one = slice(row, row + 1)
            alone = ops.attention_step(q[one], kept, table[one, :length], **options)
            assert alone.tobytes() == together[one].tobytes()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("head_dim", [5, 16, 32, 64, 70])
def test_beams_over_the_same_tokens_are_what_they_are_alone(isa: str, head_dim: int) -> None:
    for rows in range(1, 12):
        for kv_heads in (1, 2):
            q, cache, table = queries_cache_table(rows, 2, 23, head_dim, kv_heads=kv_heads)
            table[:] = table[0]
            bias = floats(4, 1, 2, 23)
            for kept, scales in kept_as(cache):
                options: dict[str, Any] = {"bias": bias, "scales": scales}
                together = ops.attention_step(q, kept, table, isa=isa, **options)
                assert_close(together, reference.attention_step(q, kept, table, **options), FLOAT32)
                for row in range(rows):
                    one = slice(row, row + 1)
                    alone = ops.attention_step(q[one], kept, table[one], isa=isa, **options)
                    assert alone.tobytes() == together[one].tobytes()


@pytest.mark.parametrize("isa", ISAS)
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=60, database=None)
def test_neighbours_may_share_some_of_their_tokens_or_all(isa: str, data: st.DataObject) -> None:
    draw = data.draw
    rows, time = draw(st.integers(1, 12)), draw(st.integers(1, 40))
    q, cache, table = queries_cache_table(rows, 4, time, 32, kv_heads=draw(st.sampled_from([1, 4])))
    for row in range(1, rows):
        shared = draw(st.sampled_from([0, time - 1, time, time, time]))
        table[row, :shared] = table[row - 1, :shared]
    lengths = draw(st.lists(st.sampled_from([time, time, time - 1]), min_size=rows, max_size=rows))
    bias = floats(5, draw(st.sampled_from([1, rows])), 4, time)
    if draw(st.booleans()):
        bias = np.repeat(bias[:1], rows, axis=0)
    kept, scales = draw(st.sampled_from(kept_as(cache)))
    options: dict[str, Any] = {"window": draw(st.sampled_from([None, 1, time])), "isa": isa}
    options["scales"] = scales
    together = ops.attention_step(q, kept, table, lengths=lengths, bias=bias, **options)
    for row in range(rows):
        one = slice(row, row + 1)
        own = bias[one] if len(bias) > 1 else bias
        alone = ops.attention_step(
            q[one], kept, table[one], lengths=lengths[one], bias=own, **options
        )
        assert alone.tobytes() == together[one].tobytes()


Q, CACHE, TABLE = queries_cache_table(2, 4, 3, 6, kv_heads=2)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"q": Q[0]}, ValueError, "q has shape [4, 6], expected [rows, heads, 6]"),
        ({"q": Q[..., :5]}, ValueError, "q has shape [2, 4, 5], expected [rows, heads, 6]"),
        ({"q": Q[:, :3]}, ValueError, "q has 3 heads, expected a multiple of cache's 2"),
        ({"q": Q.astype(np.float64)}, TypeError, "q has dtype float64, expected float32"),
        ({"cache": CACHE[:, :1]}, ValueError, "cache has shape [9, 1, 2, 6], expected [slots, 2,"),
        ({"cache": CACHE[0]}, ValueError, "cache has shape [2, 2, 6], expected [slots, 2,"),
        ({"cache": CACHE.astype(np.int16)}, TypeError, "cache has dtype int16, expected float32"),
        ({"cache": None}, TypeError, "cache is NoneType, expected a float32 array"),
        ({"table": TABLE[:1]}, ValueError, "table has shape [1, 3], expected [2, time]"),
        ({"table": TABLE[0]}, ValueError, "table has shape [3], expected [2, time]"),
        ({"table": TABLE * 1.0}, TypeError, "table is not an array of integers"),
        ({"table": TABLE * 0 + 9}, ValueError, "table has 9, expected 0 to 8"),
        ({"table": TABLE * 0 - 1}, ValueError, "table has -1, expected 0 to 8"),
        ({"lengths": [4, 1]}, ValueError, "lengths has 4, expected 0 to 3"),
        ({"bias": floats(1, 2, 4, 2)}, ValueError, "bias has shape [2, 4, 2], expected [2, 4, 3]"),
        ({"bias": floats(1, 4, 3)}, ValueError, "bias has shape [4, 3], expected [2, 4, 3]"),
        ({"window": -1}, ValueError, "window is -1, expected 1 or more"),
        ({"soft_cap": -1.0}, ValueError, "soft_cap is out of range"),
        ({"cache": CACHE.astype(np.int8)}, ValueError, "cache is int8, expected scales"),
        ({"scales": CACHE[..., 0]}, ValueError, "scales are given, expected a cache in int8"),
        (
            {"cache": CACHE.astype(np.int8), "scales": CACHE[:, :1, :, 0]},
            ValueError,
            "scales has shape [9, 1, 2], expected [9, 2, 2]",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments = {"q": Q, "cache": CACHE, "table": TABLE, **changes}
    with pytest.raises(error) as raised:
        ops.attention_step(**arguments)
    assert str(raised.value).startswith(f"attention_step: {message}")
