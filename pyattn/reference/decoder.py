"""The decoder: memory and the tokens so far to the logits of the next one.

A decoder that stands alone has no memory; its tokens begin with a prompt.

The weights (`Decoder`, `DecoderLayer`) are kept apart from the state of a run over some sentences
(`DecoderRun`, `LayerRun`); so they are in the files of the sub-layers that have one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from pyattn.checkpoint import Checkpoint, blocks
from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.cross_attention import CrossAttention, CrossAttentionRun
from pyattn.reference.layers import FeedForward, Watch
from pyattn.reference.memory import Memory
from pyattn.reference.weights import Mixer, Residual, Weights


class Decoder:
    """The weights of the decoder and of the projection to the vocabulary."""

    def __init__(self, checkpoint: Checkpoint, watch: Watch | None = None) -> None:
        weights = Weights(checkpoint, "decoder", watch)
        mixer, *_ = blocks(checkpoint.config, "decoder")
        crosses = "encoder" in checkpoint.config.stacks
        self.embedding = weights.embedding()
        self.layers = [
            DecoderLayer(
                mixer=weights.mixer(n),
                mixer_residual=weights.residual(n, mixer),
                cross_attention=weights.cross_attention(n) if crosses else None,
                cross_residual=weights.residual(n, "cross_attention") if crosses else None,
                feed_forward=weights.feed_forward(n),
                feed_forward_residual=weights.residual(n, "feed_forward"),
            )
            for n in range(checkpoint.config.decoder_layers)
        ]
        self.final_norm = weights.final_norm()
        self.output = weights.output()


@dataclasses.dataclass(frozen=True, eq=False)
class DecoderLayer:
    """The weights of one layer; `LayerRun` applies them."""

    mixer: Mixer
    mixer_residual: Residual
    cross_attention: CrossAttention | None  # None: there is no encoder
    cross_residual: Residual | None
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
        self._time += tokens.shape[1]
        for layer in self.layers:
            x = layer(x)
        return self._decoder.output(self._decoder.final_norm(x))

    def attention(self, heads: Sequence[tuple[int, int]]) -> Floats:
        """The attention of the tokens fed last, a mean over heads, [rows, time, source].

        Args:
            heads: Pairs of a layer and a head.
        """
        weights = [self.layers[layer].attention_to_source[:, head] for layer, head in heads]
        mean: Floats = np.mean(weights, axis=0)
        return mean.reshape(len(mean) * self._beams, -1, mean.shape[2])

    def keep(self, rows: Ints) -> None:
        """Goes on with these rows, in this order; a sentence's rows stay together, or all leave."""
        sentences = rows[:: self._beams] // self._beams
        for layer in self.layers:
            layer.keep(rows, sentences)


class LayerRun:
    """One layer's state of a run: keys and values of the sentences and of its own tokens."""

    def __init__(self, layer: DecoderLayer, memory: Memory, beams: int) -> None:
        self._layer = layer
        self._mixer = layer.mixer.start(beams * len(memory.rows))
        cross = layer.cross_attention
        self._cross = None if cross is None else CrossAttentionRun(cross, memory, beams)

    @property
    def attention_to_source(self) -> Floats:
        """That of the tokens fed last, [sentences, heads, queries, source]."""
        assert self._cross is not None, "its callers have checked it"
        return self._cross.weights

    def __call__(self, x: Floats) -> Floats:
        """[rows, time, dim] -> [rows, time, dim]."""
        layer = self._layer
        x = layer.mixer_residual(x, self._mixer)
        if layer.cross_residual is not None and self._cross is not None:
            x = layer.cross_residual(x, self._cross)
        return layer.feed_forward_residual(x, layer.feed_forward)

    def keep(self, rows: Ints, sentences: Ints) -> None:
        """Goes on with these rows, which belong to these sentences."""
        self._mixer.keep(rows)
        if self._cross is not None:
            self._cross.keep(sentences)
