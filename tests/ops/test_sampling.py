"""Tokens drawn from the distribution of a row, with the random numbers given."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pyattn import ops, reference
from support.inputs import ISAS, Floats, floats, weights
from support.lanes import slow
from support.processes import output
from support.tolerances import FLOAT32, assert_close

Ids = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# How far sums of float32 exponentials move a border between two tokens' shares of [0, 1).
BORDER = 1e-5


def uniforms(*shape: int) -> Doubles:
    return np.random.default_rng(7).random(shape)


def drawn(logits: Floats, numbers: Doubles, **options: Any) -> tuple[Ids, Floats]:
    """What the reference draws from these logits: it multiplies by one."""
    identity = reference.pack(np.eye(logits.shape[-1], dtype=np.float32))
    numbers = np.clip(numbers, 0, np.nextafter(1, 0))
    return reference.sample_tokens(logits, identity, numbers, **options)


def assert_drawn(found: Ids, logits: Floats, numbers: Doubles, **options: Any) -> None:
    """Fails unless the tokens are those of these numbers, give or take a border's width."""
    ranks = np.arange(logits.shape[-1])[None].repeat(len(logits), axis=0)
    if options.get("top_p", 1.0) < 1:
        ranks = np.argsort(np.argsort(-logits, axis=-1, kind="stable"), axis=-1)
    low, middle, high = (
        np.take_along_axis(ranks, drawn(logits, numbers + shift, **options)[0], axis=-1)
        for shift in (-BORDER, 0, BORDER)
    )
    found_ranks = np.take_along_axis(ranks, found.astype(np.int64), axis=-1)
    assert ((low <= found_ranks) & (found_ranks <= high)).all()
    assert (found_ranks == middle)[low == high].all()
    # Few numbers are that near to a border.
    assert (low == high).mean() > 0.9


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
def test_draws_are_where_the_probabilities_pass_the_number(
    isa: str, dtype: ops.DType, temperature: float
) -> None:
    for vocab in [1, 2, 15, 17, 511, 513, 1600]:
        x, numbers = floats(1, 5, 37), uniforms(5, 300)
        packed = ops.pack(3 * weights(2, vocab, 37), bias=floats(3, vocab), dtype=dtype, isa=isa)
        logits = ops.linear(x, packed)
        ids, log_probs = ops.sample_tokens(x, packed, numbers, temperature=temperature)
        assert_drawn(ids, logits, numbers, temperature=temperature)
        all_log_probs = reference.log_softmax(logits)
        assert_close(
            log_probs, np.take_along_axis(all_log_probs, ids.astype(np.int64), axis=-1), FLOAT32
        )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("top_p", "temperature"), [(0.3, 1.0), (0.9, 1.0), (0.8, 0.4), (0.97, 3)])
def test_nucleus_may_be_larger_than_what_was_asked_at_first(
    isa: str, top_p: float, temperature: float
) -> None:
    x, numbers = floats(1, 4, 24), uniforms(4, 200)
    packed = ops.pack(2 * weights(2, 1500, 24), isa=isa)
    ids, _ = ops.sample_tokens(x, packed, numbers, top_p=top_p, temperature=temperature)
    logits = ops.linear(x, packed)
    assert_drawn(ids, logits, numbers, top_p=top_p, temperature=temperature)


def test_nucleus_of_nearly_all_is_nearly_all() -> None:
    # All are equally likely, so that it takes nine tenths of them.
    packed = ops.pack(np.zeros((2000, 1), np.float32))
    numbers = (np.arange(2000) / 2000)[None]
    ids, _ = ops.sample_tokens(np.zeros((1, 1), np.float32), packed, numbers, top_p=0.9)
    assert 1799 <= ids.max() <= 1800
    assert (np.diff(ids) >= 0).all()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_many_draws_are_distributed_as_the_softmax(isa: str, temperature: float) -> None:
    x, packed = floats(1, 1, 16), ops.pack(weights(2, 600, 16), isa=isa)
    columns = np.arange(3, 600, 15)
    count = 40_000
    ids, _ = ops.sample_tokens(
        x, packed, uniforms(1, count), temperature=temperature, columns=columns
    )
    logits = ops.linear(x, packed)[0, columns].astype(np.float64) / temperature
    expected = count * np.exp(logits) / np.exp(logits).sum()
    observed = np.array([(ids == column).sum() for column in columns])
    assert observed.sum() == count
    free = len(columns) - 1
    # Its mean is `free`, its variance twice that: beyond five deviations is no chance.
    assert ((observed - expected) ** 2 / expected).sum() < free + 5 * np.sqrt(2 * free)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["float32", "int8"])
@pytest.mark.parametrize("top_p", [0.8, 1.0])
def test_row_draws_the_same_among_any_number_of_rows(
    isa: str, dtype: ops.DType, top_p: float
) -> None:
    x, numbers = floats(1, 40, 24), uniforms(40, 6)
    packed = ops.pack(weights(2, 1100, 24), bias=floats(3, 1100), dtype=dtype, isa=isa)

    def draw(rows: slice) -> bytes:
        ids, log_probs = ops.sample_tokens(
            x[rows], packed, numbers[rows], temperature=0.8, top_p=top_p
        )
        return b"".join(i.tobytes() + p.tobytes() for i, p in zip(ids, log_probs, strict=True))

    alone = [draw(slice(n, n + 1)) for n in range(40)]
    for rows in [1, 2, 3, 13, 32, 33, 40]:
        assert draw(slice(rows)) == b"".join(alone[:rows])


THREADS = """
import sys
import numpy as np
from support.inputs import floats, weights
from pyattn import ops
for isa in sys.argv[1:]:
    packed = ops.pack(weights(2, 9001, 64), bias=floats(3, 9001), dtype="int8", isa=isa)
    numbers = np.random.default_rng(1).random((9, 8))
    for top_p in (0.6, 1.0):
        for part in ops.sample_tokens(floats(1, 9, 64), packed, numbers, top_p=top_p):
            sys.stdout.buffer.write(part.tobytes())
"""


@slow
def test_row_draws_the_same_on_any_number_of_threads() -> None:
    # The team of an operation's threads is made once per process.
    results = [output(THREADS, *ISAS, PYATTN_NUM_THREADS=threads) for threads in ("1", "3")]
    assert len(results[0]) == len(ISAS) * 2 * 9 * 8 * 8
    assert results[0] == results[1]


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("top_p", [0.999, 1.0])
def test_what_is_suppressed_or_impossible_is_never_drawn(isa: str, top_p: float) -> None:
    bias = floats(3, 1300)
    bias[:520] = -np.inf
    bias[1200:] = -np.inf
    packed = ops.pack(np.zeros((1300, 1), np.float32), bias=bias, isa=isa)
    x = np.zeros((1, 1), np.float32)
    numbers = np.concatenate([[0, np.nextafter(1, 0)], uniforms(400)])[None]
    suppressed = [*range(0, 1300, 3), 520, 1199]
    ids, log_probs = ops.sample_tokens(x, packed, numbers, suppressed=suppressed, top_p=top_p)
    assert not np.isin(ids, suppressed).any()
    assert ids.min() >= 520
    assert ids.max() < 1200
    assert np.isfinite(log_probs).all()
    if top_p == 1:
        assert ids[0, :2].tolist() == [521, 1198]
    definition = reference.pack(np.zeros((1300, 1), np.float32), bias=bias)
    wanted = reference.sample_tokens(x, definition, numbers, suppressed=suppressed, top_p=top_p)
    assert (ids == wanted[0]).mean() > 0.9
    # They count among the probabilities that are told.
    same = ids == wanted[0]
    assert_close(log_probs[same], wanted[1][same], FLOAT32)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("top_p", [0.5, 1.0])
def test_nothing_is_drawn_where_there_is_no_distribution(
    isa: str, value: float, top_p: float
) -> None:
    bias = np.full(700, value, np.float32)
    for module in (ops, reference):
        packed = (
            ops.pack(np.zeros((700, 1), np.float32), bias=bias, isa=isa)
            if module is ops
            else reference.pack(np.zeros((700, 1), np.float32), bias=bias)
        )
        found = module.sample_tokens(
            np.zeros((1, 1), np.float32), packed, uniforms(1, 5), top_p=top_p
        )
        assert (found[0] == -1).all()
        assert (found[1] == -np.inf).all()


@pytest.mark.parametrize("isa", ISAS)
def test_leading_axes_are_kept(isa: str) -> None:
    packed = ops.pack(weights(2, 20, 8), isa=isa)
    for leading in [(), (0,), (2, 0), (3,), (2, 1, 3)]:
        for draws in [0, 1, 4]:
            ids, log_probs = ops.sample_tokens(
                floats(1, *leading, 8), packed, uniforms(*leading, draws)
            )
            assert ids.shape == log_probs.shape == (*leading, draws)
            assert (ids.dtype, log_probs.dtype) == (np.int32, np.float32)


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x": floats(1, 2, 4)}, ValueError, "x has shape [2, 4], expected a last axis of 5"),
    ({"temperature": 0.0}, ValueError, "temperature is 0.000000, expected a positive number"),
    ({"temperature": -1.0}, ValueError, "temperature is -1.000000, expected a positive number"),
    ({"temperature": np.nan}, ValueError, "temperature is nan, expected a positive number"),
    ({"temperature": np.inf}, ValueError, "temperature is inf, expected a positive number"),
    ({"top_p": 0.0}, ValueError, "top_p is 0.000000, expected more than 0 and at most 1"),
    ({"top_p": 1.5}, ValueError, "top_p is 1.500000, expected more than 0 and at most 1"),
    ({"top_p": np.nan}, ValueError, "top_p is nan, expected more than 0 and at most 1"),
    ({"uniforms": floats(1, 2, 3)}, TypeError, "uniforms is not an array of float64"),
    ({"uniforms": None}, TypeError, "uniforms is not an array of float64"),
    (
        {"uniforms": uniforms(3, 4)},
        ValueError,
        "uniforms has shape [3, 4], expected the leading axes of x, [2, 5], and one of draws",
    ),
    ({"uniforms": uniforms(2)}, ValueError, "uniforms has shape [2], expected the leading axes"),
    (
        {"uniforms": np.ones((2, 1))},
        ValueError,
        "uniforms has 1.000000, expected 0 or more and less than 1",
    ),
    ({"uniforms": np.full((2, 1), np.nan)}, ValueError, "uniforms has nan, expected 0 or more"),
    ({"suppressed": [4]}, ValueError, "suppressed has 4, expected 0 to 3"),
    ({"columns": [2, 1]}, ValueError, "columns has 1 behind 2, expected ascending ones"),
]


@pytest.mark.parametrize(("changes", "error", "message"), WRONG)
def test_what_does_not_fit_is_named(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    for module in (ops, reference):
        right: dict[str, Any] = {
            "x": floats(1, 2, 5),
            "packed": module.pack(weights(2, 4, 5)),
            "uniforms": uniforms(2, 1),
        }
        with pytest.raises(error) as raised:
            module.sample_tokens(**right | changes)
        assert str(raised.value).startswith(f"sample_tokens: {message}")
