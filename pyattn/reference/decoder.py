"""The decoder: memory and the tokens so far to the logits of the next one.

Three kinds of thing are kept apart: the weights (`Decoder`, `DecoderLayer`), the state of a run
over some sentences (`DecoderRun`, `LayerRun`), and its memory of its own tokens (`Cache`).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.checkpoint import Checkpoint
from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.attention import (
    as_bias,
    attend,
    attention_weights,
    fused_heads,
    look_ahead_mask,
    merge_heads,
    split_heads,
)
from pyattn.reference.encoder import Memory
from pyattn.reference.layers import FeedForward, PackedLinear
from pyattn.reference.weights import Residual, Weights


class Decoder:
    """The weights of the decoder and of the projection to the vocabulary."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        weights = Weights(checkpoint, "decoder")
        self.embedding = weights.embedding()
        self.layers = [
            DecoderLayer(
                heads=checkpoint.config.decoder_heads,
                qkv=weights.linear(f"layers.{n}.self_attention", "query", "key", "value"),
                output=weights.linear(f"layers.{n}.self_attention", "output"),
                attention_residual=weights.residual(f"layers.{n}.self_attention_norm"),
                cross_q=weights.linear(f"layers.{n}.cross_attention", "query"),
                cross_kv=weights.linear(f"layers.{n}.cross_attention", "key", "value"),
                cross_output=weights.linear(f"layers.{n}.cross_attention", "output"),
                cross_residual=weights.residual(f"layers.{n}.cross_attention_norm"),
                feed_forward=weights.feed_forward(f"layers.{n}.feed_forward"),
                feed_forward_residual=weights.residual(f"layers.{n}.feed_forward_norm"),
            )
            for n in range(checkpoint.config.decoder_layers)
        ]
        self.final_norm = weights.final_norm()
        tensors = checkpoint.tensors
        self.projection = PackedLinear(tensors["output.weight"], tensors.get("output.bias"))


@dataclasses.dataclass(frozen=True, eq=False)
class DecoderLayer:
    """The weights of one layer; `LayerRun` applies them."""

    heads: int
    qkv: PackedLinear  # [3 * dim, dim]
    output: PackedLinear  # [dim, dim]
    attention_residual: Residual
    cross_q: PackedLinear  # [dim, dim]
    cross_kv: PackedLinear  # [2 * dim, dim]
    cross_output: PackedLinear  # [dim, dim]
    cross_residual: Residual
    feed_forward: FeedForward
    feed_forward_residual: Residual


class DecoderRun:
    """The state of a run over some sentences, each of them with `beams` rows.

    The rows of a sentence stand next to each other and share its memory.
    """

    def __init__(self, decoder: Decoder, memory: Memory, beams: int = 1) -> None:
        self._decoder = decoder
        self._beams = beams
        self.layers = [LayerRun(layer, memory, beams) for layer in decoder.layers]
        self._time = 0

    def step(self, tokens: Ints) -> Floats:
        """The logits that follow the last token of each row, [rows] -> [rows, vocab]."""
        return self.feed(tokens[:, None])[:, 0]

    def feed(self, tokens: Ints) -> Floats:
        """The logits that follow each of the tokens, [rows, time] -> [rows, time, vocab]."""
        x = self._decoder.embedding(tokens, self._time)
        time = tokens.shape[1]
        self._time += time
        look_ahead = as_bias(look_ahead_mask(time, self._time)) if time > 1 else None
        for layer in self.layers:
            x = layer(x, look_ahead)
        return self._decoder.projection(self._decoder.final_norm(x))

    def keep(self, rows: Ints) -> None:
        """Goes on with these rows, in this order; a sentence's rows stay together, or all leave."""
        sentences = rows[:: self._beams] // self._beams
        for layer in self.layers:
            layer.keep(rows, sentences)


class LayerRun:
    """One layer's part of a run: what it has read of the sentences and of its own tokens."""

    def __init__(self, layer: DecoderLayer, memory: Memory, beams: int) -> None:
        self._layer = layer
        self._beams = beams
        # Made once, read at every step: worth an order in which each head's rows lie together.
        self._memory = np.ascontiguousarray(
            fused_heads(layer.cross_kv(memory.rows), 2, layer.heads)
        )
        self._padding = memory.padding()
        self._cache = Cache()
        # What the tokens fed last looked at, [sentences, heads, queries, source].
        self.cross_weights: Floats = np.empty((0, 0, 0, 0), np.float32)

    def __call__(self, x: Floats, look_ahead: Floats | None) -> Floats:
        """[rows, time, dim] -> [rows, time, dim]."""
        layer = self._layer
        x = layer.attention_residual(x, lambda y: self._self_attention(y, look_ahead))
        x = layer.cross_residual(x, self._cross_attention)
        return layer.feed_forward_residual(x, layer.feed_forward)

    def keep(self, rows: Ints, sentences: Ints) -> None:
        """Goes on with these rows, which belong to these sentences."""
        self._cache.keep(rows)
        if not _is_identity(sentences, self._memory.shape[1]):
            self._memory = self._memory[:, sentences]
            if self._padding is not None:
                self._padding = self._padding[sentences]

    def _self_attention(self, x: Floats, look_ahead: Floats | None) -> Floats:
        dim = x.shape[2]
        qkv = self._layer.qkv(x)
        q = split_heads(qkv[..., :dim], self._layer.heads)
        k, v = fused_heads(self._cache.append(qkv[..., dim:]), 2, self._layer.heads)
        return self._layer.output(
            merge_heads(attend(q, k, v, scale=q.shape[-1] ** -0.5, bias=look_ahead))
        )

    def _cross_attention(self, x: Floats) -> Floats:
        # All beams of a sentence ask the same memory: to attention they are further queries.
        together = (len(x) // self._beams, self._beams * x.shape[1], x.shape[2])
        q = split_heads(self._layer.cross_q(x).reshape(together), self._layer.heads)
        k, v = self._memory
        self.cross_weights = attention_weights(q, k, scale=q.shape[-1] ** -0.5, bias=self._padding)
        mixed = merge_heads(self.cross_weights @ v)
        return self._layer.cross_output(mixed.reshape(x.shape))


class Cache:
    """The keys and values of a layer's own tokens, with room to grow.

    Time comes first in memory, [time, rows, 2 * dim], so that a step writes one block and the
    tokens so far are one block too.
    """

    def __init__(self) -> None:
        self._buffer: Floats = np.empty((0, 0, 0), np.float32)
        self._time = 0

    def append(self, kv: Floats) -> Floats:
        """Adds [rows, time, 2 * dim]; returns all so far, shaped alike, as a view."""
        rows, time, width = kv.shape
        if self._time + time > len(self._buffer):
            grown = np.empty((max(_ROOM, 2 * (self._time + time)), rows, width), np.float32)
            if self._time:
                grown[: self._time] = self._buffer[: self._time]
            self._buffer = grown
        self._buffer[self._time : self._time + time] = kv.swapaxes(0, 1)
        self._time += time
        so_far: Floats = self._buffer[: self._time].swapaxes(0, 1)
        return so_far

    def keep(self, rows: Ints) -> None:
        """Goes on with these rows, in this order."""
        capacity, count, width = self._buffer.shape
        if _is_identity(rows, count):
            return
        kept = np.empty((capacity, len(rows), width), np.float32)
        # `take` checks the indices into a copy of its own unless told what to do with bad ones.
        np.take(self._buffer[: self._time], rows, axis=1, out=kept[: self._time], mode="clip")
        self._buffer = kept


# Tokens that a cache has room for at first.
_ROOM = 32


def _is_identity(indices: Ints, count: int) -> bool:
    return np.array_equal(indices, np.arange(count))
