"""Self-attention: every token looks at the tokens of its own sentence."""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.reference.arrays import Floats, Ints, is_identity
from pyattn.reference.distances import Distances, Rotary
from pyattn.reference.heads import Heads
from pyattn.reference.layers import PackedLinear, RmsNorm


@dataclasses.dataclass(frozen=True, eq=False)
class SelfAttention:
    """The weights of one layer, in either stack."""

    heads: Heads
    query_key_value: PackedLinear  # [width + 2 * kv_width, dim]
    output: PackedLinear  # [dim, width]
    distances: Distances
    rotary: Rotary | None
    query_norm: RmsNorm | None = None  # of a head
    key_norm: RmsNorm | None = None

    def __call__(self, x: Floats, padding: Floats | None) -> Floats:
        """Whole sentences, [rows, time, dim] -> [rows, time, dim].

        Args:
            x: The input.
            padding: Added to the scores, [rows, 1, 1, time].
        """
        time = x.shape[1]
        queries, kv = self.split(x, 0)
        bias = self.distances(0, time, time)
        if padding is not None:
            bias = padding if bias is None else bias + padding
        return self.attend(queries, kv, bias)

    def start(self, rows: int) -> SelfAttentionRun:
        """A run over some rows, token after token."""
        return SelfAttentionRun(self, Cache(rows, 2 * self.heads.sizes.kv_width))

    def split(self, x: Floats, first: int) -> tuple[Floats, Floats]:
        """Queries, [rows, time, width], and keys and values, [rows, time, 2 * kv_width]."""
        qkv = self.query_key_value(x)
        sizes = self.heads.sizes
        turned = qkv[..., : sizes.width + sizes.kv_width]
        by_head = turned.reshape(*x.shape[:2], sizes.heads + sizes.kv_heads, sizes.head_dim)
        if self.query_norm is not None and self.key_norm is not None:
            q, k = by_head[:, :, : sizes.heads], by_head[:, :, sizes.heads :]
            by_head = np.concatenate([self.query_norm(q), self.key_norm(k)], axis=2)
            turned[:] = by_head.reshape(turned.shape)
        if self.rotary is not None:
            turned[:] = self.rotary(by_head, first).reshape(turned.shape)
        return qkv[..., : sizes.width], qkv[..., sizes.width :]

    def attend(self, queries: Floats, kv: Floats, bias: Floats | None) -> Floats:
        """What `split` returns -> [rows, time, dim]."""
        k, v = self.heads.keys_and_values(kv)
        return self.output(self.heads.attend(self.heads.queries(queries), k, v, bias))


class SelfAttentionRun:
    """Self-attention of a decoder, which remembers the keys and values of earlier tokens."""

    def __init__(self, attention: SelfAttention, cache: Cache) -> None:
        self._attention = attention
        self._cache = cache

    def __call__(self, x: Floats) -> Floats:
        """The next tokens, [rows, time, dim] -> [rows, time, dim]."""
        first = self._cache.time
        queries, kv = self._attention.split(x, first)
        so_far = self._cache.append(kv)
        bias = self._attention.distances(first, x.shape[1], self._cache.time)
        return self._attention.attend(queries, so_far, bias)

    def keep(self, rows: Ints) -> None:
        """Goes on with these rows, in this order."""
        self._cache.keep(rows)


class Cache:
    """The keys and values of a layer's own tokens, with room to grow.

    Time comes first in memory, [time, rows, width], so that a step writes one block and the tokens
    so far are one block too.
    """

    def __init__(self, rows: int, width: int) -> None:
        self._buffer: Floats = np.empty((0, rows, width), np.float32)
        self.time = 0

    def append(self, kv: Floats) -> Floats:
        """Adds [rows, time, width]; returns all so far, shaped alike, as a view."""
        rows, time, width = kv.shape
        if self.time + time > len(self._buffer):
            grown = np.empty((max(_ROOM, 2 * (self.time + time)), rows, width), np.float32)
            grown[: self.time] = self._buffer[: self.time]
            self._buffer = grown
        self._buffer[self.time : self.time + time] = kv.swapaxes(0, 1)
        self.time += time
        so_far: Floats = self._buffer[: self.time].swapaxes(0, 1)
        return so_far

    def keep(self, rows: Ints) -> None:
        """Goes on with these rows, in this order."""
        capacity, count, width = self._buffer.shape
        if is_identity(rows, count):
            return
        kept = np.empty((capacity, len(rows), width), np.float32)
        # `take` checks the indices into a copy of its own unless told what to do with bad ones.
        np.take(self._buffer[: self.time], rows, axis=1, out=kept[: self.time], mode="clip")
        self._buffer = kept


# Tokens that a cache has room for at first.
_ROOM = 32
