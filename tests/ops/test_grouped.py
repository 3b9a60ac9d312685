"""int8 products whose inputs have a scale for each group of 64."""

import numpy as np
import pytest

from pyattn import ops
from support.inputs import FUSED, ISAS, Floats, floats, weights
from support.number_types import grouped_product
from support.tolerances import FLOAT32, assert_close

# Around every width of vector, panel, word of four and group.
SIZES = [(1, 1), (3, 2), (33, 31), (63, 16), (64, 65), (65, 33), (130, 31), (513, 70)]


@pytest.mark.parametrize("isa", ISAS)
def test_is_the_sum_of_the_products_of_groups(isa: str) -> None:
    for inner, out in SIZES:
        x, weight, bias = floats(1, 19, inner), weights(2, out, inner), floats(3, out)
        wanted = grouped_product(x, weight, bias)
        packed = ops.pack(weight, bias=bias, dtype="int8_grouped", isa=isa)
        for rows in (1, 3, 19):
            y = ops.linear(x[:rows], packed)
            assert_close(y, wanted[:rows], FLOAT32, f"{rows} rows, {inner} to {out}")


@pytest.mark.parametrize("isa", ISAS)
def test_gates_are_those_of_the_groups(isa: str) -> None:
    x, up, gate = floats(1, 19, 70), weights(2, 37, 70), weights(3, 37, 70)
    packed = ops.pack(up, gate=gate, dtype="int8_grouped", isa=isa)
    plain = [ops.linear(x, ops.pack(one, dtype="int8_grouped", isa=isa)) for one in (gate, up)]
    y = ops.linear(x, packed, activation="relu")
    assert_close(y, np.maximum(plain[0], 0) * plain[1], FLOAT32)


@pytest.mark.parametrize("isa", ISAS)
def test_feed_forward_multiplies_the_groups_of_its_middle(isa: str) -> None:
    x, up, down = floats(1, 150, 40), weights(2, 200, 40), weights(3, 40, 200)
    up_bias, down_bias = floats(4, 200), floats(5, 40)
    first = ops.pack(up, bias=up_bias, dtype="int8_grouped", isa=isa)
    middle = ops.linear(x, first, activation="relu")
    y = ops.feed_forward(
        x, up, up_bias, down, down_bias, activation="relu", dtype="int8_grouped", isa=isa
    )
    assert_close(y, grouped_product(middle, down, down_bias), FLOAT32)


def test_has_the_same_bits_on_every_level() -> None:
    for inner, out in SIZES:
        x, weight, bias = floats(1, 14, inner), weights(2, out, inner), floats(3, out)
        results = [
            ops.linear(x, ops.pack(weight, bias=bias, dtype="int8_grouped", isa=isa))
            for isa in FUSED
        ]
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0], err_msg=f"{inner} to {out}")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("x_sign", [1, -1])
def test_does_not_saturate(isa: str, x_sign: int, sign: int) -> None:
    x, weight = np.full((3, 4096), x_sign, np.float32), np.full((5, 4096), sign, np.float32)
    y = ops.linear(x, ops.pack(weight, dtype="int8_grouped", isa=isa))
    assert_close(y, np.full((3, 5), 4096.0 * sign * x_sign, np.float32), FLOAT32)


@pytest.mark.parametrize("isa", ISAS)
def test_rows_groups_and_columns_of_zeros_add_nothing(isa: str) -> None:
    x, weight, bias = floats(1, 3, 100), weights(2, 6, 100), floats(3, 6)
    x[1], weight[4] = 0, 0
    x[2, :64] = 0
    packed = ops.pack(weight, bias=bias, dtype="int8_grouped", isa=isa)
    y = ops.linear(x, packed)
    np.testing.assert_array_equal(y[1], bias)
    np.testing.assert_array_equal(y[:, 4], np.full(3, bias[4]))
    cut = weights_without(weight, 64)
    rest = ops.linear(x, ops.pack(cut, bias=bias, dtype="int8_grouped", isa=isa))
    weight_error = np.abs(x[2]).sum() * np.abs(weight).max() / 127
    np.testing.assert_allclose(y[2], rest[2], atol=weight_error)


def weights_without(weight: Floats, inputs: int) -> Floats:
    left = weight.copy()
    left[:, :inputs] = 0
    return left


def relative_error(found: Floats, exact: Floats) -> float:
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize("isa", ISAS)
def test_outliers_cost_other_groups_nothing(isa: str) -> None:
    # As in the feed-forwards of large models: a few inputs far above the others.
    x, weight = floats(1, 20, 3072), weights(2, 64, 3072)
    x[:, [100, 1000, 2000]] *= 30
    exact = (x.astype(np.float64) @ weight.T.astype(np.float64)).astype(np.float32)
    error = {
        dtype: relative_error(ops.linear(x, ops.pack(weight, dtype=dtype, isa=isa)), exact)
        for dtype in ("int8", "int8_grouped")
    }
    assert error["int8"] > 3 * error["int8_grouped"]
    assert error["int8_grouped"] < 0.02


def test_takes_hardly_more_bytes_than_int8() -> None:
    weight = weights(1, 64, 512)
    size = {dtype: ops.pack(weight, dtype=dtype).nbytes for dtype in ("int8", "int8_grouped")}
    assert 1.04 < size["int8_grouped"] / size["int8"] < 1.07


def test_vocabularies_have_no_groups() -> None:
    packed = ops.pack(weights(1, 90, 64), dtype="int8_grouped")
    with pytest.raises(ValueError, match="output is in int8_grouped"):
        ops.best_tokens(floats(2, 3, 64), packed, 1, columns=[1, 2, 3])
