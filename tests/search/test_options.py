"""Decoding options, against the reference and against what they promise.

In random company they are in `test_reference.py`, and what transformers answers to them in
`tests/model/test_golden.py`.
"""

import collections
import dataclasses
import functools
import itertools
import re
from typing import Any

import numpy as np
import pytest

from pyattn import GenerationOptions, Model, reference
from pyattn.reference import log_softmax
from pyattn.results import DecidedToken
from support.inputs import RECIPES, assert_same_hypotheses, checkpoint, sentences
from support.tolerances import FLOAT32, assert_close

every_model = pytest.mark.parametrize("name", RECIPES)


@functools.cache
def core_model(name: str, threads: int = 1) -> Model:
    return Model(checkpoint(name), dtype="float32", threads=threads)


@functools.cache
def numpy_model(name: str) -> reference.Model:
    return reference.Model(checkpoint(name))


@functools.cache
def sources(name: str) -> list[list[int]]:
    """Some at random, and one that is all of their targets, so that it has what targets say."""
    config = checkpoint(name).config
    some = sentences(31, config, 8, 14)
    said = [h.tokens for [h] in core_model(name).generate(some, max_new_tokens=12)]
    known = [token for token in itertools.chain.from_iterable(said) if token < config.source_vocab]
    return [*some, known]


EDITS: list[dict[str, Any]] = [
    {"repetition_penalty": 1.4},
    {"repetition_penalty": 0.7, "history_counts_start": False},
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2, "history_counts_start": False},
    {"encoder_no_repeat_ngram_size": 1},
    {"encoder_no_repeat_ngram_size": 2},
    {"encoder_repetition_penalty": 2.0},
    {"suppress_sequences": [[3], [4, 5], [7, 7], [6, 8, 2], [1, 1]]},
    {"sequence_bias": [[[3], -4.0], [[4, 5], 2.0], [[7], 3.0], [[7, 7], -9.0]]},
    {"begin_suppress_tokens": [1, 4, 5, 7, 8], "min_new_tokens": 2},
    {"target_prefix": [4, 7, 4], "no_repeat_ngram_size": 2, "min_new_tokens": 3},
    {"target_prefix": [4, 7], "repetition_penalty": 1.3, "begin_suppress_tokens": [1, 4, 7]},
    {"target_prefix": [4, 7], "prefix_bias_beta": 0.3},
    {"target_prefix": [4, 7, 5], "prefix_bias_beta": 0.9, "repetition_penalty": 1.3},
    {
        "repetition_penalty": 1.2,
        "encoder_repetition_penalty": 1.3,
        "no_repeat_ngram_size": 3,
        "suppress_tokens": [2, 3],
        "suppress_sequences": [[4, 5], [5, 6]],
        "sequence_bias": [[[5], 1.0]],
        "min_new_tokens": 4,
    },
]


@every_model
@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("renormalize", [False, True])
@pytest.mark.parametrize("edits", EDITS, ids=str)
def test_edits_match_reference(
    name: str, edits: dict[str, Any], renormalize: bool, beam_size: int
) -> None:
    options = GenerationOptions(
        beam_size=beam_size,
        num_hypotheses=beam_size,
        max_new_tokens=12,
        renormalize=renormalize,
        **edits,
    )
    wanted = numpy_model(name).generate(sources(name), options)
    assert_same_hypotheses(core_model(name).generate(sources(name), options), wanted)


def test_edits_are_told_apart() -> None:
    # Options that changed nothing would test nothing.
    for edits in EDITS:
        plain = {key: edits[key] for key in ("target_prefix",) if key in edits}
        if edits.get("prefix_bias_beta"):
            plain = {}
        found = [
            [
                h.tokens
                for name in RECIPES
                for [h] in core_model(name).generate(sources(name), max_new_tokens=12, **chosen)
            ]
            for chosen in (edits, plain)
        ]
        assert found[0] != found[1], edits


@every_model
@pytest.mark.parametrize("beam_size", [1, 3])
def test_prefix_is_what_the_decoder_was_fed(name: str, beam_size: int) -> None:
    # A target's own beginning changes nothing of its rest, in greedy search.
    model = core_model(name)
    plain = model.generate(sources(name), max_new_tokens=12)
    options = [GenerationOptions(target_prefix=best.tokens[:3]) for [best] in plain]
    if beam_size == 1:
        again = model.generate(sources(name), options, max_new_tokens=9)
        for [before], [after] in zip(plain, again, strict=True):
            assert after.tokens == before.tokens
            fed = min(len(before.tokens), 3)
            assert_close(after.token_scores[fed:], before.token_scores[fed:], FLOAT32)
    for with_prefix, without in zip(
        model.generate(sources(name), options, beam_size=beam_size),
        model.generate(sources(name), options, beam_size=beam_size, return_prefix=False),
        strict=True,
    ):
        assert [h.score for h in with_prefix] == [h.score for h in without]
        for one, other in zip(with_prefix, without, strict=True):
            fed = len(one.tokens) - len(other.tokens)
            assert one.tokens[fed:] == other.tokens
            assert fed == len(one.token_scores) - len(other.token_scores)


def test_late_ends_behind_a_prefix_are_dropped_if_asked() -> None:
    # What CTranslate2 makes of the places that they leave is in `tests/compat`.
    ranks = set()
    for name, bias, beam in itertools.product(RECIPES, (-2.0, 0.0, 1.5, 4.0, 30.0), (1, 2, 3)):
        model = core_model(name)
        end, prefix = model.config.end, [4, 7]
        options = GenerationOptions(
            beam_size=beam,
            num_hypotheses=beam,
            target_prefix=tuple(prefix),
            sequence_bias=[[[end], bias]],
            max_new_tokens=9,
        )
        kept = model.generate(sources(name), options)
        dropped = model.generate(sources(name), options, end_behind_prefix=False)
        for source, before, after in zip(sources(name), kept, dropped, strict=True):
            [rows] = model.logits([source], [prefix])
            rows[2][end] += bias
            rank = int((rows[2] > rows[2][end]).sum())
            is_there = [any(h.tokens == prefix for h in found) for found in (before, after)]
            if 0 < rank < beam:
                assert not is_there[1]
            elif rank == 0:
                assert is_there[0] == is_there[1]
            else:
                assert_same_hypotheses([after], [before])
            ranks.add((min(rank, beam), is_there[0]))
    assert ranks >= {(0, True), (1, True), (3, False)}


def test_length_counts_the_prefix_if_asked() -> None:
    for penalty in (1.0, 0.5):
        options = {"target_prefix": [4, 7, 4], "length_penalty": penalty, "max_new_tokens": 12}
        for [alone], [counted] in zip(
            core_model("post").generate(sources("post"), **options),
            core_model("post").generate(sources("post"), length_counts_prefix=True, **options),
            strict=True,
        ):
            new = len(alone.token_scores) - 3
            assert alone.tokens == counted.tokens
            assert_close(alone.score * new**penalty, counted.score * (new + 3) ** penalty, FLOAT32)


def test_prefix_leaves_the_other_positions() -> None:
    model = core_model("odd")
    most = model.config.max_positions
    for fed in (1, most - 2, most - 1):
        [[found]] = model.generate(
            [[1]], target_prefix=[1] * fed, suppress_tokens=[model.config.end], max_new_tokens=most
        )
        assert len(found.tokens) == most
    with pytest.raises(ValueError, match="max_new_tokens is 1 behind a target_prefix of 208, "):
        model.generate([[1]], target_prefix=[1] * most)


@every_model
@pytest.mark.parametrize("beam_size", [1, 4])
def test_search_ends_at_any_of_the_ends(name: str, beam_size: int) -> None:
    said = [h.tokens for [h] in core_model(name).generate(sources(name), max_new_tokens=20)]
    common = collections.Counter(itertools.chain.from_iterable(said)).most_common(3)
    ends = (checkpoint(name).config.end, *(token for token, _ in common))
    options = GenerationOptions(beam_size=beam_size, end_tokens=ends, max_new_tokens=20)
    bare = core_model(name).generate(sources(name), options)
    whole = core_model(name).generate(sources(name), options, return_end_token=True)
    seen = set()
    for [found], [with_end] in zip(bare, whole, strict=True):
        assert not set(found.tokens) & set(ends)
        if found.finish_reason == "eos":
            assert with_end.tokens[:-1] == found.tokens
            seen.add(with_end.tokens[-1])
        assert_close(found.token_scores, with_end.token_scores, FLOAT32)
    assert seen & set(ends[1:])


@every_model
@pytest.mark.parametrize("beam_size", [1, 3])
def test_forced_first_token_is_certain(name: str, beam_size: int) -> None:
    forced = core_model(name).generate(
        sources(name), beam_size=beam_size, forced_bos_token=7, begin_suppress_tokens=[4, 7]
    )
    fed = core_model(name).generate(
        sources(name), beam_size=beam_size, target_prefix=[7], begin_suppress_tokens=[4, 7]
    )
    for [one], [other] in zip(forced, fed, strict=True):
        assert (one.tokens[0], one.token_scores[0]) == (7, 0)
        assert set(one.tokens[1:2]).isdisjoint({4, 7})
        if beam_size == 1:  # lengths, and so ranks, differ
            assert one.tokens[:20] == other.tokens[:20]


def test_patience_waits_for_more_finished_hypotheses() -> None:
    def best(patience: float) -> list[float | None]:
        found = [
            core_model(name).generate(
                sources(name), beam_size=4, patience=patience, early_stopping=True, length_penalty=2
            )
            for name in RECIPES
        ]
        return [h.score for [h] in itertools.chain.from_iterable(found)]

    one, half, three = (np.array(best(patience)) for patience in (1, 0.5, 3))
    for less, more in ((half, one), (one, three)):
        assert (less <= more).all()
        assert (less < more).any()
    many = core_model("pre").generate(sources("pre"), beam_size=2, patience=3, num_hypotheses=6)
    assert max(map(len, many)) == 6
    assert all(len({tuple(h.tokens) for h in found}) == len(found) for found in many)


def test_early_stopping_best_loses_nothing_without_a_length_penalty() -> None:
    for name in RECIPES:
        found, wanted = (
            core_model(name).generate(
                sources(name), beam_size=4, length_penalty=0, early_stopping=early
            )
            for early in ("best", "never")
        )
        assert_same_hypotheses(found, wanted)


@every_model
@pytest.mark.parametrize("beam_size", [1, 3])
@pytest.mark.parametrize("prefix", [(), (4, 7)])
def test_alternatives_are_the_best_next_tokens_gone_on_with(
    name: str, beam_size: int, prefix: tuple[int, ...]
) -> None:
    model = core_model(name)
    options = GenerationOptions(beam_size=beam_size, target_prefix=prefix, max_new_tokens=9)
    found = model.generate(sources(name), options, num_hypotheses=5, return_alternatives=True)
    for source, alternatives in zip(sources(name), found, strict=True):
        [rows] = model.logits([source], [prefix])
        x = log_softmax(rows[len(prefix)])
        best = np.argsort(-x)[:5].tolist()
        for token, one in zip(best, alternatives, strict=True):
            x[token] = one.token_scores[len(prefix)]
        assert_close(x, log_softmax(rows[len(prefix)]), FLOAT32)
        for token, one in zip(best, alternatives, strict=True):
            if token == model.config.end:
                assert (one.tokens, one.finish_reason) == ([*prefix], "eos")
                continue
            [[rest]] = model.generate(
                [source], options, target_prefix=(*prefix, token), max_new_tokens=8
            )
            assert one.tokens == rest.tokens
            assert_close(one.score, x[token] + rest.score, FLOAT32)


def test_alternatives_are_at_least_so_probable() -> None:
    model = core_model("post")
    for least in (0.01, 0.05, 0.2, 1.0):
        found = model.generate(
            sources("post"),
            num_hypotheses=20,
            return_alternatives=True,
            min_alternative_expansion_prob=least,
            max_new_tokens=3,
        )
        for source, alternatives in zip(sources("post"), found, strict=True):
            [rows] = model.logits([source], [[]])
            enough = (log_softmax(rows[0]) >= np.log(least)).sum()
            assert len(alternatives) == min(max(enough, 1), 20)


ALIGNED: list[dict[str, Any]] = [
    {},
    {"target_prefix": [4, 7, 4]},
    {"beam_size": 3, "num_hypotheses": 3},
    {"beam_size": 3, "target_prefix": [4, 7], "length_penalty": 0.5},
    {"do_sample": True, "num_hypotheses": 3, "target_prefix": [5]},
]


@every_model
@pytest.mark.parametrize("chosen", ALIGNED, ids=str)
def test_coverage_penalty_is_of_what_all_tokens_look_at(name: str, chosen: dict[str, Any]) -> None:
    model = core_model(name)
    options = GenerationOptions(max_new_tokens=9, coverage_penalty=0.4, **chosen)
    for source, hypotheses in zip(
        sources(name), model.generate(sources(name), options, alignment=True), strict=True
    ):
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)
        [unaligned] = model.generate([source], options)
        for found, same in zip(hypotheses, unaligned, strict=True):
            [looks_at] = model.align([source], [found.tokens])
            assert found.alignment is not None
            assert same.alignment is None
            assert same.score == found.score
            assert_close(found.alignment, looks_at[: len(found.token_scores)], FLOAT32)
            new = len(found.token_scores) - len(options.target_prefix)
            total = found.token_scores.astype(np.float64).sum() / new**options.length_penalty
            covered = np.minimum(found.alignment.astype(np.float64).sum(axis=0), 1)
            # Of a few tokens one may be nearly unseen: its logarithm magnifies rounding.
            assert abs(found.score - total - 0.4 * np.log(covered).sum()) < 1e-3


def test_alternatives_are_aligned() -> None:
    model = core_model("post")
    options = GenerationOptions(
        return_alternatives=True, num_hypotheses=4, target_prefix=(4, 7), max_new_tokens=6
    )
    for beam_size in (1, 3):
        found = model.generate(sources("post"), options, beam_size=beam_size, alignment=True)
        for source, alternatives in zip(sources("post"), found, strict=True):
            for one in alternatives:
                [looks_at] = model.align([source], [one.tokens])
                assert one.alignment is not None
                assert_close(one.alignment, looks_at[: len(one.token_scores)], FLOAT32)


def test_watcher_counts_new_tokens_alone() -> None:
    source = sources("post")[0]
    options = GenerationOptions(target_prefix=(4, 7), max_new_tokens=8, min_new_tokens=5)
    [[whole]] = core_model("post").generate([source], options)
    seen = []

    def watch(token: DecidedToken) -> bool:
        seen.append(token.token)
        return token.step == 2

    for returned, before in ((True, [4, 7]), (False, [])):
        seen.clear()
        [[found]] = core_model("post").generate(
            [source], options, on_token=watch, return_prefix=returned
        )
        assert seen == whole.tokens[2:5]
        assert found.tokens == before + seen
        assert_close(found.score, found.token_scores.sum() / 3, FLOAT32)


def test_unknown_token_is_disabled_where_it_is_known() -> None:
    plain = checkpoint("post")
    [[found]] = core_model("post").generate([[3, 4, 5]], max_new_tokens=8)
    unk = found.tokens[2]
    config = dataclasses.replace(plain.config, unk=unk)
    with Model(dataclasses.replace(plain, config=config), dtype="float32", threads=1) as model:
        [[without]] = model.generate([[3, 4, 5]], max_new_tokens=8, disable_unk=True)
    [[wanted]] = core_model("post").generate([[3, 4, 5]], max_new_tokens=8, suppress_tokens=[unk])
    assert without.tokens == wanted.tokens != found.tokens
    with pytest.raises(ValueError, match="disable_unk: the model's files name no unknown token"):
        core_model("post").generate([[3]], disable_unk=True)


MIXED: list[dict[str, Any]] = [
    {},
    {"beam_size": 4, "num_hypotheses": 2, "repetition_penalty": 1.3},
    {"do_sample": True, "num_hypotheses": 3, "seed": 3},
    {"target_prefix": [4, 7], "no_repeat_ngram_size": 2},
    {"beam_size": 2, "return_alternatives": True, "num_hypotheses": 4},
    {"do_sample": True, "top_p": 0.7, "temperature": 1.7, "seed": 2**64 - 1},
    {"beam_size": 3, "target_prefix": [5], "prefix_bias_beta": 0.4, "renormalize": True},
    {"do_sample": True, "top_k": 4, "num_hypotheses": 2, "suppress_sequences": [[1, 2]]},
    {"forced_bos_token": 8, "end_tokens": [0, 5, 6], "beam_size": 2},
    {"beam_size": 3, "coverage_penalty": 0.2, "length_penalty": 0, "early_stopping": "best"},
    {"no_repeat_ngram_size": 2, "encoder_no_repeat_ngram_size": 1, "beam_size": 2, "patience": 2},
    {"do_sample": True, "beam_size": 3, "num_hypotheses": 3, "temperature": 1.5},
    {"do_sample": True, "beam_size": 2, "top_k": 6, "top_p": 0.9, "repetition_penalty": 1.2},
    {"do_sample": True, "return_alternatives": True, "num_hypotheses": 4, "seed": 9},
    {"do_sample": True, "beam_size": 3, "return_alternatives": True, "num_hypotheses": 2},
    {"do_sample": True, "target_prefix": [5, 6], "prefix_bias_beta": 0.3, "num_hypotheses": 2},
]


@every_model
def test_same_bits_whatever_the_batch(name: str) -> None:
    chosen = [GenerationOptions(max_new_tokens=14, **mixed) for mixed in MIXED] * 4
    some = (sources(name) * len(MIXED))[: len(chosen)]
    together = core_model(name).generate(some, chosen)
    backwards = core_model(name, threads=2).generate(some[::-1], chosen[::-1])[::-1]
    alone = [core_model(name).generate([s], o)[0] for s, o in zip(some, chosen, strict=True)]
    for found in (together, backwards):
        for ours, theirs in zip(found, alone, strict=True):
            assert [h.tokens for h in ours] == [h.tokens for h in theirs]
            assert [h.score for h in ours] == [h.score for h in theirs]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience: expected 0.001 to 1000, got 0"),
        (
            {"patience": 0.25, "beam_size": 4, "num_hypotheses": 2},
            "num_hypotheses: expected at most 1 with beam_size 4 and patience 0.25, got 2",
        ),
        ({"early_stopping": "first"}, "early_stopping: expected True, False, "),
        ({"repetition_penalty": 0}, "repetition_penalty: expected 0.001 to 1000, got 0"),
        ({"no_repeat_ngram_size": -1}, "no_repeat_ngram_size: expected 0 to "),
        ({"prefix_bias_beta": 1}, "prefix_bias_beta: expected 0 to 0.9999999, got 1"),
        ({"target_prefix": "ab"}, "target_prefix: expected token ids, got 'ab'"),
        ({"target_prefix": [97]}, "generate: target_prefix has id 97, expected 0 to 96"),
        ({"end_tokens": [97]}, "generate: end_tokens has id 97, expected 0 to 96"),
        ({"end_tokens": [3] * 65}, "end_tokens: expected at most 64, got 65"),
        ({"forced_bos_token": 97}, "generate: forced_bos_token has id 97, expected 0 to 96"),
        ({"forced_bos_token": -1}, "forced_bos_token: expected 0 to "),
        ({"begin_suppress_tokens": [-1]}, "generate: begin_suppress_tokens has id -1, expected 0"),
        ({"suppress_sequences": [3]}, "suppress_sequences: expected token ids, got 3"),
        ({"suppress_sequences": [[]]}, "suppress_sequences: expected lists of token ids, got an "),
        ({"suppress_sequences": [[3, 97]]}, "generate: suppress_sequences has id 97, expected 0 "),
        ({"sequence_bias": [[3]]}, "sequence_bias: expected pairs of token ids and a number, got"),
        ({"sequence_bias": [[[3], "x"]]}, "sequence_bias: expected a number, got 'x'"),
        ({"sequence_bias": [[[97], 1]]}, "generate: sequence_bias has id 97, expected 0 to 96"),
        ({"renormalize": 1}, "renormalize: expected True or False, got 1"),
        (
            {"do_sample": True, "beam_size": 2, "num_hypotheses": 3},
            "num_hypotheses: expected at most 2 with beam_size 2, got 3",
        ),
        ({"temperature": 0}, "temperature: expected 0.001 to 1000, got 0"),
        ({"top_p": 0}, "top_p: expected 1e-06 to 1, got 0"),
        ({"min_p": 1.5}, "min_p: expected 0 to 1, got 1.5"),
        ({"top_k": -1}, "top_k: expected 0 to "),
        ({"seed": 2**64}, "seed: expected 0 to 18446744073709551615, got 18446744073709551616"),
        ({"seed": -1}, "seed: expected 0 to 18446744073709551615, got -1"),
        (
            {"prefix_bias_beta": 0.5, "do_sample": True, "return_alternatives": True},
            "prefix_bias_beta: expected 0 with return_alternatives",
        ),
        ({"min_alternative_expansion_prob": 2}, "min_alternative_expansion_prob: expected 0 to 1"),
    ],
)
def test_option_that_does_not_fit_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        core_model("post").generate([[1]], **options)


def test_watched_search_has_one_hypothesis() -> None:
    for several in ({"do_sample": True}, {"return_alternatives": True}):
        with pytest.raises(ValueError, match=r"^num_hypotheses: tokens are decided one by one"):
            core_model("post").generate([[1]], on_token=print, num_hypotheses=2, **several)
