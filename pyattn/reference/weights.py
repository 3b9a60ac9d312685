"""From a checkpoint's tensors to the parts that a stack of layers is built from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from pyattn.checkpoint import Checkpoint
from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.layers import FeedForward, LayerNorm, PackedLinear
from pyattn.reference.positions import computed_positions


@dataclasses.dataclass(frozen=True, eq=False)
class Embedding:
    """Token ids to vectors: a row of a table, scaled, plus the position's vector.

    The sum is normalised if there is a norm.
    """

    tokens: Floats  # [vocab, dim]
    positions: Floats  # [max_positions, dim]
    scale: float
    zero_start: bool  # whether the id at position 0 counts as a row of zeros
    norm: Callable[[Floats], Floats]

    def __call__(self, ids: Ints, first: int = 0) -> Floats:
        """[rows, time] -> [rows, time, dim], the first id standing at position `first`."""
        x = self.tokens[ids]
        x *= np.float32(self.scale)
        if self.zero_start and first == 0:
            x[:, 0] = 0
        x += self.positions[first : first + ids.shape[1]]
        return self.norm(x)


@dataclasses.dataclass(frozen=True, eq=False)
class Residual:
    """x plus what a sub-layer makes of it, normalised before or after (Xiong et al. 2020)."""

    norm: LayerNorm
    pre: bool

    def __call__(self, x: Floats, sublayer: Callable[[Floats], Floats]) -> Floats:
        """[rows, time, dim] -> [rows, time, dim]."""
        y = sublayer(self.norm(x) if self.pre else x)
        y += x
        return y if self.pre else self.norm(y)


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """The parts of one of a checkpoint's two stacks, by the names of `pyattn.checkpoint`."""

    checkpoint: Checkpoint
    stack: str  # "encoder" or "decoder"

    def embedding(self) -> Embedding:
        """The table of tokens and that of positions."""
        config = self.checkpoint.config
        return Embedding(
            self._tensor("embedding"),
            self._tensor("positions")
            if config.positions == "learned"
            else computed_positions(config),
            config.embedding_scale,
            config.zero_start and self.stack == "decoder",
            self._norm("embedding_norm") if config.embedding_norm else _unchanged,
        )

    def linear(self, name: str, *parts: str) -> PackedLinear:
        """The matrices `name`.`part` above each other, so that one product does for all of them."""
        names = [f"{name}.{part}" for part in parts]
        if len(names) == 1:
            return PackedLinear(
                self._tensor(f"{names[0]}.weight"), self._tensor(f"{names[0]}.bias")
            )
        return PackedLinear(
            np.concatenate([self._tensor(f"{part}.weight") for part in names]),
            np.concatenate([self._tensor(f"{part}.bias") for part in names]),
        )

    def feed_forward(self, name: str) -> FeedForward:
        """The feed-forward block of a layer."""
        return FeedForward(
            self.linear(name, "up"), self.linear(name, "down"), self.checkpoint.config.activation
        )

    def residual(self, name: str) -> Residual:
        """The norm of a sub-layer, and on which side of it that norm stands."""
        return Residual(self._norm(name), self.checkpoint.config.norm == "pre")

    def final_norm(self) -> Callable[[Floats], Floats]:
        """What the stack ends with: a norm of its own, or nothing."""
        return self._norm("final_norm") if self.checkpoint.config.final_norm else _unchanged

    def _norm(self, name: str) -> LayerNorm:
        return LayerNorm(
            self._tensor(f"{name}.weight"),
            self._tensor(f"{name}.bias"),
            self.checkpoint.config.norm_epsilon,
        )

    def _tensor(self, name: str) -> Floats:
        return self.checkpoint.tensors[f"{self.stack}.{name}"]


def _unchanged(x: Floats) -> Floats:
    return x
