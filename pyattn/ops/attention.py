"""Attention: tiled, of one decoding step, and with its projections."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from pyattn import _core
from pyattn._core import PackedLinear
from pyattn.ops.products import check_matrix, linear
from pyattn.ops.types import Bools, Floats
from pyattn.segments import KeySegment


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
    window: int | tuple[int, int] | None = None,
    segments: Sequence[KeySegment] = (),
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
        scale: Factor of the scores; None is 1 / sqrt(head_dim).
        bias: Added to the scores, shaped like `mask`, float32.
        soft_cap: Scores become soft_cap * tanh(scores / soft_cap) before the bias is added (Gemma
            Team 2024, section 2); None leaves them as they are.
        window: Number of positions that a query sees, its own being the last; without `causal` it
            also sees all later positions. Or how many it sees before and after its own (Beltagy et
            al. 2020). Time and memory grow with the window, not with `time_k`.
        segments: Keys that all queries see beside these.
        dtype: Number type of the products. With "bfloat16" queries, keys, values and weights are
            rounded, if the level has instructions for it; the rest is float32.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        [batch, heads, time_q, head_dim]. A query that may see no key gets zeros. The bits of a
        query are the same in any batch. A single query per head (`time_q` is 1) is summed as in
        `attention_step`, and may differ in the last bits from the same query among others.

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
        segments,
        dtype,
        isa,
    )


def linear_attention(
    q: Floats,
    k: Floats,
    v: Floats,
    *,
    lengths: npt.NDArray[np.integer] | list[int] | None = None,
    causal: bool = False,
    isa: str | None = None,
) -> Floats:
    """Linear attention with the features elu(x) + 1 (Katharopoulos et al. 2020, equations 4 to 12).

    Where attention has exp(q.k), this has f(q).f(k), with f(x) = elu(x) + 1. A query's answer is

        f(q) (sum of f(k) v^T) / f(q).(sum of f(k))

    over the keys that it sees. Time is linear in the length, and memory does not depend on it.

    Args:
        q: Queries, [batch, heads, time_q, head_dim], float32.
        k: Keys, [batch, heads, time_k, head_dim].
        v: Values, [batch, heads, time_k, value_dim].
        lengths: Keys that exist in each row of the batch, [batch]; all if None.
        causal: Whether a query sees no later position than its own. The queries are the last
            `time_q` of the `time_k` positions.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        [batch, heads, time_q, value_dim]. A query that sees no key gets zeros. Sums go from the
        first key on: the bits of a query are the same in any batch, and on every level with a fused
        multiply-add.

    Raises:
        ValueError: if the shapes do not agree; the message names the argument.
        TypeError: if an argument is not an array of its type.
    """
    return _core.linear_attention(q, k, v, lengths, causal, isa)


def attention_step(
    q: Floats,
    cache: Floats | npt.NDArray[np.uint16] | npt.NDArray[np.int8],
    table: npt.NDArray[np.integer],
    *,
    lengths: npt.NDArray[np.integer] | list[int] | None = None,
    scale: float | None = None,
    bias: Floats | None = None,
    soft_cap: float | None = None,
    window: int | None = None,
    scales: Floats | None = None,
    isa: str | None = None,
) -> Floats:
    """Attention of one query per head and row, keys and values found by a table.

    A step of decoding: rows that share tokens, as beams do, share their slots (Kwon et al. 2023,
    with blocks of one token).

    Args:
        q: Queries, [rows, heads, head_dim], float32.
        cache: Keys and values of tokens, [slots, 2, kv_heads, head_dim]; `heads` is a multiple of
            `kv_heads`, as in `attention`. float32, the bits of bfloat16 as uint16, which halve
            memory traffic, or int8, which halves it again.
        table: [rows, time], integers: the slot of each token that a row sees.
        lengths: How many of a row's tokens exist, [rows]; all if None. The others are not read.
        scale: Factor of the scores; None is 1 / sqrt(head_dim).
        bias: Added to the scores, [rows or 1, heads, time], float32.
        soft_cap: As in `attention`.
        window: How many of a row's tokens, the last ones, it sees; all if None.
        scales: What the int8 of each slot and head are multiplied by, [slots, 2, kv_heads],
            float32; only for a cache in int8.
        isa: Level of instructions; None is the best, or PYATTN_ISA.

    Returns:
        [rows, heads, head_dim]. A query that sees no token gets zeros.

    Raises:
        ValueError: if the shapes do not agree or a slot does not exist; the message names the
            argument.
        TypeError: if an argument is not an array of its type.
    """
    return _core.attention_step(
        q, cache, table, lengths, scale, bias, soft_cap, window, scales, isa
    )


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
        x_q: Input of the queries, [batch, time_q, dim], float32.
        x_kv: Input of keys and values, [batch, time_k, dim]; `x_q` itself for self-attention.
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
    check_matrix(operation, "wk", key, out=inner)
    check_matrix(operation, "wv", value, out=inner, inner=key.in_features)
    check_matrix(operation, "wo", output, inner=inner)
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
        operation, q, k, v, lengths, None, causal, None, None, None, None, (), "float32", isa
    )
    return linear(mixed.swapaxes(1, 2).reshape(*x_q.shape[:2], inner), output)


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
