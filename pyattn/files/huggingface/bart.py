"""The BART block of most families, in transformers' names.

It is the block of Vaswani et al. 2017 with biases everywhere; families differ in the place of norms
and in positions. Marian models normalise after the residual, whatever their `normalize_before` is:
transformers ignores it, and the other switches of fairseq's models.
"""

from __future__ import annotations

import math

from pyattn.files.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.files.huggingface.layout import ACTIVATIONS, Family, Layout, special_tokens
from pyattn.model_config import ModelConfig

WORDS = {
    "self_attention": "self_attn",
    "cross_attention": "encoder_attn",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "output": "out_proj",
    "self_attention_norm": "self_attn_layer_norm",
    "cross_attention_norm": "encoder_attn_layer_norm",
    "feed_forward_norm": "final_layer_norm",
    "feed_forward": "",
    "up": "fc1",
    "down": "fc2",
    "positions": "embed_positions.weight",
    "embedding_norm": "layernorm_embedding",
    "final_norm": "layer_norm",
}
# The table of learned positions once began with rows for padding, of which two are left.
_ROWS_BEFORE = 2
# Length of the decoder's sequences, where a family has a field for each stack.
_TARGETS = "max_decoder_position_embeddings"
# Whether there are not two vocabularies.
_SHARE = "share_encoder_decoder_embeddings"


def read_bart(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """A model with `model.shared` and `lm_head`.

    Raises:
        ModelError: if a field is out of range or contradicts another.
    """
    # Only Marian's has the field; transformers would not look at it in another family's.
    separable = _SHARE in family.defaults
    two = separable and not fields.boolean(_SHARE, True)
    keys = ("vocab_size", "decoder_vocab_size" if two else "vocab_size")
    if two and fields.get(keys[1]) is None:
        keys = (keys[0], keys[0])
    tied = fields.boolean("tie_word_embeddings", True)
    return _layout(name, family, fields, ids, keys, joined=not two, tied=tied)


def read_fsmt(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """A model of fairseq's as transformers has it: the same block between other matrices.

    The output matrix was the decoder's embedding in transformers 4, whatever the config says, so
    files of its time need not have it.

    Raises:
        ModelError: if a field is out of range or contradicts another.
    """
    keys = ("src_vocab_size", "tgt_vocab_size")
    joined = fields.boolean("tie_word_embeddings", False)
    source, target = map(fields.integer, keys)
    if joined and source != target:
        fields.fail(keys[1], f"is {target}, expected {source}, as the embeddings are tied")
    return _layout(name, family, fields, ids, keys, joined=joined, tied=True)


def _layout(
    name: str,
    family: Family,
    fields: Fields,
    ids: Fields,
    vocabularies: tuple[str, str],
    *,
    joined: bool,
    tied: bool,
) -> Layout:
    model = _model(name, family, fields, ids, *map(fields.integer, vocabularies))
    return Layout(
        model=model,
        lengths={
            "source_vocab": vocabularies[0],
            "target_vocab": vocabularies[1],
            "dim": "d_model",
            "encoder_ffn": "encoder_ffn_dim",
            "decoder_ffn": "decoder_ffn_dim",
        },
        embeddings=family.embeddings,
        joined=joined,
        tied=tied,
        prefix="model.",
        words={"encoder": WORDS, "decoder": WORDS},
        output_bias=family.output_bias,
        not_read=family.not_read,
        rows_before=_ROWS_BEFORE,
    )


def _model(
    name: str, family: Family, fields: Fields, ids: Fields, source_vocab: int, target_vocab: int
) -> ModelConfig:
    dim = fields.integer("d_model", high=MAX_DIM)
    positions = _TARGETS if _TARGETS in family.defaults else "max_position_embeddings"
    first_position = 0
    if family.switches.get("positions") == "sinusoidal_t2t":
        # The padding has the position of its id, and sentences the ones behind.
        first_position = fields.id("pad_token_id", None, vocab=source_vocab) + 1
        if dim % 2:
            fields.fail("d_model", f"is {dim}, expected an even number, for sines and cosines")
    return ModelConfig(
        family=name,
        source_vocab=source_vocab,
        target_vocab=target_vocab,
        dim=dim,
        encoder_layers=fields.integer("encoder_layers", high=MAX_LAYERS),
        decoder_layers=fields.integer("decoder_layers", high=MAX_LAYERS),
        encoder_heads=fields.divisor("encoder_attention_heads", of="d_model", value=dim),
        decoder_heads=fields.divisor("decoder_attention_heads", of="d_model", value=dim),
        encoder_ffn=fields.integer("encoder_ffn_dim", high=MAX_DIM),
        decoder_ffn=fields.integer("decoder_ffn_dim", high=MAX_DIM),
        max_positions=fields.integer(positions, high=MAX_POSITIONS),
        first_position=first_position,
        activation=fields.choice("activation_function", ACTIVATIONS),
        embedding_scale=math.sqrt(dim) if fields.boolean("scale_embedding", False) else 1.0,
        **family.switches,
        **special_tokens(ids, source_vocab, target_vocab),
    )
