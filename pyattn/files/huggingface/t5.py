"""The T5 block (Raffel et al. 2020) in transformers' names: T5, mT5, UMT5 and LongT5.

RMS norms before sub-layers, no biases, unscaled scores, and instead of positions a bias of
self-attention by distance. T5 1.0 uses the embedding as its output matrix and scales its logits;
later versions have gated feed-forwards and a separate output matrix. An encoder may stand alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pyattn.files.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.files.huggingface.layout import ACTIVATIONS, Family, Layout, special_tokens
from pyattn.files.reading import shown
from pyattn.model_config import NO_DECODER, ModelConfig, Stack

_WORDS = {
    "layers": "block",
    "self_attention": "layer.0.SelfAttention",
    "self_attention_norm": "layer.0.layer_norm",
    "cross_attention": "layer.1.EncDecAttention",
    "cross_attention_norm": "layer.1.layer_norm",
    "query": "q",
    "key": "k",
    "value": "v",
    "output": "o",
    "down": "wo",
    "final_norm": "final_layer_norm",
}
# Which of a layer's sub-layers is the feed-forward.
_FEED_FORWARD: Mapping[Stack, str] = {"encoder": "layer.1", "decoder": "layer.2"}
_BIAS = "layer.0.SelfAttention.relative_attention_bias.weight"

# A distance beyond the last bucket counts as that one, so transformers takes sequences of any
# length; but memory and time do not, and most of these models were trained on 512 to 2048 tokens.
# Files of those that were trained on more say so.
_MAX_POSITIONS = 4096
# Of sources of LongT5, as it was trained on.
_MAX_LONG_SOURCE = 16384
# The encoder's self-attention in LongT5, by `encoder_attention_type`.
_LONG_ATTENTIONS = {
    "local": "layer.0.LocalSelfAttention",
    "transient-global": "layer.0.TransientGlobalSelfAttention",
}
# What an encoder that stands alone does without, where files have it all the same.
_OF_DECODER = ("decoder.", "lm_head.")


def read_t5(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """A model of the T5 block.

    Raises:
        ModelError: if a field is out of range or contradicts another.
    """
    alone = _stands_alone(fields)
    model = _model(name, family, fields, ids, alone)
    feed_forward = {"gate": "wi_0", "up": "wi_1"} if model.gated else {"up": "wi"}
    # Where all layers have the same bias, the first one keeps it.
    bias = {"relative_bias": _BIAS if model.relative_per_layer else f"block.0.{_BIAS}"}
    words: dict[Stack, dict[str, str]] = {
        stack: {
            **_WORDS,
            **feed_forward,
            **bias,
            "feed_forward": f"{layer}.DenseReluDense",
            "feed_forward_norm": f"{layer}.layer_norm",
        }
        for stack, layer in _FEED_FORWARD.items()
    }
    tied = fields.boolean("tie_word_embeddings", True)
    return Layout(
        model=model,
        lengths={
            "source_vocab": "vocab_size",
            "target_vocab": "vocab_size",
            "dim": "d_model",
            "encoder_ffn": "d_ff",
            "decoder_ffn": "d_ff",
            "relative_buckets": "relative_attention_num_buckets",
        },
        embeddings=family.embeddings,
        joined=True,
        tied=tied,
        words=words,
        not_read=family.not_read,
        heads=_OF_DECODER if alone else (),
        tied_scale=model.dim**-0.5 if tied and family.scaled_output == "tied" else 1.0,
    )


def read_long_t5(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """LongT5, whose encoder sees windows and, if they are "transient-global", aggregates.

    Raises:
        ModelError: if a field is out of range or contradicts another.
    """
    layout = read_t5(name, family, fields, ids)
    attention = fields.choice("encoder_attention_type", _LONG_ATTENTIONS)
    radius = fields.integer("local_radius", high=MAX_POSITIONS - 1)
    layers = layout.model.encoder_layers
    more: dict[str, Any] = {"encoder_windows": (radius + 1,) * layers}
    if attention == _LONG_ATTENTIONS["transient-global"]:
        more["encoder_pattern"] = "aggregates"
        more["encoder_block"] = fields.integer("global_block_size", high=MAX_POSITIONS)
    model = dataclasses.replace(
        layout.model,
        encoder_max_positions=max(_MAX_LONG_SOURCE, layout.model.max_positions),
        **more,
    )
    first = f"block.0.{attention}"
    words = {
        **layout.words["encoder"],
        "self_attention": attention,
        "relative_bias": f"{first}.relative_attention_bias.weight",
        "global_relative_bias": f"{first}.global_relative_attention_bias.weight",
        "global_norm": "global_input_layer_norm",
    }
    return dataclasses.replace(
        layout, model=model, words={"encoder": words, "decoder": layout.words["decoder"]}
    )


def _stands_alone(fields: Fields) -> bool:
    """Whether the model is an encoder without a decoder.

    All of transformers' classes for such models end in the same word. 5.x also notes it.
    """
    classes = fields.list("architectures")
    alone = any(str(name).endswith("EncoderModel") for name in classes)
    return alone or not fields.boolean("is_encoder_decoder", True)


def _model(name: str, family: Family, fields: Fields, ids: Fields, alone: bool) -> ModelConfig:
    scaled = family.scaled_output == "configured" and _scales_output(fields)
    vocab = fields.integer("vocab_size")
    dim = fields.integer("d_model", high=MAX_DIM)
    head_dim = fields.integer("d_kv", high=MAX_DIM)
    heads = fields.integer("num_heads", high=MAX_DIM // head_dim)
    layers = fields.integer("num_layers", high=MAX_LAYERS)
    ffn = fields.integer("d_ff", high=MAX_DIM)
    # The encoder has half of the buckets for each direction, and half of these for one distance
    # each; the other half, which grow, have to reach further than those.
    buckets = fields.integer("relative_attention_num_buckets", low=4, high=MAX_POSITIONS)
    decoder: Mapping[str, Any]
    if alone:
        decoder = {**NO_DECODER, "pad": ids.optional_id("pad_token_id", None, vocab=vocab)}
    else:
        decoder = {
            "target_vocab": vocab,
            "decoder_layers": fields.integer("num_decoder_layers", layers, high=MAX_LAYERS),
            "decoder_heads": heads,
            "decoder_ffn": ffn,
            "logits_scale": dim**-0.5 if scaled else 1.0,
            **special_tokens(ids, vocab, vocab),
        }
    return ModelConfig(
        family=name,
        source_vocab=vocab,
        dim=dim,
        encoder_layers=layers,
        encoder_heads=heads,
        encoder_ffn=ffn,
        head_dim=head_dim,
        max_positions=max(
            _MAX_POSITIONS, fields.integer("n_positions", _MAX_POSITIONS, high=MAX_POSITIONS)
        ),
        norm_epsilon=fields.number("layer_norm_epsilon", 1e-6, low=0),
        relative_buckets=buckets,
        relative_distance=fields.integer(
            "relative_attention_max_distance", low=buckets // 2 + 1, high=MAX_POSITIONS
        ),
        **_feed_forward(fields),
        **family.switches,
        **decoder,
    )


def _scales_output(fields: Fields) -> bool:
    """Whether logits are scaled, as those of T5 1.0 are.

    transformers 4 took the output's being tied for the sign of that. 5.x saves all models as tied,
    and the truth in a field of its own.
    """
    tied = fields.boolean("tie_word_embeddings", True)
    return fields.boolean("scale_decoder_outputs", tied)


def _feed_forward(fields: Fields) -> dict[str, Any]:
    """Gate and activation: one field names both, or two fields one each."""
    name = fields.text("feed_forward_proj")
    gate, _, activation = name.rpartition("-")
    # An activation is erf's gelu alone and tanh's in a gate, as in the models that had it first.
    activation = "gelu_new" if name == "gated-gelu" else activation
    if gate not in ("", "gated") or activation not in ACTIVATIONS:
        expected = f"one of {', '.join(ACTIVATIONS)}, with or without gated- before it"
        fields.fail("feed_forward_proj", f"is {shown(name)}, expected {expected}")
    return {
        "gated": fields.boolean("is_gated_act", gate == "gated"),
        "activation": fields.choice("dense_act_fn", ACTIVATIONS, activation),
    }
