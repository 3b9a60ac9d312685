"""The search of the vocabulary gives the answers of the whole product, bit by bit."""

import dataclasses
import functools
import itertools

import numpy as np
import numpy.typing as npt
import pytest

from pyattn import _core
from pyattn.running.vocabulary_search import search_parts
from pyattn.search_parts import NORMS, SearchParts
from support.lanes import but_slow

Floats = npt.NDArray[np.float32]

DIM, VOCAB = 64, 1203
LEVELS = [isa for isa in reversed(_core.isas()) if isa != "reference"]


@functools.cache
def trained_like() -> tuple[Floats, Floats, Floats]:
    """Weights, biases and states of which few directions matter and each has a clear best token."""
    rng = np.random.default_rng(3)
    turn, _ = np.linalg.qr(rng.standard_normal((DIM, DIM)))
    decay = 0.93 ** np.arange(DIM)
    weights = (rng.standard_normal((VOCAB, DIM)) * decay) @ turn
    meant = weights[rng.integers(0, VOCAB, 1500)]
    noise = (rng.standard_normal(meant.shape) * decay) @ turn
    states = 1.5 * meant + 0.5 * noise
    bias = rng.standard_normal(VOCAB)
    return weights.astype(np.float32), bias.astype(np.float32), states.astype(np.float32)


def packed(weights: Floats, bias: Floats, dtype: str, isa: str | None) -> _core.PackedLinear:
    return _core.pack("test", "weights", weights, "bias", bias, dtype, isa)


@functools.cache
def made(dtype: str, isa: str | None) -> tuple[_core.VocabularySearch, SearchParts]:
    weights, bias, states = trained_like()
    output = packed(weights, bias, dtype, isa)
    parts = parts_of(output, states, dtype)
    assert parts is not None
    return _core.VocabularySearch(output, parts), parts


def parts_of(
    output: _core.PackedLinear, states: Floats, dtype: str, most_cost: float = 0.85
) -> SearchParts | None:
    rows = functools.partial(_core.output_rows, output)
    return search_parts(states, rows, output.out_features, dtype, most_cost)


def assert_same(
    search: _core.VocabularySearch, x: Floats, *, apart: tuple[int, ...] = (), batch: int = 7
) -> None:
    given = list(apart)
    ids, logits, own = search.best(x, given, True, batch, False, False)
    whole = search.best(x, given, True, batch, True, False)
    np.testing.assert_array_equal(ids, whole[0])
    np.testing.assert_array_equal(logits, whole[1])
    np.testing.assert_array_equal(own, whole[2])
    without = search.best(x, given, False, batch, False, False)
    np.testing.assert_array_equal(ids, without[0])


@pytest.mark.parametrize("dtype", ["int8", "float32", "bfloat16"])
@pytest.mark.parametrize("isa", but_slow(LEVELS, *LEVELS[1:]))
@pytest.mark.parametrize("batch", [1, 7, 200])
def test_the_best_token_and_its_logit_are_those_of_the_whole_product(
    dtype: str, isa: str, batch: int
) -> None:
    search, _ = made(dtype, isa)
    assert_same(search, trained_like()[2][:200], batch=batch)


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_a_bias_need_not_be(dtype: str) -> None:
    weights, bias, states = trained_like()
    output = packed(weights, np.zeros_like(bias), dtype, None)
    parts = parts_of(output, states, dtype)
    assert parts is not None
    assert parts.axes.shape == (DIM, DIM)
    assert_same(_core.VocabularySearch(output, parts), states[:100])


def test_the_kernels_definition_gives_the_same_tokens() -> None:
    search, _ = made("int8", "reference")
    assert_same(search, trained_like()[2][:9], batch=4)


@pytest.mark.parametrize("dtype", ["int8", "float32", "bfloat16"])
def test_most_of_the_product_is_left_out(dtype: str) -> None:
    search, _ = made(dtype, None)
    before = search.counts
    search.best(trained_like()[2][:200], [], True, 10, False, False)
    rows, whole, logits = np.subtract(search.counts, before)
    assert rows == 200
    assert whole <= 10
    assert logits / rows < 0.02 * VOCAB


@pytest.mark.parametrize("apart", [(0,), (5, 6, 700), (0, 31, 32, VOCAB - 1)])
def test_tokens_apart_are_left_out_and_have_their_logits(apart: tuple[int, ...]) -> None:
    search, _ = made("int8", None)
    best = search.best(trained_like()[2][:20], [], True, 20, False, False)[0]
    assert_same(search, trained_like()[2][:60], apart=apart)
    assert_same(search, trained_like()[2][:20], apart=tuple(sorted(set(best.tolist())))[:16])


@pytest.mark.parametrize("dtype", ["int8", "float32", "bfloat16"])
def test_bounds_hold(dtype: str) -> None:
    """By the definition, in float64, for states that the axes were not made for as well."""
    weights, bias, states = trained_like()
    output = packed(weights, bias, dtype, None)
    read, read_bias = _core.output_rows(output, 0, VOCAB)
    _, parts = made(dtype, None)
    rng = np.random.default_rng(0)
    x = np.concatenate([states[:50], rng.standard_normal((50, DIM))]).astype(np.float64)
    axes = parts.axes.astype(np.float64) * parts.axes_scale[:, None]
    if dtype == "bfloat16":
        upper = parts.axes.astype(np.uint32) << 16
        axes = upper.view(np.float32).astype(np.float64)
    z = x @ axes.T + parts.axes_bias
    first = z[:, : parts.kept]
    scale = np.abs(first).max(axis=1, keepdims=True) / 127
    rounded = np.rint(first / scale) * scale
    blocks = NORMS - 1
    ends = [parts.kept + (z.shape[1] - parts.kept) * n // blocks for n in range(blocks + 1)]
    others = [np.linalg.norm(z[:, a:b], axis=1) for a, b in itertools.pairwise(ends)]
    norms = np.column_stack([np.linalg.norm(first - rounded, axis=1), *others])
    tokens = parts.bounds * np.float64(parts.bounds_scale)
    bounds = np.concatenate([rounded, norms * parts.factors], axis=1) @ tokens.T
    bounds += np.linalg.norm(rounded, axis=1)[:, None] * parts.slack_per_kept
    exact = x @ read.astype(np.float64).T + read_bias
    slack = np.linalg.norm(z, axis=1)[:, None] * parts.slack_per_norm
    assert (bounds + slack >= exact).all()
    assert slack.max() < 1e-2 * exact.std()
    assert (bounds[:50] - exact[:50]).mean() < exact[:50].std()  # and say something


def twins(count: int) -> tuple[Floats, Floats, Floats]:
    """Every token `count` times, far apart."""
    weights, bias, states = trained_like()
    few = VOCAB // count
    return np.tile(weights[:few], (count, 1)), np.tile(bias[:few], count), states


@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("count", [2, 3])
def test_the_lowest_of_equal_tokens_wins(dtype: str, count: int) -> None:
    weights, bias, states = twins(count)
    output = packed(weights, bias, dtype, None)
    parts = parts_of(output, states, dtype, 9)  # a few panels: half of them are needed
    assert parts is not None
    search = _core.VocabularySearch(output, parts)
    assert_same(search, states[:100])
    assert search.best(states[:100], [], True, 9, False, False)[0].max() < VOCAB // count


@pytest.mark.parametrize("dtype", ["int8", "float32"])
def test_odd_rows_are_answered_as_by_the_whole_product(dtype: str) -> None:
    search, _ = made(dtype, None)
    states = trained_like()[2]
    rows = [np.full(DIM, value) for value in (0, 1, -1, 1e-30, -1e-42, 1e10, 1e20, 3e38)]
    rows += [np.full(DIM, value) for value in (np.nan, np.inf, -np.inf)]
    for place, value in ((0, np.nan), (63, np.inf), (7, 1e30), (8, -1e19)):
        rows.append(states[place].copy())
        rows[-1][place] = value
    x = np.stack([states[0], *rows, states[1]]).astype(np.float32)
    for batch in (1, len(x)):
        assert_same(search, x, batch=batch)


def test_weights_without_a_difference_give_the_first_token() -> None:
    _, _, states = trained_like()
    for weights in (np.ones((VOCAB, DIM)), np.zeros((VOCAB, DIM))):
        output = packed(weights.astype(np.float32), np.zeros(VOCAB, np.float32), "int8", None)
        parts = parts_of(output, states, "int8")
        if parts is None:
            continue
        search = _core.VocabularySearch(output, parts)
        assert_same(search, states[:30])
        assert not search.best(states[:30], [], True, 30, False, False)[0].any()


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_weights_that_are_not_finite_have_no_search(spoilt: float) -> None:
    weights, bias, states = trained_like()
    weights = weights.copy()
    weights[7, 3] = spoilt
    assert parts_of(packed(weights, bias, "float32", None), states, "float32") is None


def test_random_weights_have_no_search() -> None:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((4000, DIM)).astype(np.float32)
    states = rng.standard_normal((1500, DIM)).astype(np.float32)
    output = packed(weights, np.zeros(4000, np.float32), "int8", None)
    assert parts_of(output, states, "int8") is None


def test_axes_change_no_answer() -> None:
    """Those of another model's states; most rows are computed whole then."""
    weights, bias, states = trained_like()
    output = packed(weights, bias, "int8", None)
    _, parts = made("int8", None)
    rng = np.random.default_rng(1)
    x = (states[:100] @ np.linalg.qr(rng.standard_normal((DIM, DIM)))[0]).astype(np.float32)
    assert_same(_core.VocabularySearch(output, parts), x)


def test_parts_that_do_not_fit_are_errors() -> None:
    weights, bias, _ = trained_like()
    output = packed(weights, bias, "int8", None)
    _, parts = made("int8", None)
    for change, message in (
        ({"kept": parts.kept + 1}, "bounds has shape"),
        ({"factors": parts.factors[:3]}, "factor"),
        ({"axes_bias": parts.axes_bias[:3]}, "axes has shape"),
        ({"axes_scale": parts.axes_scale[:3]}, "axes_scale has shape"),
        ({"axes": parts.axes.astype(np.float32)}, "another type"),
    ):
        with pytest.raises(ValueError, match=message):
            _core.VocabularySearch(output, dataclasses.replace(parts, **change))
