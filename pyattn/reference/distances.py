"""Positions in self-attention that depend only on the distance of key and query."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pyattn.model_config import ModelConfig, Stack
from pyattn.reference.arrays import Floats
from pyattn.reference.positions import relative_bias_table, rotary_tables


@dataclasses.dataclass(frozen=True, eq=False)
class Distances:
    """The bias of scores by the distance of the key from the query.

    A learned bias, a window and a decoder's causal mask are such biases; a distance outside of a
    window or mask has a bias of -inf.
    """

    # By key position minus query position, from -(max_positions - 1) to max_positions - 1,
    # [heads or 1, 2 * max_positions - 1].
    table: Floats

    @classmethod
    def of(
        cls, config: ModelConfig, stack: Stack, window: int, bias: Floats | None = None
    ) -> Distances:
        """Those of a layer with this window, 0 for none, and this bias, [buckets, heads]."""
        farthest = config.stack(stack).max_positions - 1
        distances = np.arange(-farthest, farthest + 1)
        table = np.zeros((1, len(distances)), np.float32)
        if bias is not None:
            learned = relative_bias_table(bias, config, stack)
            # A decoder's has no distances above 0.
            table = np.pad(learned, ((0, 0), (0, len(distances) - learned.shape[1])))
        if stack == "decoder":
            table[:, distances > 0] = -np.inf
        if window:
            table[:, np.abs(distances) >= window] = -np.inf
        return cls(table)

    def __call__(self, first: int, queries: int, keys: int) -> Floats | None:
        """The bias of the scores of queries from position `first` on.

        Returns:
            [heads or 1, queries, keys], a view; None if nothing is added.
        """
        # Every row begins one distance earlier than the row of the query before it.
        end = self.table.shape[1] // 2 - first + keys
        begin = end - keys - queries + 1
        if self._zeros[0] <= begin and end <= self._zeros[1]:
            return None
        return sliding_window_view(self.table[:, begin:end], keys, axis=1)[:, ::-1]

    @functools.cached_property
    def _zeros(self) -> tuple[int, int]:
        """Where the columns around distance 0 that add nothing begin and end."""
        own = self.table.shape[1] // 2
        others = np.flatnonzero(self.table.any(axis=0))
        return (
            int(others[others <= own].max(initial=-1)) + 1,
            int(others[others >= own].min(initial=self.table.shape[1])),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Rotary:
    """Rotates the pairs of numbers of a head by the token's position (Su et al. 2021).

    The product of a rotated query and a rotated key depends only on their distance.
    """

    cos: Floats  # [max_positions, head_dim / 2]
    sin: Floats

    @classmethod
    def of(cls, config: ModelConfig, theta: float) -> Rotary:
        """That of both stacks, with one of the model's bases."""
        return cls(*rotary_tables(config, theta))

    def __call__(self, x: Floats, first: int) -> Floats:
        """[rows, time, heads, head_dim] -> the same shape, the first token's position given."""
        cos, sin = (table[first : first + x.shape[1], None] for table in (self.cos, self.sin))
        real, imaginary = np.split(x, 2, axis=-1)
        turned: Floats = np.concatenate(
            [real * cos - imaginary * sin, imaginary * cos + real * sin], axis=-1
        )
        return turned
