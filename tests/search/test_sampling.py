"""Sampling: what is drawn, how often, and what a draw depends on."""

import functools
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pyattn import GenerationOptions, Model, reference
from pyattn.files import read_checkpoint
from support.draws import assert_drawn_from
from support.inputs import RECIPES, assert_same_hypotheses, checkpoint, sentences
from support.paths import GOLDEN
from support.tolerances import FLOAT32, assert_close

# golden/make_options.py asks transformers for the distributions of their first tokens.
SAMPLED = ("marian-tied-relu-3", "marian-untied-gelu-3", "pegasus-tied-swish-64")

every_model = pytest.mark.parametrize("name", RECIPES)


@functools.cache
def core_model(name: str) -> Model:
    return Model(checkpoint(name), dtype="float32", threads=1)


@functools.cache
def golden_model(name: str) -> Model:
    return Model(read_checkpoint(GOLDEN / name), dtype="float32", threads=1)


def sources(name: str) -> list[list[int]]:
    return sentences(31, checkpoint(name).config, 6, 14)


def first_tokens(model: Model, source: list[int], draws: int, **options: Any) -> list[int]:
    """What so many samples begin with."""
    many = GenerationOptions(
        do_sample=True, num_hypotheses=250, max_new_tokens=1, return_end_token=True, **options
    )
    chosen = [many.replace(seed=seed) for seed in range(draws // 250)]
    found = model.generate([source] * len(chosen), chosen)
    return [sample.tokens[0] for samples in found for sample in samples]


def cases() -> list[tuple[str, int]]:
    return [(name, n) for name in SAMPLED for n in range(10)]


@pytest.mark.parametrize(("name", "n"), cases())
def test_first_tokens_are_drawn_from_what_transformers_leaves(name: str, n: int) -> None:
    case = json.loads((GOLDEN / name / "options.json").read_text(encoding="utf-8"))["samples"][n]
    tokens = first_tokens(golden_model(name), case["source"], 20_000, **case["options"])
    assert_drawn_from(tokens, dict(zip(case["tokens"], case["probabilities"], strict=True)))


def test_another_distribution_is_told_apart() -> None:
    # The test above could fail.
    case = json.loads((GOLDEN / SAMPLED[0] / "options.json").read_text(encoding="utf-8"))
    plain, cooler, *_ = case["samples"]
    tokens = first_tokens(golden_model(SAMPLED[0]), plain["source"], 20_000)
    with pytest.raises(AssertionError):
        assert_drawn_from(tokens, dict(zip(cooler["tokens"], cooler["probabilities"], strict=True)))


@every_model
def test_edited_tokens_are_drawn_by_their_edited_probabilities(name: str) -> None:
    model = core_model(name)
    source = sources(name)[0]
    edits = {"suppress_tokens": [3, 5], "sequence_bias": [[[1], 1.5], [[4], -1], [[7], 2.5]]}
    [rows] = model.logits([source], [[]])
    x = rows[0].astype(np.float64) / 1.4
    x[[3, 5]] = -np.inf
    x[[1, 4, 7]] += np.array([1.5, -1, 2.5]) / 1.4
    p = np.exp(x - x.max())
    probabilities = {token: one for token, one in enumerate((p / p.sum()).tolist()) if one > 0}
    tokens = first_tokens(model, source, 20_000, temperature=1.4, **edits)
    assert_drawn_from(tokens, probabilities)


SAMPLERS: list[dict[str, Any]] = [
    {},
    {"temperature": 1.6},
    {"top_k": 7},
    {"top_p": 0.8, "temperature": 1.3},
    {"min_p": 0.05},
]


@every_model
@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_samples_match_reference(name: str, sampler: dict[str, Any], seed: int) -> None:
    options = GenerationOptions(
        do_sample=True, num_hypotheses=5, seed=seed, max_new_tokens=10, **sampler
    )
    wanted = reference.Model(checkpoint(name)).generate(sources(name), options)
    assert_same_hypotheses(core_model(name).generate(sources(name), options), wanted)


@every_model
@pytest.mark.parametrize("sampler", SAMPLERS, ids=str)
def test_scores_of_samples_are_the_models(name: str, sampler: dict[str, Any]) -> None:
    model = core_model(name)
    found = model.generate(
        sources(name), do_sample=True, num_hypotheses=4, max_new_tokens=9, seed=5, **sampler
    )
    for source, samples in zip(sources(name), found, strict=True):
        assert [s.score for s in samples] == sorted((s.score for s in samples), reverse=True)
        scores = model.score([source] * 4, [sample.tokens for sample in samples])
        for sample, score in zip(samples, scores, strict=True):
            assert_close(sample.token_scores, score[: len(sample.token_scores)], FLOAT32)


@every_model
def test_sample_depends_on_seed_source_and_number(name: str) -> None:
    model = core_model(name)
    options = GenerationOptions(do_sample=True, num_hypotheses=3, max_new_tokens=12)
    source = sources(name)[0]
    once, again = model.generate([source, source], options)
    [alone] = model.generate([source], options)
    [reseeded] = model.generate([source], options, seed=1)
    tokens = [[sample.tokens for sample in samples] for samples in (once, again, alone, reseeded)]
    assert tokens[0] == tokens[1] == tokens[2] != tokens[3]
    assert len({tuple(sample) for sample in tokens[0]}) > 1
    # The first of more samples are those of fewer.
    [few] = model.generate([source], options, num_hypotheses=2)
    assert all(sample.tokens in tokens[0] for sample in few)


def test_least_of_everything_is_greedy() -> None:
    for name in RECIPES:
        model = core_model(name)
        greedy = [[h.tokens for h in found] for found in model.generate(sources(name))]
        for least in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}, {"temperature": 0.001}):
            found = model.generate(sources(name), do_sample=True, seed=9, **least)
            assert [[h.tokens for h in samples] for samples in found] == greedy


def test_flat_distribution_needs_many_of_the_best() -> None:
    # More of them than are asked for at first, so that the rest has to be asked for.
    model = core_model("pre")
    source = sources("pre")[0]
    [rows] = model.logits([source], [[]])
    x = rows[0].astype(np.float64) / 9
    p: npt.NDArray[np.float64] = np.exp(x - x.max())
    p /= p.sum()
    order = np.argsort(-p)
    keep = int(np.searchsorted(np.cumsum(p[order]), 0.9)) + 1
    assert keep > 130
    kept = {int(token): float(p[token] / p[order[:keep]].sum()) for token in order[:keep]}
    tokens = first_tokens(model, source, 20_000, temperature=9, top_p=0.9)
    assert_drawn_from(tokens, kept)


def test_more_than_there_are_is_all() -> None:
    for name in RECIPES:
        some = sources(name)[:2]
        plain, wide = (
            core_model(name).generate(
                some, do_sample=True, num_hypotheses=8, max_new_tokens=1, **chosen
            )
            for chosen in ({"top_p": 0.999999}, {"top_k": 2**31 - 1, "top_p": 0.999999})
        )
        assert [[s.tokens for s in found] for found in plain] == [
            [s.tokens for s in found] for found in wide
        ]


def test_samples_of_one_are_streamed() -> None:
    model = core_model("post")
    source = sources("post")[0]
    options = GenerationOptions(do_sample=True, seed=4, max_new_tokens=9, return_end_token=True)
    [[sample]] = model.generate([source], options)
    streamed = list(model.generate_stream(source, options))
    assert [token.token for token in streamed] == sample.tokens
    assert streamed[-1].last


def test_likely_prefix_has_its_share_of_the_samples() -> None:
    model = core_model("post")
    source = sources("post")[0]
    [rows] = model.logits([source], [[]])
    p = np.exp(rows[0].astype(np.float64) - rows[0].max())
    p *= 0.7 / p.sum()
    p[4] += 0.3
    tokens = first_tokens(model, source, 20_000, target_prefix=[4, 7], prefix_bias_beta=0.3)
    assert_drawn_from(tokens, dict(enumerate(p.tolist())))
