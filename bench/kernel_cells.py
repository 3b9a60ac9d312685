"""What `kernels.py` measures: shapes of real models, and who computes them how.

A cell is one line of the table: one piece of work, and for each contender the calls that do it. A
contender with several calls goes round them, each on weights of its own, so that every call finds
its weights as far away as the cell says.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from kernel_shapes import Choice
from roof import Caches

from pyattn import ops

try:
    import torch
    from kernel_rivals import prepare, torch_attention, torch_linears, torch_norm, torch_step
except ImportError:
    torch = None

Calls = list[Callable[[], Any]]
Floats = np.ndarray[Any, np.dtype[np.float32]]

MOST_COPIES = 256  # of a matrix; a smaller one is not measured from far away
EPSILON = 1e-5
WEIGHT_BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}


@dataclasses.dataclass
class Cell:
    """One piece of work, and who does it.

    Attributes:
        kernel: Such as "linear".
        dtype: Number type of the weights, or of keys and values that are kept.
        shape: For people.
        memory: Where weights (or all there is to read) come from: "L1", ..., "DRAM".
        work: Operations; a multiply-add is two.
        traffic: Bytes from and to each memory.
        calls: By contender.
    """

    kernel: str
    dtype: str
    shape: str
    memory: str
    work: float
    traffic: Mapping[str, float]
    calls: Mapping[str, Calls]


@dataclasses.dataclass(frozen=True)
class Linear:
    """y = x W^T + b for each of `rows`; `ffn` is another product after a ReLU, back to `k`."""

    k: int
    n: int
    dtype: str
    rows: tuple[int, ...]
    ffn: bool = False

    kernel = property(lambda self: "feed_forward" if self.ffn else "linear")

    @property
    def weight_bytes(self) -> int:
        """Bytes of all its matrices."""
        return self.k * self.n * WEIGHT_BYTES[self.dtype] * (2 if self.ffn else 1)

    def placements(self, caches: Caches) -> list[int]:
        """Numbers of copies to go round: one if L2 holds it, and what L2 does not hold."""
        copies = caches.copies(self.weight_bytes)
        near = caches.level(self.weight_bytes) != caches.level(copies * self.weight_bytes)
        if copies > MOST_COPIES:
            return [1]
        return [1, copies] if near else [copies]

    def count(self, caches: Caches) -> int:
        """How many cells there will be."""
        return len(self.rows) * len(self.placements(caches))

    def cells(self, isas: Sequence[str], caches: Caches) -> Iterator[Cell]:
        """A cell for each number of rows and each place of the weights."""
        random = np.random.default_rng(1)
        placements = self.placements(caches)
        shapes = [(self.n, self.k), (self.k, self.n)] if self.ffn else [(self.n, self.k)]
        weights = [
            [_uniform(random, shape) for shape in shapes] for _ in range(max(placements))
        ]  # [copies][matrices]
        packed = {
            isa: [
                [ops.pack(w, bias=w[:, 0].copy(), dtype=self.dtype, isa=isa) for w in copy]
                for copy in weights
            ]
            for isa in isas
        }
        rivals = torch_linears(weights, self.dtype) if torch else {}
        for rows, copies in itertools.product(self.rows, placements):
            x = _uniform(random, (rows, self.k))
            calls: dict[str, Calls] = {
                isa: [functools.partial(_linear, x, copy) for copy in packed[isa][:copies]]
                for isa in isas
            }
            for label, make in rivals.items():
                calls[label] = make(x)[:copies]
            if self.dtype == "float32":
                calls["numpy"] = [
                    functools.partial(_numpy_linear, x, copy) for copy in weights[:copies]
                ]
            yield self._cell(rows, copies, caches, calls)

    def _cell(self, rows: int, copies: int, caches: Caches, calls: Mapping[str, Calls]) -> Cell:
        columns = 2 * (self.k + self.n) if self.ffn else self.k + self.n
        moved = 4 * rows * columns
        memory = caches.level(self.weight_bytes * copies)
        traffic = {memory: float(self.weight_bytes)}
        nearby = caches.level(moved)
        traffic[nearby] = traffic.get(nearby, 0) + moved
        name = f"{rows} x {self.k} -> {self.n}" + (f" -> {self.k}" if self.ffn else "")
        work = 2.0 * rows * self.k * self.n * (2 if self.ffn else 1)
        return Cell(self.kernel, self.dtype, name, memory, work, traffic, calls)


@dataclasses.dataclass(frozen=True)
class Attention:
    """Scaled dot-product attention, without a mask or causal."""

    batch: int
    heads: int
    time_q: int
    time_k: int
    head_dim: int
    causal: bool = False
    kernel = "attention"
    dtype = "float32"

    def count(self, caches: Caches) -> int:  # noqa: ARG002
        """How many cells there will be."""
        return 1

    def cells(self, isas: Sequence[str], caches: Caches) -> Iterator[Cell]:
        """The one cell."""
        random = np.random.default_rng(1)
        q, k, v = (
            _uniform(random, (self.batch, self.heads, time, self.head_dim))
            for time in (self.time_q, self.time_k, self.time_k)
        )
        calls: dict[str, Calls] = {
            isa: [functools.partial(ops.attention, q, k, v, causal=self.causal, isa=isa)]
            for isa in isas
        }
        if torch:
            calls |= torch_attention(q, k, v, self.causal)
        calls["numpy"] = [functools.partial(_numpy_attention, q, k, v, self.causal)]
        size = 2 * q.nbytes + k.nbytes + v.nbytes
        seen = self.time_q * self.time_k
        if self.causal:
            seen -= self.time_q * (self.time_q - 1) // 2
        memory = caches.level(size)
        shape = f"{self.batch} x {self.heads} x {self.time_q} on {self.time_k} x {self.head_dim}"
        yield Cell(
            *("attention", "float32", shape + (", causal" if self.causal else ""), memory),
            work=4.0 * self.batch * self.heads * seen * self.head_dim,
            traffic={memory: float(size)},
            calls=calls,
        )


@dataclasses.dataclass(frozen=True)
class Step:
    """Attention of a step of decoding: a query for each row and head, over tokens of the row's own.

    The tokens lie in no order. PyTorch and NumPy have theirs in rows, without having to get them
    there.
    """

    rows: int
    heads: int
    time: int
    head_dim: int
    dtype: str  # of keys and values
    kernel = "attention_step"

    def count(self, caches: Caches) -> int:  # noqa: ARG002
        """How many cells there will be."""
        return 1

    def cells(self, isas: Sequence[str], caches: Caches) -> Iterator[Cell]:
        """The one cell."""
        random = np.random.default_rng(1)
        q = _uniform(random, (self.rows, self.heads, self.head_dim))
        slots = self.rows * self.time
        cache = _uniform(random, (slots, 2, self.heads, self.head_dim))
        table = random.permutation(slots).reshape(self.rows, self.time)
        kept = cache
        if self.dtype == "bfloat16":
            kept = (cache.view(np.uint32) >> 16).astype(np.uint16)
        calls: dict[str, Calls] = {
            isa: [functools.partial(ops.attention_step, q, kept, table, isa=isa)] for isa in isas
        }
        k, v = cache[table].transpose(2, 0, 3, 1, 4).copy()
        if torch:
            calls |= torch_step(q[:, :, None], k, v, self.dtype)
        if self.dtype == "float32":
            calls["numpy"] = [functools.partial(_numpy_attention, q[:, :, None], k, v, False)]
        size = kept.nbytes + 2 * q.nbytes
        memory = caches.level(size)
        shape = f"{self.rows} x {self.heads} on {self.time} x {self.head_dim}"
        work = 4.0 * q.size * self.time
        yield Cell(self.kernel, self.dtype, shape, memory, work, {memory: float(size)}, calls)


@dataclasses.dataclass(frozen=True)
class Norm:
    """Layer norm or RMS norm of rows."""

    kernel: str  # "layer_norm" or "rms_norm"
    rows: int
    dim: int
    dtype = "float32"

    def count(self, caches: Caches) -> int:  # noqa: ARG002
        """How many cells there will be."""
        return 1

    def cells(self, isas: Sequence[str], caches: Caches) -> Iterator[Cell]:
        """The one cell."""
        x = _uniform(np.random.default_rng(1), (self.rows, self.dim))
        gamma, beta = x[0] + 1, x[-1].copy()
        layer = self.kernel == "layer_norm"
        calls: dict[str, Calls] = {
            isa: [
                functools.partial(ops.layer_norm, x, gamma, beta, epsilon=EPSILON, isa=isa)
                if layer
                else functools.partial(ops.rms_norm, x, gamma, epsilon=EPSILON, isa=isa)
            ]
            for isa in isas
        }
        if torch:
            calls |= torch_norm(x, gamma, beta if layer else None, EPSILON)
        calls["numpy"] = [functools.partial(_numpy_norm, x, gamma, beta if layer else None)]
        memory = caches.level(2 * x.nbytes)
        # Subtract, square and add up, multiply, add; RMS norm lacks both ends.
        work = x.size * (7.0 if layer else 4.0)
        shape = f"{self.rows} x {self.dim}"
        traffic = {memory: 2.0 * x.nbytes}
        yield Cell(self.kernel, "float32", shape, memory, work, traffic, calls)


Group = Linear | Attention | Step | Norm


def prepare_contenders() -> None:
    """One thread for those that would take more, and nothing but inference."""
    if torch:
        prepare()


def _uniform(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return random.random(shape, dtype=np.float32) - np.float32(0.5)


def _linear(x: Floats, matrices: Sequence[ops.PackedLinear]) -> Floats:
    if len(matrices) == 1:
        return ops.linear(x, matrices[0])
    up, down = matrices
    return ops.linear(ops.linear(x, up, activation="relu"), down)


def _numpy_linear(x: Floats, matrices: Sequence[Floats]) -> Floats:
    y = x @ matrices[0].T
    y += matrices[0][:, 0]
    if len(matrices) == 2:
        np.maximum(y, 0, out=y)
        y = y @ matrices[1].T
        y += matrices[1][:, 0]
    return y


def _numpy_attention(q: Floats, k: Floats, v: Floats, causal: bool) -> Floats:
    scores = q @ k.swapaxes(2, 3)
    scores *= np.float32(q.shape[3] ** -0.5)
    if causal:
        scores[..., ~np.tri(*scores.shape[2:], k.shape[2] - q.shape[2], dtype=bool)] = -np.inf
    scores -= scores.max(3, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(3, keepdims=True)
    return scores @ v


def _numpy_norm(x: Floats, gamma: Floats, beta: Floats | None) -> Floats:
    if beta is not None:
        x = x - x.mean(-1, keepdims=True)
    y = x * (1 / np.sqrt(np.square(x).mean(-1, keepdims=True) + np.float32(EPSILON))) * gamma
    return y if beta is None else y + beta


def groups(choice: Choice) -> list[Group]:
    """What a sweep consists of; a group shares its weights."""
    few = tuple(rows for rows in choice.rows if rows <= 256)
    return [
        *(Linear(k, n, d, choice.rows) for d in choice.dtypes for k, n in choice.products),
        *(Linear(k, n, d, few) for d in choice.dtypes for k, n in choice.vocabularies if few),
        *(Linear(k, 4 * k, d, choice.rows, ffn=True) for d in choice.dtypes for k in choice.blocks),
        *(Attention(*shape) for shape in choice.attentions),
        *(
            Step(*shape, dtype)
            for dtype in choice.dtypes
            if dtype != "int8"
            for shape in choice.steps
        ),
        *(Norm(*shape) for shape in choice.norms),
    ]
