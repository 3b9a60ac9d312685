"""The encoder: sentences to memory."""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.checkpoint import Checkpoint
from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.attention import as_bias, attend, fused_heads, merge_heads, padding_mask
from pyattn.reference.layers import FeedForward, PackedLinear
from pyattn.reference.weights import Residual, Weights


@dataclasses.dataclass(frozen=True, eq=False)
class Memory:
    """What the encoder leaves for the decoder."""

    rows: Floats  # [sentences, time, dim]; beyond a sentence's length they mean nothing
    lengths: Ints  # [sentences]

    def padding(self) -> Floats | None:
        """What is added to attention's scores, [sentences, 1, 1, time]; None if nothing is."""
        time = self.rows.shape[1]
        if (self.lengths == time).all():
            return None
        return as_bias(padding_mask(self.lengths, time))


class Encoder:
    """Self-attention and feed-forward, layer upon layer."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        weights = Weights(checkpoint, "encoder")
        self.embedding = weights.embedding()
        self.layers = [
            EncoderLayer(
                heads=checkpoint.config.encoder_heads,
                qkv=weights.linear(f"layers.{n}.self_attention", "query", "key", "value"),
                output=weights.linear(f"layers.{n}.self_attention", "output"),
                attention_residual=weights.residual(f"layers.{n}.self_attention_norm"),
                feed_forward=weights.feed_forward(f"layers.{n}.feed_forward"),
                feed_forward_residual=weights.residual(f"layers.{n}.feed_forward_norm"),
            )
            for n in range(checkpoint.config.encoder_layers)
        ]
        self.final_norm = weights.final_norm()

    def __call__(self, sources: list[Ints]) -> Memory:
        """Encodes sentences of any lengths, the shorter ones padded to the longest."""
        ids, lengths = padded(sources)
        memory = Memory(self.embedding(ids), lengths)
        padding = memory.padding()
        x = memory.rows
        for layer in self.layers:
            x = layer(x, padding)
        return dataclasses.replace(memory, rows=self.final_norm(x))


@dataclasses.dataclass(frozen=True, eq=False)
class EncoderLayer:
    """Every token looks at every token of its sentence, then each is worked on by itself."""

    heads: int
    qkv: PackedLinear  # [3 * dim, dim]
    output: PackedLinear  # [dim, dim]
    attention_residual: Residual
    feed_forward: FeedForward
    feed_forward_residual: Residual

    def __call__(self, x: Floats, padding: Floats | None) -> Floats:
        """[sentences, time, dim] -> [sentences, time, dim]."""
        x = self.attention_residual(x, lambda y: self._self_attention(y, padding))
        return self.feed_forward_residual(x, self.feed_forward)

    def _self_attention(self, x: Floats, padding: Floats | None) -> Floats:
        q, k, v = fused_heads(self.qkv(x), 3, self.heads)
        return self.output(merge_heads(attend(q, k, v, scale=q.shape[-1] ** -0.5, bias=padding)))


def padded(sentences: list[Ints]) -> tuple[Ints, Ints]:
    """Sentences as one matrix, [sentences, time], and their lengths, [sentences].

    Id 0 fills the rest: any id does, since nothing looks there.
    """
    lengths = np.array([len(sentence) for sentence in sentences], np.int64)
    ids = np.zeros((len(sentences), max(map(len, sentences), default=0)), np.int64)
    for row, sentence in zip(ids, sentences, strict=True):
        row[: len(sentence)] = sentence
    return ids, lengths
