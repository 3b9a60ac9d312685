"""The layers of a Reformer, made of a checkpoint's tensors, and what they keep of a text."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple, TypeAlias

import numpy as np

from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.attention import attend, merge_heads, split_heads
from pyattn.reference.layers import FeedForward, LayerNorm, PackedLinear
from pyattn.reference.local_attention import local_attention
from pyattn.reference.lsh_attention import hash_buckets, lsh_attention, lsh_step
from pyattn.reformer_config import PREFIX, ReformerCheckpoint, ReformerConfig


class Hashing(NamedTuple):
    """How a layer hashes tokens."""

    vectors: Floats  # [heads, head_dim, hashes, half of the sum of `buckets`]
    buckets: tuple[int, ...]  # factors of their number


@dataclasses.dataclass(eq=False)
class State:
    """What a layer keeps of a text for the next token."""

    keys: Floats  # [rows, heads, time, head_dim]; of a hashing layer not normalised
    values: Floats  # likewise
    hashed: bool = False  # whether the next token is looked up by its hash
    buckets: Ints | None = None  # [rows, heads, hashes, time], once they are needed

    def add(self, keys: Floats, values: Floats) -> None:
        """Takes a further token, [rows, heads, 1, head_dim]."""
        self.keys = np.concatenate([self.keys, keys], axis=2)
        self.values = np.concatenate([self.values, values], axis=2)

    def keep(self, rows: Ints) -> None:
        """Goes on with these rows, in this order."""
        self.keys, self.values = self.keys[rows], self.values[rows]
        self.buckets = None if self.buckets is None else self.buckets[rows]


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

    def __call__(self, x: Floats, length: int, _: Hashing | None) -> tuple[Floats, State]:
        """[rows, time, dim] -> [rows, time, dim], of which `length` tokens are no padding.

        Padding needs no mask, as it is behind all of them.
        """
        q, k, v = self._parts(x)
        chunk, before = self.config.local_chunk, self.config.local_before
        mixed = local_attention(q, k, v, chunk=chunk, before=before, causal=True)
        return self.output(merge_heads(mixed)), State(k[:, :, :length], v[:, :, :length])

    def step(self, x: Floats, state: State, _: Hashing | None) -> Floats:
        """A further token, [rows, 1, dim] -> [rows, 1, dim]."""
        q, k, v = self._parts(x)
        chunk, past = self.config.local_chunk, state.keys.shape[2]
        # As transformers cuts it: a begin before the text counts from its end.
        begin = (past // chunk - self.config.local_before) * chunk
        keys = np.concatenate([state.keys[:, :, begin:], k], axis=2)
        values = np.concatenate([state.values[:, :, begin:], v], axis=2)
        state.add(k, v)
        scale = self.config.head_dim**-0.5
        return self.output(merge_heads(attend(q, keys, values, scale=scale, bias=None)))

    def _parts(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        heads = self.config.heads
        q, k, v = (split_heads(part(x), heads) for part in (self.query, self.key, self.value))
        return q, k, v


@dataclasses.dataclass(frozen=True, eq=False)
class Lsh:
    """Attention to tokens that hash alike."""

    query_key: PackedLinear
    value: PackedLinear
    output: PackedLinear
    config: ReformerConfig

    def __call__(self, x: Floats, length: int, hashing: Hashing | None) -> tuple[Floats, State]:
        """As `Local`; without hashing, which one chunk needs not, all are seen."""
        query_key, value = self._parts(x)
        nothing = np.zeros((self.config.heads, self.config.head_dim, 1, 1), np.float32)
        mixed = lsh_attention(
            query_key,
            value,
            nothing if hashing is None else hashing.vectors,
            chunk=self.config.lsh_chunk,
            before=self.config.lsh_before,
            causal=True,
            buckets=None if hashing is None else hashing.buckets,
            length=length,
        )
        state = State(query_key[:, :, :length], value[:, :, :length], hashed=hashing is not None)
        return self.output(merge_heads(mixed)), state

    def step(self, x: Floats, state: State, hashing: Hashing | None) -> Floats:
        """As `Local`. `hashing` is there from the token on that fills a chunk."""
        state.add(*self._parts(x))
        rows, heads, time, _ = state.keys.shape
        if state.hashed and hashing is not None:
            missing = state.keys if state.buckets is None else state.keys[:, :, -1:]
            new = _buckets(missing, hashing)
            old = new[..., :0] if state.buckets is None else state.buckets
            state.buckets = np.concatenate([old, new], axis=-1)
        mixed = np.empty((rows, heads, 1, self.config.head_dim), np.float32)
        for row, head in np.ndindex(rows, heads):
            mixed[row, head, 0] = lsh_step(
                state.keys[row, head],
                state.values[row, head],
                None if state.buckets is None else state.buckets[row, head],
                chunk=self.config.lsh_chunk,
                before=self.config.lsh_before,
            )
        state.hashed = state.hashed or time >= self.config.lsh_chunk
        return self.output(merge_heads(mixed))

    def _parts(self, x: Floats) -> tuple[Floats, Floats]:
        heads = self.config.heads
        return split_heads(self.query_key(x), heads), split_heads(self.value(x), heads)


Attention: TypeAlias = Local | Lsh


def _buckets(vectors: Floats, hashing: Hashing) -> Ints:
    """[rows, heads, time, head_dim] -> [rows, heads, hashes, time]."""
    return np.array(
        [
            [
                hash_buckets(of_head, turned, hashing.buckets)
                for of_head, turned in zip(row, hashing.vectors, strict=True)
            ]
            for row in vectors
        ]
    )


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
        self, streams: tuple[Floats, Floats], length: int, hashing: Hashing | None
    ) -> tuple[tuple[Floats, Floats], State]:
        """The two streams of a text behind the layer, [rows, time, dim] each, and its state."""
        first, second = streams
        found, state = self.attention(self.attention_norm(second), length, hashing)
        return self._streams(first + found, second), state

    def step(
        self, streams: tuple[Floats, Floats], state: State, hashing: Hashing | None
    ) -> tuple[Floats, Floats]:
        """The streams of a further token, [rows, 1, dim] each."""
        first, second = streams
        found = self.attention.step(self.attention_norm(second), state, hashing)
        return self._streams(first + found, second)

    def _streams(self, first: Floats, second: Floats) -> tuple[Floats, Floats]:
        return first, second + self.feed_forward(self.feed_forward_norm(first))
