"""What each option means, in searches short enough for a calculation by hand."""

import itertools
from typing import Any

import numpy as np
import pytest

from pyattn.reference.philox import digest_of, philox
from pyattn.results import Hypothesis
from support.draws import assert_drawn_from
from support.scripted import END, START, A, B, Probabilities, found
from support.tolerances import FLOAT32, assert_close

EVEN: Probabilities = {last: [0.2, 0.5, 0.3] for last in (START, A, B)}
UNEVEN: Probabilities = {START: [0.2, 0.5, 0.3], A: [0.1, 0.2, 0.7], B: [0.6, 0.3, 0.1]}


def odds(hypothesis: Hypothesis) -> list[float]:
    return [float(one) for one in np.exp(hypothesis.token_scores)]


@pytest.mark.parametrize("beam_size", [1, 2])
def test_certain_prefix_is_returned_without_a_price(beam_size: int) -> None:
    options = {"target_prefix": (B, A), "max_new_tokens": 1, "beam_size": beam_size}
    [best] = found(UNEVEN, **options)
    assert best.tokens == [B, A, B]
    assert_close(odds(best), [1, 1, 0.7], FLOAT32)
    assert_close(best.score, np.log(0.7), FLOAT32)
    [bare] = found(UNEVEN, return_prefix=False, **options)
    assert bare.tokens == [B]
    assert_close(odds(bare), [0.7], FLOAT32)
    [longer] = found(UNEVEN, length_counts_prefix=True, **options)
    assert_close(longer.score, np.log(0.7) / 3, FLOAT32)


@pytest.mark.parametrize("beam_size", [1, 2])
def test_likely_prefix_has_its_share(beam_size: int) -> None:
    options = {"target_prefix": (B, A), "prefix_bias_beta": 0.5, "beam_size": beam_size}
    [best] = found(UNEVEN, max_new_tokens=3, **options)
    assert best.tokens == [B, A, B]
    assert_close(odds(best), [0.65, 0.65, 0.7], FLOAT32)


@pytest.mark.parametrize("beam_size", [1, 2])
def test_forced_first_token_is_free(beam_size: int) -> None:
    options = {"forced_bos_token": B, "begin_suppress_tokens": (END,), "beam_size": beam_size}
    [best] = found(UNEVEN, max_new_tokens=2, **options)
    assert best.tokens == [B, A]
    assert_close(odds(best), [1, 0.3], FLOAT32)


def test_any_of_the_ends_ends_and_is_returned_if_asked() -> None:
    options: dict[str, Any] = {"end_tokens": (END, B), "beam_size": 2, "num_hypotheses": 2}
    options["length_penalty"] = 0.0
    tokens = {tuple(h.tokens) for h in found(UNEVEN, **options)}
    assert tokens == {(), (A,)}
    whole = found(UNEVEN, return_end_token=True, **options)
    assert {tuple(h.tokens) for h in whole} == {(B,), (A, B)}


# The edit of one token, and the odds that tokens then have, by a greedy search of one step.
EDITED: list[tuple[dict[str, Any], list[float]]] = [
    ({"suppress_sequences": ((A,),)}, [0.2, 0, 0.3]),
    ({"suppress_sequences": ((START, A),)}, [0.2, 0, 0.3]),
    ({"suppress_sequences": ((START, A),), "history_counts_start": False}, [0.2, 0.5, 0.3]),
    ({"sequence_bias": (((B,), float(np.log(2))),)}, [0.2, 0.5, 0.6]),
    ({"sequence_bias": (((A, B), 1.0),)}, [0.2, 0.5, 0.3]),
    ({"target_prefix": (A,), "sequence_bias": (((A, B), -1.0),)}, [0.1, 0.2, 0.7 * np.exp(-1)]),
    ({"target_prefix": (A, B), "repetition_penalty": 2.0}, [0.6, 0.3**2, 0.1**2]),
    ({"encoder_repetition_penalty": 2.0}, [0.2, 0.5**0.5, 0.3]),
    ({"target_prefix": (A, B), "no_repeat_ngram_size": 1}, [0.6, 0, 0]),
    ({"target_prefix": (A, B, A), "no_repeat_ngram_size": 2}, [0.1, 0.2, 0]),
    ({"encoder_no_repeat_ngram_size": 1}, [0.2, 0, 0.3]),
    ({"min_new_tokens": 1}, [0, 0.5, 0.3]),
]


@pytest.mark.parametrize("renormalize", [False, True])
@pytest.mark.parametrize(("edit", "wanted"), EDITED, ids=str)
def test_edit_changes_one_token_and_the_sum_if_asked(
    edit: dict[str, Any], wanted: list[float], renormalize: bool
) -> None:
    best = found(
        UNEVEN,
        return_alternatives=True,
        num_hypotheses=3,
        max_new_tokens=1,
        return_end_token=True,
        return_prefix=False,
        renormalize=renormalize,
        **edit,
    )
    seen = np.zeros(3)
    for one in best:
        [seen[one.tokens[0]]] = odds(one)
    assert_close(seen, np.divide(wanted, sum(wanted) if renormalize else 1), FLOAT32)


def test_penalty_in_a_beam_is_of_log_probabilities() -> None:
    # Logits of a table are log-probabilities; shifted by 2, they are positive.
    table = {last: (np.array(row) * np.exp(2)).tolist() for last, row in EVEN.items()}
    options = {"target_prefix": (A,), "repetition_penalty": 2.0, "max_new_tokens": 1}
    [greedy] = found(table, suppress_tokens=(END, B), **options)
    assert_close(greedy.score, (np.log(0.5) + 2) / 2 - 2, FLOAT32)
    [beam] = found(table, suppress_tokens=(END, B), beam_size=2, **options)
    assert_close(beam.score, 2 * np.log(0.5), FLOAT32)


def test_patience_is_how_many_have_to_end() -> None:
    for patience, count in ((0.5, 1), (1.0, 2), (2.0, 4)):
        options = {"beam_size": 2, "patience": patience, "early_stopping": True}
        assert len(found(UNEVEN, num_hypotheses=count, max_new_tokens=9, **options)) == count


def test_search_for_the_best_ends_once_an_end_is_the_best() -> None:
    # B <end> is best of the second step, with 0.18 behind A B with 0.35; A B <end> of the third.
    options: dict[str, Any] = {"beam_size": 2, "length_penalty": 0.0, "num_hypotheses": 1}
    [best] = found(UNEVEN, early_stopping="best", **options)
    assert best.tokens == [A, B]
    assert_close(np.exp(best.score or 0), 0.5 * 0.7 * 0.6, FLOAT32)


def test_late_end_behind_a_prefix_leaves_its_place_empty() -> None:
    options: dict[str, Any] = {"target_prefix": (A,), "beam_size": 3, "num_hypotheses": 3}
    options |= {"max_new_tokens": 1, "return_end_token": True}
    kept = found(UNEVEN, **options)
    assert [h.tokens for h in kept] == [[A, B], [A, A], [A, END]]
    dropped = found(UNEVEN, end_behind_prefix=False, **options)
    assert [h.tokens for h in dropped] == [[A, B], [A, A]]


@pytest.mark.parametrize("beam_size", [1, 2])
def test_coverage_is_of_what_all_tokens_looked_at(beam_size: int) -> None:
    # Start looks at place 3, A at 1, B at 2: nobody looks at place 0.
    nothing = np.log(np.finfo(np.float32).tiny)
    options: dict[str, Any] = {"target_prefix": (A,), "max_new_tokens": 2, "beam_size": beam_size}
    [best] = found(UNEVEN, [5] * 4, coverage_penalty=0.1, length_penalty=0.0, **options)
    assert best.tokens == [A, B]
    assert_close(best.score, np.log(0.7 * 0.6) + 0.1 * nothing, FLOAT32)


def test_alternatives_are_the_best_first_tokens_with_their_best_ends() -> None:
    options: dict[str, Any] = {"return_alternatives": True, "num_hypotheses": 3, "beam_size": 2}
    one, two, three = found(UNEVEN, length_penalty=1.0, early_stopping="never", **options)
    assert (one.tokens, two.tokens, three.tokens) == ([A, B], [B], [])
    assert_close(one.score, np.log(0.5) + np.log(0.7 * 0.6) / 2, FLOAT32)
    assert_close(two.score, np.log(0.3) + np.log(0.6), FLOAT32)
    assert_close(three.score, np.log(0.2), FLOAT32)
    few = found(UNEVEN, min_alternative_expansion_prob=0.25, **options)
    assert [h.tokens for h in few] == [[A, B], [B]]
    assert len(found(UNEVEN, min_alternative_expansion_prob=1.0, **options)) == 1


def test_philox_is_the_published_one() -> None:
    # From the known answers of Random123.
    most = 0xFFFFFFFF
    counters = np.array([[0] * 4, [most] * 4], np.uint64).T
    assert philox(counters, (0, 0))[:, 0].tolist() == [
        *(0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ]
    assert philox(counters, (most, most))[:, 1].tolist() == [
        *(0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ]


def test_digest_is_the_published_one_of_single_bytes() -> None:
    # FNV-1a of 64 bits of "" and of "foobar", whose bytes are ids here.
    assert digest_of([]) == 0xCBF29CE484222325
    assert digest_of(b"foobar") == 0x85944171F73967E8


# What a draw of the first token is made by.
DRAWN: list[tuple[dict[str, Any], list[float]]] = [
    ({}, [0.2, 0.5, 0.3]),
    ({"temperature": 0.5}, [0.04, 0.25, 0.09]),
    ({"top_k": 2}, [0, 0.5, 0.3]),
    ({"top_p": 0.5}, [0, 0.5, 0]),
    ({"top_p": 0.6}, [0, 0.5, 0.3]),
    ({"min_p": 0.5}, [0, 0.5, 0.3]),
    ({"sequence_bias": (((END,), float(np.log(2))),)}, [0.4, 0.5, 0.3]),
]


@pytest.mark.parametrize(("how", "weights"), DRAWN, ids=str)
def test_samples_are_as_frequent_as_they_are_probable(
    how: dict[str, Any], weights: list[float]
) -> None:
    draws = 4000
    tokens = [
        sample.tokens[0]
        for seed in range(draws // 200)
        for sample in found(
            EVEN,
            do_sample=True,
            seed=seed,
            num_hypotheses=200,
            max_new_tokens=1,
            return_end_token=True,
            **how,
        )
    ]
    odds = np.divide(weights, sum(weights))
    assert_drawn_from(tokens, {n: float(p) for n, p in enumerate(odds) if p}, draws)


def test_beams_are_drawn_without_putting_back() -> None:
    # Of four that are drawn of three the first two may end; at the limit all do.
    draws = 2000
    p = EVEN[START]
    pairs = {
        (a, b): p[a] * p[b] * (1 / (1 - p[a]) + 1 / (1 - p[b]))
        for a, b in itertools.combinations(range(3), 2)
    }
    options: dict[str, Any] = {"do_sample": True, "beam_size": 2, "num_hypotheses": 2}
    options |= {"max_new_tokens": 1, "return_end_token": True}
    drawn = []
    for seed in range(draws):
        one, two = sorted(sample.tokens[0] for sample in found(EVEN, seed=seed, **options))
        drawn.append((one, two))
    assert_drawn_from(drawn, pairs, draws)
