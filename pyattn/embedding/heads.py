"""From the states of first tokens to the scores of labels, each text by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pyattn import ops
from pyattn.embedding.pooling import Pooling

if TYPE_CHECKING:
    from pyattn.files.head import Head, Layer, ScoreFunction

Floats = npt.NDArray[np.float32]


class Pooler:
    """A layer on the states of first tokens, and a hyperbolic tangent.

    Args:
        layer: Its weight and bias.
    """

    def __init__(self, layer: Layer) -> None:
        # As in pooling: rows of these products do not depend on each other.
        self._packed = ops.pack(layer[0], bias=layer[1])

    def __call__(self, states: Floats) -> Floats:
        """[texts, dim] -> [texts, dim]."""
        pooled: Floats = np.tanh(ops.linear(np.ascontiguousarray(states), self._packed))
        return pooled


class Scorer:
    """A head that is ready to compute.

    Args:
        head: The head of a model's files.
    """

    def __init__(self, head: Head) -> None:
        self._dense = ops.pack(head.dense[0], bias=head.dense[1])
        self._out = ops.pack(head.out[0], bias=head.out[1])
        self._activation = head.activation
        self._norm = head.norm
        self._epsilon = head.norm_epsilon
        self._pooling = Pooling((head.pooling,))

    def pooled(self, states: Floats) -> Floats:
        """[time, dim], the states of a text -> [dim], what its logits are made of."""
        return self._pooling(states)

    def logits(self, states: Floats) -> Floats:
        """[texts, dim], what `pooled` returns of each -> [texts, labels]."""
        if self._activation == "tanh":
            hidden: Floats = np.tanh(ops.linear(states, self._dense))
        else:
            hidden = ops.linear(states, self._dense, activation=self._activation)
        if self._norm is not None:
            hidden = ops.layer_norm(hidden, *self._norm, epsilon=self._epsilon)
        return ops.linear(hidden, self._out)


def _sigmoid(logits: Floats) -> Floats:
    # Neither overflows nor loses the digits of small scores.
    small = np.exp(-np.abs(logits))
    scores: Floats = np.where(logits >= 0, np.float32(1), small) / (np.float32(1) + small)
    return scores


def _softmax(logits: Floats) -> Floats:
    exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
    scores: Floats = exponents / exponents.sum(axis=-1, keepdims=True)
    return scores


# Functions of [texts, labels], float32.
SCORES: dict[ScoreFunction, Callable[[Floats], Floats]] = {
    "identity": lambda logits: logits,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "tanh": np.tanh,
}
