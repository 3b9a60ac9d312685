"""What every reader of model files yields: a config, and tensors under one set of names.

The names of the tensors, with `N` counting layers from 0:

    encoder.embedding                       [source_vocab, dim]
    decoder.embedding                       [target_vocab, dim]
    encoder.positions, decoder.positions    [max_positions, dim]   only if positions == "learned"
    {encoder,decoder}.embedding_norm.{weight,bias}                 only if embedding_norm
    {encoder,decoder}.layers.N.self_attention.{query,key,value,output}.{weight,bias}
    {encoder,decoder}.layers.N.self_attention_norm.{weight,bias}
    decoder.layers.N.cross_attention.{query,key,value,output}.{weight,bias}
    decoder.layers.N.cross_attention_norm.{weight,bias}
    {encoder,decoder}.layers.N.feed_forward.{up,down}.{weight,bias}
    {encoder,decoder}.layers.N.feed_forward_norm.{weight,bias}
    {encoder,decoder}.final_norm.{weight,bias}                     only if final_norm
    output.weight                           [target_vocab, dim]
    output.bias                             [target_vocab]         optional

Matrices are [out, in], as PyTorch keeps them. Matrices that the checkpoint ties (embeddings,
output) are one and the same array object under each of their names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.options import GenerationOptions

Activation: TypeAlias = Literal["relu", "gelu", "gelu_tanh", "silu"]
Positions: TypeAlias = Literal["sinusoidal", "sinusoidal_t2t", "learned"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What a model is: its sizes, its variant of the Transformer, and its special tokens.

    Attributes:
        family: The architecture's name, as `config.json`'s `model_type` has it ("marian", ...).
        source_vocab: Rows of the encoder's embedding.
        target_vocab: Rows of the decoder's embedding and of the output matrix.
        dim: Width of the residual stream.
        encoder_layers: Number of encoder layers.
        decoder_layers: Number of decoder layers.
        encoder_heads: Attention heads of the encoder; divides `dim`.
        decoder_heads: Attention heads of the decoder; divides `dim`.
        encoder_ffn: Width of the middle of the encoder's feed-forward blocks.
        decoder_ffn: Width of the middle of the decoder's feed-forward blocks.
        max_positions: The longest sequence that has positions, in tokens.
        start: Id that the decoder is given before the first target token.
        end: Id that ends a source and a target.
        pad: Id that batches of other programs are padded with; never computed with here.
        unk: Id of a target that stands for everything unknown, if the files say which that is.
        norm: Whether a sub-layer is normalised before it ("pre") or after its residual ("post").
        norm_epsilon: What layer norm adds to the variance.
        final_norm: Whether each stack ends with a layer norm of its own.
        activation: What stands between the two products of a feed-forward block.
        positions: "sinusoidal" (Marian's: first all sines, then all cosines), "sinusoidal_t2t"
            (Tensor2Tensor's: the same at slightly longer wavelengths), or "learned".
        first_position: Which of the computed positions a sentence's first token has.
        embedding_scale: What embeddings are multiplied by before positions are added.
        embedding_norm: Whether the sum of embedding and position is normalised.
        zero_start: Whether the start has an embedding of zeros, and not its row of the matrix.
    """

    family: str
    source_vocab: int
    target_vocab: int
    dim: int
    encoder_layers: int
    decoder_layers: int
    encoder_heads: int
    decoder_heads: int
    encoder_ffn: int
    decoder_ffn: int
    max_positions: int
    start: int
    end: int
    pad: int | None = None
    unk: int | None = None
    norm: Literal["post", "pre"] = "post"
    norm_epsilon: float = 1e-5
    final_norm: bool = False
    activation: Activation = "relu"
    positions: Positions = "sinusoidal"
    first_position: int = 0
    embedding_scale: float = 1.0
    embedding_norm: bool = False
    zero_start: bool = False


Array: TypeAlias = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A model as read from its files: config, float32 tensors by name, generation defaults.

    Attributes:
        config: What the model is.
        tensors: float32, C order, under the names of this module's docstring.
        generation: How the checkpoint itself says that it wants to be decoded.
        int8: Names of the matrices that were stored in int8 with a scale per row, and so lose
            nothing in it.
    """

    config: ModelConfig
    tensors: Mapping[str, Array]
    generation: GenerationOptions
    int8: frozenset[str] = frozenset()


def tensor_shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the tensors that a model of this config has, but for `output.bias`."""
    dim = config.dim
    yield "encoder.embedding", (config.source_vocab, dim)
    yield "decoder.embedding", (config.target_vocab, dim)
    yield "output.weight", (config.target_vocab, dim)
    for stack, layers, ffn in (
        ("encoder", config.encoder_layers, config.encoder_ffn),
        ("decoder", config.decoder_layers, config.decoder_ffn),
    ):
        attentions = (
            ["self_attention"] if stack == "encoder" else ["self_attention", "cross_attention"]
        )
        if config.positions == "learned":
            yield f"{stack}.positions", (config.max_positions, dim)
        if config.embedding_norm:
            yield from _norm_shapes(f"{stack}.embedding_norm", dim)
        for n in range(layers):
            layer = f"{stack}.layers.{n}"
            for attention in attentions:
                for part in ("query", "key", "value", "output"):
                    yield f"{layer}.{attention}.{part}.weight", (dim, dim)
                    yield f"{layer}.{attention}.{part}.bias", (dim,)
                yield from _norm_shapes(f"{layer}.{attention}_norm", dim)
            yield f"{layer}.feed_forward.up.weight", (ffn, dim)
            yield f"{layer}.feed_forward.up.bias", (ffn,)
            yield f"{layer}.feed_forward.down.weight", (dim, ffn)
            yield f"{layer}.feed_forward.down.bias", (dim,)
            yield from _norm_shapes(f"{layer}.feed_forward_norm", dim)
        if config.final_norm:
            yield from _norm_shapes(f"{stack}.final_norm", dim)


def _norm_shapes(name: str, dim: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (dim,)
    yield f"{name}.bias", (dim,)
