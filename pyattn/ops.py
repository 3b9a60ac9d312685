"""The kernels for NumPy users: float32 arrays in, float32 arrays out, read where they lie.

Arrays are taken without a copy if their last axis is contiguous (`attention`) or if they are in C
order (the others). Every function releases the GIL; large work runs on as many threads as the
process may use, and can be interrupted. Denormal numbers count as zero.
"""

from __future__ import annotations

import operator
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn import _core
from pyattn._core import PackedLinear, Selection

__all__ = [
    "Activation",
    "PackedLinear",
    "Selection",
    "attention",
    "attention_step",
    "best_tokens",
    "feed_forward",
    "layer_norm",
    "linear",
    "multi_head_attention",
    "pack",
    "rms_norm",
    "select",
]

Floats: TypeAlias = npt.NDArray[np.float32]
Bools: TypeAlias = npt.NDArray[np.bool_]
Ids: TypeAlias = npt.NDArray[np.int32]
Activation: TypeAlias = Literal["relu", "gelu", "gelu_tanh", "silu"]
DType: TypeAlias = Literal["float32", "bfloat16", "int8"]


def attention(
    q: Floats,
    k: Floats,
    v: Floats,
    *,
    lengths: npt.NDArray[np.integer] | list[int] | None = None,
    mask: Bools | None = None,
    causal: bool = False,
    scale: float | None = None,
    bias: Floats | None = None,
    soft_cap: float | None = None,
    window: int | None = None,
    dtype: Literal["float32", "bfloat16"] = "float32",
    isa: str | None = None,
) -> Floats:
    """Scaled dot-product attention, softmax(q k^T * scale + bias) v (Vaswani et al. 2017, eq. 1).

    The scores are never stored: a running softmax (Milakov and Gimelshein 2018) takes up the keys
    block by block.

    Args:
        q: Queries, [batch, heads, time_q, head_dim], float32.
        k: Keys, [batch, kv_heads, time_k, head_dim]; `heads` is a multiple of `kv_heads`, and each
            group of neighbouring query heads shares one of them (Ainslie et al. 2023).
        v: Values, shaped like `k`.
        lengths: Keys that exist in each row of the batch, [batch]; all if None.
        mask: Bool, [batch or 1, heads or 1, time_q or 1, time_k]; True where a query may look.
        causal: Whether a query sees no later position than its own. The queries are the last
            `time_q` of the `time_k` positions.
        scale: What scores are multiplied by; None is 1 / sqrt(head_dim).
        bias: Added to the scores, shaped like `mask`, float32.
        soft_cap: Scores become soft_cap * tanh(scores / soft_cap) before the bias is added (Gemma
            Team 2024, section 2); None leaves them as they are.
        window: How many positions a query sees, its own the last of them (Beltagy et al. 2020, one
            side of it); with `causal` no more than that, else it sees what follows too.
        dtype: What products take. With "bfloat16" queries, keys, values and weights are rounded,
            where the level has instructions for it; the rest is float32.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        [batch, heads, time_q, head_dim]. A query that may see no key gets zeros.

    Raises:
        ValueError: if the shapes do not agree; the message names the argument.
        TypeError: if an argument is not an array of its type.
    """
    return _core.attention(
        "attention",
        q,
        k,
        v,
        lengths,
        mask,
        causal,
        scale,
        bias,
        soft_cap,
        window,
        dtype,
        isa,
    )


def attention_step(
    q: Floats,
    cache: Floats | npt.NDArray[np.uint16],
    table: npt.NDArray[np.integer],
    *,
    lengths: npt.NDArray[np.integer] | list[int] | None = None,
    scale: float | None = None,
    bias: Floats | None = None,
    soft_cap: float | None = None,
    window: int | None = None,
    isa: str | None = None,
) -> Floats:
    """Attention of one query per head and row, keys and values found by a table.

    A step of decoding: rows that share tokens, as beams do, share their slots (Kwon et al. 2023,
    with blocks of one token).

    Args:
        q: Queries, [rows, heads, head_dim], float32.
        cache: Keys and values of tokens, [slots, 2, kv_heads, head_dim]; `heads` is a multiple of
            `kv_heads`, as in `attention`. float32, or the bits of bfloat16 as uint16, which halve
            what is read.
        table: [rows, time], integers: the slot of each token that a row sees.
        lengths: How many of a row's tokens exist, [rows]; all if None. The others are not read.
        scale: What scores are multiplied by; None is 1 / sqrt(head_dim).
        bias: Added to the scores, [rows or 1, heads, time], float32.
        soft_cap: As in `attention`.
        window: How many of a row's tokens, the last ones, it sees; all if None.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        [rows, heads, head_dim]. A query that sees no token gets zeros.

    Raises:
        ValueError: if the shapes do not agree or a slot does not exist; the message names the
            argument.
        TypeError: if an argument is not an array of its type.
    """
    return _core.attention_step(q, cache, table, lengths, scale, bias, soft_cap, window, isa)


def layer_norm(
    x: Floats, gamma: Floats, beta: Floats, *, epsilon: float = 1e-5, isa: str | None = None
) -> Floats:
    """Layer norm, (x - mean) / sqrt(var + epsilon) * gamma + beta (Ba et al. 2016, eq. 4).

    Args:
        x: [..., dim], float32; mean and variance are taken over the last axis.
        gamma: [dim].
        beta: [dim].
        epsilon: Added to the variance.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        Shaped like `x`. A constant row becomes `beta`.

    Raises:
        ValueError: if the shapes do not agree; the message names the argument.
        TypeError: if an argument is not a float32 array.
    """
    return _core.layer_norm(x, gamma, beta, epsilon, isa)


def rms_norm(x: Floats, gamma: Floats, *, epsilon: float = 1e-6, isa: str | None = None) -> Floats:
    """RMS norm, x / sqrt(mean(x^2) + epsilon) * gamma (Zhang and Sennrich 2019, eq. 4).

    Args:
        x: [..., dim], float32.
        gamma: [dim].
        epsilon: Added to the mean of the squares.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        Shaped like `x`.

    Raises:
        ValueError: if the shapes do not agree; the message names the argument.
        TypeError: if an argument is not a float32 array.
    """
    return _core.rms_norm(x, gamma, epsilon, isa)


def pack(
    weight: Floats,
    *,
    bias: Floats | None = None,
    gate: Floats | None = None,
    gate_bias: Floats | None = None,
    dtype: DType = "float32",
    isa: str | None = None,
) -> PackedLinear:
    """Lays a matrix out for the level of instructions that will multiply by it.

    Args:
        weight: [out, in], float32.
        bias: [out], or None.
        gate: [out, in], or None: a second matrix, whose activated product multiplies that of
            `weight` (gated linear units, Shazeer 2020).
        gate_bias: [out], or None.
        dtype: The number type of the weights. "float32": as they are. "bfloat16": rounded to their
            upper 16 bits; levels with instructions for it round the input too, others multiply in
            float32. "int8": with one scale per row of `weight`, and each row of the input with a
            scale and a zero of its own; sums are exact in int32.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        What `linear` takes; it has `in_features`, `out_features`, `gated`, `nbytes`, `dtype` and
        `isa`.

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
        packed: What `pack` made of the [out, in] matrix.
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
        packed: What `pack` made of the [vocab, in] matrix.
        k: How many are wanted of each row.
        columns: The only ones that exist, as in a shortlist of a source sentence's translations:
            ascending ids, or what `select` made of them. Log-probabilities are normalised over
            them. None is all.
        suppressed: Columns that are not chosen; they count in the distribution all the same.

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


def select(packed: PackedLinear, columns: npt.NDArray[np.integer] | list[int]) -> Selection:
    """Copies a few columns out of a packed matrix, for `best_tokens` to use at many steps.

    Args:
        packed: What `pack` made of the [vocab, in] matrix.
        columns: Which, ascending, each once.

    Returns:
        What `best_tokens` takes as `columns`, together with the same `packed`; it has `columns` and
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
        dtype: What the matrices are packed in, see `pack`.
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
    _check_matrix(operation, "w2", down, inner=up.out_features)
    return _core.feed_forward(x, up, down, activation)


def multi_head_attention(
    x_q: Floats,
    x_kv: Floats,
    wq: Floats,
    bq: Floats | None,
    wk: Floats,
    bk: Floats | None,
    wv: Floats,
    bv: Floats | None,
    wo: Floats,
    bo: Floats | None,
    *,
    heads: int,
    lengths: npt.NDArray[np.integer] | list[int] | None = None,
    causal: bool = False,
    isa: str | None = None,
) -> Floats:
    """Multi-head attention with its projections (Vaswani et al. 2017, section 3.2.2).

    Args:
        x_q: What asks, [batch, time_q, dim], float32.
        x_kv: What is looked at, [batch, time_k, dim]; `x_q` itself for self-attention.
        wq: [inner, dim]; `inner` is a multiple of `heads`, usually `dim`.
        bq: [inner], or None.
        wk: [inner, dim].
        bk: [inner], or None.
        wv: [inner, dim].
        bv: [inner], or None.
        wo: [out, inner].
        bo: [out], or None.
        heads: Number of heads.
        lengths: Rows of `x_kv` that exist in each row of the batch, [batch]; all if None.
        causal: Whether a query sees no later position than its own.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        [batch, time_q, out].

    Raises:
        ValueError: if the shapes do not agree; the message names the argument.
        TypeError: if an argument is not a float32 array.
    """
    operation = "multi_head_attention"
    query = _core.pack(operation, "wq", wq, "bq", bq, "float32", isa)
    key = _core.pack(operation, "wk", wk, "bk", bk, "float32", isa)
    value = _core.pack(operation, "wv", wv, "bv", bv, "float32", isa)
    output = _core.pack(operation, "wo", wo, "bo", bo, "float32", isa)
    inner = query.out_features
    _check_matrix(operation, "wk", key, out=inner)
    _check_matrix(operation, "wv", value, out=inner, inner=key.in_features)
    _check_matrix(operation, "wo", output, inner=inner)
    head_dim = inner // _checked_heads(operation, heads, inner)
    _check_sequences(operation, "x_q", x_q, query.in_features)
    _check_sequences(operation, "x_kv", x_kv, key.in_features)
    if len(x_kv) != len(x_q):
        raise ValueError(
            f"{operation}: x_kv has shape {list(x_kv.shape)}, expected a batch of {len(x_q)}"
        )

    def split(x: Floats, matrix: PackedLinear) -> Floats:
        y: Floats = linear(x, matrix).reshape(*x.shape[:2], heads, head_dim).swapaxes(1, 2)
        return y

    q, k, v = split(x_q, query), split(x_kv, key), split(x_kv, value)
    mixed = _core.attention(
        operation, q, k, v, lengths, None, causal, None, None, None, None, "float32", isa
    )
    return linear(mixed.swapaxes(1, 2).reshape(*x_q.shape[:2], inner), output)


def _check_matrix(
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


def _check_sequences(operation: str, name: str, x: Floats, dim: int) -> None:
    """Raises ValueError or TypeError unless x is float32 [batch, time, dim]."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"{operation}: {name} is {type(x).__name__}, expected a float32 array")
    if x.dtype != np.float32:
        raise TypeError(f"{operation}: {name} has dtype {x.dtype}, expected float32")
    if x.ndim != 3:
        raise ValueError(
            f"{operation}: {name} has shape {list(x.shape)}, expected [batch, time, dim]"
        )
    if x.shape[2] != dim:
        raise ValueError(
            f"{operation}: {name} has shape {list(x.shape)}, expected a last axis of {dim}"
        )


def _checked_heads(operation: str, heads: int, inner: int) -> int:
    try:
        number = operator.index(heads)
    except TypeError:
        raise TypeError(
            f"{operation}: heads is {type(heads).__name__}, expected an integer"
        ) from None
    if number < 1 or inner % number:
        raise ValueError(f"{operation}: heads is {number}, expected a divisor of wq's {inner} rows")
    return number
