"""The simpler simple recurrent unit, in the place of a decoder's self-attention."""

from __future__ import annotations

import dataclasses

import numpy as np

from pyattn.reference.activations import relu, sigmoid
from pyattn.reference.arrays import Floats, Ints
from pyattn.reference.layers import PackedLinear


@dataclasses.dataclass(frozen=True, eq=False)
class Ssru:
    """The weights of one layer (Kim et al. 2019, section 3.1).

    With x the input of a step and c its cells, of the same size and zero at first,

        f = sigmoid(forget(x))
        c = f * c + (1 - f) * input(x)
        out = relu(c)
    """

    input: PackedLinear  # [dim, dim]
    forget: PackedLinear  # [dim, dim]

    def start(self, rows: int) -> SsruRun:
        """A run over some rows, token after token."""
        return SsruRun(self, np.zeros((rows, len(self.input.weight)), np.float32))


class SsruRun:
    """The state of a run: the cells, whose size does not depend on the number of tokens."""

    def __init__(self, unit: Ssru, cell: Floats) -> None:
        self._unit = unit
        self._cell = cell

    def __call__(self, x: Floats) -> Floats:
        """The next tokens, [rows, time, dim] -> [rows, time, dim]."""
        forget = sigmoid(self._unit.forget(x))
        new = (1 - forget) * self._unit.input(x)
        cells = np.empty_like(new)
        for n in range(x.shape[1]):
            self._cell = forget[:, n] * self._cell + new[:, n]
            cells[:, n] = self._cell
        return relu(cells)

    def keep(self, rows: Ints) -> None:
        """Goes on with these rows, in this order."""
        self._cell = self._cell[rows]
