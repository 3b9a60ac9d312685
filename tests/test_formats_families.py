"""Readers of every family, on files that transformers wrote and on what can be wrong with them."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import model_folders as made
import numpy as np
import pytest

from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.errors import ModelError
from pyattn.formats import read_checkpoint
from pyattn.formats.huggingface import read_config
from pyattn.formats.safetensors import read_safetensors

GOLDEN = pathlib.Path(__file__).parent / "golden"
# One model of each family as golden/make_golden.py had transformers write it.
SAVED = {
    "marian": "marian-tied-relu-3",
    "m2m_100": "m2m100-tied-relu-6",
    "bart": "bart-tied-gelu-5",
    "mbart": "mbart-untied-relu-8",
    "pegasus": "pegasus-tied-relu-3",
    "fsmt": "fsmt-untied-relu-7",
    "t5": "t5-tied-relu-5",
    "t5-gated": "t5-untied-gated-8",
    "umt5": "umt5-untied-gated-5",
    "t5gemma": "t5gemma-tied-gated-8",
}

Values = made.Values


def config_of(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((GOLDEN / SAVED[name] / "config.json").read_text())
    return values


def weights_of(name: str) -> dict[str, Values]:
    found = read_safetensors(GOLDEN / SAVED[name] / "model.safetensors")
    return {name: np.array(tensor.values) for name, tensor in found.items()}


def read(
    tmp_path: pathlib.Path,
    name: str,
    changes: Mapping[str, Any] | None = None,
    weights: Mapping[str, Values] | None = None,
    generation: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """The family's model, with changed fields of config.json; a change to None leaves one out."""
    values = config_of(name)
    for key, value in (changes or {}).items():
        *outer, key = key.split(".")
        place = values[outer[0]] if outer else values
        place[key] = value
        if value is None:
            del place[key]
    folder = made.folder(
        tmp_path / "model",
        values,
        weights_of(name) if weights is None else weights,
        generation=generation,
    )
    return read_checkpoint(folder)


def config_from(tmp_path: pathlib.Path, **fields: Any) -> ModelConfig:
    """What config.json alone makes of a model."""
    (tmp_path / "config.json").write_text(json.dumps(fields))
    return read_config(tmp_path).model


@pytest.mark.parametrize("name", SAVED)
def test_every_tensor_of_the_file_is_one_of_the_model(tmp_path: pathlib.Path, name: str) -> None:
    weights = weights_of(name)
    found = read(tmp_path, name)
    wanted = dict(tensor_shapes(found.config))
    assert found.tensors.keys() - {"output.bias"} == wanted.keys()
    for tensor, shape in wanted.items():
        array = found.tensors[tensor]
        assert array.shape == shape, tensor
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert not array.flags.writeable
    # No two tensors are alike but copies of one, so nothing is read twice or for something else.
    read_once = {array.tobytes() for array in found.tensors.values()}
    positions = [tensor for tensor in weights if "embed_positions" in tensor]
    others = weights.keys() - positions
    if name == "mbart":  # untied, it has an embedding for each stack, and this one for neither
        others -= {"model.shared.weight"}
    stored = {weights[tensor].tobytes() for tensor in others}
    learned = len(positions) if name in ("bart", "mbart") else 0
    assert len(read_once) == len(stored) + learned


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


@pytest.mark.parametrize("name", ["bart", "mbart"])
def test_learned_positions_lose_their_first_two_rows(tmp_path: pathlib.Path, name: str) -> None:
    found, weights = read(tmp_path, name), weights_of(name)
    for stack in ("encoder", "decoder"):
        table = weights[f"model.{stack}.embed_positions.weight"]
        assert table.shape[0] == found.config.max_positions + 2
        np.testing.assert_array_equal(found.tensors[f"{stack}.positions"], table[2:])
        np.testing.assert_array_equal(
            found.tensors[f"{stack}.embedding_norm.bias"],
            weights[f"model.{stack}.layernorm_embedding.bias"],
        )


def test_positions_without_the_two_rows_are_an_error(tmp_path: pathlib.Path) -> None:
    weights = weights_of("bart")
    table = "model.encoder.embed_positions.weight"
    weights[table] = weights[table][2:]
    with pytest.raises(ModelError, match=rf"{table} has shape \[32, 20\], expected \[34, 20\]"):
        read(tmp_path, "bart", weights=weights)


@pytest.mark.parametrize("name", ["m2m_100", "fsmt"])
def test_positions_begin_behind_that_of_the_padding(tmp_path: pathlib.Path, name: str) -> None:
    found = read(tmp_path, name).config
    assert (found.positions, found.first_position) == ("sinusoidal_t2t", 2)
    # The padding of generation_config.json is not that of the positions.
    found = read(tmp_path, name, {"pad_token_id": 7}, generation={"pad_token_id": 3}).config
    assert (found.first_position, found.pad) == (8, 3)


@pytest.mark.parametrize("name", ["m2m_100", "fsmt"])
def test_tables_of_fairseq_are_not_read(tmp_path: pathlib.Path, name: str) -> None:
    more = {
        f"model.{stack}.{tensor}": np.zeros((34, 8), np.float32)
        for stack in ("encoder", "decoder")
        for tensor in ("embed_positions.weights", "embed_positions._float_tensor", "version")
    }
    expected = read(tmp_path, name)
    found = read(tmp_path, name, weights=weights_of(name) | more)
    assert found.tensors.keys() == expected.tensors.keys()


def test_fsmt_without_an_output_matrix_has_the_decoders_embedding(tmp_path: pathlib.Path) -> None:
    weights = weights_of("fsmt")
    assert read(tmp_path, "fsmt").tensors["output.weight"].shape == (70, 28)
    del weights["model.decoder.output_projection.weight"]
    found = read(tmp_path, "fsmt", weights=weights).tensors
    assert found["output.weight"] is found["decoder.embedding"]
    del weights["model.encoder.embed_tokens.weight"]
    with pytest.raises(ModelError, match=r"model\.encoder\.embed_tokens\.weight is missing, exp"):
        read(tmp_path, "fsmt", weights=weights)


def test_fsmt_whose_embeddings_are_tied_has_one_vocabulary(tmp_path: pathlib.Path) -> None:
    problem = r"config\.json: tgt_vocab_size is 70, expected 90, as the embeddings are tied"
    with pytest.raises(ModelError, match=problem):
        read(tmp_path, "fsmt", {"tie_word_embeddings": True})
    weights = weights_of("fsmt")
    for name in ("model.encoder.embed_tokens.weight", "model.decoder.output_projection.weight"):
        del weights[name]
    changes = {"tie_word_embeddings": True, "src_vocab_size": 70}
    found = read(tmp_path, "fsmt", changes, weights=weights).tensors
    assert found["encoder.embedding"] is found["output.weight"]


@pytest.mark.parametrize(
    ("changes", "scaled"),
    [
        ({}, True),
        ({"tie_word_embeddings": True}, True),
        ({"tie_word_embeddings": False}, False),
        # What transformers 5 makes of the one before and of the first.
        ({"tie_word_embeddings": True, "scale_decoder_outputs": False}, False),
        ({"tie_word_embeddings": True, "scale_decoder_outputs": True}, True),
    ],
)
def test_logits_of_t5_are_scaled_where_transformers_scales_them(
    tmp_path: pathlib.Path, changes: dict[str, Any], scaled: bool
) -> None:
    found = config_from(tmp_path, model_type="t5", d_model=64, **changes)
    assert found.logits_scale == (0.125 if scaled else 1)


def test_logits_of_mt5_are_never_scaled(tmp_path: pathlib.Path) -> None:
    for tied in (True, False):
        found = config_from(tmp_path, model_type="mt5", tie_word_embeddings=tied)
        assert found.logits_scale == 1


@pytest.mark.parametrize("tied", [True, False])
def test_logits_of_umt5_are_scaled_if_the_output_is_the_embedding(
    tmp_path: pathlib.Path, tied: bool
) -> None:
    changes, weights = {"tie_word_embeddings": tied}, weights_of("umt5")
    assert read(tmp_path, "umt5", changes).config.logits_scale == 1
    weights["lm_head.weight"] = weights["shared.weight"]
    scale = read(tmp_path, "umt5", changes, weights=weights).config.logits_scale
    assert scale == (20**-0.5 if tied else 1)


def test_t5_finds_its_embedding_under_any_name(tmp_path: pathlib.Path) -> None:
    weights = weights_of("t5")
    embedding = weights.pop("shared.weight")
    for name in ("encoder.embed_tokens", "decoder.embed_tokens", "lm_head"):
        found = read(tmp_path, "t5", weights={**weights, f"{name}.weight": embedding}).tensors
        assert found["encoder.embedding"] is found["output.weight"]
        np.testing.assert_array_equal(found["decoder.embedding"], embedding)


def test_madlads_embedding_is_the_decoders(tmp_path: pathlib.Path) -> None:
    weights = weights_of("t5-gated")
    weights["decoder.embed_tokens.weight"] = weights.pop("shared.weight")
    found = read(tmp_path, "t5-gated", weights=weights).tensors
    assert found["encoder.embedding"] is found["decoder.embedding"]
    np.testing.assert_array_equal(found["output.weight"], weights["lm_head.weight"])


def test_bias_between_sentences_of_the_first_t5_is_not_read(tmp_path: pathlib.Path) -> None:
    name = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    weights = weights_of("t5")
    found = read(tmp_path, "t5", weights={**weights, name: np.ones((8, 3), np.float32)})
    for stack in ("encoder", "decoder"):
        saved = f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        np.testing.assert_array_equal(found.tensors[f"{stack}.relative_bias"], weights[saved])


def test_t5_keeps_sublayers_under_numbers(tmp_path: pathlib.Path) -> None:
    found, weights = read(tmp_path, "umt5").tensors, weights_of("umt5")
    for ours, theirs in {
        "encoder.layers.1.self_attention.key.weight": "encoder.block.1.layer.0.SelfAttention.k",
        "encoder.layers.1.feed_forward.gate.weight": "encoder.block.1.layer.1.DenseReluDense.wi_0",
        "encoder.layers.0.feed_forward_norm.weight": "encoder.block.0.layer.1.layer_norm",
        "decoder.layers.1.cross_attention.key.weight": "decoder.block.1.layer.1.EncDecAttention.k",
        "decoder.layers.0.cross_attention_norm.weight": "decoder.block.0.layer.1.layer_norm",
        "decoder.layers.0.feed_forward.up.weight": "decoder.block.0.layer.2.DenseReluDense.wi_1",
        "decoder.layers.0.feed_forward.down.weight": "decoder.block.0.layer.2.DenseReluDense.wo",
        "decoder.layers.1.relative_bias": (
            "decoder.block.1.layer.0.SelfAttention.relative_attention_bias"
        ),
        "decoder.final_norm.weight": "decoder.final_layer_norm",
    }.items():
        np.testing.assert_array_equal(found[ours], weights[f"{theirs}.weight"], err_msg=ours)


@pytest.mark.parametrize(
    ("fields", "gated", "activation"),
    [
        ({}, False, "relu"),
        ({"feed_forward_proj": "gated-gelu"}, True, "gelu_tanh"),
        ({"feed_forward_proj": "gelu"}, False, "gelu"),
        ({"feed_forward_proj": "gated-silu"}, True, "silu"),
        ({"feed_forward_proj": "gated-relu"}, True, "relu"),
        ({"feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu"}, True, "gelu"),
        ({"feed_forward_proj": "relu", "is_gated_act": True}, True, "relu"),
    ],
)
def test_feed_forward_of_t5_is_that_of_transformers(
    tmp_path: pathlib.Path, fields: dict[str, Any], gated: bool, activation: str
) -> None:
    found = config_from(tmp_path, model_type="t5", **fields)
    assert (found.gated, found.activation) == (gated, activation)


def test_decoder_of_t5_has_as_many_layers_unless_told_otherwise(tmp_path: pathlib.Path) -> None:
    found = config_from(tmp_path, model_type="t5", num_layers=12)
    assert (found.encoder_layers, found.decoder_layers) == (12, 12)
    found = config_from(tmp_path, model_type="t5", num_layers=12, num_decoder_layers=4)
    assert (found.encoder_layers, found.decoder_layers) == (12, 4)


def test_norms_of_gemma_are_stored_less_one(tmp_path: pathlib.Path) -> None:
    found, weights = read(tmp_path, "t5gemma").tensors, weights_of("t5gemma")
    for ours, theirs in {
        "encoder.layers.0.self_attention_norm": "layers.0.pre_self_attn_layernorm",
        "encoder.layers.1.self_attention_post_norm": "layers.1.post_self_attn_layernorm",
        "decoder.layers.0.cross_attention_norm": "layers.0.pre_cross_attn_layernorm",
        "decoder.layers.0.cross_attention_post_norm": "layers.0.post_cross_attn_layernorm",
        "decoder.layers.1.feed_forward_norm": "layers.1.pre_feedforward_layernorm",
        "decoder.layers.1.feed_forward_post_norm": "layers.1.post_feedforward_layernorm",
        "decoder.final_norm": "norm",
    }.items():
        stored = weights[f"model.{ours.split('.')[0]}.{theirs}.weight"]
        np.testing.assert_array_equal(found[f"{ours}.weight"], stored + 1, err_msg=ours)


def test_window_of_gemma_counts_its_own_position_where_it_looks_back(
    tmp_path: pathlib.Path,
) -> None:
    # To both sides transformers sees distances up to the window, back only those below it.
    found = read(tmp_path, "t5gemma").config
    assert (found.encoder_windows, found.decoder_windows) == ((5, 0), (4, 0))
    types = ["full_attention", "full_attention"]
    changes = {"encoder.layer_types": types, "encoder.sliding_window": None}
    found = read(tmp_path, "t5gemma", {**changes, "decoder.layer_types": None}).config
    assert (found.encoder_windows, found.decoder_windows) == ((0, 0), (4, 0))


def test_caps_of_gemma_may_be_missing(tmp_path: pathlib.Path) -> None:
    values = config_of("t5gemma")
    for stack in ("encoder", "decoder"):
        values[stack] |= {"attn_logit_softcapping": None, "final_logit_softcapping": None}
    found = config_from(tmp_path, **values)
    assert (found.attention_soft_cap, found.logits_soft_cap) == (0, 0)
    for stack in ("encoder", "decoder"):
        del values[stack]["attn_logit_softcapping"], values[stack]["final_logit_softcapping"]
    found = config_from(tmp_path, **values)
    assert (found.attention_soft_cap, found.logits_soft_cap) == (50, 30)


def test_base_of_gemmas_wavelengths_is_where_either_transformers_keeps_it(
    tmp_path: pathlib.Path,
) -> None:
    values = config_of("t5gemma")
    for fields in (
        {"rope_parameters": {"rope_type": "default", "rope_theta": 5000.0}},
        {"rope_parameters": None, "rope_scaling": None, "rope_theta": 5000.0},
    ):
        for stack in ("encoder", "decoder"):
            values[stack] |= fields
        assert config_from(tmp_path, **values).rotary_theta == 5000


def test_gemma_starts_with_its_begin_token(tmp_path: pathlib.Path) -> None:
    values = config_of("t5gemma")
    for name in ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"):
        values.pop(name, None)
    values["decoder"]["eos_token_id"] = [1, 7]
    (tmp_path / "config.json").write_text(json.dumps(values))
    found = read_config(tmp_path)
    assert (found.model.start, found.model.end, found.model.pad) == (2, 1, 0)
    assert found.generation.end_tokens == (1, 7)


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


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("marian", {"forced_eos_token_id": 0}),
        ("bart", {"forced_eos_token_id": 2}),
        ("mbart", {"forced_eos_token_id": 2}),
        ("pegasus", {"forced_eos_token_id": 1}),
        ("fsmt", {"forced_eos_token_id": 2, "num_beams": 5, "max_length": 200}),
        ("m2m_100", {}),
        ("t5", {}),
        ("umt5", {}),
    ],
)
def test_families_are_decoded_as_transformers_would_without_a_generation_config(
    tmp_path: pathlib.Path, name: str, defaults: dict[str, int]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": name}))
    found = read_config(tmp_path).generation
    assert found.force_end == ("forced_eos_token_id" in defaults)
    assert found.beam_size == defaults.get("num_beams", 1)
    if "max_length" in defaults:
        assert found.max_new_tokens == defaults["max_length"] - 1
    (tmp_path / "generation_config.json").write_text("{}")
    found = read_config(tmp_path).generation
    assert (found.force_end, found.beam_size) == (False, 1)


def test_target_without_a_start_token_starts_with_the_begin_token(tmp_path: pathlib.Path) -> None:
    assert config_from(tmp_path, model_type="mbart").start == 0
    assert config_from(tmp_path, model_type="mbart", decoder_start_token_id=7).start == 7
    values = {"model_type": "marian", "decoder_start_token_id": None}
    with pytest.raises(ModelError, match=r"bos_token_id is missing, expected an id below 58101"):
        config_from(tmp_path, **values)


def test_forced_first_token_of_the_first_barts_is_their_begin(tmp_path: pathlib.Path) -> None:
    def forced(**fields: Any) -> int | None:
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "bart", **fields}))
        return read_config(tmp_path).generation.forced_bos_token

    assert forced() is None
    assert forced(force_bos_token_to_be_generated=True) == 0
    assert forced(force_bos_token_to_be_generated=True, forced_bos_token_id=5) == 5
