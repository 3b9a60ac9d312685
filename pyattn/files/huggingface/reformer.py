"""Folders of Reformer's language models, which `pyattn.reference` runs and the engine does not."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

from pyattn.errors import ModelError
from pyattn.files.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.files.generation import generation_options
from pyattn.files.huggingface.layout import (
    ACTIVATIONS,
    CONFIG_FILE,
    GENERATION_FILE,
    ids_of_decoder,
)
from pyattn.files.huggingface.weight_files import read_weights
from pyattn.files.model_files import listable
from pyattn.files.named_tensors import Length, Weights
from pyattn.files.reading import JsonObject, contents, read_json, shown
from pyattn.reformer_config import (
    PREFIX,
    ReformerCheckpoint,
    ReformerConfig,
    ReformerLayer,
    reformer_shapes,
)
from pyattn.stored import Array

FAMILY = "reformer"
_KINDS: tuple[ReformerLayer, ReformerLayer] = ("local", "lsh")
# Of transformers' config class.
_DEFAULTS: JsonObject = {
    **{"vocab_size": 320, "hidden_size": 256, "feed_forward_size": 512},
    **{"num_attention_heads": 12, "attention_head_size": 64, "hidden_act": "relu"},
    **{"attn_layers": ["local", "lsh"] * 3, "max_position_embeddings": 4096},
    **{"axial_pos_embds": True, "axial_pos_shape": [64, 64], "axial_pos_embds_dim": [64, 192]},
    **{"eos_token_id": 2, "pad_token_id": 0},
}
# Far above any model's.
_MOST_BUCKETS, _MOST_FACTORS, _MOST_HASHES, _MOST_BEFORE = 1 << 16, 8, 1 << 6, 1 << 6
# Buffers of the first years, by their layer.
_BUFFERS = ("mask_value_float16", "mask_value_float32")


def read_reformer(path: str | os.PathLike[str]) -> ReformerCheckpoint:
    """The Reformer in a folder: config.json, with pytorch_model.bin or model.safetensors.

    Raises:
        ModelError: if a file is missing or malformed, or the model is another; the message names
            the file and the field.
    """
    folder = pathlib.Path(path)
    with listable(folder):
        if not (folder / CONFIG_FILE).exists():
            inside = f"; the folder {contents(folder)}" if folder.is_dir() else ""
            raise ModelError(f"{folder}: no {CONFIG_FILE}, expected a Reformer's folder{inside}")
        files = {CONFIG_FILE: _DEFAULTS | read_json(folder / CONFIG_FILE)}
        fields = Fields(dict(files))
        if (folder / GENERATION_FILE).exists():
            files[GENERATION_FILE] = read_json(folder / GENERATION_FILE)
        with_generation = Fields(files)
        config = _read_config(fields, with_generation)
        tensors = _tensors(read_weights(folder, PREFIX), config)
    generation = generation_options(
        with_generation, end=config.end, vocab=config.vocab, max_positions=config.longest
    )
    return ReformerCheckpoint(config=config, tensors=tensors, generation=generation)


def _read_config(fields: Fields, with_generation: Fields) -> ReformerConfig:
    family = fields.text("model_type")
    if family != FAMILY:
        fields.fail("model_type", f"is {shown(family)}, expected {FAMILY}")
    if not fields.boolean("is_decoder", False):
        fields.fail("is_decoder", "is false, expected true: only language models are computed")
    layers = _layers(fields)
    dim = fields.integer("hidden_size", high=MAX_DIM)
    vocab = fields.integer("vocab_size", high=MAX_DIM * 16)
    ids = ids_of_decoder(with_generation, vocab)
    return ReformerConfig(
        vocab=vocab,
        dim=dim,
        heads=fields.integer("num_attention_heads", high=MAX_DIM),
        head_dim=fields.integer("attention_head_size", high=MAX_DIM),
        ffn=fields.integer("feed_forward_size", high=MAX_DIM),
        layers=layers,
        activation=fields.choice("hidden_act", ACTIVATIONS),
        norm_epsilon=fields.number("layer_norm_eps", 1e-12, low=0, high=1),
        positions=fields.integer("max_position_embeddings", high=MAX_POSITIONS),
        **_axial(fields, dim),
        **_chunks(fields, layers),
        hashes=fields.integer("num_hashes", 1, high=_MOST_HASHES),
        buckets=_buckets(fields) if "lsh" in layers else None,
        hash_seed=fields.optional_integer("hash_seed", low=0, high=2**63 - 1),
        end=ids["end"],
        pad=ids["pad"] or 0,
    )


def _layers(fields: Fields) -> tuple[ReformerLayer, ...]:
    found = fields.list("attn_layers")
    kinds: dict[object, ReformerLayer] = {kind: kind for kind in _KINDS}
    if not 0 < len(found) <= MAX_LAYERS or any(
        not isinstance(kind, str) or kind not in kinds for kind in found
    ):
        fields.fail("attn_layers", f"is {shown(found)}, expected a list of local and lsh")
    return tuple(kinds[kind] for kind in found)


def _axial(fields: Fields, dim: int) -> dict[str, Any]:
    """The grid of axial positions, if they are."""
    if not fields.boolean("axial_pos_embds", True):
        return {}
    shape, dims = (
        _pair(fields, name, high)
        for name, high in (("axial_pos_shape", MAX_POSITIONS), ("axial_pos_embds_dim", MAX_DIM))
    )
    if sum(dims) != dim:
        fields.fail("axial_pos_embds_dim", f"is {list(dims)}, expected a sum of hidden_size, {dim}")
    return {"axial_shape": shape, "axial_dims": dims}


def _pair(fields: Fields, key: str, high: int) -> tuple[int, int]:
    found = fields.list(key)
    if len(found) != 2 or any(type(one) is not int or not 1 <= one <= high for one in found):
        fields.fail(key, f"is {shown(found)}, expected two numbers from 1 to {high}")
    return found[0], found[1]


def _chunks(fields: Fields, layers: tuple[ReformerLayer, ...]) -> dict[str, Any]:
    """Chunk lengths and neighbours of the kinds of layers that there are."""
    found = {}
    for kind in dict.fromkeys(layers):
        after = f"{kind}_num_chunks_after"
        if fields.integer(after, 0, low=0):
            fields.fail(after, f"is {fields.get(after)}, expected 0: a token sees no later ones")
        before = fields.integer(f"{kind}_num_chunks_before", 1, low=0, high=_MOST_BEFORE)
        found[f"{kind}_before"] = before
        found[f"{kind}_chunk"] = fields.integer(f"{kind}_attn_chunk_length", 64, high=MAX_POSITIONS)
    return found


def _buckets(fields: Fields) -> tuple[int, ...] | None:
    found = fields.get("num_buckets")
    if found is None:
        return None
    factors = found if isinstance(found, list) else [found]
    if not 1 <= len(factors) <= _MOST_FACTORS or any(
        type(one) is not int or not 2 <= one <= _MOST_BUCKETS or one % 2 for one in factors
    ):
        fields.fail(
            "num_buckets",
            f"is {shown(found)}, expected an even number from 2 to {_MOST_BUCKETS}, or a list of "
            f"up to {_MOST_FACTORS} of them",
        )
    if np.prod([float(one) for one in factors]) > 2**48:
        fields.fail("num_buckets", f"is {shown(found)}, expected a product of at most 2**48")
    return tuple(factors)


def _tensors(weights: Weights, config: ReformerConfig) -> dict[str, Array]:
    known: dict[str, Any] = {
        name: Length.of(getattr(config, name), key)
        for name, key in (
            *(("vocab", "vocab_size"), ("dim", "hidden_size"), ("ffn", "feed_forward_size")),
            ("positions", "max_position_embeddings"),
        )
    }
    shapes = dict(reformer_shapes(dataclasses.replace(config, **known)))
    saved = {name: name for name in shapes}
    # The bias has two names, of which files that keep a shared tensor once may have either.
    bias, alias = "lm_head.decoder.bias", "lm_head.bias"
    if weights.optional(alias) is not None and weights.shape(bias) is None:
        saved[bias] = alias
    tensors = {name: weights.take(saved[name], shape).float32() for name, shape in shapes.items()}
    for n in range(len(config.layers)):
        for buffer in _BUFFERS:
            begin = f"{PREFIX}encoder.layers.{n}.attention.self_attention."
            weights.leave(f"{begin}{buffer}")
            weights.leave(f"{begin}self_{buffer}")
    weights.check_all_taken(FAMILY)
    return tensors
