"""Readers of every family, on files that transformers wrote."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from pyattn.checkpoint import tensor_shapes
from pyattn.errors import ModelError
from pyattn.files import open_model
from pyattn.files.huggingface import HuggingFaceConfig, HuggingFaceFiles
from support.family_folders import SAVED, config_from, config_of, read, weights_of


def read_config(folder: pathlib.Path) -> HuggingFaceConfig:
    """What the two files of settings say."""
    files = open_model(folder)
    assert isinstance(files, HuggingFaceFiles)
    return files.settings


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


def test_base_model_is_one_without_prefix_and_output(tmp_path: pathlib.Path) -> None:
    expected = read(tmp_path / "whole", "bart").tensors
    weights = weights_of("bart")
    del weights["final_logits_bias"]
    base = {name.removeprefix("model."): values for name, values in weights.items()}
    found = read(tmp_path / "base", "bart", weights=base).tensors
    assert found.keys() == expected.keys() - {"output.bias"}
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name])


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
