from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyattn import ops, reference
from support.inputs import ISAS, Floats, floats
from support.tolerances import FLOAT32, assert_close

DIMS = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 511, 512, 513]


def layer_norm(x: Floats, isa: str | None = None, **options: Any) -> Floats:
    """Of the C++ core if a level is given, else of the reference."""
    dim = x.shape[-1]
    gamma, beta = floats(2, dim), floats(3, dim)
    if isa is None:
        return reference.layer_norm(x, gamma, beta, **options)
    return ops.layer_norm(x, gamma, beta, isa=isa, **options)


def rms_norm(x: Floats, isa: str | None = None, **options: Any) -> Floats:
    """Of the C++ core if a level is given, else of the reference."""
    gamma = floats(2, x.shape[-1])
    if isa is None:
        return reference.rms_norm(x, gamma, **options)
    return ops.rms_norm(x, gamma, isa=isa, **options)


each_norm = pytest.mark.parametrize("norm", [layer_norm, rms_norm])
Norm = Callable[..., Floats]


@each_norm
@pytest.mark.parametrize("isa", ISAS)
def test_matches_reference_at_every_width(isa: str, norm: Norm) -> None:
    for dim in DIMS:
        for rows in (1, 5):
            x = floats(1, rows, dim)
            assert_close(norm(x, isa), norm(x), FLOAT32, f"{rows} rows of {dim}")


@each_norm
@pytest.mark.parametrize("isa", ISAS)
@given(data=st.data())
@settings(deadline=None, derandomize=True, max_examples=40, database=None)
def test_matches_reference_on_any_shape(isa: str, norm: Norm, data: st.DataObject) -> None:
    leading = data.draw(st.lists(st.integers(0, 5), max_size=3))
    x = floats(1, *leading, data.draw(st.integers(1, 150)))
    # The further the mean from zero, the more of the digits are the mean's.
    x = (x + np.float32(data.draw(st.integers(-3, 3)))) * np.float32(
        2.0 ** data.draw(st.integers(-6, 20))
    )
    epsilon = data.draw(st.sampled_from([1e-12, 1e-6, 1e-5, 0.5]))
    assert_close(norm(x, isa, epsilon=epsilon), norm(x, epsilon=epsilon), FLOAT32)


@each_norm
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("leading", [(), (1,), (0,), (2, 0), (2, 3), (2, 1, 3)])
def test_leading_axes_are_kept(isa: str, norm: Norm, leading: tuple[int, ...]) -> None:
    x = floats(1, *leading, 19)
    y = norm(x, isa)
    assert y.shape == x.shape
    assert y.dtype == np.float32
    assert_close(y, norm(x), FLOAT32)


@each_norm
@pytest.mark.parametrize("isa", ISAS)
def test_row_has_the_same_bits_in_any_batch(isa: str, norm: Norm) -> None:
    # The last size is worth several threads.
    for rows, dim in [(1, 64), (3, 64), (70, 33), (700, 500)]:
        x = floats(1, rows, dim)
        together = norm(x, isa)
        for row in {0, rows // 2, rows - 1}:
            assert norm(x[row], isa).tobytes() == together[row].tobytes(), (rows, dim, row)


@each_norm
@pytest.mark.parametrize("isa", ISAS)
def test_arrays_of_any_layout_give_the_same_bits(isa: str, norm: Norm) -> None:
    x = floats(1, 6, 37)
    y = norm(x, isa).tobytes()
    wide = np.full((12, 74), np.nan, np.float32)
    wide[::2, ::2] = x
    moved = np.empty(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    moved[...] = x
    for other in (wide[::2, ::2], np.asfortranarray(x), x[::-1, ::-1].copy()[::-1, ::-1], moved):
        assert norm(other, isa).tobytes() == y


@pytest.mark.parametrize("isa", ISAS)
def test_constant_row_is_beta(isa: str) -> None:
    for dim in DIMS:
        gamma, beta = floats(2, dim), floats(3, dim)
        # Sums of these are exact, and so is the mean.
        for constant in (0.0, 1.0, -3.0, 1024.0):
            x = np.full((2, dim), constant, np.float32)
            y = ops.layer_norm(x, gamma, beta, isa=isa)
            np.testing.assert_array_equal(y, np.broadcast_to(beta, y.shape), err_msg=str(dim))


@pytest.mark.parametrize("isa", ISAS)
def test_row_of_zeros_stays_zero(isa: str) -> None:
    assert not rms_norm(np.zeros((2, 37), np.float32), isa).any()


@pytest.mark.parametrize("isa", ISAS)
def test_mean_that_outweighs_the_deviation_costs_no_digits(isa: str) -> None:
    # E[x^2] - E[x]^2 in float32 would be off by more than the variance itself here.
    x = floats(1, 4, 512) + np.float32(4096)
    one, zero = np.ones(512, np.float32), np.zeros(512, np.float32)
    exact = x.astype(np.float64)
    exact -= exact.mean(axis=-1, keepdims=True)
    exact /= np.sqrt((exact**2).mean(axis=-1, keepdims=True) + 1e-5)
    # What is left is the rounding of the mean itself, some units of 2**-11.
    np.testing.assert_allclose(ops.layer_norm(x, one, zero, isa=isa), exact, atol=4 * 2**-11)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("outliers", [1, 4, 16, 64, 448])
def test_beginning_unlike_the_rest_costs_no_digits(isa: str, outliers: int) -> None:
    # Its mean is what the sums of squares are taken around.
    x = floats(1, 5, 512)
    x[:, :outliers] += np.float32(1000)
    assert_close(layer_norm(x, isa), layer_norm(x), FLOAT32)


@each_norm
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_row_that_is_no_number_stays_so_and_alone(isa: str, norm: Norm, bad: float) -> None:
    x = floats(1, 3, 37)
    clean = norm(x, isa)
    x[1, 30] = bad
    y = norm(x, isa)
    assert y[[0, 2]].tobytes() == clean[[0, 2]].tobytes()
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(np.isnan(y), np.isnan(norm(x)))
    assert np.isnan(y[1, 30])


@each_norm
@pytest.mark.parametrize("isa", ISAS)
def test_denormals_are_zero_or_right(isa: str, norm: Norm) -> None:
    x = np.full((2, 37), 1e-41, np.float32)
    x[:, ::2] = -1e-41
    assert_close(norm(x, isa), norm(x), FLOAT32)


X, GAMMA, BETA = floats(1, 3, 5), floats(2, 5), floats(3, 5)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"gamma": floats(2, 4)}, ValueError, "gamma has shape [4], expected [5]"),
        ({"gamma": floats(2, 1, 5)}, ValueError, "gamma has shape [1, 5], expected [5]"),
        ({"x": floats(1, 3, 4)}, ValueError, "gamma has shape [5], expected [4]"),
        ({"x": floats(1, 3, 0)}, ValueError, "x has rows of length 0, expected at least one"),
        ({"x": np.array(1, np.float32)}, ValueError, "x has no axis, expected at least one"),
        ({"x": X.astype(np.float64)}, TypeError, "x has dtype float64, expected float32"),
        ({"x": X.tolist()}, TypeError, "x is list, expected a float32 array"),
        ({"gamma": GAMMA.astype(">f4")}, TypeError, "gamma has dtype >f4, expected float32"),
        ({"gamma": None}, TypeError, "gamma is NoneType, expected a float32 array"),
        ({"epsilon": -1e-5}, ValueError, "epsilon is negative or not a number"),
        ({"epsilon": float("nan")}, ValueError, "epsilon is negative or not a number"),
        ({"epsilon": "small"}, TypeError, "epsilon is str, expected a number"),
    ],
)
@pytest.mark.parametrize("operation", ["layer_norm", "rms_norm"])
def test_what_does_not_fit_is_named(
    operation: str, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {"x": X, "gamma": GAMMA}
    if operation == "layer_norm":
        arguments["beta"] = BETA
    arguments |= changes
    with pytest.raises(error) as raised:
        getattr(ops, operation)(**arguments)
    assert str(raised.value).startswith(f"{operation}: {message}")


@pytest.mark.parametrize(
    ("beta", "error", "message"),
    [
        (floats(3, 4), ValueError, "layer_norm: beta has shape [4], expected [5]"),
        (np.zeros(5), TypeError, "layer_norm: beta has dtype float64, expected float32"),
        (None, TypeError, "layer_norm: beta is NoneType, expected a float32 array"),
    ],
)
def test_beta_that_does_not_fit_is_named(beta: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        ops.layer_norm(X, GAMMA, beta)
    assert str(raised.value) == message
