"""The ModernBERT block (Warner et al. 2024) in transformers' names.

A BERT with norms before its blocks, none of them with a bias, rotary positions, gated feed-forward,
and windows in most layers. Queries, keys and values are one tensor, and so are the gate and what it
multiplies. The first block has no norm, as the embeddings have just had one.
"""

from __future__ import annotations

from pyattn.files.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.files.huggingface.layer_types import FULL, SLIDING, rotary_theta, windows
from pyattn.files.huggingface.layout import ACTIVATIONS, CONFIG_FILE, Family, Layout
from pyattn.model_config import ModelConfig

_WORDS = {
    "encoder": "",
    "self_attention": "attn",
    "query": "Wqkv",
    "key": "Wqkv",
    "value": "Wqkv",
    "output": "Wo",
    "self_attention_norm": "attn_norm",
    "feed_forward": "mlp",
    "gate": "Wi",
    "up": "Wi",
    "down": "Wo",
    "feed_forward_norm": "mlp_norm",
}
_NAMES = {
    "encoder.embedding_norm.weight": "embeddings.norm.weight",
    "encoder.embedding_norm.bias": "embeddings.norm.bias",
}
# What models are trained or used with, behind the encoder. Their own names come after no prefix.
_HEADS = ("head.", "decoder.", "classifier.")


def read_modernbert(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """A model of the ModernBERT block.

    Raises:
        ModelError: if a field is out of range, contradicts another, or asks for what pyattn does
            not compute.
    """
    dim = fields.integer("hidden_size", high=MAX_DIM)
    heads = fields.divisor("num_attention_heads", of="hidden_size", value=dim)
    if dim // heads % 2:
        fields.fail("num_attention_heads", f"is {heads}, expected heads of an even width")
    vocab = fields.integer("vocab_size")
    layers = fields.integer("num_hidden_layers", high=MAX_LAYERS)
    every = fields.integer("global_attn_every_n_layers", 3, high=MAX_LAYERS)
    model = ModelConfig(
        family=name,
        source_vocab=vocab,
        dim=dim,
        encoder_layers=layers,
        encoder_heads=heads,
        encoder_ffn=fields.integer("intermediate_size", high=MAX_DIM),
        max_positions=fields.integer("max_position_embeddings", high=MAX_POSITIONS),
        norm_epsilon=fields.number("norm_eps", 1e-5, low=0),
        attention_bias=fields.boolean("attention_bias", False),
        feed_forward_bias=fields.boolean("mlp_bias", False),
        activation=fields.choice("hidden_activation", ACTIVATIONS),
        # The file's number is that of both sides together, without the token's own.
        encoder_windows=windows(
            fields,
            [SLIDING if n % every else FULL for n in range(layers)],
            lambda: fields.integer("local_attention", low=0, high=MAX_POSITIONS) // 2 + 1,
        ),
        rotary_theta=_theta(fields, FULL, "global_rope_theta", 160_000.0),
        rotary_local_theta=_theta(fields, SLIDING, "local_rope_theta", 10_000.0),
        pad=ids.optional_id("pad_token_id", None, vocab=vocab),
        **family.switches,
    )
    prefix = "model."
    return Layout(
        model=model,
        lengths={
            "source_vocab": "vocab_size",
            "dim": "hidden_size",
            "encoder_ffn": "intermediate_size",
        },
        embeddings=family.embeddings,
        joined=False,
        tied=False,
        prefix=prefix,
        words={"encoder": _WORDS},
        names=_NAMES,
        heads=(*_HEADS, *(prefix + head for head in _HEADS)),
        norm_biases=fields.boolean("norm_bias", False),
    )


def _theta(fields: Fields, kind: str, key: str, default: float) -> float:
    """The base of the wavelengths of layers of this type.

    transformers 5 keeps an object for each type, 4 a field.
    """
    place = f"{CONFIG_FILE}: rope_parameters"
    theta = rotary_theta(Fields({place: fields.object("rope_parameters")}), place, kind)
    return fields.number(key, default, low=1) if theta is None else theta
