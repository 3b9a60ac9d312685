"""The Gemma block in transformers' names: T5Gemma (Zhang et al. 2025).

config.json has an object for each stack. Their sizes may differ, but not the width of the residual
stream, nor attributes that `ModelConfig` has only for the whole model.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from pyattn.files.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.files.huggingface.layer_types import FULL, SLIDING, rotary_theta, windows
from pyattn.files.huggingface.layout import (
    ACTIVATIONS,
    CONFIG_FILE,
    Family,
    Layout,
    special_tokens,
)
from pyattn.model_config import STACKS, ModelConfig, Stack

_WORDS = {
    "self_attention": "self_attn",
    "cross_attention": "cross_attn",
    "feed_forward": "mlp",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "output": "o_proj",
    "gate": "gate_proj",
    "up": "up_proj",
    "down": "down_proj",
    "self_attention_norm": "pre_self_attn_layernorm",
    "self_attention_post_norm": "post_self_attn_layernorm",
    "cross_attention_norm": "pre_cross_attn_layernorm",
    "cross_attention_post_norm": "post_cross_attn_layernorm",
    "feed_forward_norm": "pre_feedforward_layernorm",
    "feed_forward_post_norm": "post_feedforward_layernorm",
    "final_norm": "norm",
}

# Attributes that both stacks must have in common, and their fields.
_COMMON = {
    "dim": "hidden_size",
    "head_dim": "head_dim",
    "norm_epsilon": "rms_norm_eps",
    "attention_bias": "attention_bias",
    "activation": "hidden_activation",
    "rotary_theta": "rope_theta",
    "attention_scale": "query_pre_attn_scalar",
    "attention_soft_cap": "attn_logit_softcapping",
}


def read_gemma(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """A model of the Gemma block.

    Raises:
        ModelError: if a field is out of range or contradicts another, or the stacks differ in what
            they must have in common.
    """
    stacks = {stack: _Stack.read(fields, stack) for stack in STACKS}
    encoder, decoder = stacks.values()
    for attribute, key in _COMMON.items():
        ours, theirs = decoder.common[attribute], encoder.common[attribute]
        if ours != theirs:
            problem = f"is not that of the encoder ({ours} and {theirs}), expected the same in both"
            decoder.fields.fail(key, problem)
    model = ModelConfig(
        family=name,
        source_vocab=encoder.vocab,
        target_vocab=decoder.vocab,
        max_positions=min(encoder.max_positions, decoder.max_positions),
        embedding_scale=math.sqrt(decoder.common["dim"]),
        logits_soft_cap=_cap(decoder.fields, "final_logit_softcapping"),
        **encoder.sizes,
        **decoder.sizes,
        **decoder.common,
        **family.switches,
        **special_tokens(ids, encoder.vocab, decoder.vocab),
    )
    return Layout(
        model=model,
        lengths={
            "source_vocab": "encoder.vocab_size",
            "target_vocab": "decoder.vocab_size",
            "dim": "decoder.hidden_size",
            "encoder_ffn": "encoder.intermediate_size",
            "decoder_ffn": "decoder.intermediate_size",
        },
        embeddings=family.embeddings,
        joined=False,
        tied=fields.boolean("tie_word_embeddings", True),
        prefix="model.",
        words={"encoder": _WORDS, "decoder": _WORDS},
        not_read=family.not_read,
        norms_less_one=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Stack:
    """A stack in config.json; `sizes` and `common` are attributes of `ModelConfig`."""

    fields: Fields
    vocab: int
    max_positions: int
    sizes: dict[str, Any]
    common: dict[str, Any]

    @classmethod
    def read(cls, outer: Fields, stack: Stack) -> _Stack:
        place = f"{CONFIG_FILE}: {stack}"
        fields = Fields({place: outer.object(stack)})
        head_dim = fields.integer("head_dim", high=MAX_DIM)
        if head_dim % 2:
            fields.fail("head_dim", f"is {head_dim}, expected an even number, to turn it in pairs")
        heads = fields.integer("num_attention_heads", high=MAX_DIM // head_dim)
        layers = fields.integer("num_hidden_layers", high=MAX_LAYERS)
        return cls(
            fields=fields,
            vocab=fields.integer("vocab_size"),
            max_positions=fields.integer("max_position_embeddings", high=MAX_POSITIONS),
            sizes={
                f"{stack}_layers": layers,
                f"{stack}_heads": heads,
                f"{stack}_kv_heads": fields.divisor(
                    "num_key_value_heads", of="num_attention_heads", value=heads
                ),
                f"{stack}_ffn": fields.integer("intermediate_size", high=MAX_DIM),
                f"{stack}_windows": _windows(fields, stack, layers),
            },
            common={
                "dim": fields.integer("hidden_size", high=MAX_DIM),
                "head_dim": head_dim,
                "norm_epsilon": fields.number("rms_norm_eps", 1e-6, low=0),
                "attention_bias": fields.boolean("attention_bias", False),
                "activation": fields.choice("hidden_activation", ACTIVATIONS),
                "rotary_theta": _theta(fields, place),
                "attention_scale": fields.number("query_pre_attn_scalar", 256, low=1) ** -0.5,
                "attention_soft_cap": _cap(fields, "attn_logit_softcapping"),
            },
        )


def _windows(fields: Fields, stack: Stack, layers: int) -> tuple[int, ...]:
    """Positions that self-attention reaches to a side, per layer, the token's own included."""
    # transformers counts a position's own in a window that looks back, and not in one to both
    # sides (its masks of `sliding_window_overlay` and `sliding_window_bidirectional_overlay`).
    return windows(
        fields,
        [FULL if n % 2 else SLIDING for n in range(layers)],
        lambda: fields.integer("sliding_window", high=MAX_POSITIONS) + (stack == "encoder"),
    )


def _theta(fields: Fields, place: str) -> float:
    """The base of the wavelengths; transformers 4 and 5 keep it in different places."""
    for key in ("rope_parameters", "rope_scaling"):
        theta = rotary_theta(fields, place, key)
        if theta is not None:
            return theta
    return fields.number("rope_theta", 10000.0, low=1)


def _cap(fields: Fields, key: str) -> float:
    """A soft cap; null is 0, no cap."""
    return 0.0 if fields.get(key) is None else fields.number(key, 0, low=1e-3)
