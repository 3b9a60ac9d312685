"""Products with packed matrices, and functions of their results."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyattn import _core
from pyattn._core import PackedLinear, Selection
from pyattn.ops.types import Activation, DType, Floats, Ids


def pack(
    weight: Floats,
    *,
    bias: Floats | None = None,
    gate: Floats | None = None,
    gate_bias: Floats | None = None,
    dtype: DType = "float32",
    isa: str | None = None,
) -> PackedLinear:
    """Packs a matrix into the layout of a level of instructions.

    Args:
        weight: [out, in], float32.
        bias: [out], or None.
        gate: [out, in], or None: a second matrix, whose activated product multiplies that of
            `weight` (gated linear units, Shazeer 2020).
        gate_bias: [out], or None.
        dtype: The number type of the weights. "float32": as they are. "bfloat16": rounded to their
            upper 16 bits; levels with instructions for it round the input too, others multiply in
            float32. "int8": with one scale per row of `weight`, and each row of the input with a
            scale and a zero of its own; sums are exact in int32. "int4": the same with weights that
            are a product of a whole number from -8 to 7, one from -15 to 15 for each group of 32
            inputs, and the scale of the row. "int8_grouped": int8 with a scale and a zero for each
            64 inputs of a row, which keeps the precision of the others where a few inputs are far
            above them; sums over groups are in float32.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        The argument `packed` of `linear`; it has `in_features`, `out_features`, `gated`, `nbytes`,
        `dtype` and `isa`.

    Raises:
        ValueError: if the shapes do not agree or there is no such number type or level.
        TypeError: if an argument is not a float32 array.
    """
    if gate is None:
        return _core.pack("pack", "weight", weight, "bias", bias, dtype, isa)
    return _core.pack_gated("pack", "weight", weight, "bias", bias, gate, gate_bias, dtype, isa)


def linear(x: Floats, packed: PackedLinear, *, activation: Activation | None = None) -> Floats:
    """activation(x W^T + bias), by a matrix that was packed before.

    With a gate, activation(x gate^T + gate_bias) * (x W^T + bias).

    A row's result does not depend on the other rows.

    Args:
        x: [..., in], float32.
        packed: Result of `pack` for the [out, in] matrix.
        activation: Applied to every element; None is none.

    Returns:
        [..., out].

    Raises:
        ValueError: if the last axis of `x` is not the matrix's, or the activation is unknown.
        TypeError: if `x` is not a float32 array.
    """
    return _core.linear(x, packed, activation or "none")


def best_tokens(
    x: Floats,
    packed: PackedLinear,
    k: int,
    *,
    columns: Selection | npt.NDArray[np.integer] | list[int] | None = None,
    suppressed: npt.NDArray[np.integer] | list[int] | None = None,
) -> tuple[Ids, Floats]:
    """The k largest elements of log_softmax(x W^T + bias) in each row, the last step of a decoder.

    The logits exist for a few hundred columns at a time and are never stored as a whole. A row's
    result does not depend on the other rows.

    Args:
        x: [..., in], float32.
        packed: Result of `pack` for the [vocab, in] matrix.
        k: Number of columns to choose in each row.
        columns: The only columns to consider, as for a sentence with a shortlist: ascending ids,
            or the result of `select`. Log-probabilities are normalised over them. None is all.
        suppressed: Columns that are not chosen; they still count in the distribution.

    Returns:
        Columns and their log-probabilities, [..., min(k, number of columns)] each, int32 and
        float32, the best first and equal ones in the order of their columns, which are always
        numbered as in the whole matrix. Logits of -inf or not a number are not chosen; where too
        few are left, the columns are -1 and the log-probabilities -inf.

    Raises:
        ValueError: if the last axis of `x` is not the matrix's, `k` is less than 1, there is no
            such column, or the selection is another matrix's.
        TypeError: if an argument is not an array of its type.
    """
    return _core.best_tokens(x, packed, k, columns, suppressed)


def sample_tokens(
    x: Floats,
    packed: PackedLinear,
    uniforms: npt.NDArray[np.float64],
    *,
    temperature: float = 1.0,
    top_p: float = 1.0,
    columns: Selection | npt.NDArray[np.integer] | list[int] | None = None,
    suppressed: npt.NDArray[np.integer] | list[int] | None = None,
) -> tuple[Ids, Floats]:
    """Tokens drawn from softmax((x W^T + bias) / temperature) by the caller's random numbers.

    A draw is the column where the cumulative probability passes its number (inverse transform
    sampling): in the order of the columns, or from the likeliest down if `top_p` is below 1. As
    for `best_tokens`, the logits are never stored as a whole, and a row's draws do not depend on
    the other rows.

    Args:
        x: [..., in], float32.
        packed: Result of `pack` for the [vocab, in] matrix.
        uniforms: [..., draws], float64, in [0, 1): one for each draw.
        temperature: Above 1 draws are more even, below 1 less so.
        top_p: Only the fewest of the likeliest tokens are drawn whose probabilities, at this
            temperature, add up to this (nucleus sampling, Holtzman et al. 2020).
        columns: As for `best_tokens`.
        suppressed: Columns that are not drawn, and have no part of the probabilities.

    Returns:
        Columns and their log-probabilities, [..., draws] each, int32 and float32. The latter are
        `best_tokens`': at a temperature of 1, and of all columns. Where there is no distribution,
        as where all is suppressed, the columns are -1 and the log-probabilities -inf.

    Raises:
        ValueError: if shapes do not agree, a number is out of its range, there is no such column,
            or the selection is another matrix's.
        TypeError: if an argument is not an array of its type.
    """
    return _core.sample_tokens(x, packed, uniforms, temperature, top_p, columns, suppressed)


def select(packed: PackedLinear, columns: npt.NDArray[np.integer] | list[int]) -> Selection:
    """Copies a few columns out of a packed matrix, for `best_tokens` to use at many steps.

    Args:
        packed: Result of `pack` for the [vocab, in] matrix.
        columns: Columns to copy, ascending.

    Returns:
        The argument `columns` of `best_tokens`, with the same `packed`; it has `columns` and
        `nbytes`.

    Raises:
        ValueError: if there is no such column, or they do not ascend.
        TypeError: if they are not integers.
    """
    return _core.select("select", packed, columns)


def feed_forward(
    x: Floats,
    w1: Floats,
    b1: Floats | None,
    w2: Floats,
    b2: Floats | None,
    *,
    activation: Activation = "relu",
    gate: Floats | None = None,
    gate_bias: Floats | None = None,
    dtype: DType = "float32",
    isa: str | None = None,
) -> Floats:
    """The feed-forward block, activation(x w1^T + b1) w2^T + b2 (Vaswani et al. 2017, eq. 2).

    With a gate its middle is activation(x gate^T + gate_bias) * (x w1^T + b1) (Shazeer 2020). The
    matrices are packed at every call; to apply the same ones often, `pack` them and call `linear`
    twice.

    Args:
        x: [..., dim], float32.
        w1: [ffn, dim].
        b1: [ffn], or None.
        w2: [out, ffn]; `out` is usually `dim`.
        b2: [out], or None.
        activation: Between the products.
        gate: [ffn, dim], or None.
        gate_bias: [ffn], or None.
        dtype: Number type of the packed matrices, see `pack`.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        [..., out].

    Raises:
        ValueError: if the shapes do not agree; the message names the argument.
        TypeError: if an argument is not a float32 array.
    """
    operation = "feed_forward"
    up = (
        _core.pack(operation, "w1", w1, "b1", b1, dtype, isa)
        if gate is None
        else _core.pack_gated(operation, "w1", w1, "b1", b1, gate, gate_bias, dtype, isa)
    )
    down = _core.pack(operation, "w2", w2, "b2", b2, dtype, isa)
    check_matrix(operation, "w2", down, inner=up.out_features)
    return _core.feed_forward(x, up, down, activation)


def check_matrix(
    operation: str,
    name: str,
    matrix: PackedLinear,
    *,
    out: int | None = None,
    inner: int | None = None,
) -> None:
    """Raises ValueError unless the matrix is [out, inner], of which None is any number."""
    if out in (None, matrix.out_features) and inner in (None, matrix.in_features):
        return
    raise ValueError(
        f"{operation}: {name} has shape [{matrix.out_features}, {matrix.in_features}], "
        f"expected [{'any' if out is None else out}, {'any' if inner is None else inner}]"
    )
