"""Attention of drawn shapes, with anything in its arrays, wherever they lie."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyattn import ops, reference
from support.inputs import ISAS, Floats, floats
from support.number_types import ODD
from support.offsets import OFFSETS, at_offset
from support.tolerances import BFLOAT16, FLOAT32, assert_close

each_level = pytest.mark.parametrize("isa", ISAS)
each_type = pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
few = settings(deadline=None, derandomize=True, max_examples=25, database=None)

TIMES = st.integers(0, 300)
HEAD_DIMS = st.integers(1, 130)


def queries_keys_values(data: st.DataObject, batch: int) -> tuple[Floats, Floats, Floats]:
    kv_heads, head_dim = data.draw(st.integers(1, 2)), data.draw(HEAD_DIMS)
    heads = kv_heads * data.draw(st.integers(1, 3))
    keys = (batch, kv_heads, data.draw(TIMES), head_dim)
    time_q = data.draw(st.sampled_from([1, 2, 15, 16, 17, 31, 32, 33, 70]))
    return floats(1, batch, heads, time_q, head_dim), floats(2, *keys), floats(3, *keys)


def drawn_options(data: st.DataObject) -> dict[str, Any]:
    options: dict[str, Any] = {"causal": data.draw(st.booleans())}
    if data.draw(st.booleans()):
        options["window"] = data.draw(st.integers(1, 200))
    if data.draw(st.booleans()):
        options["soft_cap"] = data.draw(st.floats(0.5, 50))
    return options


@each_level
@each_type
@given(data=st.data())
@few
def test_sentence_is_its_own(isa: str, dtype: Any, data: st.DataObject) -> None:
    q, k, v = queries_keys_values(data, 3)
    length = data.draw(st.integers(0, k.shape[2]))
    options = drawn_options(data)
    # Causal queries are the last of all positions, not of those that one sentence has.
    lengths = np.array([k.shape[2], length, 0])
    one = slice(1, 2)
    alone = ops.attention(
        q[one], k[one], v[one], lengths=lengths[one], dtype=dtype, isa=isa, **options
    )
    wanted = reference.attention(q[one], k[one], v[one], lengths=lengths[one], **options)
    assert_close(alone, wanted, FLOAT32 if dtype == "float32" else BFLOAT16)
    random = np.random.default_rng(length)
    odd = [random.choice(ODD, x.shape) for x in (q, k, v)]
    for others, x in zip(odd, (q, k, v), strict=True):
        others[one] = x[one]
    odd[1][1, :, length:] = odd[2][1, :, length:] = np.nan
    moved = [at_offset(x, data.draw(OFFSETS)) for x in odd]
    for batch in ((q, k, v), odd, moved):
        y = ops.attention(*batch, lengths=lengths, dtype=dtype, isa=isa, **options)
        assert y[one].tobytes() == alone.tobytes()


@each_level
@each_type
@given(data=st.data())
@few
def test_query_is_its_own(isa: str, dtype: Any, data: st.DataObject) -> None:
    q, k, v = queries_keys_values(data, 1)
    options = drawn_options(data) | {"dtype": dtype, "isa": isa}
    clean = ops.attention(q, k, v, **options)
    query = data.draw(st.integers(0, q.shape[2] - 1))
    odd = np.random.default_rng(query).choice(ODD, q.shape)
    odd[:, :, query] = q[:, :, query]
    y = ops.attention(odd, k, v, **options)
    assert y[:, :, query].tobytes() == clean[:, :, query].tobytes()


@each_level
@given(data=st.data())
@few
def test_denormals_among_numbers_count_next_to_nothing(isa: str, data: st.DataObject) -> None:
    arrays = queries_keys_values(data, 1)
    random = np.random.default_rng(1)
    dirty, clean = [], []
    for array in arrays:
        places = random.random(array.shape) < data.draw(st.sampled_from([0, 0.2, 1]))
        tiny = (random.standard_normal(array.shape) * 1e-39).astype(np.float32)
        dirty.append(np.where(places, tiny, array))
        clean.append(np.where(places, np.float32(0), array))
    assert_close(ops.attention(*dirty, isa=isa), reference.attention(*clean), FLOAT32)


@each_level
@given(data=st.data())
@few
def test_row_of_a_step_is_its_own(isa: str, data: st.DataObject) -> None:
    rows, time = data.draw(st.integers(1, 5)), data.draw(TIMES)
    kv_heads, head_dim = data.draw(st.integers(1, 2)), data.draw(HEAD_DIMS)
    q = floats(1, rows, kv_heads * data.draw(st.integers(1, 3)), head_dim)
    cache = floats(2, 2 * time + 1, 2, kv_heads, head_dim)
    # The first slots are those of one row alone.
    random = np.random.default_rng(time)
    table = random.integers(time, 2 * time + 1, (rows, time))
    row = data.draw(st.integers(0, rows - 1))
    table[row] = random.permutation(time)
    lengths = random.integers(0, time + 1, rows)
    options: dict[str, Any] = {"window": data.draw(st.integers(1, 400)), "isa": isa}
    if data.draw(st.booleans()):
        options["soft_cap"] = data.draw(st.floats(0.5, 50))
    one = slice(row, row + 1)
    halves = (cache.view(np.uint32) >> 16).astype(np.uint16)
    odd = np.random.default_rng(row).choice(ODD, cache.shape)
    for kept, bad in ((cache, odd), (halves, (odd.view(np.uint32) >> 16).astype(np.uint16))):
        alone = ops.attention_step(q[one], kept, table[one], lengths=lengths[one], **options)
        bad[table[row, : lengths[row]]] = kept[table[row, : lengths[row]]]
        others = np.random.default_rng(row).choice(ODD, q.shape)
        others[row] = q[row]
        for batch, slots in ((q, kept), (others, bad)):
            place = data.draw(OFFSETS)
            moved = at_offset(slots, place // slots.itemsize * slots.itemsize)
            moved_q = at_offset(batch, data.draw(OFFSETS))
            y = ops.attention_step(moved_q, moved, table, lengths=lengths, **options)
            assert y[one].tobytes() == alone.tobytes()
