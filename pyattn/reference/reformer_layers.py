"""The layers of a Reformer, made of a checkpoint's tensors."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple, TypeAlias

import numpy as np

from pyattn.reference.arrays import Floats
from pyattn.reference.attention import merge_heads, split_heads
from pyattn.reference.layers import FeedForward, LayerNorm, PackedLinear
from pyattn.reference.local_attention import local_attention
from pyattn.reference.lsh_attention import lsh_attention
from pyattn.reformer_config import PREFIX, ReformerCheckpoint, ReformerConfig


class Hashing(NamedTuple):
    """How a layer hashes the tokens of a text."""

    vectors: Floats  # [heads, head_dim, hashes, half of the sum of `buckets`]
    buckets: tuple[int, ...]  # factors of their number
    length: int  # tokens that are not padding


class Weights:
    """A checkpoint's tensors by their names behind the prefix."""

    def __init__(self, checkpoint: ReformerCheckpoint) -> None:
        self.config = checkpoint.config
        self._tensors = checkpoint.tensors

    def tensor(self, name: str) -> Floats:
        """The tensor of that name."""
        return self._tensors[PREFIX + name]

    def linear(self, name: str, *, bias: bool = False) -> PackedLinear:
        """The matrix of that name."""
        return PackedLinear(
            self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias") if bias else None
        )

    def norm(self, name: str) -> LayerNorm:
        """The norm of that name."""
        weight, bias = self.tensor(f"{name}.weight"), self.tensor(f"{name}.bias")
        return LayerNorm(weight, bias, self.config.norm_epsilon)


@dataclasses.dataclass(frozen=True, eq=False)
class Local:
    """Attention to tokens that are near."""

    query: PackedLinear
    key: PackedLinear
    value: PackedLinear
    output: PackedLinear
    config: ReformerConfig

    def __call__(self, x: Floats, _: Hashing | None) -> Floats:
        """[rows, time, dim] -> [rows, time, dim]. Padding needs no mask, as it is behind all."""
        config = self.config
        q, k, v = (
            split_heads(part(x), config.heads) for part in (self.query, self.key, self.value)
        )
        mixed = local_attention(
            q, k, v, chunk=config.local_chunk, before=config.local_before, causal=True
        )
        return self.output(merge_heads(mixed))


@dataclasses.dataclass(frozen=True, eq=False)
class Lsh:
    """Attention to tokens that hash alike."""

    query_key: PackedLinear
    value: PackedLinear
    output: PackedLinear
    config: ReformerConfig

    def __call__(self, x: Floats, hashing: Hashing | None) -> Floats:
        """[rows, time, dim] -> [rows, time, dim]."""
        config = self.config
        if hashing is None:  # one chunk, in which all are seen
            nothing = np.zeros((config.heads, config.head_dim, 1, 1), np.float32)
            hashing = Hashing(nothing, (2,), x.shape[1])
        mixed = lsh_attention(
            split_heads(self.query_key(x), config.heads),
            split_heads(self.value(x), config.heads),
            hashing.vectors,
            chunk=config.lsh_chunk,
            before=config.lsh_before,
            causal=True,
            buckets=hashing.buckets,
            length=hashing.length,
        )
        return self.output(merge_heads(mixed))


Attention: TypeAlias = Local | Lsh


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """A layer of two blocks, each of which reads one stream and is added to the other."""

    attention_norm: LayerNorm
    attention: Attention
    feed_forward_norm: LayerNorm
    feed_forward: FeedForward

    @classmethod
    def of(cls, weights: Weights, n: int) -> Layer:
        """The n-th layer."""
        name, config = f"encoder.layers.{n}", weights.config
        inner = f"{name}.attention.self_attention"
        output = weights.linear(f"{name}.attention.output.dense")
        value = weights.linear(f"{inner}.value")
        attention: Attention
        if config.layers[n] == "local":
            query, key = weights.linear(f"{inner}.query"), weights.linear(f"{inner}.key")
            attention = Local(query, key, value, output, config)
        else:
            attention = Lsh(weights.linear(f"{inner}.query_key"), value, output, config)
        return cls(
            attention_norm=weights.norm(f"{name}.attention.layer_norm"),
            attention=attention,
            feed_forward_norm=weights.norm(f"{name}.feed_forward.layer_norm"),
            feed_forward=FeedForward(
                weights.linear(f"{name}.feed_forward.dense.dense", bias=True),
                weights.linear(f"{name}.feed_forward.output.dense", bias=True),
                config.activation,
            ),
        )

    def __call__(
        self, first: Floats, second: Floats, hashing: Hashing | None
    ) -> tuple[Floats, Floats]:
        """The two streams behind the layer, [rows, time, dim] each."""
        first = first + self.attention(self.attention_norm(second), hashing)
        return first, second + self.feed_forward(self.feed_forward_norm(first))
