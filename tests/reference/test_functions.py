"""The NumPy functions against sums written out in double precision, and against what must hold."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyattn import reference
from support.inputs import Floats, floats, weights
from support.tolerances import EXACT, FLOAT32, assert_close

Doubles = npt.NDArray[np.float64]
any_shape = settings(deadline=None, derandomize=True, max_examples=60, database=None)

NUMBERS = np.concatenate([np.linspace(-15, 15, 6001), [0.0, -0.0, 1e-30, -1e-30]]).astype(
    np.float32
)


def normal_tail(x: float) -> float:
    """The probability that a standard normal number is above x."""
    return 0.5 * math.erfc(x / math.sqrt(2))


def test_gelu_is_its_definition() -> None:
    wanted = np.array([float(x) * normal_tail(-float(x)) for x in NUMBERS])
    assert_close(reference.gelu(NUMBERS[None])[0], wanted, FLOAT32)


def test_gelu_keeps_its_digits_left_of_zero() -> None:
    left = NUMBERS[(NUMBERS < 0) & (NUMBERS > -5)]
    wanted = np.array([float(x) * normal_tail(-float(x)) for x in left])
    np.testing.assert_allclose(reference.gelu(left), wanted, rtol=3e-6)


def test_gelu_tanh_is_its_definition() -> None:
    x = NUMBERS.astype(np.float64)
    wanted = x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    assert_close(reference.gelu_tanh(NUMBERS), wanted, FLOAT32)


def test_silu_is_its_definition() -> None:
    x = NUMBERS.astype(np.float64)
    np.testing.assert_allclose(reference.silu(NUMBERS), x / (1 + np.exp(-x)), rtol=1e-6)


def test_relu_is_its_definition() -> None:
    assert_close(reference.relu(NUMBERS), np.where(NUMBERS > 0, NUMBERS, 0), EXACT)


@pytest.mark.parametrize("name", ["relu", "gelu", "gelu_tanh", "silu"])
def test_activation_of_a_huge_number_is_itself_or_zero(name: str) -> None:
    x = np.array([3e38, 1e10, 200, -200, -1e10, -3e38], np.float32)
    assert_close(getattr(reference, name)(x), np.where(x > 0, x, 0), EXACT)


@pytest.mark.parametrize("name", ["relu", "gelu", "gelu_tanh", "silu", "softmax", "log_softmax"])
def test_argument_is_left_as_it_was(name: str) -> None:
    x = floats(1, 3, 5)
    getattr(reference, name)(x)
    assert_close(x, floats(1, 3, 5), EXACT)


def test_rows_of_softmax_sum_to_1() -> None:
    x = 30 * floats(1, 7, 200)
    assert_close(reference.softmax(x).sum(axis=-1), np.ones(7), FLOAT32)


def test_softmax_does_not_care_what_is_added_to_all() -> None:
    x = np.round(floats(1, 7, 20) * 64) / 64  # so that adding is exact
    assert_close(reference.softmax(x + 1024), reference.softmax(x), EXACT)


def test_softmax_of_huge_scores_is_finite() -> None:
    x = np.array([[1e38, -1e38, 1e38], [-1e38, -1e38, -np.inf]], np.float32)
    assert reference.softmax(x).tolist() == [[0.5, 0, 0.5], [0.5, 0.5, 0]]


def test_softmax_of_a_row_that_forbids_all_is_zeros() -> None:
    x = np.array([[-np.inf, -np.inf], [0, -np.inf]], np.float32)
    assert reference.softmax(x).tolist() == [[0, 0], [1, 0]]
    assert reference.log_softmax(x).tolist() == [[-np.inf, -np.inf], [0, -np.inf]]


def test_softmax_of_nothing_is_nothing() -> None:
    assert reference.softmax(np.zeros((2, 0), np.float32)).shape == (2, 0)


def test_log_softmax_is_the_logarithm_of_softmax() -> None:
    x = 5 * floats(1, 7, 200)
    wanted = x - np.log(np.exp(x.astype(np.float64)).sum(axis=-1, keepdims=True))
    assert_close(reference.log_softmax(x), wanted, FLOAT32)


def attention_by_hand(q: Floats, k: Floats, v: Floats, scale: float, bias: Doubles) -> Doubles:
    """One query after the other, in double precision; a bias of -inf hides a key."""
    q, k, v = (x.astype(np.float64) for x in (q, k, v))  # type: ignore[assignment]
    batch, heads, time_q, _ = q.shape
    group = heads // k.shape[1]
    y = np.zeros(q.shape)
    for b, h, i in np.ndindex(batch, heads, time_q):
        scores = k[b, h // group] @ q[b, h, i] * scale + bias[b, h, i]
        seen = np.isfinite(scores)
        if seen.any():
            exponentials = np.exp(scores[seen] - scores[seen].max())
            y[b, h, i] = exponentials / exponentials.sum() @ v[b, h // group][seen]
    return y


@any_shape
@given(data=st.data())
def test_attention_is_its_definition(data: st.DataObject) -> None:
    size = st.integers(1, 9)
    batch, kv_heads, group = (data.draw(st.integers(1, 3)) for _ in range(3))
    heads, time_q, time_k, head_dim = kv_heads * group, *(data.draw(size) for _ in range(3))
    time_k -= data.draw(st.integers(0, 1))
    q = floats(1, batch, heads, time_q, head_dim)
    k, v = (
        floats(2, batch, kv_heads, time_k, head_dim),
        floats(3, batch, kv_heads, time_k, head_dim),
    )
    random = np.random.default_rng(data.draw(st.integers(0, 2**20)))
    full = (batch, heads, time_q, time_k)
    spread = [1 if data.draw(st.booleans()) else n for n in full[:3]] + [time_k]

    options: dict[str, Any] = {}
    hidden = np.zeros(full)
    if data.draw(st.booleans()):
        options["lengths"] = random.integers(0, time_k + 1, batch)
        for b, length in enumerate(options["lengths"]):
            hidden[b, :, :, length:] = -np.inf
            k[b, :, length:] = v[b, :, length:] = np.nan  # is never read
    if data.draw(st.booleans()):
        options["mask"] = random.random(spread) < 0.7
        hidden[~np.broadcast_to(options["mask"], full)] = -np.inf
    if data.draw(st.booleans()):
        options["bias"] = random.standard_normal(spread, np.float32)
        hidden += options["bias"]
    if data.draw(st.booleans()):
        options["causal"] = True
        for i, j in np.ndindex(time_q, time_k):
            if j > i + time_k - time_q:
                hidden[:, :, i, j] = -np.inf
    scale = data.draw(st.sampled_from([None, 1.0, 0.3]))
    y = reference.attention(q, k, v, scale=scale, **options)
    wanted = attention_by_hand(
        q, np.nan_to_num(k), np.nan_to_num(v), head_dim**-0.5 if scale is None else scale, hidden
    )
    assert y.dtype == np.float32
    assert_close(y, wanted, FLOAT32)


def test_query_that_may_see_no_key_gets_zeros() -> None:
    q, k, v = (floats(seed, 2, 1, 3, 4) for seed in (1, 2, 3))
    mask = np.ones((1, 1, 3, 3), bool)
    mask[..., 1, :] = False
    y = reference.attention(q, k, v, mask=mask, lengths=[0, 3])
    assert not y[0].any()
    assert not y[1, :, 1].any()
    assert y[1, :, [0, 2]].all()


def test_later_keys_do_not_change_a_causal_query() -> None:
    q, k, v = (floats(seed, 1, 2, 6, 4) for seed in (1, 2, 3))
    before = reference.attention(q, k, v, causal=True)
    k[:, :, 4:], v[:, :, 4:] = 9, -9
    after = reference.attention(q, k, v, causal=True)
    assert_close(after[:, :, :4], before[:, :, :4], EXACT)
    assert (after[:, :, 4:] != before[:, :, 4:]).any(axis=-1).all()


def test_the_last_queries_of_a_causal_attention_need_no_others() -> None:
    q, k, v = (floats(seed, 1, 2, 6, 4) for seed in (1, 2, 3))
    whole = reference.attention(q, k, v, causal=True)
    assert_close(reference.attention(q[:, :, 4:], k, v, causal=True), whole[:, :, 4:], FLOAT32)


def test_order_of_keys_does_not_matter() -> None:
    q, k, v = (floats(seed, 1, 2, 6, 4) for seed in (1, 2, 3))
    order = [3, 0, 5, 1, 4, 2]
    y = reference.attention(q, k[:, :, order], v[:, :, order])
    assert_close(y, reference.attention(q, k, v), FLOAT32)


def test_multi_head_attention_is_a_sum_over_heads() -> None:
    x_q, x_kv = floats(1, 2, 3, 8), floats(2, 2, 5, 7)
    wq, wk, wv, wo = weights(3, 6, 8), weights(4, 6, 7), weights(5, 6, 7), weights(6, 9, 6)
    bq, bk, bv, bo = floats(7, 6), floats(8, 6), floats(9, 6), floats(10, 9)
    y = reference.multi_head_attention(
        x_q, x_kv, wq, bq, wk, bk, wv, bv, wo, bo, heads=2, lengths=[5, 2]
    )
    hidden = np.zeros((2, 1, 3, 5))
    hidden[1, :, :, 2:] = -np.inf
    wanted = np.zeros((2, 3, 9)) + bo
    for head in (slice(0, 3), slice(3, 6)):
        q, k, v = (
            (x @ w[head].T + b[head])[:, None]
            for x, w, b in ((x_q, wq, bq), (x_kv, wk, bk), (x_kv, wv, bv))
        )
        wanted += attention_by_hand(q, k, v, 3**-0.5, hidden)[:, 0] @ wo[:, head].T
    assert_close(y, wanted, FLOAT32)


# Fewer and more rows than the number from which the product is written the other way round.
@pytest.mark.parametrize("rows", [1, 2, 63, 64, 65])
def test_linear_is_its_definition(rows: int) -> None:
    x, weight, bias = floats(1, rows, 300), weights(2, 37, 300), floats(3, 37)
    wanted = x.astype(np.float64) @ weight.T + bias
    y = reference.linear(x, reference.pack(weight, bias=bias), activation="relu")
    assert_close(y, np.maximum(wanted, 0), FLOAT32)
    assert y.flags.c_contiguous


@pytest.mark.parametrize("leading", [(), (0,), (2, 3)])
def test_linear_keeps_leading_axes(leading: tuple[int, ...]) -> None:
    x, weight = floats(1, *leading, 5), weights(2, 4, 5)
    y = reference.linear(x, reference.pack(weight))
    assert_close(y, (x.astype(np.float64) @ weight.T), FLOAT32)


@pytest.mark.parametrize("activation", ["relu", "gelu", "gelu_tanh", "silu"])
def test_feed_forward_is_its_definition(activation: str) -> None:
    x, w1, w2 = floats(1, 2, 3, 5), weights(2, 7, 5), weights(3, 6, 7)
    b1, b2 = floats(4, 7), floats(5, 6)
    middle = getattr(reference, activation)(x @ w1.T + b1)
    wanted = middle.astype(np.float64) @ w2.T + b2
    assert_close(reference.feed_forward(x, w1, b1, w2, b2, activation=activation), wanted, FLOAT32)


@pytest.mark.parametrize("dim", [1, 2, 7, 64, 513])
def test_layer_norm_is_its_definition(dim: int) -> None:
    x, gamma, beta = 3 * floats(1, 4, dim) + 2, floats(2, dim), floats(3, dim)
    wide = x.astype(np.float64)
    centred = wide - wide.mean(axis=-1, keepdims=True)
    wanted = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 0.01) * gamma + beta
    assert_close(reference.layer_norm(x, gamma, beta, epsilon=0.01), wanted, FLOAT32)


def test_constant_row_is_beta() -> None:
    beta = floats(1, 8)
    y = reference.layer_norm(np.full((2, 8), 5, np.float32), floats(2, 8), beta)
    assert_close(y, np.stack([beta, beta]), EXACT)


def test_mean_that_outweighs_the_deviation_costs_no_digits() -> None:
    # Of E[x**2] - E[x]**2 float32 would have kept nothing here; sums of these are exact.
    x = np.tile(np.array([4096.25, 4095.75], np.float32), 4)
    y = reference.layer_norm(x, np.ones(8, np.float32), np.zeros(8, np.float32), epsilon=0.0)
    assert_close(y, np.tile([1.0, -1.0], 4), EXACT)


@pytest.mark.parametrize("dim", [1, 2, 7, 64, 513])
def test_rms_norm_is_its_definition(dim: int) -> None:
    x, gamma = 3 * floats(1, 4, dim) + 2, floats(2, dim)
    wide = x.astype(np.float64)
    wanted = wide / np.sqrt((wide**2).mean(axis=-1, keepdims=True) + 0.01) * gamma
    assert_close(reference.rms_norm(x, gamma, epsilon=0.01), wanted, FLOAT32)


def test_positions_are_sines_and_then_cosines() -> None:
    table = reference.sinusoidal_positions(3, 4)
    wanted = [[math.sin(p), math.sin(p / 100), math.cos(p), math.cos(p / 100)] for p in range(3)]
    assert_close(table, wanted, FLOAT32)
    assert table.dtype == np.float32


def test_positions_may_start_anywhere() -> None:
    for t2t in (False, True):
        table = reference.sinusoidal_positions(9, 6, t2t=t2t)
        assert_close(reference.sinusoidal_positions(4, 6, first=5, t2t=t2t), table[5:], EXACT)


def test_the_longest_wave_of_tensor2tensor_has_10000_times_the_shortest() -> None:
    [row] = reference.sinusoidal_positions(1, 6, first=7, t2t=True)
    angles = [7, 7 / 100, 7 / 10000]
    assert_close(row, [*map(math.sin, angles), *map(math.cos, angles)], FLOAT32)
    [row] = reference.sinusoidal_positions(1, 2, first=7, t2t=True)
    assert_close(row, [math.sin(7), math.cos(7)], FLOAT32)


def test_positions_before_the_first_do_not_exist() -> None:
    with pytest.raises(ValueError, match="first is -1, expected at least 0"):
        reference.sinusoidal_positions(1, 2, first=-1)


def test_sines_get_the_larger_half_of_an_odd_dim() -> None:
    [row] = reference.sinusoidal_positions(2, 3)[1:]
    angle = 10000 ** (-2 / 3)
    assert_close(row, [math.sin(1), math.sin(angle), math.cos(1)], FLOAT32)


Q, K = floats(1, 2, 4, 3, 5), floats(2, 2, 2, 6, 5)
X, W, B = floats(1, 3, 5), floats(2, 7, 5), floats(3, 7)


@pytest.mark.parametrize(
    ("operation", "arguments", "options", "error", "message"),
    [
        ("attention", (Q, K[:1], K), {}, ValueError, "k has shape [1, 2, 6, 5], expected [2, "),
        ("attention", (Q, K, K[:, :, 1:]), {}, ValueError, "v has shape [2, 2, 5, 5], expected [2"),
        ("attention", (Q[0], K, K), {}, ValueError, "q has shape [4, 3, 5], expected [any, any,"),
        ("attention", (Q[:, :3], K, K), {}, ValueError, "q has 3 heads, expected a multiple of"),
        ("attention", (Q[..., :0], K[..., :0], K[..., :0]), {}, ValueError, "q has shape [2, 4, "),
        ("attention", (Q.tolist(), K, K), {}, TypeError, "q is list, expected a float32 array"),
        ("attention", (Q, K.astype(float), K), {}, TypeError, "k has dtype float64, expected fl"),
        ("attention", (Q, K, K), {"lengths": [7, 0]}, ValueError, "lengths has 7, expected 0 to 6"),
        ("attention", (Q, K, K), {"lengths": [-1, 0]}, ValueError, "lengths has -1, expected 0 t"),
        (
            "attention",
            (Q, K, K),
            {"lengths": [1]},
            ValueError,
            "lengths has shape [1], expected [2",
        ),
        ("attention", (Q, K, K), {"lengths": [1.0, 2.0]}, TypeError, "lengths has dtype float64"),
        ("attention", (Q, K, K), {"mask": np.ones((3, 6), bool)}, ValueError, "mask has shape [3"),
        ("attention", (Q, K, K), {"mask": np.ones((1, 1, 3, 6))}, TypeError, "mask has dtype fl"),
        ("attention", (Q, K, K), {"bias": floats(1, 2, 2, 3, 6)}, ValueError, "bias has shape [2"),
        ("layer_norm", (X, B, B), {}, ValueError, "gamma has shape [7], expected [5]"),
        ("layer_norm", (X, X[0], B), {}, ValueError, "beta has shape [7], expected [5]"),
        ("layer_norm", (X, X[0], X[0]), {"epsilon": -1.0}, ValueError, "epsilon is negative"),
        ("rms_norm", (X[:, :0], B), {}, ValueError, "x has rows of length 0, expected at least"),
        ("rms_norm", (X, B), {}, ValueError, "gamma has shape [7], expected [5]"),
        ("pack", (W[0],), {}, ValueError, "weight has shape [5], expected [any, any]"),
        ("pack", (W,), {"bias": X[0]}, ValueError, "bias has shape [5], expected [7]"),
        ("pack", (W,), {"dtype": "int4"}, ValueError, "dtype is 'int4', expected 'float32'"),
        ("linear", (B, reference.pack(W)), {}, ValueError, "x has shape [7], expected a last axis"),
        (
            "linear",
            (X, reference.pack(W)),
            {"activation": "tanh"},
            ValueError,
            "activation is 'tanh', expected one of relu, gelu, gelu_tanh, silu",
        ),
        ("feed_forward", (X, W, X[0], W.T, None), {}, ValueError, "b1 has shape [5], expected [7]"),
        (
            "feed_forward",
            (X, W, B, W, None),
            {},
            ValueError,
            "w2 has shape [7, 5], expected [any, 7",
        ),
        ("softmax", (np.float32(1),), {}, TypeError, "x is float32, expected a float32 array"),
        (
            "gelu",
            (np.array(1, np.float32),),
            {},
            ValueError,
            "x has no axis, expected at least one",
        ),
        (
            "sinusoidal_positions",
            (-1, 4),
            {},
            ValueError,
            "count and dim are -1 and 4, expected at",
        ),
        ("padding_mask", ([4], 3), {}, ValueError, "lengths has 4, expected 0 to 3"),
    ],
)
def test_what_does_not_fit_is_named(
    operation: str,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error) as raised:
        getattr(reference, operation)(*arguments, **options)
    assert str(raised.value).startswith(f"{operation}: {message}")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (2, weights(1, 6, 9), "wq has shape [6, 9], expected [any, 8]"),
        (3, floats(1, 5), "bq has shape [5], expected [6]"),
        (4, weights(1, 5, 7), "wk has shape [5, 7], expected [6, 7]"),
        (8, weights(1, 9, 5), "wo has shape [9, 5], expected [any, 6]"),
        (9, floats(1, 6), "bo has shape [6], expected [9]"),
        (1, floats(1, 3, 5, 7), "x_kv has shape [3, 5, 7], expected [2, any, any]"),
    ],
)
def test_projection_that_does_not_fit_is_named(place: int, value: Floats, message: str) -> None:
    arguments: list[Any] = [floats(1, 2, 3, 8), floats(2, 2, 5, 7)]
    for out, inner in ((6, 8), (6, 7), (6, 7), (9, 6)):
        arguments += [weights(3, out, inner), None]
    arguments[place] = value
    with pytest.raises(ValueError, match="multi_head_attention") as raised:
        reference.multi_head_attention(*arguments, heads=2)
    assert str(raised.value) == f"multi_head_attention: {message}"


@pytest.mark.parametrize("heads", [0, 4, -2])
def test_heads_that_do_not_divide_the_queries_are_named(heads: int) -> None:
    projections = [part for _ in range(4) for part in (weights(1, 6, 6), None)]
    with pytest.raises(ValueError, match=f"heads is {heads}, expected a divisor of wq's 6 rows"):
        reference.multi_head_attention(
            floats(1, 1, 2, 6), floats(2, 1, 2, 6), *projections, heads=heads
        )
