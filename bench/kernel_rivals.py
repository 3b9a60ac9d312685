"""PyTorch's side of `kernels.py`: the same work as a user of PyTorch would ask for it."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional

Calls = list[Callable[[], Any]]
Floats = np.ndarray[Any, np.dtype[np.float32]]
Tensor = torch.Tensor


def prepare() -> None:
    """One thread, and no graph for gradients."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)


def torch_linears(
    weights: Sequence[Sequence[Floats]], dtype: str
) -> dict[str, Callable[[Floats], Calls]]:
    """By contender, what makes the calls for an input.

    float32 and bfloat16 are `functional.linear`, the latter from and to bfloat16; int8 are the
    dynamically quantised products of both engines, with a scale per output.

    Args:
        weights: [copies][matrices] of [out, in]; the first column is the bias.
        dtype: Number type of the weights.
    """
    if dtype == "int8":
        return {
            f"torch {engine}": functools.partial(_quantized_calls, _prepack(weights, engine))
            for engine in ("fbgemm", "onednn")
            if engine in torch.backends.quantized.supported_engines
        }
    number = getattr(torch, dtype)
    layers = [
        [
            (torch.from_numpy(w).to(number), torch.from_numpy(w[:, 0].copy()).to(number))
            for w in copy
        ]
        for copy in weights
    ]
    return {"torch": lambda x: [functools.partial(_apply, _tensor(x, number), c) for c in layers]}


def torch_attention(q: Floats, k: Floats, v: Floats, causal: bool) -> dict[str, Calls]:
    """`scaled_dot_product_attention`, in float32 and bfloat16.

    Its own `is_causal` has another idea of which queries come last unless there are as many keys.
    """
    assert not causal or q.shape[2] == k.shape[2]
    call = functional.scaled_dot_product_attention
    return {
        label: [functools.partial(call, *(_tensor(x, number) for x in (q, k, v)), is_causal=causal)]
        for label, number in _NUMBERS.items()
    }


def torch_step(q: Floats, k: Floats, v: Floats, dtype: str) -> dict[str, Calls]:
    """The same with one query for each head, keys and values of the number type.

    In float32 as well, which many CPUs are faster in.
    """
    call = functional.scaled_dot_product_attention
    return {
        label: [functools.partial(call, *(_tensor(x, getattr(torch, number)) for x in (q, k, v)))]
        for label, number in {"torch": dtype, "torch float32": "float32"}.items()
        if label == "torch" or number != dtype
    }


def torch_norm(x: Floats, gamma: Floats, beta: Floats | None, epsilon: float) -> dict[str, Calls]:
    """`layer_norm`, or `rms_norm` if there is no beta, in float32 and bfloat16."""
    calls: dict[str, Calls] = {}
    for label, number in _NUMBERS.items():
        row, scale = _tensor(x, number), _tensor(gamma, number)
        shape = [x.shape[1]]
        if beta is None:
            calls[label] = [functools.partial(functional.rms_norm, row, shape, scale, epsilon)]
        else:
            shift = _tensor(beta, number)
            calls[label] = [
                functools.partial(functional.layer_norm, row, shape, scale, shift, epsilon)
            ]
    return calls


_NUMBERS = {"torch": torch.float32, "torch bfloat16": torch.bfloat16}


def _tensor(x: Floats, number: torch.dtype) -> Tensor:
    return torch.from_numpy(x).to(number)


def _apply(x: Tensor, layers: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    y = functional.linear(x, *layers[0])
    return functional.linear(functional.relu_(y), *layers[1]) if len(layers) == 2 else y


def _prepack(weights: Sequence[Sequence[Floats]], engine: str) -> list[list[Any]]:
    torch.backends.quantized.engine = engine
    packed = []
    with warnings.catch_warnings():
        # PyTorch moves these to a package of their own; there is no other way to the kernels yet.
        warnings.simplefilter("ignore")
        for copy in weights:
            matrices = []
            for weight in copy:
                w = torch.from_numpy(weight)
                scale = w.abs().amax(1).double() / 127
                zero = torch.zeros(len(w), dtype=torch.long)
                quantized = torch.quantize_per_channel(w, scale, zero, 0, torch.qint8)
                bias = w[:, 0].contiguous()
                matrices.append(torch.ops.quantized.linear_prepack(quantized, bias))
            packed.append(matrices)
    return packed


def _quantized_calls(packed: Sequence[Sequence[Any]], x: Floats) -> Calls:
    tensor = torch.from_numpy(x)
    return [functools.partial(_apply_quantized, tensor, copy) for copy in packed]


def _apply_quantized(x: Tensor, matrices: Sequence[Any]) -> Tensor:
    quantized = torch.ops.quantized
    if len(matrices) == 1:
        return quantized.linear_dynamic(x, matrices[0])
    return quantized.linear_dynamic(quantized.linear_relu_dynamic(x, matrices[0]), matrices[1])
