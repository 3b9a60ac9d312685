"""Tiny models of the families beside Marian and Pegasus, each for what it computes."""

from __future__ import annotations

from typing import Any

from tiny_model import Tiny, sizes

# Of models that are there for what they compute, not for how they are searched.
_FEW: dict[str, Any] = {
    "few": True,
    "source_lengths": (1, 2, 3, 5, 7, 10, 14, 20),
    "target_lengths": (0, 3, 7, 13),
}
# The index of the first word is 2, behind the padding; nothing but the start is behind the end.
_FAIRSEQ = {
    "bos_token_id": 0,
    "pad_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": None,
}


def _t5(dim: int, heads: int, head_dim: int, layers: tuple[int, int], ffn: int) -> dict[str, Any]:
    return {
        "vocab_size": 101,
        "d_model": dim,
        "num_heads": heads,
        "d_kv": head_dim,
        "num_layers": layers[0],
        "num_decoder_layers": layers[1],
        "d_ff": ffn,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
        # Small enough that sentences of 20 tokens reach every bucket.
        "relative_attention_num_buckets": 8,
        "relative_attention_max_distance": 12,
    }


_T5_SEARCH = {"num_beams": 4, "max_length": 20, "bad_words_ids": [[0]]}
# As official models have it, which transformers 4 wrote.
_OFFICIAL = {"tie_word_embeddings": False, "scale_decoder_outputs": None}


def _gemma(layers: int, heads: int, kv_heads: int, ffn: int, vocab: int) -> dict[str, Any]:
    return {
        "vocab_size": vocab,
        "hidden_size": 24,
        "intermediate_size": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": 8,
        "max_position_embeddings": 64,
        "query_pre_attn_scalar": 6,
        "sliding_window": 4,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 6.0,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
    }


FAMILIES = {
    "m2m100-tied-relu-6": Tiny(
        seed=11,
        family="m2m_100",
        end_gain=1.6,
        config=_FAIRSEQ | sizes(24, (4, 3), (2, 1), (32, 40)) | {"vocab_size": 101},
        generation={"num_beams": 4, "max_length": 20, "bad_words_ids": [[1]]}
        | {"forced_bos_token_id": 97},
        **_FEW,
    ),
    "bart-tied-gelu-5": Tiny(
        seed=8,
        family="bart",
        end_bias=6.0,
        config=_FAIRSEQ
        | sizes(20, 4, (1, 2), (32, 24))
        | {"vocab_size": 101, "activation_function": "gelu", "scale_embedding": False},
        generation={"num_beams": 4, "max_length": 20, "forced_bos_token_id": 0}
        | {"forced_eos_token_id": 2, "no_repeat_ngram_size": 3, "length_penalty": 2.0},
        **_FEW,
    ),
    "mbart-untied-relu-8": Tiny(
        seed=12,
        family="mbart",
        end_bias=5.0,
        config=_FAIRSEQ
        | sizes(24, 3, (1, 1), (40, 24))
        | {"vocab_size": 101, "activation_function": "relu", "decoder_start_token_id": 98}
        | {"tie_word_embeddings": False},
        generation={"num_beams": 5, "max_length": 20, "early_stopping": True},
        **_FEW,
    ),
    "fsmt-untied-relu-7": Tiny(
        seed=7,
        family="fsmt",
        end_gain=1.6,
        config=_FAIRSEQ
        | sizes(28, 4, (1, 1), (32, 40))
        | {"src_vocab_size": 90, "tgt_vocab_size": 70, "tie_word_embeddings": False},
        generation={"num_beams": 5, "max_length": 20, "bad_words_ids": [[1]]},
        **_FEW,
    ),
    # The first T5: one matrix for everything, logits scaled, heads narrower than the stream.
    "t5-tied-relu-5": Tiny(
        seed=1,
        family="t5",
        end_gain=2.0,
        config=_t5(24, 3, 5, (2, 2), 40) | {"feed_forward_proj": "relu"},
        generation=_T5_SEARCH,
        saved={"scale_decoder_outputs": None},
        **_FEW,
    ),
    # T5 1.1 and Flan, whose heads are wider together than the stream.
    "t5-untied-gated-8": Tiny(
        seed=4,
        family="t5",
        end_gain=2.0,
        config=_t5(16, 3, 8, (2, 1), 24)
        | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
        untied=True,
        generation=_T5_SEARCH,
        saved=_OFFICIAL,
        **_FEW,
    ),
    # ByT5 has an encoder of three times as many layers. transformers 5 saves it as if it were tied.
    "t5-deep-gated-4": Tiny(
        seed=3,
        family="t5",
        end_gain=2.0,
        config=_t5(16, 4, 4, (6, 2), 20)
        | {"feed_forward_proj": "gated-silu", "tie_word_embeddings": False},
        untied=True,
        generation=_T5_SEARCH,
        **_FEW,
    ),
    "mt5-untied-gated-6": Tiny(
        seed=4,
        family="mt5",
        end_gain=2.0,
        config=_t5(24, 4, 6, (1, 1), 32) | {"feed_forward_proj": "gated-gelu"},
        untied=True,
        generation=_T5_SEARCH,
        saved={"tie_word_embeddings": False},
        pickled=True,
        **_FEW,
    ),
    "umt5-untied-gated-5": Tiny(
        seed=4,
        family="umt5",
        end_gain=2.0,
        config=_t5(20, 4, 5, (2, 2), 24) | {"feed_forward_proj": "gated-gelu"},
        untied=True,
        generation=_T5_SEARCH,
        saved={"tie_word_embeddings": False},
        **_FEW,
    ),
    # Windows of 4 positions, two queries to a key, and caps low enough to be felt.
    "t5gemma-tied-gated-8": Tiny(
        seed=8,
        family="t5gemma",
        end_gain=3.2,
        config={
            "encoder": _gemma(2, 4, 2, 24, 90),
            "decoder": _gemma(2, 2, 1, 28, 101),
            "vocab_size": 101,
            "pad_token_id": 0,
            "eos_token_id": 1,
            "bos_token_id": 2,
            "decoder_start_token_id": 2,
        },
        generation={"num_beams": 4, "max_length": 20, "bad_words_ids": [[0]]},
        **_FEW,
    ),
}
