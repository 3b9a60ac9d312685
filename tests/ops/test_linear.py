import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyattn import ops, reference
from support.inputs import ISAS, Floats, floats, weights
from support.tolerances import FLOAT32, assert_close

# Around every width of vector and panel, and twice past a block.
RAGGED = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 511, 512, 513]
ACTIVATIONS: list[Any] = [None, "relu", "gelu", "gelu_tanh", "silu"]


def expected(x: Floats, weight: Floats, bias: Floats | None, activation: Any) -> Floats:
    return reference.linear(x, reference.pack(weight, bias=bias), activation=activation)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("inner", RAGGED)
def test_matches_reference_at_every_width(isa: str, inner: int) -> None:
    epilogues = itertools.cycle(itertools.product(ACTIVATIONS, [True, False]))
    for out, rows in zip(RAGGED, itertools.cycle([1, 5, 13]), strict=False):
        activation, biased = next(epilogues)
        x, weight = floats(1, rows, inner), weights(2, out, inner)
        bias = floats(3, out) if biased else None
        y = ops.linear(x, ops.pack(weight, bias=bias, isa=isa), activation=activation)
        case = f"{rows} rows, {inner} to {out}, {activation}, bias {biased}"
        assert_close(y, expected(x, weight, bias, activation), FLOAT32, case)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("inner", "out"), [(64, 96), (33, 65), (7, 3), (130, 200)])
def test_row_has_the_same_bits_among_any_number_of_rows(isa: str, inner: int, out: int) -> None:
    x, weight, bias = floats(1, 70, inner), weights(2, out, inner), floats(3, out)
    packed = ops.pack(weight, bias=bias, isa=isa)
    alone = np.stack([ops.linear(row, packed, activation="gelu") for row in x])
    assert_close(alone, expected(x, weight, bias, "gelu"), FLOAT32)
    for rows in range(1, 71):
        y = ops.linear(x[:rows], packed, activation="gelu")
        assert y.tobytes() == alone[:rows].tobytes(), rows


@pytest.mark.parametrize("isa", ISAS)
def test_row_does_not_see_what_else_is_in_the_batch(isa: str) -> None:
    x = floats(1, 29, 40)
    packed = ops.pack(weights(2, 50, 40), bias=floats(3, 50), isa=isa)
    alone = ops.linear(x[11:12], packed)
    for others in (np.nan, np.inf, 1e30, 1e-42):
        batch = np.full_like(x, others)
        batch[11] = x[11]
        assert ops.linear(batch, packed)[11:12].tobytes() == alone.tobytes()


@pytest.mark.parametrize("isa", ISAS)
def test_large_product_matches_reference(isa: str) -> None:
    # Several blocks of rows, and work enough for the team of threads.
    x, weight = floats(1, 301, 192), weights(2, 161, 192)
    packed = ops.pack(weight, isa=isa)
    y = ops.linear(x, packed)
    assert_close(y, expected(x, weight, None, None), FLOAT32)
    assert y[200].tobytes() == ops.linear(x[200], packed).tobytes()


@pytest.mark.parametrize("isa", ISAS)
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=40, database=None)
def test_matches_reference_on_any_shape(isa: str, data: st.DataObject) -> None:
    size = st.integers(1, 70)
    leading = data.draw(st.lists(st.integers(0, 4), max_size=3))
    inner, out = data.draw(size), data.draw(size)
    activation = data.draw(st.sampled_from(ACTIVATIONS))
    x, weight, bias = floats(1, *leading, inner), weights(2, out, inner), floats(3, out)
    y = ops.linear(x, ops.pack(weight, bias=bias, isa=isa), activation=activation)
    assert_close(y, expected(x, weight, bias, activation), FLOAT32)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("leading", [(), (1,), (0,), (2, 0), (2, 3), (2, 1, 3)])
def test_leading_axes_are_kept(isa: str, leading: tuple[int, ...]) -> None:
    x, weight = floats(1, *leading, 19), weights(2, 5, 19)
    y = ops.linear(x, ops.pack(weight, isa=isa))
    assert y.shape == (*leading, 5)
    assert y.dtype == np.float32
    assert_close(y, expected(x, weight, None, None), FLOAT32)


def unaligned(x: Floats) -> Floats:
    room = np.empty(x.nbytes + 1, np.uint8)
    moved = room[1:].view(np.float32).reshape(x.shape)
    moved[...] = x
    assert not moved.flags.aligned
    return moved


@pytest.mark.parametrize("isa", ISAS)
def test_arrays_of_any_layout_give_the_same_bits(isa: str) -> None:
    x, weight, bias = floats(1, 9, 24), weights(2, 21, 24), floats(3, 21)
    y = ops.linear(x, ops.pack(weight, bias=bias, isa=isa)).tobytes()

    def spread(a: Floats) -> Floats:
        wide = np.full([2 * size for size in a.shape], np.nan, np.float32)
        view = wide[tuple(slice(None, None, 2) for _ in a.shape)]
        view[...] = a
        return view

    def backward(a: Floats) -> Floats:
        turned = tuple(slice(None, None, -1) for _ in a.shape)
        return a[turned].copy()[turned]

    for layout in (spread, backward, unaligned, np.asfortranarray):
        packed = ops.pack(layout(weight), bias=layout(bias), isa=isa)
        assert ops.linear(layout(x), packed).tobytes() == y, layout


def test_arguments_are_not_written_to() -> None:
    x, weight, bias = floats(1, 9, 24), weights(2, 21, 24), floats(3, 21)
    for array in (x, weight, bias):
        array.flags.writeable = False
    ops.linear(x, ops.pack(weight, bias=bias), activation="relu")


def test_packed_matrix_does_not_change_with_its_source() -> None:
    x, weight = floats(1, 3, 24), weights(2, 21, 24)
    packed = ops.pack(weight)
    before = ops.linear(x, packed)
    weight[:] = 0
    np.testing.assert_array_equal(ops.linear(x, packed), before)


@pytest.mark.parametrize("isa", ISAS)
def test_packed_matrix_says_what_it_is(isa: str) -> None:
    packed = ops.pack(weights(2, 21, 24), isa=isa)
    assert (packed.in_features, packed.out_features, packed.isa) == (24, 21, isa)
    assert packed.nbytes >= 21 * 24 * 4


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nan_stays_nan(isa: str, activation: Any) -> None:
    x = floats(1, 4, 8)
    x[2, 5] = np.nan
    y = ops.linear(x, ops.pack(weights(2, 37, 8), isa=isa), activation=activation)
    assert np.isnan(y[2]).all()
    assert np.isfinite(y[[0, 1, 3]]).all()


@pytest.mark.parametrize("isa", ISAS)
def test_inf_follows_its_sign(isa: str) -> None:
    identity = ops.pack(np.ones((1, 1), np.float32), isa=isa)
    x = np.array([[np.inf], [-np.inf]], np.float32)
    np.testing.assert_array_equal(ops.linear(x, identity), x)
    np.testing.assert_array_equal(ops.linear(x, identity, activation="relu"), [[np.inf], [0]])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_matches_reference_at_every_size(isa: str, activation: Any) -> None:
    # A matrix of one leaves nothing but the activation; from 12 on they are all tail.
    one = np.ones((1, 1), np.float32)
    for size in (1e-6, 1e-3, 0.1, 1, 3, 12, 90, 1e4):
        x = np.linspace(-size, size, 1001, dtype=np.float32)[:, None]
        y = ops.linear(x, ops.pack(one, isa=isa), activation=activation)
        assert_close(y, expected(x, one, None, activation), FLOAT32, f"up to {size}")


@pytest.mark.parametrize("isa", ISAS)
def test_denormals_are_zero_or_right(isa: str) -> None:
    x = np.full((3, 5), 1e-41, np.float32)
    y = ops.linear(x, ops.pack(np.ones((7, 5), np.float32), isa=isa))
    assert ((y == 0) | np.isclose(y, 5e-41, rtol=1e-3, atol=0)).all()


X, WEIGHT = floats(1, 3, 5), floats(2, 4, 5)


@pytest.mark.parametrize(
    ("weight", "bias", "error", "message"),
    [
        (floats(2, 4), None, ValueError, "pack: weight has shape [4], expected [out, in]"),
        (floats(2, 1, 4, 5), None, ValueError, "pack: weight has shape [1, 4, 5]"),
        (floats(2, 0, 5), None, ValueError, "pack: weight has "),
        (floats(2, 4, 0), None, ValueError, "pack: weight has "),
        (WEIGHT, floats(3, 5), ValueError, "pack: bias has shape [5], expected [4]"),
        (WEIGHT, floats(3, 1, 4), ValueError, "pack: bias has shape [1, 4], expected [4]"),
        (WEIGHT.tolist(), None, TypeError, "pack: weight is list, expected a float32 array"),
        (WEIGHT.astype(np.float64), None, TypeError, "pack: weight has dtype float64"),
        (WEIGHT.astype(">f4"), None, TypeError, "pack: weight has dtype >f4"),
        (WEIGHT, np.zeros(4, np.int32), TypeError, "pack: bias has dtype int32"),
        (WEIGHT, 0, TypeError, "pack: bias is int, expected a float32 array"),
    ],
)
def test_pack_names_what_does_not_fit(
    weight: Any, bias: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        ops.pack(weight, bias=bias)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (floats(1, 3, 4), ValueError, "linear: x has shape [3, 4], expected a last axis of 5"),
        (floats(1, 5, 3), ValueError, "linear: x has shape [5, 3], expected a last axis of 5"),
        (floats(1, 3, 0), ValueError, "linear: x has shape [3, 0], expected a last axis of 5"),
        (np.array(1, np.float32), ValueError, "linear: x has no axis"),
        (X.astype(np.float16), TypeError, "linear: x has dtype float16, expected float32"),
        (X.astype(np.complex64), TypeError, "linear: x has dtype complex64, expected float32"),
        ([[1.0] * 5], TypeError, "linear: x is list, expected a float32 array"),
        (None, TypeError, "linear: x is NoneType, expected a float32 array"),
    ],
)
def test_linear_names_what_does_not_fit(x: Any, error: type[Exception], message: str) -> None:
    packed = ops.pack(WEIGHT)
    with pytest.raises(error) as raised:
        ops.linear(x, packed)
    assert str(raised.value).startswith(message)


def test_unknown_activation_is_named() -> None:
    packed = ops.pack(WEIGHT)
    with pytest.raises(ValueError, match="linear: activation is 'swish', expected relu, gelu"):
        ops.linear(X, packed, activation="swish")


def test_matrix_must_be_packed() -> None:
    with pytest.raises(
        TypeError, match=r"linear: packed is numpy\.ndarray, expected what pack returns"
    ):
        ops.linear(X, WEIGHT)


def test_unknown_number_type_is_named() -> None:
    with pytest.raises(ValueError, match="pack: dtype is 'int2', expected"):
        ops.pack(WEIGHT, dtype="int2")


def test_unknown_level_is_named() -> None:
    with pytest.raises(ValueError, match=r"isa: .*'mmx'.*expected one of .*portable"):
        ops.pack(WEIGHT, isa="mmx")
