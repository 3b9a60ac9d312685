"""Matrix product, normalisation, feed-forward: the operations on single rows.

The small classes hold weights and apply them without checks; the model is built from them.
The functions check their arguments first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from pyattn.reference.activations import ACTIVATIONS, activation_named
from pyattn.reference.arrays import Floats, check_floats, check_rows

# With at least this many rows BLAS is left to transpose the weight itself; see PackedLinear. On
# OpenBLAS 0.3.31 (AVX-512), a weight of [2048, 512] and one thread, the two ways take 0.5 and
# 1.1 ms for 8 rows, 1.5 and 2.3 for 32, 16.5 and 10.7 for 512; they meet between 64 and 128.
_MANY_ROWS = 64


@dataclasses.dataclass(frozen=True, eq=False)
class PackedLinear:
    """A matrix that is ready to be multiplied with; here it is simply kept as it is.

    Attributes:
        weight: [out, in].
        bias: [out], or None.
    """

    weight: Floats
    bias: Floats | None = None

    def __call__(self, x: Floats) -> Floats:
        """The product x @ weight.T + bias, [..., in] -> [..., out]."""
        rows = x.reshape(-1, x.shape[-1])
        # Two ways to write one product. BLAS copies one of the matrices into an order of its own
        # before it multiplies; written the second way, few rows make it copy the wrong one.
        if len(rows) < _MANY_ROWS:
            y = np.ascontiguousarray((self.weight @ rows.T).T)
        else:
            y = rows @ self.weight.T
        if self.bias is not None:
            y += self.bias
        return y.reshape(*x.shape[:-1], len(self.weight))


# Called with the names of the matrices of a product and the rows that it reads, [rows, in].
Watch: TypeAlias = Callable[[tuple[str, ...], Floats], object]


@dataclasses.dataclass(frozen=True, eq=False)
class Watched(PackedLinear):
    """A product of a model whose inputs are shown to somebody.

    Attributes:
        names: The names of its matrices, as in `pyattn.checkpoint`.
        watch: Who sees the inputs.
    """

    names: tuple[str, ...] = ()
    watch: Watch | None = None

    def __call__(self, x: Floats) -> Floats:
        """As `PackedLinear`."""
        if self.watch is not None:
            self.watch(self.names, x.reshape(-1, x.shape[-1]))
        return super().__call__(x)


@dataclasses.dataclass(frozen=True, eq=False)
class LayerNorm:
    """Rows with mean 0 and deviation 1, stretched by gamma and moved by beta, both [dim]."""

    gamma: Floats
    beta: Floats
    epsilon: float

    def __call__(self, x: Floats) -> Floats:
        """[..., dim] -> [..., dim]."""
        # Two passes: E[x**2] - E[x]**2 loses the digits of a mean that outweighs the deviation.
        y = x - _mean(x)
        y *= 1 / np.sqrt(_mean(y * y) + np.float32(self.epsilon))
        y *= self.gamma
        y += self.beta
        return y


@dataclasses.dataclass(frozen=True, eq=False)
class RmsNorm:
    """Rows whose squares have the mean 1, stretched by gamma, [dim]."""

    gamma: Floats
    epsilon: float

    def __call__(self, x: Floats) -> Floats:
        """[..., dim] -> [..., dim]."""
        y: Floats = np.multiply(x, 1 / np.sqrt(_mean(x * x) + np.float32(self.epsilon)))
        y *= self.gamma
        return y


@dataclasses.dataclass(frozen=True, eq=False)
class FeedForward:
    """Two products with an activation between them or, if there is a gate, activated there."""

    up: PackedLinear
    down: PackedLinear
    activation: str
    gate: PackedLinear | None = None

    def __call__(self, x: Floats) -> Floats:
        """[..., dim] -> [..., dim]."""
        activate = ACTIVATIONS[self.activation]
        if self.gate is None:
            return self.down(activate(self.up(x)))
        return self.down(activate(self.gate(x)) * self.up(x))


def pack(weight: Floats, *, bias: Floats | None = None, dtype: str = "float32") -> PackedLinear:
    """Prepares a matrix for `linear`.

    Args:
        weight: [out, in], float32.
        bias: [out], float32.
        dtype: Number type of the computation; the reference has only "float32".

    Raises:
        ValueError: if the shapes do not agree or the dtype is another.
        TypeError: if an argument is not a float32 array.
    """
    if dtype != "float32":
        raise ValueError(f"pack: dtype is {dtype!r}, expected 'float32'")
    check_floats("pack", "weight", weight, [None, None])
    if bias is not None:
        check_floats("pack", "bias", bias, [len(weight)])
    return PackedLinear(weight, bias)


def linear(x: Floats, packed: PackedLinear, *, activation: str | None = None) -> Floats:
    """activation(x @ weight.T + bias).

    Args:
        x: [..., in], float32.
        packed: From `pack`.
        activation: "relu", "gelu", "gelu_tanh", "silu" or None.

    Returns:
        [..., out].

    Raises:
        ValueError: if the shapes do not agree or the activation does not exist.
        TypeError: if an argument is not a float32 array.
    """
    check_rows("linear", "x", x, packed.weight.shape[1])
    y = packed(x)
    return y if activation is None else activation_named("linear", activation)(y)


def layer_norm(x: Floats, gamma: Floats, beta: Floats, *, epsilon: float = 1e-5) -> Floats:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta over the last axis (Ba et al. 2016).

    Args:
        x: [..., dim], float32.
        gamma: [dim], float32.
        beta: [dim], float32.
        epsilon: Keeps the root of a constant row away from zero.

    Returns:
        [..., dim].

    Raises:
        ValueError: if the shapes do not agree or the rows are empty.
        TypeError: if an argument is not a float32 array.
    """
    _check_norm("layer_norm", x, {"gamma": gamma, "beta": beta}, epsilon)
    return LayerNorm(gamma, beta, epsilon)(x)


def rms_norm(x: Floats, gamma: Floats, *, epsilon: float = 1e-6) -> Floats:
    """The rows x / sqrt(mean(x**2) + epsilon) * gamma (Zhang and Sennrich 2019).

    Args:
        x: [..., dim], float32.
        gamma: [dim], float32.
        epsilon: Keeps the root of a row of zeros away from zero.

    Returns:
        [..., dim].

    Raises:
        ValueError: if the shapes do not agree or the rows are empty.
        TypeError: if an argument is not a float32 array.
    """
    _check_norm("rms_norm", x, {"gamma": gamma}, epsilon)
    return RmsNorm(gamma, epsilon)(x)


def feed_forward(
    x: Floats,
    w1: Floats,
    b1: Floats | None,
    w2: Floats,
    b2: Floats | None,
    *,
    activation: str = "relu",
    gate: Floats | None = None,
    gate_bias: Floats | None = None,
) -> Floats:
    """activation(x @ w1.T + b1) @ w2.T + b2 (Vaswani et al. 2017, eq. 2).

    With a gate, (activation(x @ gate.T + gate_bias) * (x @ w1.T + b1)) @ w2.T + b2 (Shazeer 2020).

    Args:
        x: [..., dim], float32.
        w1: [ffn, dim], float32.
        b1: [ffn], float32, or None.
        w2: [out, ffn], float32; `out` is usually `dim`.
        b2: [out], float32, or None.
        activation: "relu", "gelu", "gelu_tanh" or "silu".
        gate: [ffn, dim], float32, or None.
        gate_bias: [ffn], float32, or None.

    Returns:
        [..., out].

    Raises:
        ValueError: if the shapes do not agree or the activation does not exist.
        TypeError: if an argument is not a float32 array.
    """
    check_rows("feed_forward", "x", x)
    check_floats("feed_forward", "w1", w1, [None, x.shape[-1]])
    check_floats("feed_forward", "w2", w2, [None, len(w1)])
    vectors = {"b1": (b1, len(w1)), "b2": (b2, len(w2)), "gate_bias": (gate_bias, len(w1))}
    for name, (bias, size) in vectors.items():
        if bias is not None:
            check_floats("feed_forward", name, bias, [size])
    if gate is not None:
        check_floats("feed_forward", "gate", gate, list(w1.shape))
    activation_named("feed_forward", activation)
    gating = None if gate is None else PackedLinear(gate, gate_bias)
    return FeedForward(PackedLinear(w1, b1), PackedLinear(w2, b2), activation, gating)(x)


def _mean(x: Floats) -> Floats:
    mean: Floats = x.sum(axis=-1, keepdims=True)
    mean /= x.shape[-1]
    return mean


def _check_norm(operation: str, x: Any, vectors: dict[str, Any], epsilon: float) -> None:
    check_rows(operation, "x", x)
    if x.shape[-1] == 0:
        raise ValueError(f"{operation}: x has rows of length 0, expected at least one")
    for name, vector in vectors.items():
        check_floats(operation, name, vector, [x.shape[-1]])
    if not epsilon >= 0:
        raise ValueError(f"{operation}: epsilon is negative or not a number, expected 0 or more")
