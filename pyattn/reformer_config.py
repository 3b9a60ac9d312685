"""What a Reformer is (Kitaev et al. 2020): its sizes, its layers, how they hash; and its tensors.

Its language models are decoders alone. The tensors have transformers' names, N counting layers:

    reformer.embeddings.word_embeddings.weight              [vocab, dim]
    reformer.embeddings.position_embeddings.weights.0       [axial_shape[0], 1, axial_dims[0]]
    reformer.embeddings.position_embeddings.weights.1       [1, axial_shape[1], axial_dims[1]]
      or, if positions are not axial,
    reformer.embeddings.position_embeddings.embedding.weight [positions, dim]
    reformer.encoder.layer_norm.{weight,bias}               [2 * dim]
    lm_head.decoder.weight                                  [vocab, 2 * dim]
    lm_head.decoder.bias                                    [vocab]

and in every layer, reformer.encoder.layers.N,

    attention.layer_norm.{weight,bias}                      [dim]
    attention.self_attention.{query,key,value}.weight       [heads * head_dim, dim]   if "local"
    attention.self_attention.{query_key,value}.weight       [heads * head_dim, dim]   if "lsh"
    attention.output.dense.weight                           [dim, heads * head_dim]
    feed_forward.layer_norm.{weight,bias}                   [dim]
    feed_forward.dense.dense.weight                         [ffn, dim]
    feed_forward.dense.dense.bias                           [ffn]
    feed_forward.output.dense.weight                        [dim, ffn]
    feed_forward.output.dense.bias                          [dim]
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.model_config import Activation, ModelConfig
from pyattn.options import GenerationOptions

ReformerLayer: TypeAlias = Literal["local", "lsh"]

PREFIX = "reformer."
_AXIAL = f"{PREFIX}embeddings.position_embeddings.weights."


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReformerConfig:
    """A Reformer's sizes, its layers and its special tokens.

    Attributes:
        vocab: Rows of the embedding and of the output matrix.
        dim: Width of each of the two streams.
        heads: Attention heads.
        head_dim: Width of a head.
        ffn: Width of the middle of the feed-forward blocks.
        layers: The attention of each layer.
        activation: Function between the two products of a feed-forward block.
        norm_epsilon: Added to the variance.
        positions: Length of the longest text, padding included; rows of the table of positions
            unless these are axial.
        axial_shape: Rows and columns of the grid of axial positions; None if there is a table.
        axial_dims: Width of the part of a position that its row has, and of its column's.
        local_chunk: Tokens of a chunk of local layers.
        local_before: Chunks that they see before their own.
        lsh_chunk: Tokens of a chunk of hashing layers.
        lsh_before: Chunks that they see before their own.
        hashes: Rounds of hashing.
        buckets: Even factors of the number of buckets; None makes it depend on the length.
        hash_seed: The seed of transformers' random vectors, if the files have one.
        end: Id that ends a text.
        pad: Id of padding. No other token sees it.
    """

    vocab: int
    dim: int
    heads: int
    head_dim: int
    ffn: int
    layers: tuple[ReformerLayer, ...]
    activation: Activation = "relu"
    norm_epsilon: float = 1e-12
    positions: int
    axial_shape: tuple[int, int] | None = None
    axial_dims: tuple[int, int] = (0, 0)
    local_chunk: int = 64
    local_before: int = 1
    lsh_chunk: int = 64
    lsh_before: int = 1
    hashes: int = 1
    buckets: tuple[int, ...] | None = None
    hash_seed: int | None = None
    end: int
    pad: int = 0

    @property
    def chunks(self) -> tuple[int, ...]:
        """The chunk lengths of the kinds of layers that there are."""
        lengths = {"local": self.local_chunk, "lsh": self.lsh_chunk}
        return tuple(lengths[kind] for kind in dict.fromkeys(self.layers))

    def padded(self, length: int) -> int:
        """The length that a text is padded to: whole chunks, unless one is enough for it."""
        whole = math.lcm(*self.chunks)
        return length if length <= min(self.chunks) else -(-length // whole) * whole

    @property
    def longest(self) -> int:
        """Tokens of the longest text that has positions when it is padded."""
        positions = self.positions
        if self.axial_shape is not None:
            positions = min(positions, math.prod(self.axial_shape))
        whole = math.lcm(*self.chunks)
        return max(positions // whole * whole, min(positions, *self.chunks))

    def buckets_for(self, length: int) -> tuple[int, ...]:
        """Factors of the number of buckets for a text of so many tokens, padding included.

        Without `buckets` it is transformers' rule: the power of two that is at most twice the
        number of chunks, in two factors if it is large.
        """
        if self.buckets is not None:
            return self.buckets
        exponent = (2 * (length // self.lsh_chunk)).bit_length() - 1
        limit = 2 * max(math.isqrt(self.positions // self.lsh_chunk), self.lsh_chunk)
        if 2**exponent <= limit:
            return (2**exponent,)
        return 2 ** (exponent // 2), 2 ** (exponent - exponent // 2)

    @property
    def model(self) -> ModelConfig:
        """What searches and tokenizers need to know of any decoder."""
        return ModelConfig(
            family="reformer",
            target_vocab=self.vocab,
            dim=self.dim,
            max_positions=self.longest,
            end=self.end,
            pad=self.pad,
            head_dim=self.head_dim,
            decoder_layers=len(self.layers),
            decoder_heads=self.heads,
            decoder_ffn=self.ffn,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReformerCheckpoint:
    """A Reformer as read from its files.

    Attributes:
        config: The config.
        tensors: Arrays under the names in this module's docstring.
        generation: The checkpoint's decoding defaults.
    """

    config: ReformerConfig
    tensors: Mapping[str, npt.NDArray[np.float32]]
    generation: GenerationOptions = dataclasses.field(default_factory=GenerationOptions)


def reformer_shapes(config: ReformerConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the tensors that a Reformer of this config has."""
    dim, vocab, width = config.dim, config.vocab, config.heads * config.head_dim
    embeddings, encoder = f"{PREFIX}embeddings", f"{PREFIX}encoder"
    yield f"{embeddings}.word_embeddings.weight", (vocab, dim)
    if config.axial_shape is None:
        yield f"{embeddings}.position_embeddings.embedding.weight", (config.positions, dim)
    else:
        (rows, columns), (first, second) = config.axial_shape, config.axial_dims
        yield f"{_AXIAL}0", (rows, 1, first)
        yield f"{_AXIAL}1", (1, columns, second)
    for n, kind in enumerate(config.layers):
        layer = f"{encoder}.layers.{n}"
        yield from _norm(f"{layer}.attention.layer_norm", dim)
        for name in ("query", "key", "value") if kind == "local" else ("query_key", "value"):
            yield f"{layer}.attention.self_attention.{name}.weight", (width, dim)
        yield f"{layer}.attention.output.dense.weight", (dim, width)
        yield from _norm(f"{layer}.feed_forward.layer_norm", dim)
        yield f"{layer}.feed_forward.dense.dense.weight", (config.ffn, dim)
        yield f"{layer}.feed_forward.dense.dense.bias", (config.ffn,)
        yield f"{layer}.feed_forward.output.dense.weight", (dim, config.ffn)
        yield f"{layer}.feed_forward.output.dense.bias", (dim,)
    yield from _norm(f"{encoder}.layer_norm", 2 * dim)
    yield "lm_head.decoder.weight", (vocab, 2 * dim)
    yield "lm_head.decoder.bias", (vocab,)


def _norm(name: str, dim: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (dim,)
    yield f"{name}.bias", (dim,)
