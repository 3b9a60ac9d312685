"""Decoders that stand alone: transformers' logits and answers, in every implementation."""

import functools
import json
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn import reference
from pyattn.files import read_checkpoint
from pyattn.files.native import write_native
from pyattn.model_config import RotaryScaling
from support.inputs import ISAS
from support.lanes import each_on_each
from support.paths import GOLDEN

DECODERS = sorted(path.name for path in (GOLDEN / "decoders").iterdir())
IMPLEMENTATIONS = (*ISAS, "numpy")
# Of float32 sums in another order, on logits of size 1 to 10.
CLOSE = 1e-4


def folder(name: str) -> Path:
    return GOLDEN / "decoders" / name


@functools.cache
def golden(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((folder(name) / "golden.json").read_text(encoding="utf-8"))
    return values


@functools.cache
def model(name: str, implementation: str) -> pyattn.Model | reference.Model:
    checkpoint = read_checkpoint(folder(name))
    if implementation == "numpy":
        return reference.Model(checkpoint)
    return pyattn.Model(checkpoint, dtype="float32", isa=implementation)


@pytest.mark.parametrize(("name", "implementation"), each_on_each(DECODERS, IMPLEMENTATIONS))
def test_logits_are_those_of_transformers(name: str, implementation: str) -> None:
    found = model(name, implementation).logits(golden(name)["prompts"], golden(name)["targets"])
    with np.load(folder(name) / "logits.npz") as arrays:
        for n, rows in enumerate(found):
            np.testing.assert_allclose(rows, arrays[f"logits_{n}"], rtol=0, atol=CLOSE)


@pytest.mark.parametrize(("name", "implementation"), each_on_each(DECODERS, IMPLEMENTATIONS))
def test_answers_are_those_of_transformers(name: str, implementation: str) -> None:
    answers = golden(name)
    for case in answers["cases"]:
        found = model(name, implementation).generate(
            answers["prompts"], **case["options"], max_new_tokens=answers["max_new_tokens"]
        )
        for [best, *_], expected in zip(found, case["answers"], strict=True):
            assert best.tokens == expected["tokens"], case["options"]
            assert (best.finish_reason == "eos") == expected["ended"]
            if expected["score"] is not None:
                assert best.score == pytest.approx(expected["score"], abs=CLOSE)


def test_configs_are_read() -> None:
    gpt2, llama, scaled, qwen2, qwen3 = (
        read_checkpoint(folder(name)).config
        for name in ("gpt2-old", "llama-old", "llama-scaled", "qwen2-windows", "qwen3")
    )
    for config in (gpt2, llama, scaled, qwen2, qwen3):
        assert config.stacks == ("decoder",)
        assert (config.norm, config.final_norm) == ("pre", True)
    assert (gpt2.positions, gpt2.norm_kind, gpt2.decoder_ffn) == ("learned", "layer", 52)
    assert (llama.head_dim, llama.decoder_kv_heads, llama.rotary_theta) == (10, 1, 300)
    assert (llama.attention_bias, llama.feed_forward_bias) == (True, True)
    assert llama.biased_attention_output
    assert scaled.rotary_scaling == RotaryScaling(
        factor=8.0, low_frequency=1.0, high_frequency=4.0, original_positions=32
    )
    assert qwen2.decoder_windows == (0, 5)
    assert (qwen2.attention_bias, qwen2.biased_attention_output) == (True, False)
    assert (qwen3.query_key_norm, qwen3.attention_bias) == (True, False)


def test_further_ends_are_options() -> None:
    checkpoint = read_checkpoint(folder("llama-scaled"))
    assert (checkpoint.config.end, checkpoint.generation.end_tokens) == (1, (1, 2))


def test_tied_matrices_are_one() -> None:
    for name, is_tied in (("gpt2", True), ("llama-tied", True), ("llama-old", False)):
        tensors = read_checkpoint(folder(name)).tensors
        assert (tensors["output.weight"] is tensors["decoder.embedding"]) == is_tied


@pytest.mark.parametrize("name", DECODERS)
def test_native_folder_is_the_same_model(name: str, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(folder(name))
    write_native(tmp_path / "native", checkpoint)
    again = read_checkpoint(tmp_path / "native")
    assert again.config == checkpoint.config
    assert again.tensors.keys() == checkpoint.tensors.keys()
    for key, array in checkpoint.tensors.items():
        np.testing.assert_array_equal(again.tensors[key], array)


REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    (
        "gpt2",
        {"scale_attn_by_inverse_layer_idx": True},
        "scale_attn_by_inverse_layer_idx is true, which pyattn does not support",
    ),
    ("gpt2", {"add_cross_attention": True}, "add_cross_attention is true"),
    ("gpt2", {"n_head": 5}, "n_head is 5, expected a divisor of n_embd, 24"),
    (
        "llama-tied",
        {"rope_parameters": {"rope_type": "yarn", "factor": 4.0}},
        "config.json: rope_parameters: rope_type is 'yarn', supported are default, llama3",
    ),
    (
        "llama-old",
        {"rope_scaling": {"type": "linear", "factor": 2.0}},
        "config.json: rope_scaling: type is 'linear', supported are default, llama3",
    ),
    (
        "llama-scaled",
        {"rope_parameters": {"rope_type": "llama3", "factor": 8.0}},
        "rope_parameters: low_freq_factor is missing",
    ),
    (
        "llama-scaled",
        {
            "rope_parameters": {
                **{"rope_type": "llama3", "factor": 8.0},
                **{"low_freq_factor": 4.0, "high_freq_factor": 4.0},
            }
        },
        "high_freq_factor is 4, expected more than low_freq_factor, 4",
    ),
    ("llama-tied", {"partial_rotary_factor": 0.5}, "partial_rotary_factor is below 1"),
    ("llama-tied", {"num_key_value_heads": 3}, "num_key_value_heads is 3, expected a divisor"),
    ("llama-tied", {"num_attention_heads": 8, "head_dim": 3}, "expected heads of an even width"),
    ("qwen2", {"eos_token_id": None}, "eos_token_id is None, expected one id below 83"),
    ("qwen2", {"layer_types": ["sliding_attention"] * 2}, "expected use_sliding_window to be true"),
    ("qwen2", {"layer_types": ["chunked_attention"] * 2}, "layer_types is"),
    ("qwen3", {"head_dim": 7}, "expected heads of an even width"),
    ("qwen3", {"hidden_act": "xielu"}, "hidden_act is 'xielu', supported are"),
    ("qwen3", {"model_type": "qwen3_moe"}, "model_type is 'qwen3_moe', supported are"),
)


@pytest.mark.parametrize(("name", "fields", "message"), REFUSED)
def test_what_is_not_computed_is_refused(
    name: str, fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    place = tmp_path / name
    shutil.copytree(folder(name), place)
    config = place / "config.json"
    values = json.loads(config.read_text(encoding="utf-8")) | fields
    config.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(pyattn.ModelError, match=re.escape(message)):
        read_checkpoint(place)


def test_padding_of_minus_1_is_none(tmp_path: Path) -> None:
    place = tmp_path / "llama"
    shutil.copytree(folder("llama-tied"), place)
    config = place / "config.json"
    values = json.loads(config.read_text(encoding="utf-8")) | {"pad_token_id": -1}
    config.write_text(json.dumps(values), encoding="utf-8")
    assert read_checkpoint(place).config.pad is None


def test_length_of_generation_config_bounds_new_tokens(tmp_path: Path) -> None:
    place = tmp_path / "llama"
    shutil.copytree(folder("llama-tied"), place)
    (place / "generation_config.json").write_text('{"max_length": 4096}', encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_checkpoint(place).generation.max_new_tokens <= 64


def test_there_is_nothing_to_encode() -> None:
    with pytest.raises(ValueError, match="encode: the model has no encoder"):
        reference.Model(read_checkpoint(folder("gpt2"))).encode([[5, 6]])
