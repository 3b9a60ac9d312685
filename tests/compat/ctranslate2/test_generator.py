"""The Generator of pyattn.compat.ctranslate2 answers as CTranslate2's, by tiny decoders."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import inspect
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyattn.compat import ctranslate2
from pyattn.compat.ctranslate2.generation import Generation
from pyattn.files import read_checkpoint
from support.decoder_folders import decoder_folder
from support.paths import GOLDEN

FOLDER = GOLDEN / "ctranslate2-generators"
MODELS = sorted(path.name for path in FOLDER.iterdir())
PROMPTS = [["H", "e", "l"], ["a"], ["t", "h", "e", "r", "s"]]
# Of float32 sums in another order, and numbers rounded to six digits.
CLOSE = 2e-5


@functools.cache
def generator(name: str) -> ctranslate2.Generator:
    return ctranslate2.Generator(FOLDER / name, compute_type="float32")


@functools.cache
def golden(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((FOLDER / name / "golden.json").read_text(encoding="utf-8"))
    return values


@pytest.mark.parametrize("name", MODELS)
def test_generations_are_those_of_ctranslate2(name: str) -> None:
    for case in golden(name)["cases"]:
        found = generator(name).generate_batch(PROMPTS, return_scores=True, **case["options"])
        for ours, theirs in zip(found, case["results"], strict=True):
            assert ours.sequences == theirs["sequences"], case["options"]
            assert ours.sequences_ids == theirs["sequences_ids"]
            np.testing.assert_allclose(ours.scores, theirs["scores"], atol=CLOSE)


@pytest.mark.parametrize("name", MODELS)
def test_scores_and_logits_are_those_of_ctranslate2(name: str) -> None:
    for ours, theirs in zip(
        generator(name).score_batch(PROMPTS), golden(name)["scores"], strict=True
    ):
        assert ours.tokens == theirs["tokens"]
        np.testing.assert_allclose(ours.log_probs, theirs["log_probs"], atol=CLOSE)
    logits = np.array(generator(name).forward_batch(PROMPTS[:1]))
    np.testing.assert_allclose(logits[0], golden(name)["logits"], atol=CLOSE)


@pytest.mark.parametrize("name", MODELS)
def test_steps_are_those_of_ctranslate2(name: str) -> None:
    found = list(generator(name).generate_tokens(PROMPTS[0], max_length=4, return_log_prob=True))
    assert [[one.step, one.token_id, one.is_last] for one in found] == [
        [step, token, last] for step, token, _, last in golden(name)["steps"]
    ]
    log_probs = [one.log_prob for one in found]
    expected = [log_prob for _, _, log_prob, _ in golden(name)["steps"]]
    np.testing.assert_allclose(log_probs, expected, atol=CLOSE)


def test_folder_of_transformers_is_the_same_model(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    folder = decoder_folder(tmp_path / "qwen2", "qwen2", vocab=401)
    own = ctranslate2.Generator(folder)
    for theirs in golden("qwen2")["cases"]:
        found = own.generate_batch(PROMPTS, **theirs["options"])
        assert [one.sequences for one in found] == [one["sequences"] for one in theirs["results"]]


def test_arguments_and_defaults_are_those_of_the_package() -> None:
    searches: dict[str, Any] = {
        "beam_size": 1, "patience": 1, "num_hypotheses": 1, "length_penalty": 1,
        "repetition_penalty": 1, "no_repeat_ngram_size": 0, "disable_unk": False,
        "suppress_sequences": None, "end_token": None, "return_end_token": False,
        "max_length": 512, "min_length": 0, "static_prompt": None, "cache_static_prompt": True,
        "include_prompt_in_result": True, "return_scores": False, "return_logits_vocab": False,
        "return_alternatives": False, "min_alternative_expansion_prob": 0, "sampling_topk": 1,
        "sampling_topp": 1, "sampling_temperature": 1,
    }  # fmt: skip
    assert {one.name: one.default for one in dataclasses.fields(Generation)} == searches
    examples = {"batch_type": "examples"}
    for method, expected in (
        ("generate_batch", {"max_batch_size": 0, "asynchronous": False, "callback": None}),
        ("generate_tokens", {"max_batch_size": 0, "return_log_prob": False, "callback": None}),
        ("generate_iterable", {"max_batch_size": 32}),
        ("score_batch", {"max_batch_size": 0, "max_input_length": 1024, "asynchronous": False}),
        ("score_iterable", {"max_batch_size": 64}),
    ):
        found = inspect.signature(getattr(ctranslate2.Generator, method)).parameters
        defaults = {
            name: one.default for name, one in found.items() if one.default is not one.empty
        }
        assert defaults == examples | expected, method


def test_prompts_are_apart_whatever_their_lengths() -> None:
    options: dict[str, Any] = {"max_length": 5, "include_prompt_in_result": False}
    together = generator("gpt2").generate_batch(PROMPTS, **options)
    for prompt, one in zip(PROMPTS, together, strict=True):
        [alone] = generator("gpt2").generate_batch([prompt], **options)
        assert one.sequences == alone.sequences
        assert len(one.sequences[0]) == 5


def test_end_tokens_end_and_return_if_wanted() -> None:
    options: dict[str, Any] = {"max_length": 6, "include_prompt_in_result": False}
    [[free]] = [one.sequences for one in generator("gpt2").generate_batch([["a"]], **options)]
    for wanted in (False, True):
        [found] = generator("gpt2").generate_batch(
            [["a"]], end_token=free[2], return_end_token=wanted, **options
        )
        first = free.index(free[2])
        assert found.sequences == [free[: first + wanted]]


def test_callbacks_see_tokens_and_end_sequences() -> None:
    seen = []

    def callback(step: ctranslate2.GenerationStepResult) -> bool:
        seen.append(step.token)
        return len(seen) == 4

    [found] = generator("gpt2").generate_batch([PROMPTS[0]], max_length=8, callback=callback)
    assert found.sequences == [["H", *seen]]
    assert seen[:2] == ["e", "l"]
    assert len(seen) == 4


def test_callbacks_of_streams_end_sequences() -> None:
    steps = list(
        generator("gpt2").generate_tokens(
            [["a"], ["H", "e"]], max_length=6, callback=lambda step: step.step == 1
        )
    )
    assert sorted((one.batch_id, one.step) for one in steps) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_tokens_come_asynchronously() -> None:
    async def collected() -> list[int]:
        return [
            step.token_id
            async for step in generator("gpt2").async_generate_tokens(["a"], max_length=3)
        ]

    expected = [step.token_id for step in generator("gpt2").generate_tokens(["a"], max_length=3)]
    assert asyncio.run(collected()) == expected


def test_results_come_asynchronously_and_in_order() -> None:
    options: dict[str, Any] = {"max_length": 4, "return_scores": True}
    now = generator("gpt2").generate_batch(PROMPTS, **options)
    later = generator("gpt2").generate_batch(PROMPTS, asynchronous=True, **options)
    assert isinstance(later[0], ctranslate2.AsyncGenerationResult)
    stream = generator("gpt2").generate_iterable(iter(PROMPTS), max_batch_size=2, **options)
    for one, pending, streamed in zip(now, later, stream, strict=True):
        assert one.sequences == pending.result().sequences == streamed.sequences
        assert one.scores == pending.result().scores == streamed.scores
    scored = generator("gpt2").score_batch(PROMPTS)
    assert scored == list(generator("gpt2").score_iterable(PROMPTS))
    assert scored == [
        one.result() for one in generator("gpt2").score_batch(PROMPTS, asynchronous=True)
    ]


def test_logits_are_those_of_each_step() -> None:
    [found] = generator("gpt2").generate_batch([PROMPTS[0]], max_length=5, return_logits_vocab=True)
    assert len(found.logits[0]) == 5
    forward = np.array(generator("gpt2").forward_batch(found.sequences))
    np.testing.assert_allclose(np.stack(found.logits[0]), forward[0, :5], atol=1e-5)


def test_inputs_of_forward_are_tokens_ids_or_arrays() -> None:
    own = generator("gpt2")
    tokens = np.array(own.forward_batch([["H", "e"], ["a"]]))
    ids = np.array(own.forward_batch([[40, 69], [65]]))
    array = ctranslate2.StorageView.from_array(np.array([[40, 69], [65, 0]], np.int32))
    lengths = ctranslate2.StorageView.from_array(np.array([2, 1], np.int32))
    dense = np.array(own.forward_batch(array, lengths))
    assert tokens.shape == (2, 2, 400)
    assert tokens.tobytes() == ids.tobytes() == dense.tobytes()
    assert not tokens[1, 1].any()
    log_probs = np.array(own.forward_batch([[40, 69]], return_log_probs=True))
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=-1), 1, atol=1e-5)


def test_samples_are_from_the_best_tokens() -> None:
    options: dict[str, Any] = {
        "max_length": 5,
        "sampling_topk": 5,
        "include_prompt_in_result": False,
    }
    found = generator("gpt2").generate_batch([["a"]] * 6, **options)
    assert len({tuple(one.sequences[0]) for one in found}) > 1


def test_wrong_arguments_are_named() -> None:
    own = generator("gpt2")
    for call, error, message in (
        (lambda: own.generate_batch([[]]), ValueError, "One input has no decoder start token"),
        (lambda: own.generate_batch([["a"]], beams=2), TypeError, "beams"),
        (lambda: own.generate_batch([["a"]], beam_size=0), ValueError, "The beam size must be > 0"),
        (lambda: own.generate_batch([["a"]], max_length="a"), TypeError, "int"),
        (
            lambda: own.generate_batch([["a"]], max_length=0, return_alternatives=True),
            ValueError,
            "The maximum decoding length must be > 0",
        ),
        (lambda: own.generate_batch([["a"]], static_prompt=[3]), TypeError, "static_prompt"),
        (lambda: own.generate_batch("a"), TypeError, "start_tokens is 'a'"),
        (lambda: own.generate_tokens(["a"], beam_size=2), TypeError, "unexpected keyword argument"),
        (lambda: own.generate_batch([["a"] * 64]), RuntimeError, "positions >= 64, but got"),
        (lambda: own.score_batch([["a"] * 65]), RuntimeError, "positions >= 64, but got"),
        (lambda: own.score_batch([["a"]], max_input_length=-1), ValueError, "must be >= 0"),
        (lambda: own.forward_batch([[-1]]), TypeError, "inputs"),
        (lambda: own.generate_batch([["a"]], callback=3), TypeError, "callback"),
    ):
        with pytest.raises(error, match=re.escape(message)):
            call()


def test_models_of_another_kind_are_refused(tmp_path: Path) -> None:
    encoder = GOLDEN / "ctranslate2-encoders" / "bert"
    with pytest.raises(RuntimeError, match="cannot be used as a language model"):
        ctranslate2.Generator(encoder)
    with pytest.raises(RuntimeError, match="cannot be used as a sequence-to-sequence model"):
        ctranslate2.Translator(FOLDER / "gpt2")
    with pytest.raises(RuntimeError, match="cannot be used as a sequence encoder"):
        ctranslate2.Encoder(FOLDER / "gpt2")
    broken = tmp_path / "broken"
    shutil.copytree(FOLDER / "gpt2", broken)
    (broken / "vocabulary.json").write_text("[]", encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"vocabulary\.json"):
        ctranslate2.Generator(broken)


def test_properties_are_those_of_a_handle() -> None:
    own = ctranslate2.Generator(FOLDER / "llama", inter_threads=2, intra_threads=1)
    assert (own.num_generators, own.device, own.model_is_loaded) == (2, "cpu", True)
    own.unload_model()
    with pytest.raises(RuntimeError, match="unloaded"):
        own.generate_batch([["a"]])
    own.load_model()
    assert own.generate_batch([["a"]], max_length=2)


def test_folders_are_read_as_decoders() -> None:
    config = read_checkpoint(FOLDER / "llama").config
    assert config.stacks == ("decoder",)
    assert (config.positions, config.decoder_kv_heads, config.norm_kind) == ("rotary", 1, "rms")
    qwen2 = read_checkpoint(FOLDER / "qwen2").config
    assert (qwen2.attention_bias, qwen2.biased_attention_output) == (True, False)
    gpt2 = read_checkpoint(FOLDER / "gpt2").config
    assert (gpt2.positions, gpt2.max_positions, gpt2.end) == ("learned", 64, 0)
