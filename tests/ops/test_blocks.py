from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyattn import ops, reference
from support.inputs import ISAS, floats, weights
from support.tolerances import FLOAT32, assert_close

ACTIVATIONS: list[Any] = ["relu", "gelu", "gelu_tanh", "silu"]


def block(dim: int, ffn: int, out: int) -> list[Any]:
    """The matrices and biases of a feed-forward block."""
    return [weights(2, ffn, dim), floats(3, ffn), weights(4, out, ffn), floats(5, out)]


def projections(dim: int, dim_kv: int, inner: int, out: int) -> list[Any]:
    """The matrices and biases of multi-head attention."""
    return [
        *(weights(3, inner, dim), floats(4, inner)),
        *(weights(5, inner, dim_kv), floats(6, inner)),
        *(weights(7, inner, dim_kv), floats(8, inner)),
        *(weights(9, out, inner), floats(10, out)),
    ]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_feed_forward_matches_reference(isa: str, activation: Any) -> None:
    for dim, ffn, out in [(1, 1, 1), (7, 9, 3), (17, 65, 17), (64, 33, 64), (130, 511, 129)]:
        arguments = block(dim, ffn, out)
        for leading in [(), (1,), (5,), (0,), (2, 9)]:
            x = floats(1, *leading, dim)
            y = ops.feed_forward(x, *arguments, activation=activation, isa=isa)
            wanted = reference.feed_forward(x, *arguments, activation=activation)
            assert y.shape == wanted.shape
            assert_close(y, wanted, FLOAT32, f"{leading} rows, {dim} to {ffn} to {out}")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gated_feed_forward_matches_reference(isa: str, activation: Any) -> None:
    for dim, ffn, out in [
        (1, 1, 1),
        (7, 9, 3),
        (17, 15, 17),
        (20, 16, 5),
        (30, 33, 64),
        (9, 70, 8),
    ]:
        arguments = block(dim, ffn, out)
        gate = {"gate": weights(11, ffn, dim), "gate_bias": floats(12, ffn)}
        for rows in (1, 5, 40):
            x = floats(1, rows, dim)
            y = ops.feed_forward(x, *arguments, activation=activation, isa=isa, **gate)
            wanted = reference.feed_forward(x, *arguments, activation=activation, **gate)
            assert_close(y, wanted, FLOAT32, f"{rows} rows, {dim} to {ffn} to {out}")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_gate_is_a_factor_of_the_product(isa: str, dtype: ops.DType) -> None:
    x, weight, gate = floats(1, 9, 50), weights(2, 37, 50), weights(3, 37, 50)
    bias, gate_bias = floats(4, 37), floats(5, 37)
    both = ops.pack(weight, bias=bias, gate=gate, gate_bias=gate_bias, dtype=dtype, isa=isa)
    assert (both.gated, both.out_features) == (True, 37)
    factor = ops.linear(x, ops.pack(gate, bias=gate_bias, dtype=dtype, isa=isa), activation="silu")
    plain = ops.linear(x, ops.pack(weight, bias=bias, dtype=dtype, isa=isa))
    assert_close(ops.linear(x, both, activation="silu"), factor * plain, FLOAT32)


def test_gate_of_another_shape_is_refused() -> None:
    weight = weights(1, 6, 5)
    with pytest.raises(ValueError, match=r"gate has shape \[5, 5\], expected \[6, 5\]"):
        ops.pack(weight, gate=weights(2, 5, 5))
    gated = ops.pack(weight, gate=weight)
    with pytest.raises(ValueError, match="packed has a gate, expected none"):
        ops.best_tokens(floats(1, 2, 5), gated, 1)


# The middle of many rows is computed a block at a time, and that of bfloat16 never is float32.
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_feed_forward_row_has_the_same_bits_among_any_number_of_rows(
    isa: str, dtype: ops.DType
) -> None:
    x, arguments = floats(1, 300, 30), block(30, 45, 17)
    whole = ops.feed_forward(x, *arguments, dtype=dtype, isa=isa)
    for rows in (1, 2, 31, 127, 128, 129, 257):
        part = ops.feed_forward(x[:rows], *arguments, dtype=dtype, isa=isa)
        np.testing.assert_array_equal(part, whole[:rows], err_msg=f"{rows} rows")


@pytest.mark.parametrize("isa", ISAS)
def test_feed_forward_is_two_linears(isa: str) -> None:
    x, (w1, b1, w2, b2) = floats(1, 9, 20), block(20, 70, 20)
    middle = ops.linear(x, ops.pack(w1, bias=b1, isa=isa), activation="gelu")
    y = ops.linear(middle, ops.pack(w2, bias=b2, isa=isa))
    whole = ops.feed_forward(x, w1, b1, w2, b2, activation="gelu", isa=isa)
    assert whole.tobytes() == y.tobytes()


@pytest.mark.parametrize("isa", ISAS)
def test_bias_of_none_is_zero(isa: str) -> None:
    x, (w1, b1, w2, b2) = floats(1, 9, 20), block(20, 70, 20)
    without = ops.feed_forward(x, w1, None, w2, None, isa=isa)
    zeros = ops.feed_forward(x, w1, 0 * b1, w2, 0 * b2, isa=isa)
    assert without.tobytes() == zeros.tobytes()
    x = floats(1, 2, 9, 20)
    matrices = projections(20, 20, 12, 7)
    biases = [m * 0 if n % 2 else m for n, m in enumerate(matrices)]
    nones = [None if n % 2 else m for n, m in enumerate(matrices)]
    without = ops.multi_head_attention(x, x, *nones, heads=4, isa=isa)
    zeros = ops.multi_head_attention(x, x, *biases, heads=4, isa=isa)
    assert without.tobytes() == zeros.tobytes()
    assert_close(without, reference.multi_head_attention(x, x, *nones, heads=4), FLOAT32)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("heads", [1, 3, 4, 12])
def test_multi_head_attention_matches_reference(isa: str, heads: int) -> None:
    x, memory = floats(1, 3, 20, 18), floats(2, 3, 35, 18)
    arguments = projections(18, 18, 24, 10)
    for x_kv, options in (
        (x, {}),
        (x, {"causal": True}),
        (x, {"causal": True, "lengths": [20, 3, 0]}),
        (memory, {}),
        (memory, {"lengths": [35, 0, 17]}),
    ):
        y = ops.multi_head_attention(x, x_kv, *arguments, heads=heads, isa=isa, **options)
        wanted = reference.multi_head_attention(x, x_kv, *arguments, heads=heads, **options)
        assert_close(y, wanted, FLOAT32, str(options))


@pytest.mark.parametrize("isa", ISAS)
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=30, database=None)
def test_multi_head_attention_matches_reference_on_any_shape(isa: str, data: st.DataObject) -> None:
    def size(most: int, least: int = 1) -> int:
        return data.draw(st.integers(least, most))

    batch, heads, dim, dim_kv = size(3, 0), size(4), size(20), size(20)
    x_q, x_kv = floats(1, batch, size(20, 0), dim), floats(2, batch, size(20, 0), dim_kv)
    arguments = projections(dim, dim_kv, heads * size(9), size(20))
    causal = data.draw(st.booleans())
    y = ops.multi_head_attention(x_q, x_kv, *arguments, heads=heads, causal=causal, isa=isa)
    wanted = reference.multi_head_attention(x_q, x_kv, *arguments, heads=heads, causal=causal)
    assert y.shape == wanted.shape
    assert_close(y, wanted, FLOAT32)


@pytest.mark.parametrize("isa", ISAS)
def test_sentence_has_the_same_bits_in_any_batch(isa: str) -> None:
    x, lengths = floats(1, 5, 40, 16), np.array([40, 1, 13, 39, 8])
    arguments = projections(16, 16, 16, 16)
    together = ops.multi_head_attention(x, x, *arguments, heads=2, lengths=lengths, isa=isa)
    for row in range(5):
        one = slice(row, row + 1)
        alone = ops.multi_head_attention(
            x[one], x[one], *arguments, heads=2, lengths=lengths[one], isa=isa
        )
        assert alone.tobytes() == together[one].tobytes()


def test_packs_nothing_that_the_caller_sees() -> None:
    arguments = [floats(1, 2, 9, 20), floats(2, 2, 9, 20), *projections(20, 20, 12, 7)]
    before = [array.copy() for array in arguments]
    for array in arguments:
        array.flags.writeable = False
    ops.multi_head_attention(*arguments, heads=4)
    for array, old in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(array, old)


FEED_FORWARD = dict(
    zip(["x", "w1", "b1", "w2", "b2"], [floats(1, 3, 5), *block(5, 7, 4)], strict=True)
)
NOT_FLOAT32 = np.zeros((7, 5))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x": floats(1, 3, 4)}, ValueError, "x has shape [3, 4], expected a last axis of 5"),
        ({"x": np.array(1, np.float32)}, ValueError, "x has no axis"),
        ({"x": [1.0]}, TypeError, "x is list, expected a float32 array"),
        ({"w1": floats(2, 7)}, ValueError, "w1 has shape [7], expected [out, in]"),
        ({"w1": NOT_FLOAT32}, TypeError, "w1 has dtype float64, expected float32"),
        ({"w1": None}, TypeError, "w1 is NoneType, expected a float32 array"),
        ({"b1": floats(3, 5)}, ValueError, "b1 has shape [5], expected [7]"),
        ({"b1": 1.0}, TypeError, "b1 is float, expected a float32 array"),
        ({"w2": floats(4, 4, 6)}, ValueError, "w2 has shape [4, 6], expected [any, 7]"),
        ({"w2": floats(4, 4, 0)}, ValueError, "w2 has shape [4, 0], expected no axis of length 0"),
        ({"w2": NOT_FLOAT32}, TypeError, "w2 has dtype float64, expected float32"),
        ({"b2": floats(5, 7)}, ValueError, "b2 has shape [7], expected [4]"),
        ({"b2": np.zeros(4)}, TypeError, "b2 has dtype float64, expected float32"),
        ({"activation": "tanh"}, ValueError, "activation is 'tanh', expected relu, gelu,"),
        ({"activation": None}, TypeError, "activation is NoneType, expected a string"),
    ],
)
def test_feed_forward_names_what_does_not_fit(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        ops.feed_forward(**FEED_FORWARD | changes)
    assert str(raised.value).startswith(f"feed_forward: {message}")


MULTI_HEAD: dict[str, Any] = dict(
    zip(
        ["x_q", "x_kv", "wq", "bq", "wk", "bk", "wv", "bv", "wo", "bo"],
        [floats(1, 2, 3, 5), floats(2, 2, 4, 6), *projections(5, 6, 8, 7)],
        strict=True,
    ),
    heads=2,
)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x_q": floats(1, 3, 5)}, ValueError, "x_q has shape [3, 5], expected [batch, time, dim]"),
        (
            {"x_q": floats(1, 2, 3, 6)},
            ValueError,
            "x_q has shape [2, 3, 6], expected a last axis of 5",
        ),
        ({"x_q": [[[1.0]]]}, TypeError, "x_q is list, expected a float32 array"),
        ({"x_kv": floats(1, 6)}, ValueError, "x_kv has shape [6], expected [batch, time, dim]"),
        (
            {"x_kv": floats(1, 3, 4, 6)},
            ValueError,
            "x_kv has shape [3, 4, 6], expected a batch of 2",
        ),
        (
            {"x_kv": floats(1, 2, 4, 5)},
            ValueError,
            "x_kv has shape [2, 4, 5], expected a last axis of 6",
        ),
        ({"x_kv": None}, TypeError, "x_kv is NoneType, expected a float32 array"),
        ({"wq": floats(3, 8)}, ValueError, "wq has shape [8], expected [out, in]"),
        ({"wk": floats(3, 6, 6), "bk": None}, ValueError, "wk has shape [6, 6], expected [8, any]"),
        ({"wv": floats(3, 6, 6), "bv": None}, ValueError, "wv has shape [6, 6], expected [8, 6]"),
        ({"wo": floats(3, 7, 7)}, ValueError, "wo has shape [7, 7], expected [any, 8]"),
        ({"wo": np.zeros((7, 8))}, TypeError, "wo has dtype float64, expected float32"),
        ({"bq": floats(3, 7)}, ValueError, "bq has shape [7], expected [8]"),
        ({"bk": np.zeros(8)}, TypeError, "bk has dtype float64, expected float32"),
        ({"bv": floats(3, 1, 8)}, ValueError, "bv has shape [1, 8], expected [8]"),
        ({"bo": floats(3, 8)}, ValueError, "bo has shape [8], expected [7]"),
        ({"heads": 3}, ValueError, "heads is 3, expected a divisor of wq's 8 rows"),
        ({"heads": 0}, ValueError, "heads is 0, expected a divisor of wq's 8 rows"),
        ({"heads": -2}, ValueError, "heads is -2, expected a divisor of wq's 8 rows"),
        ({"heads": 2.0}, TypeError, "heads is float, expected an integer"),
        ({"heads": "two"}, TypeError, "heads is str, expected an integer"),
        ({"lengths": [4]}, ValueError, "lengths has shape [1], expected [2]"),
        ({"lengths": [4, 5]}, ValueError, "lengths has 5, expected 0 to 4"),
        ({"lengths": "ab"}, TypeError, "lengths is not an array of integers"),
        ({"causal": "no"}, TypeError, "causal is str, expected True or False"),
    ],
)
def test_multi_head_attention_names_what_does_not_fit(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        ops.multi_head_attention(**MULTI_HEAD | changes)
    assert str(raised.value).startswith(f"multi_head_attention: {message}")
