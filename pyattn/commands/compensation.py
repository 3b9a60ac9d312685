"""Rounding to int4 that makes up for its errors, by what a model's products read (GPTQ).

A column of a matrix is rounded at a time; the columns behind it are moved so that the product of
the whole changes least on the inputs that were seen (Frantar et al. 2023). All that is needed of
these are the sums of the products of each two of them, [in, in]. They come from the model itself:
its translations of some texts in float32, and the products of the pass that scores them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn import reference
from pyattn.checkpoint import Checkpoint
from pyattn.files.native_entries import matrix_types
from pyattn.files.quantized import int4_scales, packed_int4, row_scale_int4
from pyattn.model import Model
from pyattn.stored import INT4_GROUP, Array, Stored, Tensors

# A share of the mean square of the inputs that is added to the square of each. More inputs than
# were seen are possible, and one that never was says nothing about its column.
_DAMPING = 0.01
# Of inputs that are multiplied at a time.
_ROWS = 1024

Moments: TypeAlias = npt.NDArray[np.float64]


def compensated(
    checkpoint: Checkpoint,
    sources: Sequence[Sequence[int]],
    *,
    threads: int | None = None,
    progress: Callable[[str], object] | None = None,
) -> Checkpoint:
    """The model with the matrices that int4 rounds in int4.

    Args:
        checkpoint: The model; matrices that it stores in int4 already are left alone.
        sources: Source ids of some hundred texts like those that it will read.
        threads: Threads for the translations; None is as many as the process may use.
        progress: Called with the name of each matrix before it is rounded.

    Raises:
        ValueError: if there are no sources, or a matrix has a value that is not finite.
    """
    if not sources:
        raise ValueError("compensation: no sources, expected one or more")
    tensors = Tensors.of(checkpoint.tensors)
    wanted = [
        name
        for name, kind in matrix_types(checkpoint.config).items()
        if kind == "int4" and tensors.stored(name).dtype != "int4"
    ]
    targets = _targets(checkpoint, sources, threads)
    moments = _moments(checkpoint, sources, targets, wanted)
    stored = {name: tensors.stored(name) for name in tensors}
    last = factor = np.empty((0, 0))
    for name in wanted:
        if progress is not None:
            progress(name)
        # Queries, keys and values, which follow each other, have the same.
        if moments[name] is not last:
            last, factor = moments[name], inverse_factor(moments[name])
        stored[name] = _named(name, tensors[name], factor)
    return Checkpoint(checkpoint.config, Tensors(stored), checkpoint.generation, checkpoint.text)


def _targets(
    checkpoint: Checkpoint, sources: Sequence[Sequence[int]], threads: int | None
) -> list[list[int]]:
    if "decoder" not in checkpoint.config.stacks:
        return []
    with Model(checkpoint, dtype="float32", threads=threads) as model:
        found = model.generate(sources, beam_size=1, num_hypotheses=1)
    return [hypotheses[0].tokens for hypotheses in found]


def _moments(
    checkpoint: Checkpoint,
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    wanted: Iterable[str],
) -> Mapping[str, Moments]:
    """The sums of products of inputs of each matrix, [in, in]."""
    left = set(wanted)
    seen: dict[tuple[str, ...], _Inputs] = {}

    def add(matrices: tuple[str, ...], rows: Array) -> None:
        if not left.isdisjoint(matrices):
            seen.setdefault(matrices, _Inputs()).add(rows)

    model = reference.Model(checkpoint, watch=add)
    # One by one: rows that pad shorter sources to longer ones are no inputs.
    for n, source in enumerate(sources):
        if targets:
            model.logits([source], [targets[n]])
        else:
            model.encode([source])
    sums = {names: inputs.moments() for names, inputs in seen.items()}
    return {name: moments for names, moments in sums.items() for name in names}


class _Inputs:
    """The inputs of a product, multiplied when there are many: few rows are mostly overhead."""

    def __init__(self) -> None:
        self._rows: list[Array] = []
        self._count = 0
        self._sum: Moments | None = None

    def add(self, rows: Array) -> None:
        """Takes rows, [rows, in]."""
        self._rows.append(rows.copy())
        self._count += len(rows)
        if self._count >= _ROWS:
            self._multiply()

    def moments(self) -> Moments:
        """[in, in]."""
        self._multiply()
        assert self._sum is not None
        return self._sum

    def _multiply(self) -> None:
        if self._rows:
            rows = np.concatenate(self._rows)
            product = (rows.T @ rows).astype(np.float64)
            self._sum = product if self._sum is None else self._sum + product
            self._rows, self._count = [], 0


def _named(name: str, weight: Array, factor: Moments) -> Stored:
    try:
        return round_with_factor(weight, factor)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def round_with_factor(weight: Array, factor: Moments) -> Stored:
    """A matrix in int4 whose products change least.

    Args:
        weight: [out, in].
        factor: `inverse_factor` of the moments of its inputs.

    Raises:
        ValueError: if the matrix has an infinity or a NaN.
    """
    rows, columns = weight.shape
    scale = row_scale_int4(weight)
    # In units of the row's scale, [in, out]: what is rounded together lies together.
    left = np.ascontiguousarray(np.divide(weight, scale[:, None], dtype=np.float64).T)
    numbers = np.zeros((columns, rows), np.int8)
    groups = np.zeros((rows, -(-columns // INT4_GROUP)), np.int8)
    for begin in range(0, columns, INT4_GROUP):
        group = slice(begin, min(begin + INT4_GROUP, columns))
        own = left[group]
        steps = groups[:, begin // INT4_GROUP] = int4_scales(own.T)
        errors = np.empty_like(own)
        for i, row in enumerate(factor[group, group]):
            numbers[begin + i] = np.clip(np.rint(own[i] / steps), -8, 7)
            errors[i] = (own[i] - steps * numbers[begin + i].astype(np.float64)) / row[i]
            own[i + 1 :] -= np.outer(row[i + 1 :], errors[i])
        left[group.stop :] -= factor[group, group.stop :].T @ errors
    return Stored("int4", packed_int4(np.ascontiguousarray(numbers.T)), scale, groups, columns)


def inverse_factor(moments: Moments) -> Moments:
    """The upper triangle U with U^T U the inverse of the damped moments, the sum of x x^T."""
    mean = float(np.trace(moments)) / len(moments)
    damping = _DAMPING * (mean if mean > 0 else 1.0)
    while True:
        damped = moments + damping * np.eye(len(moments))
        try:
            return np.ascontiguousarray(np.linalg.cholesky(np.linalg.inv(damped)).T)
        except np.linalg.LinAlgError:
            damping *= 10
