"""Attention: every query takes a weighted mean of the values that it may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyattn.reference.arrays import (
    Bools,
    Floats,
    check_dtype,
    check_floats,
    check_lengths,
)
from pyattn.reference.layers import PackedLinear
from pyattn.reference.masks import as_bias, check_window, padding_mask, segment_bias, window_mask
from pyattn.reference.softmax import soft_capped, softmax_in_place
from pyattn.segments import KeySegment


def attend(
    q: Floats,
    k: Floats,
    v: Floats,
    *,
    scale: float,
    bias: Floats | None = None,
    soft_cap: float | None = None,
) -> Floats:
    """softmax(q k^T * scale + bias) v, unchecked: the one line that the model is about.

    Args:
        q: [rows, heads, time_q, head_dim].
        k: [rows, kv_heads, time_k, head_dim].
        v: Like k.
        scale: What the scores are multiplied by, on the side of the queries, which are fewer.
        bias: Added to the scores [rows, heads, time_q, time_k]; -inf where a query may not look.
        soft_cap: As in `attention`.

    Returns:
        [rows, heads, time_q, head_dim]. A query that may see no key gets zeros.
    """
    weights = attention_weights(q, k, scale=scale, bias=bias, soft_cap=soft_cap)
    return by_shared_heads(weights, v)


def attention_weights(
    q: Floats,
    k: Floats,
    *,
    scale: float,
    bias: Floats | None = None,
    soft_cap: float | None = None,
) -> Floats:
    """softmax(q k^T * scale + bias), [rows, heads, time_q, time_k]; arguments as in `attend`."""
    scores = by_shared_heads(np.multiply(q, np.float32(scale)), k.swapaxes(-1, -2))
    if soft_cap is not None:
        scores = soft_capped(scores, soft_cap)
    if bias is not None:
        scores += bias
    return softmax_in_place(scores)


def by_shared_heads(x: Floats, y: Floats) -> Floats:
    """The product x @ y of every head of x and the one of y that it shares with its neighbours.

    [rows, heads, time, inner] by [rows, kv_heads, inner, out] -> [rows, heads, time, out].
    """
    rows, heads, time, inner = x.shape
    kv_heads, out = y.shape[1], y.shape[3]
    if heads == kv_heads:
        return x @ y
    # Heads that share a head of y are to it further rows of one head.
    product: Floats = x.reshape(rows, kv_heads, heads // kv_heads * time, inner) @ y
    return product.reshape(rows, heads, time, out)


def attention(
    q: Floats,
    k: Floats,
    v: Floats,
    *,
    lengths: Any = None,
    mask: Bools | None = None,
    causal: bool = False,
    scale: float | None = None,
    bias: Floats | None = None,
    soft_cap: float | None = None,
    window: int | tuple[int, int] | None = None,
    segments: Sequence[KeySegment] = (),
) -> Floats:
    """Scaled dot-product attention, softmax(q k^T * scale + bias) v (Vaswani et al. 2017, eq. 1).

    Args:
        q: Queries, [batch, heads, time_q, head_dim], float32.
        k: Keys, [batch, kv_heads, time_k, head_dim], float32; `heads` is a multiple of
            `kv_heads`, and query head h reads key head h // (heads / kv_heads).
        v: Values, like k.
        lengths: [batch], how many of a row's keys are real; what the others hold is never read.
        mask: [batch or 1, heads or 1, time_q or 1, time_k], bool, True where a query may look.
        causal: Whether a query sees no later position than its own. The queries are the last
            `time_q` of the `time_k` positions, as they are when a cache holds the earlier ones.
        scale: 1 / sqrt(head_dim) if it is not given.
        bias: Added to the scores; shaped like the mask, float32.
        soft_cap: Scores become soft_cap * tanh(scores / soft_cap) before the bias is added (Gemma
            Team 2024, section 2).
        window: How many positions a query sees, its own the last of them; without `causal` it sees
            what follows too. Or how many before its own and how many after it.
        segments: Keys that all queries see beside these.

    Returns:
        [batch, heads, time_q, head_dim]. A query that may see no key gets zeros.

    Raises:
        ValueError: if the shapes do not agree; the message names the argument.
        TypeError: if an argument is not an array of its type.
    """
    check_floats("attention", "q", q, [None] * 4)
    check_floats("attention", "k", k, [len(q), None, None, q.shape[3]])
    check_floats("attention", "v", v, k.shape)
    batch, heads, time_q, head_dim = q.shape
    kv_heads, time_k = k.shape[1:3]
    if head_dim == 0:
        raise ValueError(
            f"attention: q has shape {list(q.shape)}, expected a head_dim of 1 or more"
        )
    if kv_heads == 0 or heads % kv_heads:
        raise ValueError(
            f"attention: q has {heads} heads, expected a multiple of the {kv_heads} of k"
        )

    allowed: Bools = np.ones((1, 1, 1, time_k), np.bool_)
    if lengths is not None:
        allowed = padding_mask(check_lengths("attention", lengths, batch, time_k), time_k)
        # Weights of zero would not silence an inf or a nan.
        real = allowed.swapaxes(-1, -2)
        k, v = np.where(real, k, np.float32(0)), np.where(real, v, np.float32(0))
    in_window = window_mask(time_q, time_k, causal=causal, window=window)
    allowed = allowed & in_window
    if soft_cap is not None:
        _check_cap("attention", soft_cap)
    if mask is not None:
        _check_scores("mask", mask, np.bool_, (batch, heads, time_q, time_k))
        allowed = allowed & mask
    additive = as_bias(allowed)
    if bias is not None:
        _check_scores("bias", bias, np.float32, (batch, heads, time_q, time_k))
        additive = additive + bias

    if segments:
        parts = [np.broadcast_to(additive, (batch, heads, time_q, time_k))]
        parts += [segment_bias(segment, in_window, parts[0].shape) for segment in segments]
        additive = np.concatenate(parts, axis=3)
        k = np.concatenate([k, *(segment.k for segment in segments)], axis=2)
        v = np.concatenate([v, *(segment.v for segment in segments)], axis=2)
    scale = head_dim**-0.5 if scale is None else scale
    return attend(q, k, v, scale=scale, bias=additive, soft_cap=soft_cap)


def attention_step(
    q: Floats,
    cache: Any,
    table: Any,
    *,
    lengths: Any = None,
    scale: float | None = None,
    bias: Floats | None = None,
    soft_cap: float | None = None,
    window: int | None = None,
    scales: Floats | None = None,
) -> Floats:
    """Attention of one query per head and row, keys and values found by a table.

    Args:
        q: Queries, [rows, heads, head_dim], float32.
        cache: Keys and values of tokens, [slots, 2, kv_heads, head_dim]: float32, the bits of
            bfloat16 as uint16, which are the upper halves of floats, or int8.
        table: [rows, time], the slot of each token that a row sees.
        lengths: [rows], how many of a row's tokens are real.
        scale: 1 / sqrt(head_dim) if it is not given.
        bias: Added to the scores, [rows or 1, heads, time].
        soft_cap: As in `attention`.
        window: How many of a row's real tokens, the last ones, it sees.
        scales: What the int8 of each slot and head are multiplied by, [slots, 2, kv_heads].

    Returns:
        [rows, heads, head_dim]. A query that sees no token gets zeros.

    Raises:
        ValueError: if the shapes do not agree or a number is out of its range.
        TypeError: if an argument is not an array of its type.
    """
    operation = "attention_step"
    if isinstance(cache, np.ndarray) and cache.dtype == np.uint16:
        cache = (cache.astype(np.uint32) << 16).view(np.float32)
    if isinstance(cache, np.ndarray) and cache.dtype == np.int8:
        if scales is None:
            raise ValueError(f"{operation}: cache is int8, expected scales")
        check_floats(operation, "scales", scales, cache.shape[:3])
        cache = cache.astype(np.float32) * scales[..., None]
    elif scales is not None:
        raise ValueError(f"{operation}: scales are given, expected a cache in int8")
    check_floats(operation, "cache", cache, [None, 2, None, None])
    check_floats(operation, "q", q, [None, None, cache.shape[3]])
    slots = np.asarray(table)
    if slots.dtype.kind not in "iu":
        raise TypeError(f"{operation}: table has dtype {slots.dtype}, expected integers")
    if slots.ndim != 2 or len(slots) != len(q):
        raise ValueError(
            f"{operation}: table has shape {list(slots.shape)}, expected [{len(q)}, time]"
        )
    if soft_cap is not None:
        _check_cap(operation, soft_cap)
    time = slots.shape[1]
    ends = check_lengths(operation, [time] * len(q) if lengths is None else lengths, len(q), time)
    y = np.zeros_like(q)
    for row, end in enumerate(ends):
        begin = 0
        if window is not None:
            check_window(operation, window)
            begin = max(int(end) - window, 0)
        seen = slots[row, begin:end]
        if ((seen < 0) | (seen >= len(cache))).any():
            raise ValueError(f"{operation}: table has a slot that cache does not have")
        k, v = cache[seen].transpose(1, 2, 0, 3)[:, None]
        of_row = None if bias is None else bias[row % len(bias), None, :, None, begin:end]
        y[row] = attention(
            q[row, None, :, None], k, v, scale=scale, bias=of_row, soft_cap=soft_cap
        )[0, :, 0]
    return y


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
    lengths: Any = None,
    causal: bool = False,
) -> Floats:
    """Attention of several heads side by side (Vaswani et al. 2017, section 3.2.2).

    The three places of a Transformer: in the encoder `x_q` and `x_kv` are the same; in the decoder
    they are the same and `causal` is set; between the two `x_kv` is the encoder's memory.

    Args:
        x_q: Where queries are made from, [batch, time_q, dim], float32.
        x_kv: Where keys and values are made from, [batch, time_k, dim_kv], float32.
        wq: [heads * head_dim, dim].
        bq: [heads * head_dim], or None.
        wk: [heads * head_dim, dim_kv].
        bk: Like bq.
        wv: Like wk.
        bv: Like bq.
        wo: [dim_out, heads * head_dim].
        bo: [dim_out], or None.
        heads: Number of heads.
        lengths: [batch], how many rows of `x_kv` are real.
        causal: Whether a query sees no later position than its own.

    Returns:
        [batch, time_q, dim_out].

    Raises:
        ValueError: if the shapes do not agree; the message names the argument.
        TypeError: if an argument is not an array of its type.
    """
    operation = "multi_head_attention"
    check_floats(operation, "x_q", x_q, [None] * 3)
    check_floats(operation, "x_kv", x_kv, [len(x_q), None, None])
    check_floats(operation, "wq", wq, [None, x_q.shape[2]])
    inner = len(wq)
    if heads < 1 or inner == 0 or inner % heads:
        raise ValueError(f"{operation}: heads is {heads}, expected a divisor of wq's {inner} rows")
    check_floats(operation, "wk", wk, [inner, x_kv.shape[2]])
    check_floats(operation, "wv", wv, [inner, x_kv.shape[2]])
    check_floats(operation, "wo", wo, [None, inner])
    for name, bias, size in (
        ("bq", bq, inner),
        ("bk", bk, inner),
        ("bv", bv, inner),
        ("bo", bo, len(wo)),
    ):
        if bias is not None:
            check_floats(operation, name, bias, [size])
    if lengths is not None:
        lengths = check_lengths(operation, lengths, *x_kv.shape[:2])

    q = split_heads(PackedLinear(wq, bq)(x_q), heads)
    k = split_heads(PackedLinear(wk, bk)(x_kv), heads)
    v = split_heads(PackedLinear(wv, bv)(x_kv), heads)
    mixed = attention(q, k, v, lengths=lengths, causal=causal)
    return PackedLinear(wo, bo)(merge_heads(mixed))


def split_heads(x: Floats, heads: int) -> Floats:
    """[batch, time, heads * head_dim] -> [batch, heads, time, head_dim], a view if it can be."""
    batch, time, dim = x.shape
    split: Floats = x.reshape(batch, time, heads, dim // heads).transpose(0, 2, 1, 3)
    return split


def fused_heads(x: Floats, parts: int, heads: int) -> Floats:
    """[batch, time, parts * heads * head_dim] -> [parts, batch, heads, time, head_dim], a view."""
    batch, time, width = x.shape
    apart = x.reshape(batch, time, parts, heads, width // (parts * heads))
    split: Floats = apart.transpose(2, 0, 3, 1, 4)
    return split


def merge_heads(x: Floats) -> Floats:
    """[batch, heads, time, head_dim] -> [batch, time, heads * head_dim]."""
    batch, heads, time, head_dim = x.shape
    merged: Floats = x.transpose(0, 2, 1, 3).reshape(batch, time, heads * head_dim)
    return merged


def _check_cap(operation: str, soft_cap: float) -> None:
    if not 1e-30 <= soft_cap <= 1e30:
        raise ValueError(f"{operation}: soft_cap is {soft_cap}, expected 1e-30 to 1e30")


def _check_scores(name: str, array: Any, dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    check_dtype("attention", name, array, dtype)
    batch, heads, time_q, time_k = shape
    if (
        array.ndim != 4
        or array.shape[0] not in (1, batch)
        or array.shape[1] not in (1, heads)
        or array.shape[2] not in (1, time_q)
        or array.shape[3] != time_k
    ):
        raise ValueError(
            f"attention: {name} has shape {list(array.shape)}, "
            f"expected [{batch} or 1, {heads} or 1, {time_q} or 1, {time_k}]"
        )
