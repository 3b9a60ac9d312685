"""From the states of a text's tokens to one vector, and on.

No result depends on other texts: a text is pooled by itself, and the products of `Dense` are those
of `pyattn.ops`, whose rows do not depend on each other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pyattn import ops
from pyattn._core import PackedLinear

Floats = npt.NDArray[np.float32]


def _mean(states: Floats) -> Floats:
    mean: Floats = states.mean(axis=0, dtype=np.float32)
    return mean


def _by_root(states: Floats) -> Floats:
    """The sum by the root of the length, whose size does not shrink with it."""
    scaled: Floats = states.sum(axis=0, dtype=np.float32) / np.float32(np.sqrt(len(states)))
    return scaled


# Functions of [time, dim] to [dim], by sentence-transformers' names.
MODES: dict[str, Callable[[Floats], Floats]] = {
    "cls": lambda states: states[0],
    "lasttoken": lambda states: states[-1],
    "max": lambda states: states.max(axis=0),
    "mean": _mean,
    "mean_sqrt_len_tokens": _by_root,
}
_WEIGHTED = "weightedmean"
MODE_NAMES = (*MODES, _WEIGHTED)


@dataclasses.dataclass(frozen=True)
class Pooling:
    """One vector for the states of a text's tokens: by each mode one, side by side.

    Attributes:
        modes: Some of `MODE_NAMES`.
        include_prompt: Whether the tokens of the prompt count.
    """

    modes: tuple[str, ...] = ("mean",)
    include_prompt: bool = True

    def __call__(self, states: Floats, prompt: int = 0) -> Floats:
        """[time, dim] -> [len(modes) * dim].

        Args:
            states: Of the tokens of one text, with special tokens.
            prompt: How many at the beginning are the prompt's.
        """
        skipped = 0 if self.include_prompt else min(prompt, len(states) - 1)
        kept = states[skipped:]
        return np.concatenate(
            [
                _weighted(kept, skipped) if mode == _WEIGHTED else MODES[mode](kept)
                for mode in self.modes
            ]
        )


def _weighted(states: Floats, first: int) -> Floats:
    """A mean in which the n-th token of the text counts n times."""
    weights = np.arange(first + 1, first + len(states) + 1, dtype=np.float32)
    weighted: Floats = (states * weights[:, None]).sum(axis=0, dtype=np.float32)
    weighted /= weights.sum(dtype=np.float32)
    return weighted


class Step(Protocol):
    """A function of the vectors of texts, [texts, width], each by itself."""

    def __call__(self, rows: Floats) -> Floats:
        """[texts, width] -> [texts, new width]."""


@dataclasses.dataclass(frozen=True, eq=False)
class Dense:
    """A layer: activation(x W^T + bias)."""

    packed: PackedLinear
    activation: Callable[[Floats], Floats]

    def __call__(self, rows: Floats) -> Floats:
        """As `Step`."""
        return self.activation(ops.linear(rows, self.packed))


def normalised(rows: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays one."""
    lengths = np.sqrt(np.square(rows).sum(axis=1, keepdims=True, dtype=np.float32))
    scaled: Floats = rows / np.maximum(lengths, np.float32(1e-12))
    return scaled


def _unchanged(x: Floats) -> Floats:
    return x


# Of `Dense`, by the last word of the class in PyTorch.
ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "Identity": _unchanged,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, np.float32(0)),
}


def applied(steps: Sequence[Step], rows: Floats) -> Floats:
    """The vectors after all steps."""
    for step in steps:
        rows = step(rows)
    return rows
