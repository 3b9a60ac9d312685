"""The encoder: sentences to memory."""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.checkpoint import Checkpoint
from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.layers import FeedForward, Watch
from pyattn.reference.memory import Memory
from pyattn.reference.patterns import Pattern
from pyattn.reference.weights import Residual, Weights


class Encoder:
    """Self-attention and feed-forward, layer upon layer."""

    def __init__(self, checkpoint: Checkpoint, watch: Watch | None = None) -> None:
        weights = Weights(checkpoint, "encoder", watch)
        self.embedding = weights.embedding()
        self.layers = [
            EncoderLayer(
                self_attention=weights.pattern(n),
                attention_residual=weights.residual(n, "self_attention"),
                feed_forward=weights.feed_forward(n),
                feed_forward_residual=weights.residual(n, "feed_forward"),
            )
            for n in range(checkpoint.config.encoder_layers)
        ]
        self.states = weights.states()
        self.final_norm = weights.final_norm()
        self._together = checkpoint.config.encoder_pattern == "windows"

    def __call__(
        self,
        sources: list[Ints],
        types: list[Ints] | None = None,
        global_tokens: list[Ints] | None = None,
    ) -> Memory:
        """Encodes sentences of any lengths, the shorter ones padded to the longest.

        `types` are those of each sentence's tokens; None is type 0 for all. `global_tokens` are
        each sentence's positions of them; None is no global tokens.
        """
        ids, lengths = padded(sources)
        of_ids = None if types is None else padded(types)[0]
        memory = Memory(self.embedding(ids, types=of_ids), lengths)
        if self._together:
            return dataclasses.replace(memory, rows=self._run(memory.rows, memory.padding(), _NONE))
        rows = np.zeros_like(memory.rows)
        for n, length in enumerate(lengths):
            own = _NONE if global_tokens is None else global_tokens[n]
            rows[n, :length] = self._run(memory.rows[n : n + 1, :length], None, own)
        return dataclasses.replace(memory, rows=rows)

    def _run(self, x: Floats, padding: Floats | None, global_tokens: Ints) -> Floats:
        if self.states is not None:
            x = np.concatenate([self.states[None], x], axis=1)
        for layer in self.layers:
            x = layer(x, padding, global_tokens)
        if self.states is not None:
            x = x[:, len(self.states) :]
        return self.final_norm(x)


_NONE: Ints = np.empty(0, np.int64)


@dataclasses.dataclass(frozen=True, eq=False)
class EncoderLayer:
    """Every token looks at the tokens of its sentence, then each is worked on by itself."""

    self_attention: Pattern
    attention_residual: Residual
    feed_forward: FeedForward
    feed_forward_residual: Residual

    def __call__(self, x: Floats, padding: Floats | None, global_tokens: Ints) -> Floats:
        """[sentences, time, dim] -> [sentences, time, dim]."""
        x = self.attention_residual(x, lambda y: self.self_attention(y, padding, global_tokens))
        return self.feed_forward_residual(x, self.feed_forward)


def padded(sentences: list[Ints]) -> tuple[Ints, Ints]:
    """Sentences as one matrix, [sentences, time], and their lengths, [sentences].

    Id 0 fills the rest: any id does, since nothing looks there.
    """
    lengths = np.array([len(sentence) for sentence in sentences], np.int64)
    ids = np.zeros((len(sentences), max(map(len, sentences), default=0)), np.int64)
    for row, sentence in zip(ids, sentences, strict=True):
        row[: len(sentence)] = sentence
    return ids, lengths
