"""Products, norms and choices of drawn shapes, with anything in their arrays, wherever they lie."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyattn import ops, reference
from support.inputs import ISAS, Floats, floats, weights
from support.number_types import NANS, ODD, ROUND_INPUTS, bfloat16, int8_product
from support.offsets import OFFSETS, at_offset
from support.tolerances import FLOAT32, assert_close

each_level = pytest.mark.parametrize("isa", ISAS)
each_type = pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
few = settings(deadline=None, derandomize=True, max_examples=20, database=None)

ACTIVATIONS: list[Any] = [None, "relu", "gelu", "gelu_tanh", "silu"]
HEIGHTS = st.integers(1, 70)
WIDTHS = st.integers(1, 150)


def matrices(inner: int, out: int, *, gated: bool) -> dict[str, Floats]:
    """The arguments of `pack`."""
    gate = {"gate": weights(4, out, inner), "gate_bias": floats(5, out)} if gated else {}
    return {"weight": weights(2, out, inner), "bias": floats(3, out), **gate}


def pack(arrays: dict[str, Floats], **options: Any) -> ops.PackedLinear:
    return ops.pack(
        arrays["weight"], **{k: v for k, v in arrays.items() if k != "weight"} | options
    )


def activate(x: Floats, activation: Any) -> Floats:
    identity = reference.pack(np.eye(x.shape[-1], dtype=np.float32))
    return reference.linear(x, identity, activation=activation)


def product(x: Floats, weight: Floats, bias: Floats, dtype: str, isa: str) -> Floats:
    """The product of a number type, by its definition."""
    if dtype == "int8":
        return int8_product(x, weight, bias).astype(np.float32)
    if dtype == "bfloat16":
        x, weight = bfloat16(x) if isa in ROUND_INPUTS else x, bfloat16(weight)
    return reference.linear(x, reference.pack(weight, bias=bias))


def assert_close_for(terms: Floats, found: Floats, wanted: Floats) -> None:
    """Holds numbers to a share of the largest of `terms` too, as whose difference they came up."""
    largest = np.abs(terms).max()
    assert_close(np.append(found, largest), np.append(wanted, largest), FLOAT32)
    assert found.shape == wanted.shape


@each_level
@each_type
@given(data=st.data())
@few
def test_product_is_its_definition(isa: str, dtype: ops.DType, data: st.DataObject) -> None:
    x = floats(1, data.draw(HEIGHTS), data.draw(WIDTHS))
    gated, activation = data.draw(st.booleans()), data.draw(st.sampled_from(ACTIVATIONS))
    given = matrices(x.shape[1], data.draw(WIDTHS), gated=gated)
    y = ops.linear(x, pack(given, dtype=dtype, isa=isa), activation=activation)
    wanted = product(x, given["weight"], given["bias"], dtype, isa)
    if gated:
        factor = product(x, given["gate"], given["gate_bias"], dtype, isa)
        terms = np.append(np.abs(x).max() * given["gate"], given["gate_bias"])
        terms = terms * np.abs(np.append(wanted, 1)).max()
        assert_close_for(terms, y, activate(factor, activation) * wanted)
    else:
        terms = np.append(np.abs(x).max() * given["weight"], given["bias"])
        assert_close_for(terms, y, activate(wanted, activation))


@each_level
@given(data=st.data())
@few
def test_int8_sums_are_those_of_whole_numbers(isa: str, data: st.DataObject) -> None:
    # Rows whose range is 255 and columns whose largest is 127 have scales of one, and the sums of
    # so few products fit a float.
    rows, inner, out = data.draw(HEIGHTS), data.draw(st.integers(2, 500)), data.draw(WIDTHS)
    random = np.random.default_rng(inner)
    zero = data.draw(st.integers(0, 255))
    x, weight = random.integers(0, 256, (rows, inner)), random.integers(-127, 128, (out, inner))
    x[:, 0], x[:, 1], weight[:, -1] = 0, 255, random.choice([-127, 127], out)
    x -= zero
    packed = ops.pack(weight.astype(np.float32), dtype="int8", isa=isa)
    np.testing.assert_array_equal(ops.linear(x.astype(np.float32), packed), x @ weight.T)


@each_level
@each_type
@given(data=st.data())
@few
def test_row_of_a_product_is_its_own(isa: str, dtype: ops.DType, data: st.DataObject) -> None:
    x = floats(1, data.draw(HEIGHTS), data.draw(WIDTHS))
    given = matrices(x.shape[1], data.draw(WIDTHS), gated=data.draw(st.booleans()))
    packed = pack(given, dtype=dtype, isa=isa)
    activation = data.draw(st.sampled_from(ACTIVATIONS))
    row = data.draw(st.integers(0, len(x) - 1))
    alone = ops.linear(x[row], packed, activation=activation)
    assert np.isfinite(alone).all()
    others = np.random.default_rng(row).choice(ODD, x.shape)
    others[row] = x[row]
    for batch in (x, others):
        y = ops.linear(batch, packed, activation=activation)
        assert y[row].tobytes() == alone.tobytes()


@each_level
@each_type
@given(data=st.data())
@few
def test_nan_of_any_bits_makes_its_row_nan(isa: str, dtype: ops.DType, data: st.DataObject) -> None:
    x = floats(1, data.draw(HEIGHTS), data.draw(WIDTHS))
    given = matrices(x.shape[1], data.draw(WIDTHS), gated=data.draw(st.booleans()))
    row, column = data.draw(st.integers(0, len(x) - 1)), data.draw(st.integers(0, x.shape[1] - 1))
    x.view(np.uint32)[row, column] = data.draw(st.sampled_from(NANS.view(np.uint32)))
    y = ops.linear(
        x, pack(given, dtype=dtype, isa=isa), activation=data.draw(st.sampled_from(ACTIVATIONS))
    )
    assert np.isnan(y[row]).all()
    assert np.isfinite(np.delete(y, row, axis=0)).all()


@each_level
@each_type
@given(data=st.data())
@few
def test_denormals_among_numbers_count_next_to_nothing(
    isa: str, dtype: ops.DType, data: st.DataObject
) -> None:
    x = floats(1, data.draw(HEIGHTS), data.draw(WIDTHS))
    given = matrices(x.shape[1], data.draw(WIDTHS), gated=False)
    clean, dirty = {"x": x, **given}, {"x": x.copy(), **given}
    random = np.random.default_rng(len(x))
    for name, array in dirty.items():
        places = random.random(array.shape) < data.draw(st.sampled_from([0, 0.2, 1]))
        tiny = (random.standard_normal(array.shape) * 1e-39).astype(np.float32)
        dirty[name] = np.where(places, tiny, array)
        clean[name] = np.where(places, np.float32(0), array)
    found, wanted = (
        ops.linear(a["x"], ops.pack(a["weight"], bias=a["bias"], dtype=dtype, isa=isa))
        for a in (dirty, clean)
    )
    assert_close(found, wanted, FLOAT32)


@each_level
@each_type
@given(data=st.data())
@few
def test_product_has_the_same_bits_at_any_address(
    isa: str, dtype: ops.DType, data: st.DataObject
) -> None:
    x = floats(1, data.draw(HEIGHTS), data.draw(WIDTHS))
    given = matrices(x.shape[1], data.draw(WIDTHS), gated=data.draw(st.booleans()))
    moved = {name: at_offset(array, data.draw(OFFSETS)) for name, array in given.items()}
    y = ops.linear(x, pack(given, dtype=dtype, isa=isa))
    packed = pack(moved, dtype=dtype, isa=isa)
    assert ops.linear(at_offset(x, data.draw(OFFSETS)), packed).tobytes() == y.tobytes()


# Rows around the ends of the blocks that the middle is computed in, and what threads share.
@each_level
@each_type
@given(data=st.data())
@few
def test_row_of_a_feed_forward_block_is_its_own(
    isa: str, dtype: ops.DType, data: st.DataObject
) -> None:
    rows = data.draw(st.sampled_from([1, 5, 31, 33, 127, 128, 129, 255, 257, 300]))
    x, ffn = floats(1, rows, data.draw(st.integers(1, 40))), data.draw(st.integers(1, 70))
    up = matrices(x.shape[1], ffn, gated=data.draw(st.booleans()))
    down = matrices(ffn, data.draw(st.integers(1, 40)), gated=False)
    options: dict[str, Any] = {name: up[name] for name in up if name.startswith("gate")}
    options |= {"activation": data.draw(st.sampled_from(ACTIVATIONS[1:])), "isa": isa}
    blocks = (up["weight"], up["bias"], down["weight"], down["bias"])
    row = data.draw(st.integers(0, rows - 1))
    alone = ops.feed_forward(x[row], *blocks, dtype=dtype, **options)
    assert np.isfinite(alone).all()
    others = np.random.default_rng(row).choice(ODD, x.shape)
    others[row] = x[row]
    for batch in (x, others):
        y = ops.feed_forward(batch, *blocks, dtype=dtype, **options)
        assert y[row].tobytes() == alone.tobytes()
    if dtype == "float32":
        middle = ops.linear(x, pack(up, isa=isa), activation=options["activation"])
        wanted = ops.linear(middle, pack(down, isa=isa))
        assert ops.feed_forward(x, *blocks, **options).tobytes() == wanted.tobytes()


@each_level
@pytest.mark.parametrize("norm", ["layer_norm", "rms_norm"])
@given(data=st.data())
@few
def test_row_of_a_norm_is_its_own(isa: str, norm: str, data: st.DataObject) -> None:
    # They are computed in pairs.
    x = floats(1, data.draw(st.integers(1, 9)), data.draw(st.integers(1, 600)))
    arrays = [floats(2, x.shape[1]), floats(3, x.shape[1])][: 1 + (norm == "layer_norm")]
    row = data.draw(st.integers(0, len(x) - 1))
    alone = getattr(ops, norm)(x[row], *arrays, isa=isa)
    assert_close(alone, getattr(reference, norm)(x[row], *arrays), FLOAT32)
    others = np.random.default_rng(row).choice(ODD, x.shape)
    others[row] = x[row]
    for batch in (x, others, at_offset(x, data.draw(OFFSETS))):
        moved = [at_offset(array, data.draw(OFFSETS)) for array in arrays]
        assert getattr(ops, norm)(batch, *moved, isa=isa)[row].tobytes() == alone.tobytes()


def drawn_choice(data: st.DataObject, vocab: int) -> dict[str, Any]:
    """Options of `best_tokens`."""
    random = np.random.default_rng(vocab)
    options: dict[str, Any] = {"k": data.draw(st.integers(1, 20))}
    if data.draw(st.booleans()):
        options["suppressed"] = random.integers(0, vocab, data.draw(st.integers(0, 9)))
    if data.draw(st.booleans()):
        count = data.draw(st.integers(1, vocab))
        options["columns"] = np.sort(random.choice(vocab, count, replace=False))
    return options


@each_level
@each_type
@given(data=st.data())
@few
def test_best_tokens_of_a_row_are_its_own(isa: str, dtype: ops.DType, data: st.DataObject) -> None:
    x = floats(1, data.draw(HEIGHTS), data.draw(st.integers(1, 40)))
    vocab = data.draw(st.integers(1, 1100))
    weight, bias = 3 * weights(2, vocab, x.shape[1]), floats(3, vocab)
    packed = ops.pack(weight, bias=bias, dtype=dtype, isa=isa)
    options = drawn_choice(data, vocab)
    ids, log_probs = ops.best_tokens(x, packed, **options)
    identity = reference.pack(np.eye(vocab, dtype=np.float32))
    logits = ops.linear(x, packed)
    wanted = reference.best_tokens(logits, identity, **options)
    np.testing.assert_array_equal(ids, wanted[0])
    # The sum of exponentials is one or more.
    assert_close_for(np.append(logits, 1), log_probs, wanted[1])
    if "columns" in options:
        options["columns"] = ops.select(packed, options["columns"])
    row = data.draw(st.integers(0, len(x) - 1))
    others = np.random.default_rng(row).choice(ODD, x.shape)
    others[row] = x[row]
    moved = at_offset(others, data.draw(OFFSETS))
    for batch, place in ((x[row], ()), (others, row), (moved, row)):
        found = ops.best_tokens(batch, packed, **options)
        assert found[0][place].tobytes() == ids[row].tobytes()
        assert found[1][place].tobytes() == log_probs[row].tobytes()
