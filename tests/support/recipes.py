"""Checkpoints to make: odd sizes, and every variant of the Transformer."""

from __future__ import annotations

import dataclasses
from typing import Any

from pyattn.model_config import RotaryScaling


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A checkpoint to make.

    `tied` is whether both embeddings and the output are one matrix; `sharpness` is the deviation of
    the logits, and `end_gain` is by how much that of the end is larger, so that targets end.
    """

    seed: int
    sizes: dict[str, Any]
    tied: bool
    output_bias: bool
    sharpness: float
    end_gain: float


RECIPES = {
    # Post-norm as Marian has it; heads of 20, which no vector divides; more layers left.
    "post": Recipe(
        seed=12,
        tied=True,
        output_bias=True,
        sharpness=3.0,
        end_gain=2.4,
        sizes={
            "source_vocab": 97,
            "target_vocab": 97,
            "dim": 40,
            "encoder_layers": 3,
            "decoder_layers": 1,
            "encoder_heads": 2,
            "decoder_heads": 2,
            "encoder_ffn": 70,
            "decoder_ffn": 33,
            "start": 96,
            "end": 0,
            "norm": "post",
            "activation": "relu",
            "embedding_scale": 2.0,
        },
    ),
    # Pre-norm with a norm at the end, learned positions, heads of 64, a vocabulary of more than
    # one chunk of the output projection, more layers right, no output bias.
    "pre": Recipe(
        seed=2,
        tied=False,
        output_bias=False,
        sharpness=3.0,
        end_gain=2.5,
        sizes={
            "source_vocab": 61,
            "target_vocab": 601,
            "dim": 64,
            "encoder_layers": 1,
            "decoder_layers": 2,
            "encoder_heads": 1,
            "decoder_heads": 4,
            "encoder_ffn": 65,
            "decoder_ffn": 128,
            "start": 1,
            "end": 2,
            "norm": "pre",
            "final_norm": True,
            "activation": "gelu",
            "positions": "learned",
            "norm_epsilon": 1e-6,
        },
    ),
    # Nothing even: heads of 3, a dim of 21, a vocabulary of 13.
    "odd": Recipe(
        seed=5,
        tied=False,
        output_bias=True,
        sharpness=2.0,
        end_gain=2.4,
        sizes={
            "source_vocab": 17,
            "target_vocab": 13,
            "dim": 21,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_heads": 7,
            "decoder_heads": 7,
            "encoder_ffn": 5,
            "decoder_ffn": 31,
            "start": 12,
            "end": 12,
            "norm": "post",
            "activation": "silu",
            "embedding_scale": 6.3,
        },
    ),
}

# What families of encoder-decoders have besides, each with all of its own at once.
FAMILIES = {
    # T5: one bias for all layers, no other; heads wider than the model.
    "t5": Recipe(
        seed=4,
        tied=False,
        output_bias=False,
        sharpness=12.0,
        end_gain=2.0,
        sizes={
            "source_vocab": 47,
            "target_vocab": 47,
            "dim": 16,
            "encoder_layers": 2,
            "decoder_layers": 3,
            "encoder_heads": 4,
            "decoder_heads": 3,
            "encoder_ffn": 40,
            "decoder_ffn": 31,
            "start": 0,
            "end": 1,
            "head_dim": 10,
            "norm": "pre",
            "norm_kind": "rms",
            "norm_epsilon": 1e-6,
            "final_norm": True,
            "attention_bias": False,
            "feed_forward_bias": False,
            "positions": "relative",
            "relative_buckets": 12,
            "relative_distance": 25,
            "attention_scale": 0.5,
            "logits_scale": 0.25,
        },
    ),
    # UMT5: a bias in every layer, and gates.
    "umt5": Recipe(
        seed=2,
        tied=False,
        output_bias=False,
        sharpness=3.0,
        end_gain=1.4,
        sizes={
            "source_vocab": 53,
            "target_vocab": 41,
            "dim": 24,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_heads": 3,
            "decoder_heads": 2,
            "encoder_ffn": 20,
            "decoder_ffn": 33,
            "start": 0,
            "end": 1,
            "head_dim": 7,
            "norm": "pre",
            "norm_kind": "rms",
            "norm_epsilon": 1e-6,
            "final_norm": True,
            "attention_bias": False,
            "feed_forward_bias": False,
            "activation": "gelu_tanh",
            "gated": True,
            "positions": "relative",
            "relative_per_layer": True,
            "attention_scale": 0.5,
        },
    ),
    # T5Gemma: norms on both sides, shared keys, rotary positions, windows and soft caps; and the
    # rotations of ModernBERT, which layers with windows have of their own.
    "gemma": Recipe(
        seed=5,
        tied=False,
        output_bias=False,
        sharpness=3.0,
        end_gain=2.0,
        sizes={
            "source_vocab": 50,
            "target_vocab": 61,
            "dim": 20,
            "encoder_layers": 3,
            "decoder_layers": 2,
            "encoder_heads": 4,
            "decoder_heads": 6,
            "encoder_ffn": 35,
            "decoder_ffn": 24,
            "start": 2,
            "end": 1,
            "head_dim": 6,
            "encoder_kv_heads": 2,
            "decoder_kv_heads": 3,
            "norm": "both",
            "norm_kind": "rms",
            "norm_epsilon": 1e-6,
            "final_norm": True,
            "attention_bias": False,
            "feed_forward_bias": False,
            "activation": "gelu_tanh",
            "gated": True,
            "positions": "rotary",
            "rotary_theta": 1000.0,
            "rotary_local_theta": 5.0,
            "encoder_windows": (3, 0, 8),
            "decoder_windows": (4,),
            "attention_scale": 0.3,
            "attention_soft_cap": 2.0,
            "embedding_scale": 20**0.5,
            "logits_soft_cap": 6.0,
        },
    ),
    # Marian's student: recurrent units, and a start of zeros.
    "ssru": Recipe(
        seed=7,
        tied=True,
        output_bias=True,
        sharpness=3.0,
        end_gain=2.4,
        sizes={
            "source_vocab": 83,
            "target_vocab": 83,
            "dim": 32,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_heads": 4,
            "decoder_heads": 4,
            "encoder_ffn": 48,
            "decoder_ffn": 64,
            "start": 0,
            "end": 0,
            "positions": "sinusoidal_t2t",
            "embedding_scale": 2.0,
            "norm_epsilon": 1e-6,
            "zero_start": True,
            "mixer": "ssru",
        },
    ),
    # Marian's average attention, with its feed-forward and its gates.
    "average": Recipe(
        seed=6,
        tied=False,
        output_bias=True,
        sharpness=3.0,
        end_gain=2.4,
        sizes={
            "source_vocab": 30,
            "target_vocab": 45,
            "dim": 18,
            "encoder_layers": 1,
            "decoder_layers": 3,
            "encoder_heads": 3,
            "decoder_heads": 2,
            "encoder_ffn": 27,
            "decoder_ffn": 40,
            "start": 0,
            "end": 0,
            "embedding_scale": 1.5,
            "mixer": "average",
            "average_ffn": 37,
        },
    ),
    # An average and no more, between norms on both sides that have biases, with gated feed-forward
    # that has some too, and attention by one head of keys. The norm of embeddings is also the first
    # block's.
    "bare": Recipe(
        seed=5,
        tied=False,
        output_bias=False,
        sharpness=3.0,
        end_gain=2.4,
        sizes={
            "source_vocab": 30,
            "target_vocab": 45,
            "dim": 24,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_heads": 4,
            "decoder_heads": 4,
            "encoder_ffn": 27,
            "decoder_ffn": 40,
            "start": 3,
            "end": 0,
            "encoder_kv_heads": 1,
            "decoder_kv_heads": 1,
            "norm": "both",
            "first_norm": False,
            "final_norm": True,
            "embedding_norm": True,
            "activation": "silu",
            "gated": True,
            "positions": "learned",
            "encoder_windows": (0, 5),
            "attention_soft_cap": 3.0,
            "mixer": "average",
            "average_gates": False,
        },
    ),
}

# Decoders that stand alone.
DECODERS = {
    # GPT-2: norms in front, learned positions, biases everywhere, one matrix for both ends.
    "gpt2": Recipe(
        seed=21,
        tied=True,
        output_bias=False,
        sharpness=3.0,
        end_gain=2.0,
        sizes={
            "target_vocab": 97,
            "dim": 40,
            "decoder_layers": 3,
            "decoder_heads": 2,
            "decoder_ffn": 70,
            "end": 0,
            "norm": "pre",
            "final_norm": True,
            "activation": "gelu_tanh",
            "positions": "learned",
        },
    ),
    # Qwen's: normalised queries and keys, fewer heads of these, biases of the inputs of attention.
    "qwen": Recipe(
        seed=22,
        tied=False,
        output_bias=False,
        sharpness=3.0,
        end_gain=2.5,
        sizes={
            "target_vocab": 601,
            "dim": 32,
            "decoder_layers": 2,
            "decoder_heads": 4,
            "decoder_kv_heads": 2,
            "decoder_ffn": 50,
            "head_dim": 20,
            "end": 3,
            "norm": "pre",
            "norm_kind": "rms",
            "final_norm": True,
            "feed_forward_bias": False,
            "attention_output_bias": False,
            "query_key_norm": True,
            "activation": "silu",
            "gated": True,
            "positions": "rotary",
            "rotary_theta": 500.0,
            "rotary_scaling": RotaryScaling(8.0, 1.0, 4.0, 32),
            "decoder_windows": (0, 9),
        },
    ),
}
