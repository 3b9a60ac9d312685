"""The BERT block (Devlin et al. 2019) of encoders that stand alone, in transformers' names.

It is the block of Vaswani et al. 2017 with norms after residuals and learned positions. Tokens also
have a type: that of the first or of the second text of a pair. DistilBERT has other names and no
types; RoBERTa has positions that begin behind the padding's; MPNet has those, and T5's bias by
distance besides. Longformer is RoBERTa with windows and global tokens, BigBird is BERT with blocks.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from pyattn.files.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.files.huggingface.layout import ACTIVATIONS, Family, Layout
from pyattn.files.huggingface.patterns import blocks, windows_with_tokens
from pyattn.model_config import ModelConfig

_WORDS = {
    "layers": "layer",
    "self_attention": "attention",
    "query": "self.query",
    "key": "self.key",
    "value": "self.value",
    "output": "output.dense",
    "self_attention_norm": "attention.output.LayerNorm",
    "feed_forward": "",
    "up": "intermediate.dense",
    "down": "output.dense",
    "feed_forward_norm": "output.LayerNorm",
}
_MPNET_WORDS = {
    **_WORDS,
    "query": "attn.q",
    "key": "attn.k",
    "value": "attn.v",
    "output": "attn.o",
    "self_attention_norm": "attention.LayerNorm",
    "relative_bias": "relative_attention_bias.weight",
}
_LONGFORMER_WORDS = {
    **_WORDS,
    **{f"global_{name}": f"self.{name}_global" for name in ("query", "key", "value")},
}
_DISTILBERT_WORDS = {
    "encoder": "transformer",
    "layers": "layer",
    "self_attention": "attention",
    "query": "q_lin",
    "key": "k_lin",
    "value": "v_lin",
    "output": "out_lin",
    "self_attention_norm": "sa_layer_norm",
    "feed_forward": "ffn",
    "up": "lin1",
    "down": "lin2",
    "feed_forward_norm": "output_layer_norm",
}
_NAMES = {
    "encoder.positions": "embeddings.position_embeddings.weight",
    "encoder.types": "embeddings.token_type_embeddings.weight",
    "encoder.embedding_norm.weight": "embeddings.LayerNorm.weight",
    "encoder.embedding_norm.bias": "embeddings.LayerNorm.bias",
}
# What models are trained or used with, behind the encoder. Their own names come after no prefix.
_HEADS = (
    *("cls.", "lm_head.", "classifier.", "qa_outputs.", "vocab_"),
    *("pre_classifier.", "discriminator_predictions.", "generator_"),
)
# transformers writes it into the code of DistilBERT.
_DISTILBERT_EPSILON = 1e-12
# Which positions and types old files keep as numbers, since they once were buffers.
_BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")
# Of the bias by distance: transformers has no field for the one, and does not look at the other's.
_MPNET_DISTANCE = 128
_MPNET_BUCKETS = 32


def read_bert(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """An encoder with BERT's names, whose positions begin at 0.

    Raises:
        ModelError: if a field is out of range, contradicts another, or asks for what pyattn does
            not compute.
    """
    return _bert(name, family, fields, ids, rows_before=0)


def read_big_bird(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """BigBird's encoder.

    Raises:
        ModelError: as `read_bert`.
    """
    if not fields.boolean("use_bias", True):
        fields.fail("use_bias", "is false, expected true: only biases everywhere are supported")
    layout = _bert(name, family, fields, ids, rows_before=0)
    rescaled = fields.boolean("rescale_embeddings", False)
    more: dict[str, Any] = {
        **blocks(fields),
        "embedding_scale": math.sqrt(layout.model.dim) if rescaled else 1.0,
    }
    return dataclasses.replace(layout, model=dataclasses.replace(layout.model, **more))


def read_roberta(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """An encoder with BERT's names, whose positions begin behind that of the padding.

    Raises:
        ModelError: as `read_bert`.
    """
    vocab = fields.integer("vocab_size")
    return _bert(
        name, family, fields, ids, rows_before=fields.id("pad_token_id", None, vocab=vocab) + 1
    )


def read_longformer(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """Longformer's encoder, whose first token is global if the model classifies texts.

    Raises:
        ModelError: as `read_bert`, or if windows have gaps.
    """
    layout = read_roberta(name, family, fields, ids)
    classifies = any("SequenceClassification" in str(one) for one in fields.list("architectures"))
    more = {
        **windows_with_tokens(fields, layout.model.encoder_layers),
        "global_first": classifies,
    }
    return dataclasses.replace(
        layout,
        model=dataclasses.replace(layout.model, **more),
        words={"encoder": _LONGFORMER_WORDS},
    )


def read_mpnet(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """An encoder with RoBERTa's positions, and a bias by distance that all layers share.

    Raises:
        ModelError: as `read_bert`.
    """
    vocab = fields.integer("vocab_size")
    key = "relative_attention_num_buckets"
    more = {
        "relative_buckets": fields.integer(key, low=_MPNET_BUCKETS, high=_MPNET_BUCKETS),
        "relative_distance": _MPNET_DISTANCE,
    }
    rows_before = fields.id("pad_token_id", None, vocab=vocab) + 1
    model = _model(name, family, fields, ids, rows_before, more)
    lengths = {**_LENGTHS, "relative_buckets": key}
    return _layout(family, model, _MPNET_WORDS, lengths, rows_before)


def read_distilbert(name: str, family: Family, fields: Fields, ids: Fields) -> Layout:
    """DistilBERT.

    Raises:
        ModelError: as `read_bert`.
    """
    dim = fields.integer("dim", high=MAX_DIM)
    vocab = fields.integer("vocab_size")
    model = ModelConfig(
        family=name,
        source_vocab=vocab,
        dim=dim,
        encoder_layers=fields.integer("n_layers", high=MAX_LAYERS),
        encoder_heads=fields.divisor("n_heads", of="dim", value=dim),
        encoder_ffn=fields.integer("hidden_dim", high=MAX_DIM),
        max_positions=fields.integer("max_position_embeddings", high=MAX_POSITIONS),
        norm_epsilon=_DISTILBERT_EPSILON,
        activation=fields.choice("activation", ACTIVATIONS),
        pad=ids.optional_id("pad_token_id", None, vocab=vocab),
        **family.switches,
    )
    lengths = {
        "source_vocab": "vocab_size",
        "dim": "dim",
        "encoder_ffn": "hidden_dim",
        "max_positions": "max_position_embeddings",
    }
    return _layout(family, model, _DISTILBERT_WORDS, lengths, 0)


_LENGTHS = {
    "source_vocab": "vocab_size",
    "dim": "hidden_size",
    "encoder_ffn": "intermediate_size",
}


def _bert(name: str, family: Family, fields: Fields, ids: Fields, rows_before: int) -> Layout:
    types = {"token_types": fields.integer("type_vocab_size", low=0, high=MAX_POSITIONS)}
    model = _model(name, family, fields, ids, rows_before, types)
    lengths = {**_LENGTHS, **({"token_types": "type_vocab_size"} if model.token_types else {})}
    return _layout(family, model, _WORDS, lengths, rows_before)


def _model(
    name: str,
    family: Family,
    fields: Fields,
    ids: Fields,
    rows_before: int,
    more: Mapping[str, Any],
) -> ModelConfig:
    dim = fields.integer("hidden_size", high=MAX_DIM)
    _check_supported(fields, dim)
    vocab = fields.integer("vocab_size")
    rows = fields.integer("max_position_embeddings", low=rows_before + 1, high=MAX_POSITIONS)
    return ModelConfig(
        family=name,
        source_vocab=vocab,
        dim=dim,
        encoder_layers=fields.integer("num_hidden_layers", high=MAX_LAYERS),
        encoder_heads=fields.divisor("num_attention_heads", of="hidden_size", value=dim),
        encoder_ffn=fields.integer("intermediate_size", high=MAX_DIM),
        max_positions=rows - rows_before,
        norm_epsilon=fields.number("layer_norm_eps", 1e-12, low=0),
        activation=fields.choice("hidden_act", ACTIVATIONS),
        pad=ids.optional_id("pad_token_id", None, vocab=vocab),
        **more,
        **family.switches,
    )


def _check_supported(fields: Fields, dim: int) -> None:
    for key in ("is_decoder", "add_cross_attention"):
        if fields.boolean(key, False):
            fields.fail(key, "is true, expected false: pyattn runs this family as an encoder")
    kind = fields.text("position_embedding_type", "absolute")
    if kind != "absolute":
        fields.fail("position_embedding_type", f"is {kind!r:.40}, supported is absolute")
    width = fields.integer("embedding_size", dim)
    if width != dim:
        fields.fail(
            "embedding_size",
            f"is {width}, expected hidden_size, {dim}: embeddings that are projected are not "
            "supported",
        )


def _layout(
    family: Family,
    model: ModelConfig,
    words: Mapping[str, str],
    lengths: Mapping[str, str],
    rows_before: int,
) -> Layout:
    prefix = family.embeddings.encoder.partition(".")[0] + "."
    return Layout(
        model=model,
        lengths=lengths,
        embeddings=family.embeddings,
        joined=False,
        tied=False,
        prefix=prefix,
        words={"encoder": words},
        names=_NAMES,
        not_read=tuple(prefix + name for name in _BUFFERS),
        # Files without the prefix have it in front of heads, too.
        heads=(*_HEADS, *(prefix + head for head in (*_HEADS, "pooler."))),
        rows_before=rows_before,
    )
