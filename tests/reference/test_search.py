"""Greedy and beam search over a model so small that every target can be written down."""

import itertools

import numpy as np
import pytest

from pyattn import reference
from pyattn.reference.arrays import Ints
from pyattn.reference.candidates import top_k
from pyattn.reference.search import search
from support.inputs import Floats
from support.scripted import END, START, A, B, Table, find, rules
from support.tolerances import FLOAT32, assert_close

# A is the better beginning, but nothing good comes of it.
GARDEN = {
    START: [0.0, 0.6, 0.4],
    A: [0.3, 0.4, 0.3],
    B: [0.9, 0.05, 0.05],
}


def test_greedy_search_takes_the_likeliest_token_every_time() -> None:
    [[found]], _ = find(GARDEN)
    assert found.tokens == [A, A, A, A, A]
    assert found.finish_reason == "length"
    assert_close(np.exp(found.token_scores), [0.6, 0.4, 0.4, 0.4, 0.4], FLOAT32)


def test_beam_search_sees_past_a_good_beginning() -> None:
    [[best]], _ = find(GARDEN, beam_size=2)
    assert (best.tokens, best.finish_reason) == ([B], "eos")
    assert_close(np.exp(best.token_scores), [0.4, 0.9], FLOAT32)


def test_end_that_ranks_below_the_beam_is_no_result() -> None:
    # After A or B there are B <end> with 0.36, A A with 0.24, and A <end> with 0.18 only; the best
    # that comes later is A B <end> with 0.16.
    options = {"early_stopping": "never", "length_penalty": 0.0, "num_hypotheses": 2}
    [found], _ = find(GARDEN, beam_size=2, **options)
    assert [hypothesis.tokens for hypothesis in found] == [[B], [A, B]]
    [found], _ = find(GARDEN, beam_size=4, **options)
    assert [hypothesis.tokens for hypothesis in found] == [[B], [A]]


@pytest.mark.parametrize("beam_size", [1, 2])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0, -1.0])
def test_score_is_the_sum_over_a_power_of_the_length(beam_size: int, length_penalty: float) -> None:
    [[found]], _ = find(GARDEN, beam_size=beam_size, length_penalty=length_penalty)
    length = len(found.tokens) + (found.finish_reason == "eos")
    assert found.token_scores.shape == (length,)
    assert_close(found.score, found.token_scores.sum() / length**length_penalty, FLOAT32)


# Three tokens that are equally likely, but for the end.
EVEN = {last: [0.2, 0.4, 0.4] for last in (START, A, B)}


def test_length_penalty_decides_between_short_and_long() -> None:
    options = {"beam_size": 4, "early_stopping": "never", "force_end": True}
    [[short]], _ = find(EVEN, length_penalty=0.0, **options)
    [[long]], _ = find(EVEN, length_penalty=3.0, **options)
    assert short.tokens == []
    assert len(long.tokens) == 4


def test_length_penalty_beyond_all_numbers_is_borne() -> None:
    for penalty in (1e9, -1e9):
        [[found]], _ = find(GARDEN, beam_size=2, length_penalty=penalty)
        assert found.finish_reason in ("eos", "length")


@pytest.mark.parametrize("beam_size", [1, 3])
def test_end_may_not_come_too_soon(beam_size: int) -> None:
    table = {last: [0.9, 0.06, 0.04] for last in (START, A, B)}
    [[found]], _ = find(table, beam_size=beam_size, min_new_tokens=3)
    assert found.tokens == [A, A, A]
    assert found.finish_reason == "eos"
    # What is forbidden is left out of the choice, not out of the distribution.
    assert_close(np.exp(found.token_scores), [0.06, 0.06, 0.06, 0.9], FLOAT32)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_suppressed_token_never_comes(beam_size: int) -> None:
    found, _ = find(GARDEN, beam_size=beam_size, num_hypotheses=beam_size, suppress_tokens=(A,))
    assert found[0][0].tokens == [B]
    assert_close(np.exp(found[0][0].token_scores), [0.4, 0.9], FLOAT32)
    assert all(A not in hypothesis.tokens for hypothesis in found[0])


@pytest.mark.parametrize("beam_size", [1, 3])
def test_forced_end_is_certain(beam_size: int) -> None:
    table = {last: [0.0, 0.7, 0.3] for last in (START, A, B)}
    [[found]], _ = find(table, beam_size=beam_size, force_end=True, max_new_tokens=3)
    assert (found.tokens, found.finish_reason) == ([A, A], "length")
    assert_close(np.exp(found.token_scores), [0.7, 0.7, 1.0], FLOAT32)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_forced_end_wins_over_what_forbids_it(beam_size: int) -> None:
    options = {"force_end": True, "max_new_tokens": 2, "min_new_tokens": 2}
    [[found]], _ = find(EVEN, beam_size=beam_size, suppress_tokens=(END,), **options)
    assert (len(found.tokens), found.finish_reason) == (1, "length")


@pytest.mark.parametrize("beam_size", [1, 3])
def test_no_token_left_is_an_error(beam_size: int) -> None:
    with pytest.raises(ValueError, match=r"^generate: no token may follow: all are suppressed"):
        find(EVEN, beam_size=beam_size, suppress_tokens=(END, A, B))


@pytest.mark.parametrize("beam_size", [1, 3])
def test_model_that_says_no_number_is_an_error(beam_size: int) -> None:
    with pytest.raises(ValueError, match=r"or the model's output is not a number$"):
        find({START: [np.nan] * 3}, beam_size=beam_size)


def steps_of(table: dict[int, list[float]], early_stopping: object) -> int:
    _, model = find(table, beam_size=2, early_stopping=early_stopping, max_new_tokens=30)
    return len(model.fed)


def test_early_stopping_asks_for_as_many_ends_as_beams() -> None:
    # After two steps <end> and A <end> have ended; A A, with log(0.22) / 2, beats log(0.18) / 2.
    table = {START: [0.6, 0.4, 0.0], A: [0.45, 0.55, 0.0], B: [1.0, 0.0, 0.0]}
    assert steps_of(table, True) == 2
    assert steps_of(table, False) > 2


def test_search_that_never_stops_early_counts_on_the_longest_target() -> None:
    # After two steps <end>, A <end> and B <end> have ended; A A, with log(0.1) / 2, does not beat
    # log(0.125) / 2, but log(0.1) / 30 would.
    table = {START: [0.5, 0.25, 0.25], A: [0.5, 0.4, 0.1], B: [0.5, 0.1, 0.4]}
    assert steps_of(table, False) == 2
    assert steps_of(table, "never") == 30


def test_vocabulary_of_nothing_but_the_end_has_one_target() -> None:
    [found], _ = find({START: [1.0], END: [1.0]}, beam_size=3, num_hypotheses=3)
    assert [hypothesis.tokens for hypothesis in found] == [[]]


def test_sentence_that_has_ended_leaves() -> None:
    class Sentences(Table):
        """Knows its rows apart: sentence n is of n + 1 tokens."""

        def __init__(self) -> None:
            super().__init__({})
            self.lengths = np.arange(1, 4)
            self.time = 0

        def step(self, tokens: Ints) -> Floats:
            assert len(tokens) == len(self.lengths)
            self.time += 1
            logits = np.zeros((len(tokens), 3), np.float32)
            logits[self.lengths == self.time, END] = 9
            logits[self.lengths != self.time, A] = 9
            return logits

        def keep(self, rows: Ints) -> None:
            self.lengths = self.lengths[rows]

    model = Sentences()
    found = search(model, rules(3, max_new_tokens=9))
    assert [hypothesis.tokens for [hypothesis] in found] == [[], [A], [A, A]]
    assert model.time == 3


class Tree:
    """A model whose next token depends on all of a row's tokens, at random."""

    def __init__(self, seed: int, rows: int) -> None:
        self.seed = seed
        self.pasts: list[tuple[int, ...]] = [()] * rows

    def logits(self, past: tuple[int, ...]) -> Floats:
        return np.random.default_rng([self.seed, *past]).standard_normal(3, np.float32)

    def step(self, tokens: Ints) -> Floats:
        self.pasts = [(*past, n) for past, n in zip(self.pasts, tokens.tolist(), strict=True)]
        return np.stack([self.logits(past) for past in self.pasts])

    def keep(self, rows: Ints) -> None:
        self.pasts = [self.pasts[row] for row in rows]

    def total(self, spoken: list[int]) -> float:
        pasts = [(START, *spoken[:n]) for n in range(len(spoken))]
        rows = reference.log_softmax(np.stack([self.logits(past) for past in pasts]))
        return float(rows[np.arange(len(spoken)), spoken].sum(dtype=np.float64))


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_beam_that_holds_everything_ranks_everything(seed: int, length_penalty: float) -> None:
    limit, tree = 4, Tree(seed, 2 * 64)
    every_target = [
        [*tokens, END] if length < limit else [*tokens]
        for length in range(limit + 1)
        for tokens in itertools.product((A, B), repeat=length)
    ]
    wanted = sorted(
        ((tree.total(spoken) / len(spoken) ** length_penalty, spoken) for spoken in every_target),
        reverse=True,
    )
    asked = rules(
        2,
        beam_size=64,
        num_hypotheses=64,
        early_stopping="never",
        max_new_tokens=limit,
        length_penalty=length_penalty,
    )
    for found in search(tree, asked):
        spoken = [[*h.tokens, END] if h.finish_reason == "eos" else h.tokens for h in found]
        assert spoken == [target for _, target in wanted]
        assert_close([h.score for h in found], [score for score, _ in wanted], FLOAT32)


@pytest.mark.parametrize("columns", [1, 2, 3, 31, 33, 64, 257, 1000, 8001])
@pytest.mark.parametrize("k", [1, 2, 8])
def test_top_k_is_the_head_of_a_sorted_row(columns: int, k: int) -> None:
    x = np.random.default_rng(columns).permuted(np.arange(5 * columns, dtype=np.float32))
    x = x.reshape(5, columns)
    assert top_k(x, k).tolist() == np.argsort(-x, axis=1)[:, :k].tolist()


def test_top_k_takes_the_end_of_a_row_that_does_not_divide() -> None:
    x = np.zeros((1, 1001), np.float32)
    x[0, [1000, 500, 999]] = 3, 2, 1
    assert top_k(x, 3).tolist() == [[1000, 500, 999]]
