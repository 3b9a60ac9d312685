"""The encoder-decoders for long sources that have the BART block: LED, BigBird-Pegasus, Pegasus-X.

Their decoders are BART's. Their encoders differ in what a token sees, and in some names.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from pyattn.files.fields import MAX_POSITIONS, Fields
from pyattn.files.huggingface.bart import WORDS, read_bart
from pyattn.files.huggingface.layout import Family, Layout
from pyattn.files.huggingface.patterns import blocks, states, windows_with_tokens
from pyattn.files.reading import read_json
from pyattn.files.tokenizer_parts import (
    TOKENIZER_FILES,
    added_tokens,
    json_added_tokens,
    read_settings,
)
from pyattn.model_config import ModelConfig

_PROJECTIONS = ("query", "key", "value")
_LED_ENCODER = {
    **WORDS,
    **{name: f"longformer_self_attn.{name}" for name in _PROJECTIONS},
    **{f"global_{name}": f"longformer_self_attn.{name}_global" for name in _PROJECTIONS},
    "output": "output",
}
_BIG_BIRD_DECODER = {**WORDS, "final_norm": "layernorm_embedding"}
_BIG_BIRD_ENCODER = {
    **_BIG_BIRD_DECODER,
    **{name: f"self.{name}" for name in _PROJECTIONS},
    "output": "output",
}
# What stands between the documents of a source of PRIMERA, and is global as the first token is.
_SEPARATOR = "<doc-sep>"


def read_led(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """LED, and PRIMERA, whose separators `read_separators` finds.

    Raises:
        ModelError: if a field is out of range or contradicts another, or windows have gaps.
    """
    layout = read_bart(name, family, fields, ids)
    key = "max_encoder_position_embeddings"
    model = dataclasses.replace(
        layout.model,
        encoder_max_positions=fields.integer(key, high=MAX_POSITIONS),
        global_first=True,
        **windows_with_tokens(fields, layout.model.encoder_layers),
    )
    return dataclasses.replace(
        layout,
        model=model,
        lengths={
            **layout.lengths,
            "max_positions": "max_decoder_position_embeddings",
            "encoder_max_positions": key,
        },
        prefix="led.",
        words={"encoder": _LED_ENCODER, "decoder": WORDS},
        rows_before=0,
    )


def read_bigbird_pegasus(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """BigBird-Pegasus, where the norm that ends a stack is called that of the embedding.

    Raises:
        ModelError: if a field is out of range or contradicts another.
    """
    layout = read_bart(name, family, fields, ids)
    model = dataclasses.replace(
        layout.model, attention_bias=fields.boolean("use_bias", False), **blocks(fields)
    )
    return dataclasses.replace(
        layout,
        model=model,
        lengths={**layout.lengths, "max_positions": "max_position_embeddings"},
        words={"encoder": _BIG_BIRD_ENCODER, "decoder": _BIG_BIRD_DECODER},
        rows_before=0,
    )


def read_pegasus_x(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """Pegasus-X, whose states have norms of their own beside those of tokens.

    Raises:
        ModelError: if a field is out of range or contradicts another.
    """
    layout = read_bart(name, family, fields, ids)
    # Its positions are Tensor2Tensor's, but begin at 0, as no id of padding comes before.
    more: dict[str, Any] = {"first_position": 0, **states(fields)}
    return dataclasses.replace(
        layout,
        model=dataclasses.replace(layout.model, **more),
        lengths={**layout.lengths, "encoder_global_states": "num_global_tokens"},
        names={
            "encoder.global_states": "encoder.embed_global.weight",
            **_state_norms(layout.model),
        },
    )


def _state_norms(model: ModelConfig) -> dict[str, str]:
    return {
        f"encoder.layers.{n}.self_attention.global_norm.{vector}": (
            f"encoder.layers.{n}.global_self_attn_layer_norm.{vector}"
        )
        for n in range(model.encoder_layers)
        for vector in ("weight", "bias")
    }


def read_separators(folder: pathlib.Path, vocab: int) -> tuple[int, ...]:
    """The id of what separates documents, from the tokenizer's files; empty if it is not theirs.

    Args:
        folder: The model's folder.
        vocab: Rows of the encoder's embedding, to which the id has to belong.

    Raises:
        ModelError: if a file is malformed.
    """
    added = added_tokens(read_settings(folder))
    path = folder / TOKENIZER_FILES["json"]
    if _SEPARATOR not in added and path.exists():
        # transformers 5 writes such tokens nowhere else.
        added = json_added_tokens(read_json(path))
    id = added.get(_SEPARATOR, vocab)
    return (id,) if id < vocab else ()
