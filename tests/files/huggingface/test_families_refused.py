"""What is wrong with a family's files is one error, which names the file and the field."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from pyattn.errors import ModelError
from support.family_folders import SAVED, config_from, read, weights_of
from support.long_models import LONG
from support.paths import GOLDEN


@pytest.mark.parametrize("name", SAVED)
def test_tensor_that_is_missing_or_too_many_is_an_error(tmp_path: pathlib.Path, name: str) -> None:
    weights = weights_of(name)
    last = max(tensor for tensor in weights if "norm" in tensor and "layer" in tensor)
    without = {tensor: values for tensor, values in weights.items() if tensor != last}
    with pytest.raises(ModelError, match=rf"^model\.safetensors: {last} is missing$"):
        read(tmp_path, name, weights=without)
    more = {**weights, "decoder.extra.weight": np.ones(3, np.float32)}
    with pytest.raises(
        ModelError, match=rf"extra\.weight: no such tensors .* {name.split('-')[0]}"
    ):
        read(tmp_path, name, weights=more)


@pytest.mark.parametrize("name", ["m2m_100", "fsmt", "t5"])
def test_families_without_a_bias_of_logits_refuse_one(tmp_path: pathlib.Path, name: str) -> None:
    weights = {**weights_of(name), "final_logits_bias": np.zeros((1, 101), np.float32)}
    with pytest.raises(ModelError, match="final_logits_bias: no such tensors in a model of family"):
        read(tmp_path, name, weights=weights)


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        ("t5", {"d_kv": 0}, "d_kv is 0, expected 1 to 1048576"),
        ("t5", {"num_heads": 2**30}, "num_heads is 1073741824, expected 1 to 209715"),
        ("t5", {"num_layers": "2"}, "num_layers is '2', expected 1 to 1024"),
        ("t5", {"num_decoder_layers": 0}, "num_decoder_layers is 0, expected 1 to 1024"),
        ("t5", {"feed_forward_proj": "gated-tanh"}, "feed_forward_proj is 'gated-tanh', expected"),
        ("t5", {"feed_forward_proj": "open-gelu"}, "feed_forward_proj is 'open-gelu', exp"),
        ("t5", {"feed_forward_proj": 3}, "feed_forward_proj is 3, expected a string"),
        ("t5", {"dense_act_fn": "tanh"}, "dense_act_fn is 'tanh', supported are relu"),
        ("t5", {"layer_norm_epsilon": -1}, "layer_norm_epsilon is -1, expected a number from 0"),
        ("t5", {"relative_attention_num_buckets": 3}, "relative_attention_num_buckets is 3"),
        ("t5", {"relative_attention_max_distance": 4}, "relative_attention_max_distance is 4"),
        ("t5", {"scale_decoder_outputs": 1}, "scale_decoder_outputs is 1, expected true or false"),
        ("t5", {"decoder_start_token_id": 101}, "decoder_start_token_id is 101, expected"),
        ("m2m_100", {"d_model": 15, "encoder_attention_heads": 3}, "d_model is 15, expected"),
        ("m2m_100", {"pad_token_id": 101}, "pad_token_id is 101, expected one id below 101"),
        ("mbart", {"decoder_start_token_id": None, "bos_token_id": 101}, "bos_token_id is 101"),
        ("fsmt", {"src_vocab_size": 0}, "src_vocab_size is 0, expected 1 to"),
        ("t5gemma", {"encoder": 3}, "encoder is 3, expected an object"),
        ("t5gemma", {"tie_word_embeddings": 1}, "tie_word_embeddings is 1, expected true or false"),
    ],
)  # fmt: skip
def test_config_out_of_range_is_an_error(
    tmp_path: pathlib.Path, name: str, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ModelError, match=rf"^config\.json: {problem}"):
        read(tmp_path, name, changes)


@pytest.mark.parametrize(
    ("stack", "key", "value", "problem"),
    [
        ("decoder", "hidden_size", 32, r"decoder: hidden_size is not that .* \(32 and 24\)"),
        ("decoder", "head_dim", 4, r"decoder: head_dim is not that of the encoder \(4 and 8\)"),
        ("decoder", "head_dim", 7, "decoder: head_dim is 7, expected an even number"),
        ("encoder", "attn_logit_softcapping", 3, "decoder: attn_logit_softcapping is not that"),
        ("decoder", "num_key_value_heads", 3, "decoder: num_key_value_heads is 3, expected 1"),
        ("encoder", "num_key_value_heads", 3, "encoder: num_key_value_heads is 3, expected a div"),
        ("encoder", "layer_types", ["full_attention"], "encoder: layer_types is a list of 1"),
        ("encoder", "layer_types", ["full_attention", "chunked"], "encoder: layer_types is a"),
        ("encoder", "sliding_window", 0, "encoder: sliding_window is 0, expected 1 to"),
        ("decoder", "rope_parameters", {"rope_type": "yarn"}, "decoder: rope_parameters: rope_t"),
        ("decoder", "rope_parameters", {"rope_theta": 0}, "decoder: rope_parameters: rope_theta"),
        ("decoder", "query_pre_attn_scalar", 0, "decoder: query_pre_attn_scalar is 0, expected"),
        ("decoder", "final_logit_softcapping", 0, "decoder: final_logit_softcapping is 0"),
    ],
)  # fmt: skip
def test_field_of_a_stack_out_of_range_is_an_error(
    tmp_path: pathlib.Path, stack: str, key: str, value: Any, problem: str
) -> None:
    with pytest.raises(ModelError, match=rf"^config\.json: {problem}"):
        read(tmp_path, "t5gemma", {f"{stack}.{key}": value})


@pytest.mark.parametrize(
    ("name", "tensor", "field"),
    [
        ("t5", "shared.weight", "vocab_size says 101"),
        ("t5", "encoder.block.1.layer.1.DenseReluDense.wi.weight", "d_ff says 40"),
        ("t5", "decoder.final_layer_norm.weight", "d_model says 24"),
        ("fsmt", "model.encoder.embed_tokens.weight", "src_vocab_size says 90"),
        ("fsmt", "model.decoder.embed_tokens.weight", "tgt_vocab_size says 70"),
        ("t5gemma", "model.encoder.embed_tokens.weight", "encoder.vocab_size says 90"),
        (
            "t5gemma",
            "model.decoder.layers.0.mlp.up_proj.weight",
            "decoder.intermediate_size says 28",
        ),
    ],
)
def test_tensor_that_contradicts_the_config_names_the_field(
    tmp_path: pathlib.Path, name: str, tensor: str, field: str
) -> None:
    weights = weights_of(name)
    weights[tensor] = np.concatenate([weights[tensor], weights[tensor][:1]])
    with pytest.raises(ModelError, match=rf"{tensor} has shape .*, config\.json's {field}"):
        read(tmp_path, name, weights=weights)


def test_positions_without_the_two_rows_are_an_error(tmp_path: pathlib.Path) -> None:
    weights = weights_of("bart")
    table = "model.encoder.embed_positions.weight"
    weights[table] = weights[table][2:]
    with pytest.raises(ModelError, match=rf"{table} has shape \[32, 20\], expected \[34, 20\]"):
        read(tmp_path, "bart", weights=weights)


# Whatever stands where something else is expected.
HOSTILE: tuple[Any, ...] = (
    None, -1, 0, 1, 7, 2**31, 10**400, 1.5, 1e-320, 1e308, True, "x", [], [0], [0, 1], {},
)  # fmt: skip


# The few models for long sources have fields of their own.
FOLDERS = SAVED | {f"long-{name}": f"long/{name}" for name in LONG if "64" not in name}


@pytest.mark.parametrize("name", FOLDERS)
def test_no_value_of_any_field_is_more_than_a_model_error(
    tmp_path: pathlib.Path, name: str
) -> None:
    values = json.loads((GOLDEN / FOLDERS[name] / "config.json").read_text())
    changed = []
    for key, value in values.items():
        changed += [{**values, key: other} for other in HOSTILE]
        if isinstance(value, dict):
            inner = [{**value, field: other} for field in value for other in HOSTILE]
            changed += [{**values, key: section} for section in inner]
    messages = []
    for case in changed:
        try:
            config_from(tmp_path, **case)
        except ModelError as error:
            messages.append(str(error))
    assert 0 < len(messages) < len(changed)  # some fields are read, others are not
    assert all(len(message) < 300 for message in messages)
