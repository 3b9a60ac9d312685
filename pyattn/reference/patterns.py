"""What a token of the encoder sees: the whole sentence, or a pattern that grows less with it.

    windows       the tokens within some distance, or all
    tokens        a window and the global tokens, which see all (Longformer, LED)
    aggregates    a window and a sum of every block of tokens (LongT5)
    blocks        neighbouring blocks, the first and the last (BigBird)
    states        the own block and learned states, which see all (Pegasus-X)

Each is one matrix of scores, in which most are hidden: simple, and as slow as if they were not. But
for windows, a sentence is computed alone, as its length is part of what its tokens see.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np

from pyattn.reference.arrays import Bools, Floats, Ints
from pyattn.reference.distances import Distances
from pyattn.reference.layers import PackedLinear
from pyattn.reference.masks import as_bias
from pyattn.reference.self_attention import SelfAttention

Norm: TypeAlias = Callable[[Floats], Floats]


class Pattern(Protocol):
    """The self-attention of one layer of the encoder."""

    def __call__(self, x: Floats, padding: Floats | None, global_tokens: Ints) -> Floats:
        """[sentences, time, dim] -> [sentences, time, dim].

        Args:
            x: The input. All patterns but windows compute one sentence at a time.
            padding: Added to the scores, [sentences, 1, 1, time]; None without padding.
            global_tokens: Their positions, of the pattern "tokens".
        """


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """The tokens within the layer's window; the bias by distance hides the others."""

    attention: SelfAttention

    def __call__(self, x: Floats, padding: Floats | None, global_tokens: Ints) -> Floats:  # noqa: ARG002
        """As `Pattern`."""
        return self.attention(x, padding)


@dataclasses.dataclass(frozen=True, eq=False)
class Tokens:
    """The layer's window and the global tokens (Beltagy et al. 2020, section 3).

    Global tokens are seen by their ordinary keys and values, those of all other tokens. They
    themselves see all tokens, by queries, keys and values that have weights of their own.
    """

    attention: SelfAttention
    window: int
    global_query: PackedLinear  # [width, dim]
    global_key_value: PackedLinear  # [2 * kv_width, dim]

    def __call__(self, x: Floats, padding: Floats | None, global_tokens: Ints) -> Floats:  # noqa: ARG002
        """As `Pattern`."""
        time, heads = x.shape[1], self.attention.heads
        seen = within(time, self.window)
        seen[:, global_tokens] = True
        queries, kv = self.attention.split(x, 0)
        bias = as_bias(seen)[None]
        distances = self.attention.distances(0, time, time)
        k, v = heads.keys_and_values(kv)
        found = heads.attend(
            heads.queries(queries), k, v, bias if distances is None else bias + distances
        )
        if global_tokens.size:
            own = heads.queries(self.global_query(x[:, global_tokens]))
            k, v = heads.keys_and_values(self.global_key_value(x))
            nearness = None if distances is None else distances[:, global_tokens]
            found[:, global_tokens] = heads.attend(own, k, v, nearness)
        return self.attention.output(found)


@dataclasses.dataclass(frozen=True, eq=False)
class Aggregates:
    """The layer's window and a normalised sum of every block (Guo et al. 2022, section 3.1.2).

    A sentence has as many blocks as fit into it, and tokens behind them belong to the last one. If
    none fits, there are no aggregates.
    """

    attention: SelfAttention
    block: int
    norm: Norm
    distances: Distances  # between blocks

    def __call__(self, x: Floats, padding: Floats | None, global_tokens: Ints) -> Floats:  # noqa: ARG002
        """As `Pattern`."""
        time, count = x.shape[1], x.shape[1] // self.block
        if not count:
            return self.attention(x, None)
        block_of = np.minimum(np.arange(time) // self.block, count - 1)
        sums = np.add.reduceat(x, np.arange(count) * self.block, axis=1)
        aggregates = self.norm(sums)
        queries, kv = self.attention.split(x, 0)
        _, more = self.attention.split(aggregates, 0)
        near = self.attention.distances(0, time, time)
        between = self.distances(0, count, count)
        heads = self.attention.heads.sizes.heads
        bias = np.zeros((heads, time, time + count), np.float32)
        if near is not None:
            bias[:, :, :time] = near
        if between is not None:
            bias[:, :, time:] = between[:, block_of]
        return self.attention.attend(queries, np.concatenate([kv, more], axis=1), bias)


@dataclasses.dataclass(frozen=True, eq=False)
class Blocks:
    """Neighbouring blocks, the first and the last (Zaheer et al. 2020, section 2).

    In training a block also saw some random ones. In their place programs see the first block over
    and over, so its keys count several times.
    """

    attention: SelfAttention
    block: int
    random: int

    def __call__(self, x: Floats, padding: Floats | None, global_tokens: Ints) -> Floats:  # noqa: ARG002
        """As `Pattern`."""
        time = x.shape[1]
        if time <= (5 + 2 * self.random) * self.block:
            return self.attention(x, None)
        with np.errstate(divide="ignore"):
            bias = np.log(block_counts(time, self.block, self.random))
        distances = self.attention.distances(0, time, time)
        queries, kv = self.attention.split(x, 0)
        return self.attention.attend(
            queries, kv, bias[None] if distances is None else bias + distances
        )


@dataclasses.dataclass(frozen=True, eq=False)
class States:
    """The own block, and states in front of the sentence (Phang et al. 2022, section 4).

    The states are rows like those of tokens, and see everything.
    """

    attention: SelfAttention
    states: int
    block: int
    shift: int  # by how much the blocks begin before the first token

    def __call__(self, x: Floats, padding: Floats | None, global_tokens: Ints) -> Floats:  # noqa: ARG002
        """As `Pattern`, [1, states + time, dim] -> the same shape."""
        rows = x.shape[1]
        block_of = (np.arange(rows - self.states) + self.shift) // self.block
        seen: Bools = np.ones((rows, rows), np.bool_)
        seen[self.states :, self.states :] = block_of[:, None] == block_of
        queries, kv = self.attention.split(x, 0)
        return self.attention.attend(queries, kv, as_bias(seen)[None])


@dataclasses.dataclass(frozen=True, eq=False)
class StatesNorm:
    """The norm in front of `States`: states have weights of their own."""

    states: int
    of_states: Norm
    of_tokens: Norm

    def __call__(self, x: Floats) -> Floats:
        """[1, states + time, dim] -> the same shape."""
        both: Floats = np.concatenate(
            [self.of_states(x[:, : self.states]), self.of_tokens(x[:, self.states :])], axis=1
        )
        return both


def within(time: int, window: int) -> Bools:
    """Which keys lie in the window of a query, [time, time]; a window of 0 holds all."""
    positions = np.arange(time)
    found: Bools = abs(positions - positions[:, None]) < (window or time)
    return found


def block_counts(time: int, block: int, random: int) -> Floats:
    """How often each query sees each key of "blocks", [time, time]; 0 is not at all."""
    block_of = np.arange(time) // block
    last = block_of[-1]
    queries, keys = block_of[:, None], block_of
    seen = (abs(queries - keys) <= 1) | (keys == 0) | (keys == last)
    counts: Floats = seen.astype(np.float32)
    counts[:, :block] += random
    counts[(block_of == 0) | (block_of == last)] = 1
    return counts
