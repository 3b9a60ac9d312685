"""Published models' shapes with seeded random int8 weights, for what depends on shapes alone."""

from __future__ import annotations

import math

import numpy as np

from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.options import GenerationOptions
from pyattn.stored import Stored, Tensors

# Of int8 numbers that are drawn once: matrices repeat them, each from another place on.
_DRAWN = 1048573
_TIED = ("encoder.embedding", "decoder.embedding", "output.weight")


def _t5(dim: int, ffn: int, layers: int, heads: int) -> ModelConfig:
    return ModelConfig(
        family="t5", source_vocab=32128, target_vocab=32128, dim=dim, encoder_layers=layers,
        decoder_layers=layers, encoder_heads=heads, decoder_heads=heads, encoder_ffn=ffn,
        decoder_ffn=ffn, max_positions=512, start=0, end=1, pad=0, head_dim=64, norm="pre",
        norm_kind="rms", final_norm=True, attention_bias=False, feed_forward_bias=False,
        positions="relative", attention_scale=1.0, logits_scale=dim**-0.5,
    )  # fmt: skip


def _marian(dim: int, ffn: int, layers: tuple[int, int], vocab: int) -> ModelConfig:
    encoder, decoder = layers
    return ModelConfig(
        family="marian", source_vocab=vocab, target_vocab=vocab, dim=dim, encoder_layers=encoder,
        decoder_layers=decoder, encoder_heads=dim // 64, decoder_heads=dim // 64, encoder_ffn=ffn,
        decoder_ffn=ffn, max_positions=512, start=vocab - 1, end=0, pad=vocab - 1,
        activation="silu", embedding_scale=math.sqrt(dim),
    )  # fmt: skip


def _student(dim: int, ffn: int, decoder_layers: int) -> ModelConfig:
    return ModelConfig(
        family="marian", source_vocab=32000, target_vocab=32000, dim=dim, encoder_layers=6,
        decoder_layers=decoder_layers, encoder_heads=8, decoder_heads=8, encoder_ffn=ffn,
        decoder_ffn=ffn, max_positions=1024, start=0, end=0, pad=None, unk=1, norm_epsilon=1e-6,
        activation="relu", positions="sinusoidal_t2t", embedding_scale=math.sqrt(dim),
        zero_start=True, mixer="ssru",
    )  # fmt: skip


SHAPES = {
    "marian-en-es": _marian(256, 1024, (6, 3), 8001),
    "opus-mt": _marian(512, 2048, (6, 6), 54688),
    # Firefox's students, and Vaswani et al.'s larger shape, from which such are distilled.
    "student-tiny": _student(256, 1536, 2),
    "student-base-memory": _student(384, 1536, 4),
    "student-base": _student(512, 2048, 2),
    "transformer-big": _marian(1024, 4096, (6, 6), 32000),
    "t5-small": _t5(512, 2048, 6, 8),
    "t5-base": _t5(768, 3072, 12, 12),
    "t5-large": _t5(1024, 4096, 24, 16),
    "nllb-600m": ModelConfig(
        family="m2m_100", source_vocab=256206, target_vocab=256206, dim=1024, encoder_layers=12,
        decoder_layers=12, encoder_heads=16, decoder_heads=16, encoder_ffn=4096, decoder_ffn=4096,
        max_positions=1024, start=2, end=2, pad=1, norm="pre", final_norm=True,
        positions="sinusoidal_t2t", first_position=2, embedding_scale=32.0,
    ),
}  # fmt: skip


def checkpoint(config: ModelConfig, seed: int = 0) -> Checkpoint:
    """A model of this config: matrices in int8, whose values have 1 / sqrt(columns) deviation."""
    random = np.random.default_rng(seed)
    drawn = np.clip(random.standard_normal(_DRAWN) * 30, -127, 127).astype(np.int8)
    tensors: dict[str, Stored] = {}
    for name, shape in tensor_shapes(config):
        if name in _TIED and _TIED[0] in tensors:
            tensors[name] = tensors[_TIED[0]]
        elif len(shape) == 2 and not name.endswith("relative_bias"):
            values = np.resize(np.roll(drawn, -len(tensors) * 977), shape)
            scale = np.full(shape[0], 1 / math.sqrt(shape[1]) / 30, np.float32)
            tensors[name] = Stored("int8", values, scale)
        else:
            one = name.endswith("norm.weight")
            tensors[name] = Stored("float32", np.full(shape, float(one), np.float32))
    return Checkpoint(config, Tensors(tensors), GenerationOptions())
