"""The GPT-2 block (Radford et al. 2019) of decoders that stand alone, in transformers' names.

Layer norms before sub-layers and learned positions. Files hold the matrices of its layers
transposed, and queries, keys and values as one.
"""

from __future__ import annotations

from pyattn.files.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.files.huggingface.layout import ACTIVATIONS, Family, Layout, ids_of_decoder
from pyattn.model_config import ModelConfig

_PREFIX = "transformer."
_WORDS = {
    "decoder": "",
    "layers": "h",
    "self_attention": "attn",
    "query": "c_attn",
    "key": "c_attn",
    "value": "c_attn",
    "output": "c_proj",
    "self_attention_norm": "ln_1",
    "feed_forward": "mlp",
    "up": "c_fc",
    "down": "c_proj",
    "feed_forward_norm": "ln_2",
    "final_norm": "ln_f",
}
# Masks, which files of the first years hold.
_BUFFERS = ("attn.bias", "attn.masked_bias")


def read_gpt2(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """A GPT-2.

    Raises:
        ModelError: if a field is out of range, contradicts another, or asks for what pyattn does
            not compute.
    """
    for key in ("scale_attn_by_inverse_layer_idx", "add_cross_attention"):
        if fields.boolean(key, False):
            fields.fail(key, "is true, which pyattn does not support, expected false")
    dim = fields.integer("n_embd", high=MAX_DIM)
    vocab = fields.integer("vocab_size")
    layers = fields.integer("n_layer", high=MAX_LAYERS)
    inner = fields.get("n_inner") is not None
    model = ModelConfig(
        family=name,
        target_vocab=vocab,
        dim=dim,
        decoder_layers=layers,
        decoder_heads=fields.divisor("n_head", of="n_embd", value=dim),
        decoder_ffn=fields.integer("n_inner", high=MAX_DIM) if inner else 4 * dim,
        max_positions=fields.integer("n_positions", high=MAX_POSITIONS),
        norm_epsilon=fields.number("layer_norm_epsilon", 1e-5, low=0),
        activation=fields.choice("activation_function", ACTIVATIONS),
        attention_scale=None if fields.boolean("scale_attn_weights", True) else 1.0,
        **family.switches,
        **ids_of_decoder(ids, vocab),
    )
    lengths = {"target_vocab": "vocab_size", "dim": "n_embd", "max_positions": "n_positions"}
    return Layout(
        model=model,
        lengths={**lengths, "decoder_ffn": "n_inner"} if inner else lengths,
        embeddings=family.embeddings,
        joined=False,
        tied=fields.boolean("tie_word_embeddings", True),
        prefix=_PREFIX,
        words={"decoder": _WORDS},
        names={"decoder.positions": "wpe.weight"},
        not_read=tuple(f"{_PREFIX}h.{n}.{buffer}" for n in range(layers) for buffer in _BUFFERS),
        transposed=True,
    )
