"""Folders of Reformers: what is read, and what is refused by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyattn
from pyattn.files import open_model, read_reformer
from pyattn.files.safetensors import read_safetensors
from support.model_folders import safetensors
from support.paths import GOLDEN

LAYER = "reformer.encoder.layers.0"
QUERY = f"{LAYER}.attention.self_attention.query.weight"


def copied(folder: Path, name: str = "both", **changes: Any) -> Path:
    """A copy of a golden model with other fields of config.json; None removes one."""
    shutil.copytree(GOLDEN / "reformer" / name, folder, dirs_exist_ok=True)
    path = folder / "config.json"
    values = json.loads(path.read_text(encoding="utf-8")) | changes
    values = {key: value for key, value in values.items() if value is not None}
    path.write_text(json.dumps(values), encoding="utf-8")
    return folder


def with_tensors(folder: Path, **changes: Any) -> Path:
    """A copy of the golden model with other tensors; None removes one."""
    copied(folder)
    file = folder / "model.safetensors"
    tensors = {name: tensor.float32() for name, tensor in read_safetensors(file).items()}
    changed = {**tensors, **changes}
    content = safetensors({name: one for name, one in changed.items() if one is not None})
    file.unlink()
    file.write_bytes(content)
    return folder


def test_config_is_read() -> None:
    config = read_reformer(GOLDEN / "reformer" / "both").config
    assert config.layers == ("local", "lsh", "local", "lsh")
    assert (config.dim, config.heads, config.head_dim, config.ffn) == (8, 2, 5, 12)
    assert (config.axial_shape, config.axial_dims) == ((6, 8), (3, 5))
    assert (config.local_chunk, config.lsh_chunk, config.hashes) == (4, 6, 2)
    assert (config.buckets, config.hash_seed, config.end, config.pad) == ((2, 4), 0, 2, 0)


def test_one_number_of_buckets_is_one_factor(tmp_path: Path) -> None:
    assert read_reformer(copied(tmp_path, num_buckets=4)).config.buckets == (4,)


def test_omitted_fields_are_those_of_transformers(tmp_path: Path) -> None:
    left_out = ("axial_pos_shape", "lsh_attn_chunk_length", "num_hashes", "num_buckets")
    folder = copied(tmp_path, **dict.fromkeys((*left_out, "eos_token_id", "hash_seed")))
    with pytest.raises(pyattn.ModelError, match=r"expected \[64, 1, 3\] by config.json"):
        read_reformer(folder)
    config = read_reformer(copied(tmp_path, axial_pos_shape=[6, 8], hash_seed=None)).config
    assert (config.lsh_chunk, config.hashes, config.buckets) == (6, 2, (2, 4))
    folder = copied(tmp_path, **dict.fromkeys((*left_out[1:], "eos_token_id", "hash_seed")))
    config = read_reformer(folder).config
    assert (config.lsh_chunk, config.hashes, config.buckets) == (64, 1, None)
    assert (config.end, config.hash_seed) == (2, None)


def test_decoding_defaults_are_those_of_the_files(tmp_path: Path) -> None:
    folder = copied(tmp_path, max_length=9)
    assert read_reformer(folder).generation.max_new_tokens == 8
    values = {"do_sample": True, "top_k": 7, "eos_token_id": 5}
    (folder / "generation_config.json").write_text(json.dumps(values), encoding="utf-8")
    found = read_reformer(folder)
    assert (found.generation.do_sample, found.generation.top_k) == (True, 7)
    assert found.config.end == 5


def test_bias_may_have_its_other_name_alone(tmp_path: Path) -> None:
    bias = np.arange(37, dtype=np.float32)
    names = {"lm_head.decoder.bias": None, "lm_head.bias": bias}
    found = read_reformer(with_tensors(tmp_path, **names))
    np.testing.assert_array_equal(found.tensors["lm_head.decoder.bias"], bias)


def test_bias_is_the_output_matrix_own_where_there_are_both(tmp_path: Path) -> None:
    own = read_reformer(GOLDEN / "reformer" / "both").tensors["lm_head.decoder.bias"]
    found = read_reformer(with_tensors(tmp_path, **{"lm_head.bias": own + np.float32(1)}))
    np.testing.assert_array_equal(found.tensors["lm_head.decoder.bias"], own)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt2"}, "model_type is 'gpt2', expected reformer"),
        ({"is_decoder": False}, "is_decoder is false, expected true: only language models"),
        ({"attn_layers": ["local", "full"]}, "attn_layers is .*, expected a list of local and lsh"),
        ({"attn_layers": []}, "attn_layers is .*, expected a list of local and lsh"),
        ({"attn_layers": [["lsh"]]}, "attn_layers is .*, expected a list of local and lsh"),
        ({"attn_layers": "lsh"}, "attn_layers is 'lsh', expected a list"),
        ({"num_buckets": 5}, "num_buckets is 5, expected an even number from 2 to 65536, or a"),
        ({"num_buckets": [4, 3]}, "num_buckets is .*, expected an even number"),
        ({"num_buckets": []}, "num_buckets is .*, expected an even number"),
        ({"num_buckets": True}, "num_buckets is True, expected an even number"),
        ({"num_buckets": [65536] * 4}, r"num_buckets is .*, expected a product of at most 2\*\*48"),
        ({"num_hashes": 0}, "num_hashes is 0, expected 1 to 64"),
        ({"hash_seed": -1}, "hash_seed is -1, expected 0 to"),
        ({"axial_pos_embds_dim": [3, 4]}, "is .3, 4., expected a sum of hidden_size, 8"),
        ({"axial_pos_embds_dim": [2, 2, 4]}, "axial_pos_embds_dim is .*, expected two numbers"),
        ({"axial_pos_shape": [48]}, "axial_pos_shape is .*, expected two numbers from 1 to"),
        ({"axial_pos_shape": [0, 8]}, "axial_pos_shape is .*, expected two numbers from 1 to"),
        ({"axial_pos_shape": [3, 8]}, r"weights.0 has shape \[6, 1, 3\], expected \[3, 1, 3\]"),
        ({"axial_pos_embds": False}, "position_embeddings.embedding.weight is missing"),
        ({"local_num_chunks_after": 1}, "local_num_chunks_after is 1, expected 0: a token sees"),
        ({"lsh_num_chunks_after": 2}, "lsh_num_chunks_after is 2, expected 0: a token sees"),
        ({"lsh_num_chunks_before": -1}, "lsh_num_chunks_before is -1, expected 0 to"),
        ({"lsh_attn_chunk_length": 0}, "lsh_attn_chunk_length is 0, expected 1 to"),
        ({"hidden_act": "tanh"}, "hidden_act is 'tanh', supported are relu"),
        ({"eos_token_id": 37}, "eos_token_id is 37, expected one id below 37"),
        ({"vocab_size": 38}, "config.json's vocab_size says 38"),
        ({"feed_forward_size": 13}, "config.json's feed_forward_size says 13"),
        ({"num_attention_heads": 3}, rf"{QUERY} has shape \[10, 8\], expected \[15, 8\]"),
        ({"attn_layers": ["local"] * 4}, r"layers.1.attention.self_attention.query.weight is"),
        ({"attn_layers": ["local", "lsh"]}, "no such tensors in a model of family reformer"),
        ({"attn_layers": ["local", "lsh"] * 3}, "layers.4.attention.layer_norm.weight is missing"),
    ],
)
def test_fields_that_cannot_be_are_named(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(pyattn.ModelError, match=message):
        read_reformer(copied(tmp_path, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({QUERY: None}, f"{QUERY} is missing"),
        ({QUERY: np.zeros((10, 9), np.float32)}, "config.json's hidden_size says 8"),
        ({"classifier.weight": np.zeros(3, np.float32)}, "classifier.weight: no such tensors"),
        ({"lm_head.decoder.bias": None, "lm_head.bias": None}, "lm_head.decoder.bias is missing"),
        ({"lm_head.decoder.weight": None}, "lm_head.decoder.weight is missing"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(pyattn.ModelError, match=message):
        read_reformer(with_tensors(tmp_path, **changes))


def test_a_folder_without_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(pyattn.ModelError, match=r"no config.json, expected a Reformer's folder"):
        read_reformer(tmp_path)
    with pytest.raises(pyattn.ModelError, match=r"no config.json, expected a Reformer's folder"):
        read_reformer(tmp_path / "none")
    shutil.copy(GOLDEN / "reformer" / "both" / "config.json", tmp_path)
    with pytest.raises(pyattn.ModelError, match=r"no weights, expected one of model.safetensors"):
        read_reformer(tmp_path)


def test_the_engine_says_what_runs_it() -> None:
    folder = GOLDEN / "reformer" / "both"
    message = (
        r"config.json: model_type is reformer, which the engine does not run: "
        r"pyattn.reformer.ReformerGenerator\(folder\) does, in NumPy"
    )
    for load in (pyattn.load, pyattn.Generator, lambda path: open_model(path).config):
        with pytest.raises(pyattn.ModelError, match=message):
            load(folder)
