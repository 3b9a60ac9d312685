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
    feed_forward: FeedForward | None
    gates: tuple[PackedLinear, PackedLinear] | None  # of input and of average, [dim, dim] each

    def start(self, rows: int) -> AverageRun:
        """A run over some rows, token after token."""
        return AverageRun(self, np.zeros((rows, self.dim), np.float32))

    def mix(self, x: Floats, means: Floats) -> Floats:
        """[rows, time, dim] and the means that belong to them -> [rows, time, dim]."""
        y = means if self.feed_forward is None else self.feed_forward(means)
        if self.gates is None:
            return y
        of_input, of_average = self.gates
        mixed: Floats = sigmoid(of_input(x)) * x + sigmoid(of_average(y)) * y
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
