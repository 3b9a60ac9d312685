import numpy as np
import pytest

from pyattn import ops
from support.inputs import ISAS, Floats, floats, weights
from support.number_types import ROUND_INPUTS, bfloat16, grouped_product, int8_product
from support.tolerances import FLOAT32, assert_close

# Around every width of vector, panel and word of four.
SIZES = [(1, 1), (3, 2), (4, 7), (5, 33), (63, 16), (64, 65), (130, 31), (513, 70)]

# The levels whose arithmetic around the integer sums is float32; the reference's is double.
FAST = [isa for isa in ISAS if isa != "reference"]


@pytest.mark.parametrize("isa", ISAS)
def test_int8_is_the_product_of_whole_numbers(isa: str) -> None:
    for inner, out in SIZES:
        x, weight, bias = floats(1, 9, inner), weights(2, out, inner), floats(3, out)
        y = ops.linear(x, ops.pack(weight, bias=bias, dtype="int8", isa=isa))
        assert_close(y, int8_product(x, weight, bias), FLOAT32, f"{inner} to {out}")


def test_int8_has_the_same_bits_on_every_level() -> None:
    for inner, out in SIZES:
        x, weight, bias = floats(1, 14, inner), weights(2, out, inner), floats(3, out)
        results = [
            ops.linear(x, ops.pack(weight, bias=bias, dtype="int8", isa=isa)) for isa in FAST
        ]
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0], err_msg=f"{inner} to {out}")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("x_sign", [1, -1])
@pytest.mark.parametrize("sign", [1, -1])
def test_int8_does_not_saturate(isa: str, x_sign: int, sign: int) -> None:
    # Inputs at the ends of their range, products of 255 or -128 and 127: two of the former
    # already pass what 16 bits hold.
    x, weight = np.full((3, 4096), x_sign, np.float32), np.full((5, 4096), sign, np.float32)
    y = ops.linear(x, ops.pack(weight, dtype="int8", isa=isa))
    assert_close(y, np.full((3, 5), 4096.0 * sign * x_sign, np.float32), FLOAT32)


def rows_far_from_zero(inner: int) -> Floats:
    """Rows whose neighbours are far to the same side, to both, or now and then; and a wide one."""
    x = floats(1, 9, inner)
    x[0] = np.sign(x[0])
    x[1] = np.where(x[1] > 0, x[1], 0)
    x[2] = 1 + np.abs(x[2]) / 1000
    x[3] = -x[2]
    x[4] = np.where(np.arange(inner) % 2 == 0, 1, -1)
    x[5] = np.where(np.arange(inner) % 4 < 2, 1, -0.5)
    x[6] = x[6] ** 3
    x[7, inner // 2] = 40
    if inner > 1:  # Both ends are halfway between steps, and rounded up: 256 steps apart.
        x[8, 0], x[8, -1] = -101.5, 153.5
    return x


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["int8", "int8_grouped"])
@pytest.mark.parametrize("inner", [1, 2, 5, 31, 64, 511, 512, 515, 1030])
def test_int8_is_exact_for_inputs_far_from_zero(isa: str, dtype: ops.DType, inner: int) -> None:
    x, weight = rows_far_from_zero(inner), weights(2, 37, inner)
    weight[0], weight[1] = 1, -1
    product = int8_product if dtype == "int8" else grouped_product
    for rows in (9, 1, 4):
        y = ops.linear(x[:rows], ops.pack(weight, dtype=dtype, isa=isa))
        assert_close(y, product(x[:rows], weight, np.zeros(37, np.float32)), FLOAT32)
        if dtype == "int8" and isa in FAST:
            portable = ops.linear(x[:rows], ops.pack(weight, dtype=dtype, isa="portable"))
            np.testing.assert_array_equal(y, portable)


@pytest.mark.parametrize("isa", ISAS)
def test_bfloat16_is_the_product_with_rounded_weights(isa: str) -> None:
    for inner, out in SIZES:
        x, weight, bias = floats(1, 9, inner), weights(2, out, inner), floats(3, out)
        y = ops.linear(x, ops.pack(weight, bias=bias, dtype="bfloat16", isa=isa))
        given = x if isa not in ROUND_INPUTS else bfloat16(x)
        rounded = ops.linear(given, ops.pack(bfloat16(weight), bias=bias, isa=isa))
        if isa in ROUND_INPUTS:
            assert_close(y, rounded, FLOAT32, f"{inner} to {out}")
        else:
            np.testing.assert_array_equal(y, rounded, err_msg=f"{inner} to {out}")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "int8_grouped"])
def test_row_has_the_same_bits_among_any_number_of_rows(isa: str, dtype: ops.DType) -> None:
    x, weight, bias = floats(1, 70, 130), weights(2, 65, 130), floats(3, 65)
    packed = ops.pack(weight, bias=bias, dtype=dtype, isa=isa)
    alone = np.stack([ops.linear(row, packed, activation="gelu") for row in x])
    for rows in range(1, 71):
        together = ops.linear(x[:rows], packed, activation="gelu")
        np.testing.assert_array_equal(together, alone[:rows], err_msg=f"{rows} rows")


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("dtype", "inner"), [("int8", 37), ("int8_grouped", 130)])
def test_what_is_not_finite_stays_in_its_row(isa: str, dtype: ops.DType, inner: int) -> None:
    x, weight = floats(1, 5, inner), weights(2, 9, inner)
    packed = ops.pack(weight, dtype=dtype, isa=isa)
    clean = ops.linear(x, packed)
    x[1, -1], x[3, 0] = np.nan, -np.inf
    y = ops.linear(x, packed)
    assert np.isnan(y[[1, 3]]).all()
    np.testing.assert_array_equal(y[[0, 2, 4]], clean[[0, 2, 4]])


@pytest.mark.parametrize("isa", ISAS)
def test_rows_and_columns_of_zeros_give_the_bias(isa: str) -> None:
    x, weight, bias = floats(1, 3, 20), weights(2, 6, 20), floats(3, 6)
    x[1], weight[4] = 0, 0
    y = ops.linear(x, ops.pack(weight, bias=bias, dtype="int8", isa=isa))
    np.testing.assert_array_equal(y[1], bias)
    np.testing.assert_array_equal(y[:, 4], np.full(3, bias[4]))


def test_fewer_bits_take_fewer_bytes() -> None:
    weight = weights(1, 64, 512)
    size = {
        dtype: ops.pack(weight, dtype=dtype).nbytes for dtype in ("float32", "bfloat16", "int8")
    }
    assert 1.9 < size["float32"] / size["bfloat16"] < 2.1
    assert 3.8 < size["float32"] / size["int8"] < 4.1


def test_int8_refuses_sums_that_could_overflow() -> None:
    most = 65536
    x, weight = np.full((2, most), 1, np.float32), np.full((1, most), -1, np.float32)
    y = ops.linear(x, ops.pack(weight, dtype="int8"))
    assert_close(y, np.full((2, 1), -float(most), np.float32), FLOAT32)
    with pytest.raises(ValueError, match="more than 65536 columns"):
        ops.pack(np.ones((1, most + 1), np.float32), dtype="int8")


def test_int8_refuses_weights_that_are_not_finite() -> None:
    weight = weights(1, 4, 4)
    weight[2, 1] = np.inf
    with pytest.raises(ValueError, match="int8 weights must be finite"):
        ops.pack(weight, dtype="int8")
