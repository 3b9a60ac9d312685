"""Sampling inside beams, and behind alternatives."""

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pyattn import GenerationOptions, Hypothesis, Model, reference
from support.draws import assert_drawn_from
from support.inputs import RECIPES, assert_same_hypotheses, checkpoint, sentences
from support.lanes import but_slow
from support.tolerances import FLOAT32, assert_close

Doubles = npt.NDArray[np.float64]

every_model = pytest.mark.parametrize("name", RECIPES)


@functools.cache
def core_model(name: str) -> Model:
    return Model(checkpoint(name), dtype="float32", threads=1)


def sources(name: str) -> list[list[int]]:
    return sentences(31, checkpoint(name).config, 6, 14)


def bits(found: list[list[Hypothesis]]) -> list[list[tuple[list[int], float | None, bytes]]]:
    return [[(one.tokens, one.score, one.token_scores.tobytes()) for one in many] for many in found]


def next_scores(model: Model, source: Sequence[int], target: Sequence[int]) -> Doubles:
    """The log-probabilities of what follows a target."""
    [rows] = model.logits([source], [target])
    x = rows[-1].astype(np.float64)
    x -= x.max()
    return np.asarray(x - np.log(np.exp(x).sum()))


@every_model
@pytest.mark.parametrize("warps", [{}, {"temperature": 2.5}, {"top_k": 4}, {"top_k": 1}], ids=str)
@pytest.mark.parametrize("beam", [2, 5])
def test_beams_go_on_from_what_is_drawn_of_all(name: str, warps: dict[str, Any], beam: int) -> None:
    options = GenerationOptions(
        do_sample=True,
        beam_size=beam,
        num_hypotheses=beam,
        max_new_tokens=7,
        early_stopping=True,
        return_end_token=True,
        seed=17,
    ).replace(**warps)
    wanted = reference.Model(checkpoint(name)).generate(sources(name), options)
    assert_same_hypotheses(core_model(name).generate(sources(name), options), wanted)


WARPS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.6},
    {"top_k": 5, "temperature": 3.0},
    {"top_p": 0.97},
    {"min_p": 0.1, "temperature": 1.5},
    {"sequence_bias": [[[1], 1.5], [[4], -1], [[7], 2.5]], "suppress_tokens": [3, 5]},
]


def warped(scores: Doubles, warps: dict[str, Any]) -> Doubles:
    """What transformers makes of log-probabilities before it draws."""
    x = scores.copy()
    for [token], bias in warps.get("sequence_bias", []):
        x[token] += bias
    x[warps.get("suppress_tokens", [])] = -np.inf
    p = np.exp(x / warps.get("temperature", 1.0))
    order = np.argsort(-p)
    keep = warps.get("top_k") or len(p)
    p[order[keep:]] = 0
    p /= p.sum()
    passed = np.cumsum(p[order]) - p[order]
    p[order[passed >= warps.get("top_p", 1.0)]] = 0
    p[p < p.max() * warps.get("min_p", 0.0)] = 0
    return np.asarray(p / p.sum())


@pytest.mark.parametrize("warps", but_slow(WARPS, *WARPS[1:]), ids=str)
def test_first_two_of_a_step_are_drawn_without_putting_back(warps: dict[str, Any]) -> None:
    model = core_model("odd")
    source = sources("odd")[1]
    p = warped(next_scores(model, source, []), warps)
    assert (p > 0).sum() > 2
    probabilities = {
        (a, b): float(p[a] * p[b] * (1 / (1 - p[a]) + 1 / (1 - p[b])))
        for a, b in itertools.combinations(np.flatnonzero(p).tolist(), 2)
    }
    options = GenerationOptions(
        do_sample=True, beam_size=2, num_hypotheses=2, max_new_tokens=1, return_end_token=True
    ).replace(**warps)
    chosen = [options.replace(seed=seed) for seed in range(20_000)]
    found = model.generate([source] * len(chosen), chosen)
    pairs = [tuple(sorted(one.tokens[0] for one in two)) for two in found]
    assert_drawn_from(pairs, probabilities)


@every_model
def test_least_temperature_is_beam_search(name: str) -> None:
    model = core_model(name)
    options = GenerationOptions(beam_size=4, num_hypotheses=4, max_new_tokens=12)
    searched = model.generate(sources(name), options)
    found = model.generate(
        sources(name), dataclasses.replace(options, do_sample=True, temperature=0.001)
    )
    assert bits(found) == bits(searched)


@every_model
def test_each_hypothesis_keeps_one_that_goes_on(name: str) -> None:
    model = core_model(name)
    options = GenerationOptions(
        do_sample=True, beam_size=3, num_hypotheses=3, max_new_tokens=9, end_tokens=(3, 5)
    )
    wanted = model.generate(sources(name), options, top_k=3)
    for least in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}):
        assert bits(model.generate(sources(name), options, **least)) == bits(wanted)


@every_model
def test_scores_are_the_models(name: str) -> None:
    model = core_model(name)
    options = GenerationOptions(
        do_sample=True, beam_size=3, num_hypotheses=3, max_new_tokens=8, temperature=1.7
    )
    for source, found in zip(sources(name), model.generate(sources(name), options), strict=True):
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        scores = model.score([source] * 3, [one.tokens for one in found])
        for one, score in zip(found, scores, strict=True):
            assert_close(one.token_scores, score[: len(one.token_scores)], FLOAT32)


@every_model
def test_alternatives_are_gone_on_with_by_chance(name: str) -> None:
    options = GenerationOptions(
        return_alternatives=True, num_hypotheses=4, max_new_tokens=8, return_end_token=True
    )
    chance = dataclasses.replace(options, do_sample=True, temperature=1.3, seed=2)
    searched, sampled = (core_model(name).generate(sources(name), o) for o in (options, chance))
    for plain, found in zip(searched, sampled, strict=True):
        assert [one.tokens[0] for one in found] == [one.tokens[0] for one in plain]
    assert_same_hypotheses(
        sampled, reference.Model(checkpoint(name)).generate(sources(name), chance)
    )


@every_model
def test_alternatives_are_gone_on_with_by_beams_that_draw(name: str) -> None:
    model = core_model(name)
    options = GenerationOptions(
        return_alternatives=True, num_hypotheses=3, beam_size=3, max_new_tokens=8
    )
    searched = model.generate(sources(name), options)
    chance = dataclasses.replace(options, do_sample=True)
    least, most = (
        model.generate(sources(name), chance, temperature=temperature) for temperature in (0.001, 2)
    )
    assert bits(least) == bits(searched) != bits(most)


def test_chance_alone_asks_for_samples_without_beams() -> None:
    beams = GenerationOptions(beam_size=4, num_hypotheses=3)
    assert beams.replace(do_sample=True) == GenerationOptions(do_sample=True, num_hypotheses=3)
    assert beams.replace(do_sample=True, num_hypotheses=9).num_hypotheses == 9
    both = beams.replace(do_sample=True, beam_size=2)
    assert (both.beam_size, both.num_hypotheses) == (2, 2)
