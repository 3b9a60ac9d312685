"""The Llama block (Touvron et al. 2023) of decoders that stand alone, in transformers' names.

RMS norms before sub-layers, gated feed-forwards, rotary positions, and fewer heads of keys and
values than of queries. Qwen2 has biases on queries, keys and values alone. Qwen3 normalises each
head's query and key before they are turned; its heads have a width of their own.
"""

from __future__ import annotations

from typing import Any

from pyattn.files.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.files.huggingface.layer_types import FULL, SLIDING, windows
from pyattn.files.huggingface.layout import (
    ACTIVATIONS,
    Family,
    Layout,
    ids_of_decoder,
)
from pyattn.files.huggingface.rotary import rotary_fields
from pyattn.model_config import ModelConfig

_PREFIX = "model."
_WORDS = {
    "decoder": "",
    "self_attention": "self_attn",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "output": "o_proj",
    "query_norm": "q_norm",
    "key_norm": "k_norm",
    "self_attention_norm": "input_layernorm",
    "feed_forward": "mlp",
    "gate": "gate_proj",
    "up": "up_proj",
    "down": "down_proj",
    "feed_forward_norm": "post_attention_layernorm",
    "final_norm": "norm",
}


def read_llama(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """A Llama, or a model that has its config, such as SmolLM2.

    Raises:
        ModelError: if a field is out of range, contradicts another, or asks for what pyattn does
            not compute.
    """
    return _layout(
        name,
        family,
        fields,
        ids,
        attention_bias=fields.boolean("attention_bias", False),
        feed_forward_bias=fields.boolean("mlp_bias", False),
    )


def read_qwen2(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """A Qwen2 or Qwen2.5.

    Raises:
        ModelError: as `read_llama`.
    """
    return _layout(
        name,
        family,
        fields,
        ids,
        attention_output_bias=False,
        decoder_windows=_windows(fields),
    )


def read_qwen3(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """A Qwen3.

    Raises:
        ModelError: as `read_llama`.
    """
    return _layout(
        name,
        family,
        fields,
        ids,
        attention_bias=fields.boolean("attention_bias", False),
        decoder_windows=_windows(fields),
    )


def _layout(name: str, family: Family, fields: Fields, ids: Fields, **own: Any) -> Layout:
    vocab = fields.integer("vocab_size")
    layers = fields.integer("num_hidden_layers", high=MAX_LAYERS)
    model = ModelConfig(
        family=name,
        target_vocab=vocab,
        decoder_layers=layers,
        decoder_ffn=fields.integer("intermediate_size", high=MAX_DIM),
        max_positions=fields.integer("max_position_embeddings", high=MAX_POSITIONS),
        norm_epsilon=fields.number("rms_norm_eps", 1e-6, low=0),
        activation=fields.choice("hidden_act", ACTIVATIONS),
        **_heads(fields),
        **rotary_fields(fields),
        **family.switches,
        **own,
        **ids_of_decoder(ids, vocab),
    )
    return Layout(
        model=model,
        lengths={
            "target_vocab": "vocab_size",
            "dim": "hidden_size",
            "decoder_ffn": "intermediate_size",
        },
        embeddings=family.embeddings,
        joined=False,
        tied=fields.boolean("tie_word_embeddings", False),
        prefix=_PREFIX,
        words={"decoder": _WORDS},
        # What turns queries and keys, which files of the first years hold.
        not_read=tuple(f"{_PREFIX}layers.{n}.self_attn.rotary_emb.inv_freq" for n in range(layers)),
    )


def _heads(fields: Fields) -> dict[str, Any]:
    """The stream's width, and the heads'."""
    dim = fields.integer("hidden_size", high=MAX_DIM)
    head_dim = fields.optional_integer("head_dim", high=MAX_DIM)
    if head_dim is None:
        heads = fields.divisor("num_attention_heads", of="hidden_size", value=dim)
        head_dim = dim // heads
    else:
        heads = fields.integer("num_attention_heads", high=MAX_DIM // head_dim)
    if head_dim % 2:
        fields.fail(
            "num_attention_heads", f"is {heads}, expected heads of an even width, to turn in pairs"
        )
    return {
        "dim": dim,
        "head_dim": head_dim,
        "decoder_heads": heads,
        "decoder_kv_heads": fields.divisor(
            "num_key_value_heads", heads, of="num_attention_heads", value=heads
        ),
    }


def _windows(fields: Fields) -> tuple[int, ...]:
    """Positions that self-attention reaches back, per layer, the token's own included."""
    layers = fields.integer("num_hidden_layers", high=MAX_LAYERS)
    full = fields.integer("max_window_layers", 28, low=0)
    slides = fields.boolean("use_sliding_window", False)
    slides = slides and fields.get("sliding_window") is not None
    default = [SLIDING if slides and n >= full else FULL for n in range(layers)]

    def reach() -> int:
        if not slides:
            fields.fail("layer_types", f"has {SLIDING}, expected use_sliding_window to be true")
        return fields.integer("sliding_window", high=MAX_POSITIONS)

    found = windows(fields, default, reach)
    return found if any(found) else ()
