"""Products with int4 weights: as int8 products with the weights that they compress, bit by bit."""

from typing import Any

import numpy as np
import pytest

from pyattn import ops
from pyattn.files.quantized import quantize_int4
from support.inputs import ISAS, Floats, floats, weights
from support.number_types import inputs_to_int8
from support.tolerances import FLOAT32, assert_close

# Around every width of vector, panel, word of four, pair of words and group of 32.
SIZES = [(1, 1), (3, 2), (7, 7), (33, 31), (64, 16), (65, 65), (130, 33), (513, 70)]
FAST = [isa for isa in ISAS if isa != "reference"]


def whole_weights(weight: Floats) -> tuple[Floats, Floats]:
    """Rows in whole numbers of the scale that makes the largest one 120: the best of 30 scales."""
    scale = np.abs(weight).max(axis=1, keepdims=True) / np.float32(120)
    rows, columns = weight.shape
    padded = np.zeros((rows, -(-columns // 32) * 32))
    padded[:, :columns] = weight / np.where(scale > 0, scale, 1)
    groups = padded.reshape(rows, -1, 1, 32)
    steps = np.array([sign * size for size in range(1, 16) for sign in (1, -1)])[:, None]
    tried = np.clip(np.rint(groups / steps), -8, 7) * steps
    best = np.square(groups - tried).sum(axis=-1).argmin(axis=-1)
    chosen = np.take_along_axis(tried, best[..., None, None], axis=2)
    return chosen.reshape(rows, -1)[:, :columns].astype(np.float32), scale


@pytest.mark.parametrize("isa", ISAS)
def test_is_the_product_of_whole_numbers(isa: str) -> None:
    for inner, out in SIZES:
        x, weight, bias = floats(1, 19, inner), weights(2, out, inner), floats(3, out)
        stored = quantize_int4(weight)
        assert stored.scale is not None
        (x_whole, x_scale), w_scale = inputs_to_int8(x), stored.scale[:, None]
        wanted = (x_whole @ stored.whole().T.astype(np.float32)) * (x_scale * w_scale.T) + bias
        packed = ops.pack(weight, bias=bias, dtype="int4", isa=isa)
        for rows in (1, 3, 19):
            y = ops.linear(x[:rows], packed)
            assert_close(y, wanted[:rows], FLOAT32, f"{rows} rows, {inner} to {out}")


def test_rounding_has_the_least_error_of_any_scales() -> None:
    for inner, out in SIZES:
        weight = weights(2, out, inner)
        stored = quantize_int4(weight)
        best, scale = whole_weights(weight)
        wanted = np.linalg.norm(best * scale - weight)
        found = np.linalg.norm(stored.float32() - weight)
        # Errors are measured in parts of a scale.
        assert found <= wanted * 1.001 + 1e-6, f"{inner} to {out}"


@pytest.mark.parametrize("isa", ISAS)
def test_gates_are_those_of_the_whole_numbers(isa: str) -> None:
    x, up, gate = floats(1, 19, 70), weights(2, 37, 70), weights(3, 37, 70)
    packed = ops.pack(up, gate=gate, dtype="int4", isa=isa)
    plain = [ops.linear(x, ops.pack(part, dtype="int4", isa=isa)) for part in (gate, up)]
    y = ops.linear(x, packed, activation="relu")
    assert_close(y, np.maximum(plain[0], 0) * plain[1], FLOAT32)


def test_has_the_same_bits_on_every_level() -> None:
    for inner, out in SIZES:
        x, weight, bias = floats(1, 14, inner), weights(2, out, inner), floats(3, out)
        results = [
            ops.linear(x, ops.pack(weight, bias=bias, dtype="int4", isa=isa)) for isa in FAST
        ]
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0], err_msg=f"{inner} to {out}")


@pytest.mark.parametrize("isa", ISAS)
def test_row_has_the_same_bits_among_any_number_of_rows(isa: str) -> None:
    x, weight, bias = floats(1, 40, 130), weights(2, 65, 130), floats(3, 65)
    packed = ops.pack(weight, bias=bias, dtype="int4", isa=isa)
    alone = np.stack([ops.linear(row, packed, activation="gelu") for row in x])
    for rows in range(1, 41):
        together = ops.linear(x[:rows], packed, activation="gelu")
        np.testing.assert_array_equal(together, alone[:rows], err_msg=f"{rows} rows")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("rows", [2, 40])
@pytest.mark.parametrize("x_sign", [1, -1])
def test_does_not_saturate(isa: str, rows: int, x_sign: int) -> None:
    # The ends of all ranges: inputs of 255 or -128, weights of -8 and 7 times 15.
    x = np.full((rows, 65536), x_sign, np.float32)
    weight = np.ones((3, 65536), np.float32)
    weight[1] = -1
    weight[2, ::2] = -7 / 8
    y = ops.linear(x, ops.pack(weight, dtype="int4", isa=isa))
    wanted = np.tile(weight.sum(axis=1), (rows, 1)) * x_sign
    assert_close(y, wanted, FLOAT32)


@pytest.mark.parametrize("isa", ISAS)
def test_rows_and_columns_of_zeros_give_the_bias(isa: str) -> None:
    x, weight, bias = floats(1, 3, 20), weights(2, 6, 20), floats(3, 6)
    x[1], weight[4] = 0, 0
    y = ops.linear(x, ops.pack(weight, bias=bias, dtype="int4", isa=isa))
    np.testing.assert_array_equal(y[1], bias)
    np.testing.assert_array_equal(y[:, 4], np.full(3, bias[4]))


@pytest.mark.parametrize("isa", ISAS)
def test_selected_columns_are_those_of_the_whole_product(isa: str) -> None:
    x, weight = floats(1, 5, 130), weights(2, 90, 130)
    packed = ops.pack(weight, dtype="int4", isa=isa)
    every = list(range(90))
    ids, scores = ops.best_tokens(x, packed, 7, columns=every)
    wanted_ids, wanted = ops.best_tokens(x, packed, 7)
    np.testing.assert_array_equal(ids, wanted_ids)
    np.testing.assert_array_equal(scores, wanted)
    few = [3, 17, 31, 32, 33, 64, 89]
    ids, _ = ops.best_tokens(x, packed, 1, columns=few)
    logits = ops.linear(x, packed)[:, few]
    np.testing.assert_array_equal(ids[:, 0], np.array(few)[logits.argmax(axis=1)])


def test_takes_little_more_than_half_a_byte_per_weight() -> None:
    size = {dtype: ops.pack(weights(1, 64, 512), dtype=dtype).nbytes for dtype in ("int8", "int4")}
    # Per output, there is a float of the bias, one of the scale, and a sum.
    assert size["int4"] - 64 * 12 == 64 * 512 * 17 // 32
    assert size["int8"] - 64 * 12 == 64 * 512


def test_refuses_what_does_not_fit() -> None:
    weight = weights(1, 4, 4)
    weight[2, 1] = np.inf
    with pytest.raises(ValueError, match="int4 weights must be finite"):
        ops.pack(weight, dtype="int4")
    with pytest.raises(ValueError, match="more than 65536 columns"):
        ops.pack(np.ones((1, 65537), np.float32), dtype="int4")
    q = floats(1, 1, 1, 2, 4)
    int4: Any = "int4"
    with pytest.raises(ValueError, match="dtype is int4, expected float32 or bfloat16"):
        ops.attention(q, q, q, dtype=int4)
