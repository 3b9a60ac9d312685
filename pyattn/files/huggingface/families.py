"""The families that are read, by the `model_type` of their config.json.

    marian    MarianMT (OPUS-MT)                  t5       T5, T5 1.1, Flan-T5, MADLAD-400, ByT5
    m2m_100   M2M100, NLLB-200, SMaLL-100         mt5      mT5
    bart      BART                                umt5     UMT5
    mbart     mBART-25, mBART-50                  t5gemma  T5Gemma
    pegasus   Pegasus
    fsmt      fairseq's models of WMT19

    led              LED, PRIMERA                longt5     LongT5
    bigbird_pegasus  BigBird-Pegasus             pegasus_x  Pegasus-X

Encoders that stand alone are in `pyattn.files.huggingface.encoders`; T5s may do so, too. Decoders
that do are in `pyattn.files.huggingface.decoders`.

Defaults are those of transformers' config classes, as files need not repeat them.
"""

from __future__ import annotations

from typing import Any

from pyattn.files.huggingface.bart import read_bart, read_fsmt
from pyattn.files.huggingface.decoders import DECODERS
from pyattn.files.huggingface.encoders import ENCODERS
from pyattn.files.huggingface.gemma import read_gemma
from pyattn.files.huggingface.layout import Embeddings, Family
from pyattn.files.huggingface.long import read_bigbird_pegasus, read_led, read_pegasus_x
from pyattn.files.huggingface.t5 import read_long_t5, read_t5

_MODEL = Embeddings(
    encoder="model.encoder.embed_tokens.weight",
    decoder="model.decoder.embed_tokens.weight",
    output="lm_head.weight",
    shared="model.shared.weight",
)
_FSMT = Embeddings(
    encoder="model.encoder.embed_tokens.weight",
    decoder="model.decoder.embed_tokens.weight",
    output="model.decoder.output_projection.weight",
)
_LED = Embeddings(
    encoder="led.encoder.embed_tokens.weight",
    decoder="led.decoder.embed_tokens.weight",
    output="lm_head.weight",
    shared="led.shared.weight",
)
_T5 = Embeddings(
    encoder="encoder.embed_tokens.weight",
    decoder="decoder.embed_tokens.weight",
    output="lm_head.weight",
    shared="shared.weight",
)
_GEMMA = Embeddings(
    encoder="model.encoder.embed_tokens.weight",
    decoder="model.decoder.embed_tokens.weight",
    output="lm_head.out_proj.weight",
)


def _in_both(*names: str) -> tuple[str, ...]:
    return tuple(f"model.{stack}.{name}" for stack in ("encoder", "decoder") for name in names)


# Positions that are computed; files hold the table all the same, some under fairseq's names.
_TABLES = _in_both("embed_positions.weight", "embed_positions.weights")
_FAIRSEQ = (*_TABLES, *_in_both("embed_positions._float_tensor", "version"))

_BART_SIZES = {
    "d_model": 1024,
    "encoder_layers": 12,
    "decoder_layers": 12,
    "encoder_attention_heads": 16,
    "decoder_attention_heads": 16,
    "encoder_ffn_dim": 4096,
    "decoder_ffn_dim": 4096,
    "max_position_embeddings": 1024,
}
_BART_TOKENS = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
_BART = {**_BART_SIZES, **_BART_TOKENS, "vocab_size": 50265, "activation_function": "gelu"}
_PRE = {"norm": "pre", "final_norm": True}
_PEGASUS_TOKENS = {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}

_LONG_PEGASUS: dict[str, Any] = {
    **{**_BART, **_PEGASUS_TOKENS, "vocab_size": 96103, "scale_embedding": True},
    **{"encoder_layers": 16, "decoder_layers": 16},
}

_T5_SWITCHES = {
    **_PRE,
    "norm_kind": "rms",
    "attention_bias": False,
    "feed_forward_bias": False,
    "positions": "relative",
    "attention_scale": 1.0,
}
_T5_TOKENS = _PEGASUS_TOKENS
_T5_DISTANCES = {
    "relative_attention_num_buckets": 32,
    "relative_attention_max_distance": 128,
}
_T5_SIZES: dict[str, Any] = {
    "vocab_size": 32128,
    "d_model": 512,
    "d_kv": 64,
    "d_ff": 2048,
    "num_layers": 6,
    "num_heads": 8,
    "feed_forward_proj": "relu",
}
_MT5_SIZES: dict[str, Any] = {
    "vocab_size": 250112,
    "d_model": 512,
    "d_kv": 64,
    "d_ff": 1024,
    "num_layers": 8,
    "num_heads": 6,
    "feed_forward_proj": "gated-gelu",
}
_GEMMA_STACK = {
    "vocab_size": 256000,
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "hidden_activation": "gelu_pytorch_tanh",
    "max_position_embeddings": 8192,
    "sliding_window": 4096,
    "final_logit_softcapping": 30.0,
    "attn_logit_softcapping": 50.0,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
}

FAMILIES = {
    "marian": Family(
        style=read_bart,
        embeddings=_MODEL,
        output_bias="final_logits_bias",
        defaults={
            **_BART_SIZES,
            "vocab_size": 58101,
            "share_encoder_decoder_embeddings": True,
            "activation_function": "gelu",
            "decoder_start_token_id": 58100,
            "pad_token_id": 58100,
            "eos_token_id": 0,
        },
        generation={"forced_eos_token_id": 0},
        not_read=_TABLES,
    ),
    "m2m_100": Family(
        style=read_bart,
        embeddings=_MODEL,
        switches={**_PRE, "positions": "sinusoidal_t2t"},
        defaults={
            **_BART_SIZES,
            **_BART_TOKENS,
            "vocab_size": 128112,
            "activation_function": "relu",
            "scale_embedding": True,
            "decoder_start_token_id": 2,
        },
        not_read=_FAIRSEQ,
    ),
    "bart": Family(
        style=read_bart,
        embeddings=_MODEL,
        output_bias="final_logits_bias",
        switches={"positions": "learned", "embedding_norm": True},
        defaults={**_BART, "decoder_start_token_id": 2},
        generation={"forced_eos_token_id": 2},
    ),
    "mbart": Family(
        style=read_bart,
        embeddings=_MODEL,
        output_bias="final_logits_bias",
        switches={**_PRE, "positions": "learned", "embedding_norm": True},
        defaults=_BART,
        generation={"forced_eos_token_id": 2},
    ),
    "pegasus": Family(
        style=read_bart,
        embeddings=_MODEL,
        output_bias="final_logits_bias",
        switches=_PRE,
        defaults={**_BART, **_PEGASUS_TOKENS},
        generation={"forced_eos_token_id": 1},
        not_read=_TABLES,
    ),
    "fsmt": Family(
        style=read_fsmt,
        embeddings=_FSMT,
        switches={"positions": "sinusoidal_t2t"},
        defaults={
            **_BART_SIZES,
            **_BART_TOKENS,
            "src_vocab_size": 42024,
            "tgt_vocab_size": 42024,
            "activation_function": "relu",
            "scale_embedding": True,
            "decoder_start_token_id": 2,
        },
        generation={"forced_eos_token_id": 2, "num_beams": 5, "max_length": 200},
        not_read=_FAIRSEQ,
    ),
    "t5": Family(
        style=read_t5,
        embeddings=_T5,
        switches=_T5_SWITCHES,
        defaults={**_T5_SIZES, **_T5_DISTANCES, **_T5_TOKENS},
        scaled_output="configured",
        # A bias by distance between sentences, which the first T5 has and no program computes.
        not_read=("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",),
    ),
    "mt5": Family(
        style=read_t5,
        embeddings=_T5,
        switches=_T5_SWITCHES,
        defaults={**_MT5_SIZES, **_T5_DISTANCES, **_T5_TOKENS},
        not_read=("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",),
    ),
    "umt5": Family(
        style=read_t5,
        embeddings=_T5,
        switches={**_T5_SWITCHES, "relative_per_layer": True},
        defaults={**_MT5_SIZES, **_T5_DISTANCES, **_T5_TOKENS},
        # transformers goes by the config alone; but 5.x saves the official models as if they were
        # tied, though they have an output matrix of their own and were trained without a scale.
        scaled_output="tied",
    ),
    "t5gemma": Family(
        style=read_gemma,
        embeddings=_GEMMA,
        switches={
            "norm": "both",
            "norm_kind": "rms",
            "final_norm": True,
            "feed_forward_bias": False,
            "gated": True,
            "positions": "rotary",
        },
        defaults={"encoder": _GEMMA_STACK, "decoder": _GEMMA_STACK},
        tokens_of="decoder",
    ),
    "led": Family(
        style=read_led,
        embeddings=_LED,
        output_bias="final_logits_bias",
        switches={"positions": "learned", "embedding_norm": True},
        defaults={
            **_BART,
            "decoder_start_token_id": 2,
            "max_encoder_position_embeddings": 16384,
            "max_decoder_position_embeddings": 1024,
            "attention_window": 512,
        },
    ),
    "longt5": Family(
        style=read_long_t5,
        embeddings=_T5,
        switches=_T5_SWITCHES,
        defaults={
            **{**_T5_SIZES, **_T5_DISTANCES, **_T5_TOKENS},
            "local_radius": 127,
            "global_block_size": 16,
            "encoder_attention_type": "local",
        },
        scaled_output="configured",
        not_read=("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",),
    ),
    "bigbird_pegasus": Family(
        style=read_bigbird_pegasus,
        embeddings=_MODEL,
        output_bias="final_logits_bias",
        switches={**_PRE, "positions": "learned"},
        defaults={
            **_LONG_PEGASUS,
            **{"activation_function": "gelu_new", "max_position_embeddings": 4096},
            **{"decoder_start_token_id": 2, "bos_token_id": 2},
            **{"attention_type": "block_sparse", "block_size": 64, "num_random_blocks": 3},
        },
    ),
    "pegasus_x": Family(
        style=read_pegasus_x,
        embeddings=_MODEL,
        switches={**_PRE, "positions": "sinusoidal_t2t", "attention_bias": False},
        defaults={
            **_LONG_PEGASUS,
            **{"max_position_embeddings": 16384, "num_global_tokens": 32, "block_size": 512},
        },
        generation={"forced_eos_token_id": 1},
        not_read=_TABLES,
    ),
    **ENCODERS,
    **DECODERS,
}
