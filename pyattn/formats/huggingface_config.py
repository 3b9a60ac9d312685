"""What config.json and generation_config.json of a Hugging Face folder say."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Mapping
from typing import Literal

from pyattn.checkpoint import Activation, ModelConfig
from pyattn.formats.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.formats.files import read_json
from pyattn.formats.generation import generation_options
from pyattn.options import GenerationOptions

CONFIG_FILE = "config.json"
GENERATION_FILE = "generation_config.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class HuggingFaceConfig:
    """The two files, understood.

    Attributes:
        model: What the model is.
        generation: How it wants to be decoded.
        lengths: Field of config.json behind each attribute of `model` that is a tensor's length.
        shared: Whether the encoder and the decoder have the same embedding.
        tied: Whether the output matrix is the decoder's embedding.
    """

    model: ModelConfig
    generation: GenerationOptions
    lengths: Mapping[str, str]
    shared: bool
    tied: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Family:
    """What the model_type decides, and transformers' defaults where they differ by it."""

    norm: Literal["post", "pre"]
    vocab: int
    start: int
    pad: int
    end: int


_FAMILIES = {
    "marian": _Family(norm="post", vocab=58101, start=58100, pad=58100, end=0),
    "pegasus": _Family(norm="pre", vocab=50265, start=0, pad=0, end=1),
}

_ACTIVATIONS: dict[str, Activation] = {
    "relu": "relu",
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "swish": "silu",
    "silu": "silu",
}


def read_config(folder: pathlib.Path) -> HuggingFaceConfig:
    """Reads config.json, and generation_config.json if there is one.

    Defaults are those of transformers' config classes, as files need not repeat them.

    Raises:
        ModelError: if a field is out of range, contradicts another, or asks for what is not
            supported; the message names the file and the field.
    """
    values = read_json(folder / CONFIG_FILE)
    fields = Fields({CONFIG_FILE: values})
    name = fields.text("model_type")
    family = fields.choice("model_type", _FAMILIES, name)
    # Marian alone may have two vocabularies.
    shared = name != "marian" or fields.boolean("share_encoder_decoder_embeddings", True)
    vocab = fields.integer("vocab_size", family.vocab)
    target_vocab = vocab if shared else fields.integer("decoder_vocab_size", vocab)

    with_generation = fields
    has_generation = (folder / GENERATION_FILE).exists()
    if has_generation:
        with_generation = Fields(
            {CONFIG_FILE: values, GENERATION_FILE: read_json(folder / GENERATION_FILE)}
        )
    model = _model(name, family, fields, with_generation, vocab, target_vocab)
    return HuggingFaceConfig(
        model=model,
        generation=generation_options(
            with_generation,
            end=model.end,
            # The default of the config class counts only where generation_config.json is not.
            forced_end=None if has_generation else family.end,
            vocab=target_vocab,
            max_positions=model.max_positions,
        ),
        lengths={
            "source_vocab": "vocab_size",
            "target_vocab": "vocab_size" if shared else "decoder_vocab_size",
            "dim": "d_model",
            "encoder_ffn": "encoder_ffn_dim",
            "decoder_ffn": "decoder_ffn_dim",
        },
        shared=shared,
        tied=fields.boolean("tie_word_embeddings", True),
    )


def _model(
    name: str, family: _Family, fields: Fields, ids: Fields, vocab: int, target_vocab: int
) -> ModelConfig:
    dim = fields.integer("d_model", 1024, high=MAX_DIM)
    # The start is only ever a target; the end is appended to sources too.
    smaller = min(vocab, target_vocab)
    return ModelConfig(
        family=name,
        source_vocab=vocab,
        target_vocab=target_vocab,
        dim=dim,
        encoder_layers=fields.integer("encoder_layers", 12, high=MAX_LAYERS),
        decoder_layers=fields.integer("decoder_layers", 12, high=MAX_LAYERS),
        encoder_heads=fields.divisor("encoder_attention_heads", 16, of="d_model", value=dim),
        decoder_heads=fields.divisor("decoder_attention_heads", 16, of="d_model", value=dim),
        encoder_ffn=fields.integer("encoder_ffn_dim", 4096, high=MAX_DIM),
        decoder_ffn=fields.integer("decoder_ffn_dim", 4096, high=MAX_DIM),
        max_positions=fields.integer("max_position_embeddings", 1024, high=MAX_POSITIONS),
        start=ids.id("decoder_start_token_id", family.start, vocab=target_vocab),
        end=ids.id("eos_token_id", family.end, vocab=smaller),
        pad=ids.optional_id("pad_token_id", family.pad, vocab=smaller),
        unk=ids.optional_id("unk_token_id", None, vocab=target_vocab),
        norm=family.norm,
        final_norm=family.norm == "pre",
        activation=fields.choice("activation_function", _ACTIVATIONS, "gelu"),
        embedding_scale=math.sqrt(dim) if fields.boolean("scale_embedding", False) else 1.0,
    )
