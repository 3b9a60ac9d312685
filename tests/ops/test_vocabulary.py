"""Projection to the vocabulary: the best tokens of a row and their log-probabilities."""

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

DTYPES: list[ops.DType] = ["float32", "bfloat16", "int8"]

# Around every width of vector and panel, and around one and two chunks of 512 columns.
VOCABS = [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65, 511, 512, 513, 1023, 1025, 1600]


def chosen(logits: Floats, k: int, suppressed: list[int] | None = None) -> tuple[Ids, Floats]:
    """What the reference makes of these logits: it multiplies by one."""
    identity = reference.pack(np.eye(logits.shape[-1], dtype=np.float32))
    return reference.best_tokens(logits, identity, k, suppressed=suppressed)


def assert_same(found: tuple[Any, Floats], wanted: tuple[Any, Floats], case: str = "") -> None:
    np.testing.assert_array_equal(found[0], wanted[0], err_msg=case)
    assert_close(found[1], wanted[1], FLOAT32, case)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_matches_reference_at_every_width(isa: str, dtype: ops.DType) -> None:
    for vocab, (rows, k) in zip(VOCABS, [(1, 1), (5, 8), (13, 3)] * 7, strict=False):
        x = floats(1, rows, 37)
        packed = ops.pack(3 * weights(2, vocab, 37), bias=floats(3, vocab), dtype=dtype, isa=isa)
        found = ops.best_tokens(x, packed, k)
        # The product's own tests hold its logits; what is held here is what becomes of them.
        assert_same(found, chosen(ops.linear(x, packed), k), f"{vocab} columns")


@pytest.mark.parametrize("isa", ISAS)
def test_matches_reference_from_the_weights_on(isa: str) -> None:
    x, weight, bias = floats(1, 6, 64), 4 * weights(2, 700, 64), floats(3, 700)
    found = ops.best_tokens(x, ops.pack(weight, bias=bias, isa=isa), 8)
    assert_same(found, reference.best_tokens(x, reference.pack(weight, bias=bias), 8))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("leading", [(), (0,), (2, 0), (3,), (2, 1, 3)])
def test_leading_axes_are_kept(isa: str, leading: tuple[int, ...]) -> None:
    x, weight = floats(1, *leading, 8), weights(2, 20, 8)
    ids, log_probs = ops.best_tokens(x, ops.pack(weight, isa=isa), 4)
    assert ids.shape == log_probs.shape == (*leading, 4)
    assert (ids.dtype, log_probs.dtype) == (np.int32, np.float32)
    assert_same((ids, log_probs), reference.best_tokens(x, reference.pack(weight), 4))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_row_has_the_same_bits_among_any_number_of_rows(isa: str, dtype: ops.DType) -> None:
    x = floats(1, 70, 24)
    packed = ops.pack(weights(2, 1100, 24), bias=floats(3, 1100), dtype=dtype, isa=isa)
    alone = [
        np.stack(parts) for parts in zip(*(ops.best_tokens(r, packed, 5) for r in x), strict=True)
    ]
    for rows in [1, 2, 3, 11, 12, 13, 31, 32, 33, 64, 65, 70]:
        together = ops.best_tokens(x[:rows], packed, 5)
        for found, wanted in zip(together, alone, strict=True):
            np.testing.assert_array_equal(found, wanted[:rows], err_msg=f"{rows} rows")


THREADS = """
import sys
import numpy as np
from support.inputs import floats, weights
from pyattn import ops
for isa in sys.argv[1:]:
    packed = ops.pack(weights(2, 9001, 64), bias=floats(3, 9001), dtype="int8", isa=isa)
    # Most logits are the best: 0, of which the first are chosen.
    ties = ops.pack(np.zeros((9001, 64), np.float32), bias=-abs(np.rint(floats(4, 9001))), isa=isa)
    for matrix in (packed, ties):
        for part in ops.best_tokens(floats(1, 9, 64), matrix, 8):
            sys.stdout.buffer.write(part.tobytes())
"""


@slow
def test_row_has_the_same_bits_on_any_number_of_threads() -> None:
    # The team of an operation's threads is made once per process.
    results = [
        output(THREADS, *ISAS, PYATTN_NUM_THREADS=threads) for threads in ("1", "2", "3", "7")
    ]
    assert len(results[0]) == len(ISAS) * 2 * 9 * 8 * 8
    assert all(result == results[0] for result in results[1:])


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("k", [12, 13, 14, 10**9])
def test_more_than_all_tokens_are_all_tokens(isa: str, k: int) -> None:
    x = floats(1, 3, 8)
    packed = ops.pack(weights(2, 13, 8), isa=isa)
    ids, log_probs = ops.best_tokens(x, packed, k)
    assert ids.shape == (3, min(k, 13))
    assert_same((ids, log_probs), chosen(ops.linear(x, packed), k))


@pytest.mark.parametrize("isa", ISAS)
def test_equal_tokens_come_in_the_order_of_their_ids(isa: str) -> None:
    # Rows of the unit matrix pick a column of the weight: logits that are given.
    logits = np.zeros((3, 1300), np.float32)
    logits[1] = np.arange(1300) % 3
    logits[2, [1290, 700, 600, 5]] = 2
    packed = ops.pack(logits.T.copy(), isa=isa)
    ids, _ = ops.best_tokens(np.eye(3, dtype=np.float32), packed, 6)
    assert ids.tolist() == [
        [0, 1, 2, 3, 4, 5],
        [2, 5, 8, 11, 14, 17],
        [5, 600, 700, 1290, 0, 1],
    ]


@pytest.mark.parametrize("isa", ISAS)
def test_what_is_no_number_is_not_chosen(isa: str) -> None:
    logits = floats(1, 5, 1030)
    logits[0, [3, 600]] = np.nan
    logits[1, :] = np.nan
    logits[2, 20:] = -np.inf
    logits[3, :] = -np.inf
    logits[4, [7, 900]] = np.inf
    # As the bias of a product with zeros: in a product they would spread to their neighbours.
    x, zeros = np.zeros((1, 1), np.float32), np.zeros((1030, 1), np.float32)
    for row in logits:
        found = ops.best_tokens(x, ops.pack(zeros, bias=row, isa=isa), 30)
        assert_same(found, reference.best_tokens(x, reference.pack(zeros, bias=row), 30))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0, 1e4, 1e30])
def test_log_probabilities_of_any_size_are_right(isa: str, size: float) -> None:
    logits = floats(1, 1, 2000) * np.float32(size)
    packed = ops.pack(logits.T.copy(), isa=isa)
    found = ops.best_tokens(np.ones((1, 1), np.float32), packed, 2000)
    assert_same(found, chosen(logits, 2000))


@pytest.mark.parametrize("isa", ISAS)
def test_log_probability_of_what_is_certain_keeps_its_digits(isa: str) -> None:
    # The second term of log(1 + exp(-12)) is far below the rounding of a logit of 100.
    bias = np.full(600, -np.inf, np.float32)
    bias[[20, 599]] = 88, 100
    packed = ops.pack(np.zeros((600, 1), np.float32), bias=bias, isa=isa)
    ids, log_probs = ops.best_tokens(np.zeros((1, 1), np.float32), packed, 2)
    assert ids.tolist() == [[599, 20]]
    assert abs(log_probs[0, 0] + np.log1p(np.exp(-12.0))) <= np.spacing(np.float32(1))


@pytest.mark.parametrize("isa", ISAS)
def test_what_is_suppressed_counts_but_is_not_chosen(isa: str) -> None:
    x, packed = floats(1, 7, 16), ops.pack(weights(2, 1200, 16), isa=isa)
    logits = ops.linear(x, packed)
    best = logits.argmax(axis=1)
    suppressed = [1199, *best.tolist(), 0, 512, 511]
    found = ops.best_tokens(x, packed, 9, suppressed=suppressed)
    assert not np.isin(found[0], suppressed).any()
    assert_same(found, chosen(logits, 9, suppressed))


@pytest.mark.parametrize("isa", ISAS)
def test_nothing_is_chosen_where_all_is_suppressed(isa: str) -> None:
    packed = ops.pack(weights(2, 40, 16), isa=isa)
    ids, log_probs = ops.best_tokens(floats(1, 2, 16), packed, 3, suppressed=np.arange(40))
    assert (ids == -1).all()
    assert (log_probs == -np.inf).all()


def some(vocab: int, count: int) -> Ids:
    """Ascending ids, the first and the last among them."""
    inside = np.random.default_rng(count).choice(np.arange(1, vocab - 1), count - 2, replace=False)
    return np.sort(np.concatenate([[0], inside, [vocab - 1]]))


def chosen_of(logits: Floats, columns: Ids, k: int) -> tuple[Ids, Floats]:
    """The best of these columns alone, under the names that they have among all."""
    places, log_probs = chosen(logits[:, columns], k)
    return columns[places], log_probs


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_selected_columns_are_a_vocabulary_of_their_own(isa: str, dtype: ops.DType) -> None:
    x, bias = floats(1, 7, 37), floats(3, 1600)
    packed = ops.pack(3 * weights(2, 1600, 37), bias=bias, dtype=dtype, isa=isa)
    logits = ops.linear(x, packed)
    for count in [2, 3, 15, 16, 17, 31, 32, 33, 65, 511, 513, 1025, 1600]:
        columns = some(1600, count)
        found = ops.best_tokens(x, packed, 5, columns=ops.select(packed, columns))
        assert_same(found, chosen_of(logits, columns, 5), f"{count} columns")


@pytest.mark.parametrize("isa", ISAS)
def test_ids_and_their_selection_are_the_same_columns(isa: str) -> None:
    x, weight = floats(1, 2, 3, 24), weights(2, 900, 24)
    packed, columns = ops.pack(weight, isa=isa), some(900, 100)
    selection = ops.select(packed, columns)
    assert selection.columns.tolist() == columns.tolist()
    assert 0 < selection.nbytes < packed.nbytes
    found = ops.best_tokens(x, packed, 4, columns=selection)
    plain = ops.best_tokens(x, packed, 4, columns=columns.tolist())
    for ours, theirs in zip(found, plain, strict=True):
        assert ours.tobytes() == theirs.tobytes()
    definition = reference.pack(weight)
    assert_same(
        found,
        reference.best_tokens(x, definition, 4, columns=reference.select(definition, columns)),
    )


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_selection_of_all_columns_changes_no_bit(isa: str, dtype: ops.DType) -> None:
    x, packed = floats(1, 5, 24), ops.pack(weights(2, 1100, 24), dtype=dtype, isa=isa)
    selection = ops.select(packed, np.arange(1100))
    for whole, selected in zip(
        ops.best_tokens(x, packed, 8),
        ops.best_tokens(x, packed, 8, columns=selection),
        strict=True,
    ):
        assert whole.tobytes() == selected.tobytes()


@pytest.mark.parametrize("isa", ISAS)
def test_suppressed_columns_are_found_within_a_selection(isa: str) -> None:
    x, weight = floats(1, 4, 16), weights(2, 1200, 16)
    packed, columns = ops.pack(weight, isa=isa), some(1200, 600)
    best = ops.best_tokens(x, packed, 1, columns=columns)[0][:, 0]
    outside = np.setdiff1d(np.arange(1200), columns)[:3]
    suppressed = np.concatenate([best, outside, [1199, 0]])
    found = ops.best_tokens(x, packed, 6, columns=columns, suppressed=suppressed)
    assert not np.isin(found[0], suppressed).any()
    wanted = reference.best_tokens(
        x, reference.pack(weight), 6, columns=columns, suppressed=suppressed
    )
    assert_same(found, wanted)


@pytest.mark.parametrize("isa", ISAS)
def test_selection_keeps_its_matrix(isa: str) -> None:
    selection = ops.select(ops.pack(weights(1, 70, 8), isa=isa), [3, 69])
    same_size = [ops.pack(weights(2, 70, 8), isa=isa) for _ in range(20)]
    for other in same_size:
        with pytest.raises(ValueError, match="columns are of another matrix"):
            ops.best_tokens(floats(3, 1, 8), other, 1, columns=selection)


@pytest.mark.parametrize("isa", ISAS)
def test_more_than_all_selected_are_all_selected(isa: str) -> None:
    packed = ops.pack(weights(2, 50, 16), isa=isa)
    ids, _ = ops.best_tokens(floats(1, 2, 16), packed, 9, columns=[4, 8, 49])
    assert np.sort(ids, axis=1).tolist() == [[4, 8, 49]] * 2


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x": floats(1, 2, 4)}, ValueError, "x has shape [2, 4], expected a last axis of 5"),
    ({"x": np.float32(1)}, TypeError, "x is "),
    ({"x": np.zeros((2, 5))}, TypeError, "x has dtype float64, expected float32"),
    ({"k": 0}, ValueError, "k is 0, expected 1 or more"),
    ({"k": -3}, ValueError, "k is -3, expected 1 or more"),
    ({"k": 2.0}, TypeError, "k is float, expected an integer"),
    ({"k": None}, TypeError, "k is NoneType, expected an integer"),
    ({"suppressed": [3, 4]}, ValueError, "suppressed has 4, expected 0 to 3"),
    ({"suppressed": [-1]}, ValueError, "suppressed has -1, expected 0 to 3"),
    ({"suppressed": [1.0]}, TypeError, "suppressed is not an array of integers"),
    ({"suppressed": [[1]]}, ValueError, "suppressed has shape [1, 1], expected [any]"),
    ({"columns": []}, ValueError, "columns is empty, expected at least one"),
    ({"columns": [0, 4]}, ValueError, "columns has 4, expected 0 to 3"),
    ({"columns": [-1, 0]}, ValueError, "columns has -1, expected 0 to 3"),
    ({"columns": [0, 2, 1]}, ValueError, "columns has 1 behind 2, expected ascending ones"),
    ({"columns": [1, 1]}, ValueError, "columns has 1 behind 1, expected ascending ones"),
    ({"columns": [[1]]}, ValueError, "columns has shape [1, 1], expected [any]"),
    ({"columns": [0.5]}, TypeError, "columns is not an array of integers"),
    ({"suppressed": "one"}, TypeError, "suppressed is not an array of integers"),
]


@pytest.mark.parametrize(("changes", "error", "message"), WRONG)
def test_what_does_not_fit_is_named(
    changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    weight = weights(2, 4, 5)
    for module in (ops, reference):
        right: dict[str, Any] = {"x": floats(1, 2, 5), "packed": module.pack(weight), "k": 1}
        with pytest.raises(error) as raised:
            module.best_tokens(**right | changes)
        assert str(raised.value).startswith(f"best_tokens: {message}")


@pytest.mark.parametrize(("columns", "error"), [([2, 1], ValueError), ([1.0], TypeError)])
def test_select_names_itself(columns: Any, error: type[Exception]) -> None:
    for module in (ops, reference):
        with pytest.raises(error) as raised:
            module.select(module.pack(weights(2, 4, 5)), columns)
        assert str(raised.value).startswith("select: columns ")


def test_matrix_must_be_packed() -> None:
    with pytest.raises(TypeError, match=r"best_tokens: packed is numpy\.ndarray, expected what"):
        ops.best_tokens(floats(1, 2, 5), weights(2, 4, 5), 1)
