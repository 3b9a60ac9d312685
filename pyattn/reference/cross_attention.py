"""Cross-attention: every token of a target looks at its source."""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.reference.arrays import Floats, Ints, is_identity
from pyattn.reference.heads import Heads
from pyattn.reference.layers import PackedLinear
from pyattn.reference.memory import Memory


@dataclasses.dataclass(frozen=True, eq=False)
class CrossAttention:
    """The weights of one decoder layer."""

    heads: Heads
    query: PackedLinear  # [width, dim]
    key_value: PackedLinear  # [2 * kv_width, dim]
    output: PackedLinear  # [dim, width]


class CrossAttentionRun:
    """Cross-attention of a run, which reads the memory of each sentence once.

    The rows of a sentence stand next to each other.
    """

    def __init__(self, attention: CrossAttention, memory: Memory, beams: int) -> None:
        self._attention = attention
        self._beams = beams
        # Made once, read at every step: worth an order in which each head's rows lie together.
        self._memory = np.ascontiguousarray(
            attention.heads.keys_and_values(attention.key_value(memory.rows))
        )
        self._padding = memory.padding()
        # What the tokens fed last looked at, [sentences, heads, queries, source].
        self.weights: Floats = np.empty((0, 0, 0, 0), np.float32)

    def __call__(self, x: Floats) -> Floats:
        """[rows, time, dim] -> [rows, time, dim]."""
        attention = self._attention
        q = attention.query(x)
        # All beams of a sentence ask the same memory: to attention they are further queries.
        together = q.reshape(len(x) // self._beams, self._beams * x.shape[1], q.shape[2])
        k, v = self._memory
        self.weights = attention.heads.weights(attention.heads.queries(together), k, self._padding)
        mixed = attention.heads.mix(self.weights, v)
        return attention.output(mixed.reshape(q.shape))

    def keep(self, sentences: Ints) -> None:
        """Goes on with these sentences, in this order."""
        if is_identity(sentences, self._memory.shape[1]):
            return
        self._memory = self._memory[:, sentences]
        if self._padding is not None:
            self._padding = self._padding[sentences]
