"""Average attention, in the place of a decoder's self-attention."""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.reference.activations import sigmoid
from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.layers import FeedForward, PackedLinear


@dataclasses.dataclass(frozen=True, eq=False)
class Average:
    """The weights of one layer (Zhang et al. 2018, section 3.1).

    With x what goes in at a step,

        y = feed_forward(the mean of all x so far, this one among them)
        out = sigmoid(input_gate(x)) * x + sigmoid(forget_gate(y)) * y

    The feed-forward may be missing, and so may the gates; then out = y. Zhang et al. make both
    gates of x and y together; these are Marian's.
    """

    dim: int
    activation: str
    up: PackedLinear | None = None  # [average_ffn, dim]
    down: PackedLinear | None = None  # [dim, average_ffn]
    input_gate: PackedLinear | None = None  # [dim, dim]
    forget_gate: PackedLinear | None = None  # [dim, dim]

    def start(self, rows: int) -> AverageRun:
        """A run over some rows, token after token."""
        return AverageRun(self, np.zeros((rows, self.dim), np.float32))

    def mix(self, x: Floats, means: Floats) -> Floats:
        """[rows, time, dim] and the means that belong to them -> [rows, time, dim]."""
        y = means
        if self.up is not None and self.down is not None:
            y = FeedForward(self.up, self.down, self.activation)(means)
        if self.input_gate is None or self.forget_gate is None:
            return y
        mixed: Floats = sigmoid(self.input_gate(x)) * x + sigmoid(self.forget_gate(y)) * y
        return mixed


class AverageRun:
    """What a run remembers: the sum of what went in, and how much that was."""

    def __init__(self, average: Average, total: Floats) -> None:
        self._average = average
        self._total = total
        self._time = 0

    def __call__(self, x: Floats) -> Floats:
        """The next tokens, [rows, time, dim] -> [rows, time, dim]."""
        inputs = np.concatenate([self._total[:, None], x], axis=1)
        totals: Floats = np.cumsum(inputs, axis=1, dtype=np.float32)[:, 1:]
        counts = np.arange(self._time + 1, self._time + 1 + x.shape[1])[:, None]
        self._total = totals[:, -1]
        self._time += x.shape[1]
        means = np.divide(totals, counts, dtype=np.float32)
        return self._average.mix(x, means)

    def keep(self, rows: Ints) -> None:
        """Goes on with these rows, in this order."""
        self._total = self._total[rows]
