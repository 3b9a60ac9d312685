import json
import pathlib
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.errors import ModelError
from pyattn.files import read_checkpoint
from support import model_folders as made
from support.model_folders import OUTPUT, SHARED, SOURCE, TARGET

UNTIED = made.config(
    share_encoder_decoder_embeddings=False, decoder_vocab_size=7, decoder_start_token_id=6,
    pad_token_id=6, tie_word_embeddings=False,
)  # fmt: skip


def read(
    tmp_path: pathlib.Path, values: Any = None, weights: Any = None, **more: Any
) -> Checkpoint:
    values = made.config() if values is None else values
    weights = made.tensors(values) if weights is None else weights
    return read_checkpoint(made.folder(tmp_path / "model", values, weights, **more))


def untied() -> dict[str, made.Values]:
    weights = made.tensors(UNTIED, (SOURCE,))
    return weights | {name: made.tensors(UNTIED, (name,))[name][:7] for name in (TARGET, OUTPUT)}


def save_zip(folder: pathlib.Path, weights: dict[str, made.Values]) -> None:
    made.write_pickled(folder / "pytorch_model.bin", weights)


def save_legacy(folder: pathlib.Path, weights: dict[str, made.Values]) -> None:
    (folder / "pytorch_model.bin").write_bytes(made.legacy_pickled(weights))


def save_pickled_shards(folder: pathlib.Path, weights: dict[str, made.Values]) -> None:
    made.write_pickled(folder / "part.bin", weights)
    index = {"weight_map": dict.fromkeys(weights, "part.bin")}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def test_config_and_tensors_are_those_of_the_files(tmp_path: pathlib.Path) -> None:
    weights = made.tensors(made.config())
    found = read(tmp_path, weights=weights)
    assert found.config == ModelConfig(
        family="marian", source_vocab=11, target_vocab=11, dim=6, encoder_layers=2,
        decoder_layers=1, encoder_heads=2, decoder_heads=3, encoder_ffn=8, decoder_ffn=10,
        max_positions=16, start=10, end=0, pad=10, norm="post", final_norm=False,
        activation="silu", positions="sinusoidal", embedding_scale=6**0.5,
    )  # fmt: skip
    assert found.tensors.keys() == {name for name, _ in tensor_shapes(found.config)} | {
        "output.bias"
    }
    np.testing.assert_array_equal(found.tensors["encoder.embedding"], weights[SHARED])
    for ours, theirs in {
        "encoder.layers.1.self_attention.query.weight": "self_attn.q_proj.weight",
        "encoder.layers.0.self_attention_norm.bias": "self_attn_layer_norm.bias",
        "encoder.layers.1.feed_forward_norm.weight": "final_layer_norm.weight",
        "decoder.layers.0.self_attention.query.bias": "self_attn.q_proj.bias",
        "decoder.layers.0.cross_attention.key.bias": "encoder_attn.k_proj.bias",
        "decoder.layers.0.cross_attention.value.weight": "encoder_attn.v_proj.weight",
        "decoder.layers.0.cross_attention.output.weight": "encoder_attn.out_proj.weight",
        "decoder.layers.0.cross_attention_norm.weight": "encoder_attn_layer_norm.weight",
        "decoder.layers.0.feed_forward.up.weight": "fc1.weight",
        "decoder.layers.0.feed_forward.down.bias": "fc2.bias",
    }.items():
        layer = ".".join(ours.split(".")[:3])
        stored = weights[f"model.{layer}.{theirs}"]
        np.testing.assert_array_equal(found.tensors[ours], stored, err_msg=ours)
    np.testing.assert_array_equal(found.tensors["output.bias"], weights["final_logits_bias"][0])


def test_every_tensor_is_float32_contiguous_and_read_only(tmp_path: pathlib.Path) -> None:
    for array in read(tmp_path).tensors.values():
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert not array.flags.writeable


def test_no_two_tensors_are_confused(tmp_path: pathlib.Path) -> None:
    found = read(tmp_path)
    distinct = {array.tobytes() for array in found.tensors.values()}
    assert len(distinct) == len(found.tensors) - 2  # one embedding under three names


@pytest.mark.parametrize("save", [save_zip, save_legacy, made.write_shards, save_pickled_shards])
def test_every_container_holds_the_same_model(
    tmp_path: pathlib.Path, save: Callable[[pathlib.Path, dict[str, made.Values]], None]
) -> None:
    weights = made.tensors(made.config())
    expected = read(tmp_path, weights=weights)
    other = made.folder(tmp_path / "other", made.config(), {})
    (other / "model.safetensors").unlink()
    save(other, weights)
    found = read_checkpoint(other)
    assert found.config == expected.config
    assert found.tensors.keys() == expected.tensors.keys()
    for name, array in expected.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], array)


@pytest.mark.parametrize("cut", [lambda a: a.astype(np.float16), made.bfloat16])
def test_half_precision_is_widened(
    tmp_path: pathlib.Path, cut: Callable[[made.Values], made.Values]
) -> None:
    weights = made.tensors(made.config())
    found = read(tmp_path, weights={name: cut(array) for name, array in weights.items()})
    bias = cut(weights["final_logits_bias"][0])
    wide = bias.astype(np.float32)
    if bias.dtype == np.uint16:
        wide = (bias.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(found.tensors["output.bias"], wide)


def test_reading_float32_copies_nothing(tmp_path: pathlib.Path) -> None:
    values = made.config(vocab_size=200_000)
    folder = made.folder(tmp_path, values, made.tensors(values, (SHARED, OUTPUT)))
    tracemalloc.start()
    checkpoint = read_checkpoint(folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Comparing the two copies of the embedding takes a byte per number.
    assert peak < checkpoint.tensors["encoder.embedding"].nbytes / 2


TIED = (SHARED, SOURCE, TARGET, OUTPUT)


@pytest.mark.parametrize(
    "names", [[name for n, name in enumerate(TIED) if bits >> n & 1] for bits in range(1, 16)]
)
def test_any_copy_of_a_tied_matrix_stands_for_all(tmp_path: pathlib.Path, names: list[str]) -> None:
    values = made.config()
    found = read(tmp_path, values, made.tensors(values, names)).tensors
    assert found["encoder.embedding"] is found["decoder.embedding"]
    assert found["encoder.embedding"] is found["output.weight"]
    np.testing.assert_array_equal(found["output.weight"], made.tensors(values, (SHARED,))[SHARED])


@pytest.mark.parametrize(
    ("changed", "role"),
    [(SOURCE, "encoder.embedding"), (TARGET, "decoder.embedding"), (OUTPUT, "output.weight")],
)
def test_a_copy_that_differs_in_one_bit_is_a_matrix_of_its_own(
    tmp_path: pathlib.Path, changed: str, role: str
) -> None:
    weights = made.tensors(made.config(), TIED)
    weights[changed][3, 4] = np.nextafter(weights[changed][3, 4], np.float32(9))
    found = read(tmp_path, weights=weights).tensors
    for name in ("encoder.embedding", "decoder.embedding", "output.weight"):
        stored = changed if name == role else SHARED
        np.testing.assert_array_equal(found[name], weights[stored])


def test_zero_and_minus_zero_are_different_bits(tmp_path: pathlib.Path) -> None:
    weights = made.tensors(made.config(), (SHARED, OUTPUT))
    weights[SHARED][0, 0], weights[OUTPUT][0, 0] = 0.0, -0.0
    found = read(tmp_path, weights=weights).tensors
    assert found["output.weight"] is not found["encoder.embedding"]


def test_two_vocabularies_have_three_matrices(tmp_path: pathlib.Path) -> None:
    weights = untied()
    found = read(tmp_path, UNTIED, weights)
    assert (found.config.source_vocab, found.config.target_vocab) == (11, 7)
    for name, stored in [
        ("encoder.embedding", SOURCE),
        ("decoder.embedding", TARGET),
        ("output.weight", OUTPUT),
    ]:
        np.testing.assert_array_equal(found.tensors[name], weights[stored])


def test_output_is_tied_to_the_decoder_alone_with_two_vocabularies(tmp_path: pathlib.Path) -> None:
    weights = untied()
    del weights[OUTPUT]
    found = read(tmp_path, UNTIED | {"tie_word_embeddings": True}, weights)
    assert found.tensors["output.weight"] is found.tensors["decoder.embedding"]
    assert found.tensors["encoder.embedding"].shape == (11, 6)


def test_untied_output_must_be_there(tmp_path: pathlib.Path) -> None:
    values = made.config(tie_word_embeddings=False)
    with pytest.raises(ModelError, match=r"model\.safetensors: lm_head\.weight is missing"):
        read(tmp_path, values, made.tensors(values))


def test_bias_of_zeros_is_none(tmp_path: pathlib.Path) -> None:
    weights = made.tensors(made.config())
    weights["final_logits_bias"][:] = 0
    assert "output.bias" not in read(tmp_path, weights=weights).tensors
    del weights["final_logits_bias"]
    assert "output.bias" not in read(tmp_path, weights=weights).tensors


def test_pegasus_normalises_before_and_at_the_end(tmp_path: pathlib.Path) -> None:
    values = made.config(
        model_type="pegasus", activation_function="relu", decoder_start_token_id=0, pad_token_id=0,
        eos_token_id=1,
    )  # fmt: skip
    weights = made.tensors(values)
    for stack in ("encoder", "decoder"):  # saved, but computed
        weights[f"model.{stack}.embed_positions.weight"] = np.zeros((16, 6), np.float32)
    found = read(tmp_path, values, weights)
    assert (found.config.norm, found.config.final_norm) == ("pre", True)
    assert (found.config.start, found.config.end, found.config.pad) == (0, 1, 0)
    assert found.config.positions == "sinusoidal"
    np.testing.assert_array_equal(
        found.tensors["decoder.final_norm.weight"], weights["model.decoder.layer_norm.weight"]
    )


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("relu", "relu"),
        ("gelu", "gelu"),
        ("gelu_new", "gelu_tanh"),
        ("gelu_pytorch_tanh", "gelu_tanh"),
        ("silu", "silu"),
        ("swish", "silu"),
        (None, "gelu"),
    ],
)
def test_activation_is_that_of_transformers(
    tmp_path: pathlib.Path, name: str | None, activation: str
) -> None:
    assert read(tmp_path, made.config(activation_function=name)).config.activation == activation


def test_embeddings_are_scaled_only_if_the_config_says_so(tmp_path: pathlib.Path) -> None:
    assert read(tmp_path, made.config(scale_embedding=None)).config.embedding_scale == 1


def test_marian_ignores_normalize_before(tmp_path: pathlib.Path) -> None:
    values = made.config(normalize_before=True, add_final_layer_norm=True)
    assert read(tmp_path, values, made.tensors(values)).config.norm == "post"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"model_type": None}, "model_type is None, expected a string"),
        ({"model_type": "whisper"}, "model_type is 'whisper', supported are marian, m2m_100, bart"),
        ({"model_type": "t5gemma2"}, "model_type is 't5gemma2', supported are marian, .* mpnet, "),
        ({"model_type": ["marian"]}, "model_type is a list of 1, expected a string"),
        ({"d_model": 0}, "d_model is 0, expected 1 to 1048576"),
        ({"d_model": "6"}, "d_model is '6', expected 1 to 1048576"),
        ({"d_model": 6.0}, "d_model is 6.0, expected 1 to"),
        ({"d_model": True}, "d_model is True, expected 1 to"),
        ({"d_model": 10**4000}, "d_model is 1000.*, expected 1 to"),
        ({"vocab_size": -1}, "vocab_size is -1, expected 1 to 2147483647"),
        ({"vocab_size": 2**31}, "vocab_size is 2147483648"),
        ({"encoder_layers": 10**6}, "encoder_layers is 1000000"),
        ({"encoder_attention_heads": 4}, "encoder_attention_heads is 4, expected a divisor"),
        ({"decoder_attention_heads": 12}, "decoder_attention_heads is 12, expected 1 to 6"),
        ({"decoder_ffn_dim": {}}, "decoder_ffn_dim is an object"),
        ({"max_position_embeddings": 2**31}, "max_position_embeddings is 2147483648"),
        ({"activation_function": "tanh"}, "activation_function is 'tanh', supported are relu"),
        ({"scale_embedding": 1}, "scale_embedding is 1, expected true or false"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings is 'yes', expected true or false"),
        ({"decoder_start_token_id": 11}, "decoder_start_token_id is 11, expected one id below 11"),
        ({"decoder_start_token_id": None}, "decoder_start_token_id is 58100, expected one id"),
        ({"pad_token_id": -1}, "pad_token_id is -1, expected one id below 11"),
        ({"eos_token_id": 11}, "eos_token_id is 11, expected one id below 11"),
        ({"eos_token_id": [0, 11]}, "eos_token_id is a list of 2, expected one id below 11, or a "),
        ({"eos_token_id": []}, "eos_token_id is a list of 0, expected one id below 11, or a "),
        ({"forced_eos_token_id": 11}, "forced_eos_token_id is 11, expected one id below 11"),
    ],
)  # fmt: skip
def test_config_out_of_range_is_an_error(
    tmp_path: pathlib.Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ModelError, match=rf"^config\.json: {problem}"):
        read(tmp_path, made.config(**changes), {})


def spoiled(name: str, array: made.Values | None) -> dict[str, made.Values]:
    weights = made.tensors(made.config()) | ({} if array is None else {name: array})
    if array is None:
        del weights[name]
    return weights


@pytest.mark.parametrize(
    ("name", "shape", "problem"),
    [
        (SHARED, (12, 6), r"has shape \[12, 6\], config\.json's vocab_size says 11"),
        (SHARED, (11, 7), r"has shape \[11, 7\], config\.json's d_model says 6"),
        (SHARED, (66,), r"has shape \[66\], expected \[11, 6\]"),
        ("final_logits_bias", (11,), r"has shape \[11\], expected \[1, 11\]"),
        ("final_logits_bias", (1, 12), "config.json's vocab_size says 11"),
        ("model.decoder.layers.0.fc1.weight", (8, 6), "config.json's decoder_ffn_dim says 10"),
        ("model.encoder.layers.1.fc2.weight", (6, 9), "config.json's encoder_ffn_dim says 8"),
        ("model.encoder.layers.1.fc2.weight", (8, 6), "config.json's d_model says 6"),
        ("model.encoder.layers.0.self_attn.k_proj.weight", (6, 5), "d_model says 6"),
        ("model.encoder.layers.0.self_attn.k_proj.bias", (1,), "d_model says 6"),
        ("model.encoder.layers.0.self_attn.k_proj.bias", None, "is missing"),
        ("model.decoder.layers.0.final_layer_norm.weight", None, "is missing"),
    ],
)
def test_tensor_that_contradicts_the_config_is_an_error(
    tmp_path: pathlib.Path, name: str, shape: tuple[int, ...] | None, problem: str
) -> None:
    array = None if shape is None else np.ones(shape, np.float32)
    with pytest.raises(ModelError, match=rf"^model\.safetensors: {name} .*{problem}"):
        read(tmp_path, weights=spoiled(name, array))


def test_missing_embedding_names_all_that_would_do(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ModelError, match=rf"none of {SOURCE}, {SHARED}, {TARGET}, {OUTPUT}, exp"):
        read(tmp_path, weights=made.tensors(made.config(), ()))


def test_tensors_left_over_are_an_error(tmp_path: pathlib.Path) -> None:
    more = made.tensors(made.config(encoder_layers=3))
    problem = r"model\.encoder\.layers\.2\.fc1\.bias, .* and 13 more: no such tensors in a model of"
    with pytest.raises(ModelError, match=problem):
        read(tmp_path, weights=more)


def test_weights_in_integers_are_an_error(tmp_path: pathlib.Path) -> None:
    weights = spoiled(SHARED, np.ones((11, 6), np.int8))
    with pytest.raises(ModelError, match=rf"{SHARED} has dtype I8, expected F32, F16 or BF16"):
        read(tmp_path, weights=weights)
