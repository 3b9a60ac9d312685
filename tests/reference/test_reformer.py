"""Reformer's language models, against transformers' own, and the random vectors they hash by."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import Any

import numpy as np
import pytest

from pyattn import reference
from pyattn.files import read_reformer
from pyattn.reference.hash_vectors import HashVectors, Shape, torch_vectors
from pyattn.reformer_config import ReformerCheckpoint, ReformerConfig
from support.paths import GOLDEN
from support.tolerances import EXACT, FLOAT32, assert_close

MODELS = sorted(path.name for path in (GOLDEN / "reformer").iterdir())
# Those whose answers transformers repeats.
STATED = [name for name in MODELS if name != "drawn"]
# Of float32 sums in another order, on logits of size 1 to 10.
CLOSE = 1e-4


@functools.cache
def golden(name: str) -> dict[str, Any]:
    text = (GOLDEN / "reformer" / name / "golden.json").read_text(encoding="utf-8")
    values: dict[str, Any] = json.loads(text)
    return values


@functools.cache
def checkpoint(name: str) -> ReformerCheckpoint:
    return read_reformer(GOLDEN / "reformer" / name)


@functools.cache
def model(name: str) -> reference.Reformer:
    return reference.Reformer(checkpoint(name))


def drawn_by_transformers(arrays: Any, n: int) -> HashVectors:
    layers = [at for at, kind in enumerate(checkpoint("drawn").config.layers) if kind == "lsh"]
    return lambda layer, _: arrays[f"vectors_{n}_{layers.index(layer)}"]


def text(length: int) -> list[int]:
    return np.random.default_rng(length).integers(3, 37, size=length).tolist()


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_transformers(name: str) -> None:
    with np.load(GOLDEN / "reformer" / name / "answers.npz") as arrays:
        for n, prompt in enumerate(golden(name)["prompts"]):
            vectors = drawn_by_transformers(arrays, n) if name == "drawn" else None
            [found] = reference.Reformer(checkpoint(name), hash_vectors=vectors).logits([prompt])
            np.testing.assert_allclose(found, arrays[f"logits_{n}"], rtol=0, atol=CLOSE)


@pytest.mark.parametrize("way", ["plain", "cached"])
@pytest.mark.parametrize("name", STATED)
def test_greedy_answers_are_those_of_transformers(name: str, way: str) -> None:
    values = golden(name)
    compared = 0
    for prompt, answers in zip(values["prompts"], values["answers"], strict=True):
        [[found]] = model(name).generate(
            [prompt], cache=way == "cached", max_new_tokens=values["max_new_tokens"]
        )
        if answers[way] is not None:
            end = [checkpoint(name).config.end] if found.finish_reason == "eos" else []
            assert found.tokens + end == answers[way]["tokens"]
            np.testing.assert_allclose(
                found.token_scores, answers[way]["scores"], rtol=0, atol=CLOSE
            )
            compared += 1
    assert compared >= 5


def test_golden_texts_are_hashed_and_padded_and_some_are_neither() -> None:
    for name in STATED:
        config = checkpoint(name).config
        lengths = [len(prompt) for prompt in golden(name)["prompts"]]
        assert any(config.padded(length) > length for length in lengths)
        assert any(length % 4 == 0 and length > 6 for length in lengths)
        assert min(lengths) == 1


def test_a_cache_changes_no_answers_of_local_layers() -> None:
    prompts = golden("local")["prompts"]
    cached, plain = (
        model("local").generate(prompts, cache=on, beam_size=3) for on in (True, False)
    )
    for one, other in zip(cached, plain, strict=True):
        assert one[0].tokens == other[0].tokens
        assert_close(one[0].token_scores, other[0].token_scores, FLOAT32)


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("name", ["both", "lsh-free"])
def test_rows_of_a_search_do_not_change_each_other(name: str, cache: bool) -> None:
    # Beams share a batch and change places; each alone is what a prefix feeds.
    prompt = golden(name)["prompts"][4]
    [found] = model(name).generate(
        [prompt], cache=cache, beam_size=4, num_hypotheses=4, max_new_tokens=6
    )
    for one in found:
        [[alone]] = model(name).generate(
            [prompt],
            cache=cache,
            max_new_tokens=len(one.token_scores),
            target_prefix=one.tokens,
            return_prefix=True,
        )
        assert alone.tokens[: len(one.tokens)] == one.tokens
    assert len({tuple(one.tokens) for one in found}) == 4


def test_scores_are_those_of_the_logits() -> None:
    prompt = golden("both")["prompts"][5]
    [[found]] = model("both").generate([prompt], cache=False, max_new_tokens=5)
    for n, (token, score) in enumerate(zip(found.tokens, found.token_scores, strict=False)):
        [rows] = model("both").logits([prompt + found.tokens[:n]])
        assert_close(score, reference.log_softmax(rows[-1])[token], FLOAT32)


def test_a_seed_is_repeated_and_another_changes_long_texts_alone() -> None:
    first, same, other = (reference.Reformer(checkpoint("drawn"), seed=seed) for seed in (3, 3, 4))
    long, short = text(20), text(4)
    [wanted], [found] = first.logits([long]), same.logits([long])
    assert_close(found, wanted, EXACT)
    assert np.abs(other.logits([long])[0] - wanted).max() > 0.1
    assert_close(other.logits([short])[0], first.logits([short])[0], EXACT)


def test_vectors_of_a_seed_are_the_documented_draws() -> None:
    def documented(layer: int, shape: Shape) -> Any:
        return np.random.Generator(np.random.PCG64([3, layer])).standard_normal(shape, np.float32)

    [found] = reference.Reformer(checkpoint("drawn"), seed=3).logits([text(20)])
    [wanted] = reference.Reformer(checkpoint("drawn"), hash_vectors=documented).logits([text(20)])
    assert_close(found, wanted, EXACT)


def test_without_any_seed_it_is_0() -> None:
    [found] = model("drawn").logits([text(20)])
    [wanted] = reference.Reformer(checkpoint("drawn"), seed=0).logits([text(20)])
    assert_close(found, wanted, EXACT)


def test_a_seed_of_the_caller_replaces_that_of_the_files() -> None:
    assert checkpoint("lsh").config.hash_seed is not None
    [of_files] = model("lsh").logits([text(20)])
    [found] = reference.Reformer(checkpoint("lsh"), seed=5).logits([text(20)])
    assert np.abs(found - of_files).max() > 0.1


def test_torch_draws_the_same_vectors() -> None:
    with np.load(GOLDEN / "lsh.npz") as arrays:
        wanted = arrays["rotations"]
    assert_close(torch_vectors(3)(0, wanted.shape), wanted, FLOAT32)
    # Few numbers are made in another way, and so are the last ones; torch.manual_seed(9).
    few = [0.044728, 1.911239, -0.231031, 0.345928, 1.318028]
    np.testing.assert_allclose(torch_vectors(9)(1, (1, 5, 1, 1)).ravel(), few, atol=1e-6)
    last = [-1.382043, -0.274464, -1.056911, -1.570537, -1.415338, -0.694533, -0.353212]
    np.testing.assert_allclose(torch_vectors(9)(1, (1, 9, 2, 1)).ravel()[-7:], last, atol=1e-6)


def test_number_of_buckets_is_the_power_of_two_at_most_twice_the_chunks() -> None:
    config = dataclasses.replace(checkpoint("lsh-free").config, lsh_chunk=64, positions=4096)
    assert config.buckets_for(128) == (4,)
    assert config.buckets_for(192) == (4,)
    assert config.buckets_for(4096) == (128,)
    far = dataclasses.replace(config, positions=2**19)
    assert far.buckets_for(2**14) == (16, 32)


def test_longest_text_is_the_longest_that_is_padded_to_positions() -> None:
    config: ReformerConfig = checkpoint("both").config
    assert (config.chunks, config.longest) == ((4, 6), 48)
    for positions, longest in ((47, 36), (13, 12), (11, 4), (3, 3)):
        assert dataclasses.replace(config, positions=positions).longest == longest
    assert dataclasses.replace(config, axial_shape=(5, 3)).longest == 12


def test_a_text_that_has_no_positions_is_named() -> None:
    config = dataclasses.replace(checkpoint("local").config, positions=23)
    short = reference.Reformer(dataclasses.replace(checkpoint("local"), config=config))
    assert len(short.logits([text(20)])[0]) == 20
    with pytest.raises(ValueError, match="logits: text 1 has 21 tokens, expected at most 20"):
        short.logits([[5], text(21)])
    [[found]] = short.generate([text(18)], max_new_tokens=9, min_new_tokens=9)
    assert (len(found.tokens), found.finish_reason) == (2, "length")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seed": -1}, ValueError, "seed is -1, expected 0 or more"),
        ({"seed": "3"}, TypeError, "seed is str, expected an integer"),
        ({"seed": 3, "hash_vectors": torch_vectors(1)}, ValueError, "both seed and hash_vectors"),
    ],
)
def test_seeds_that_are_none_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        reference.Reformer(checkpoint("lsh"), **arguments)


def test_vectors_of_another_shape_are_refused() -> None:
    zeros = np.zeros((2, 5, 2, 3), np.float32)
    odd = reference.Reformer(checkpoint("lsh"), hash_vectors=lambda *_: zeros)
    odd.logits([text(4)])
    with pytest.raises(ValueError, match=r"has shape \[2, 5, 2, 3\], expected \[2, 5, 2, 2\]"):
        odd.logits([text(5)])


def test_tensors_that_contradict_the_config_are_refused() -> None:
    known = checkpoint("lsh")
    name = "lm_head.decoder.weight"
    cut = dataclasses.replace(known, tensors={**known.tensors, name: known.tensors[name][:-1]})
    with pytest.raises(ValueError, match=rf"Reformer: {name} has shape \[36, 16\]"):
        reference.Reformer(cut)


@pytest.mark.parametrize(
    ("prompts", "error", "message"),
    [
        ([[]], ValueError, "generate: prompt 0 has no tokens"),
        ([[3], [37]], ValueError, "generate: prompt 1 has id 37, expected 0 to 36"),
        ([3], TypeError, "generate: prompt 0 is not a list of ids"),
    ],
)
def test_prompts_that_are_none_are_refused(
    prompts: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        model("both").generate(prompts)


def test_text_without_tokens_has_no_logits() -> None:
    assert model("both").logits([[]])[0].shape == (0, 37)


def test_options_of_searches_are_followed() -> None:
    prompt = golden("both")["prompts"][5]
    draws = {"do_sample": True, "num_hypotheses": 3, "seed": 5, "max_new_tokens": 6}
    [found] = model("both").generate([prompt], **draws)
    [again] = model("both").generate([prompt], **draws)
    assert [one.tokens for one in found] == [one.tokens for one in again]
    [others] = model("both").generate([prompt], return_alternatives=True, num_hypotheses=3)
    assert len({one.tokens[0] for one in others}) == 3
    [[silent]] = model("both").generate([prompt], scores=False, max_new_tokens=3)
    assert silent.score is None
    with pytest.raises(ValueError, match="alignment: the model has no encoder"):
        model("both").generate([prompt], alignment=True)
