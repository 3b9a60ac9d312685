"""The tensors of a native folder's model.safetensors, in the number types they are stored in."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.files.quantized import bfloat16_bits, quantize, quantize_int4
from pyattn.files.safetensors import Entry
from pyattn.model_config import ModelConfig
from pyattn.products import four_bits, products
from pyattn.stored import INT4_GROUP, Array, Stored

SCALE_SUFFIX = ".scale"
GROUP_SCALE_SUFFIX = ".group_scale"

MatrixType: TypeAlias = Literal["float32", "bfloat16", "int8", "int4"]


def entries(
    tensors: Mapping[str, Stored], config: ModelConfig, dtype: MatrixType | None
) -> dict[str, Entry]:
    """The contents of the file, scales beside their matrices.

    Args:
        tensors: The tensors to store.
        config: The model's config.
        dtype: Number type to store matrices in; None keeps the stored type of each.
    """
    types = matrix_types(config) if dtype == "int4" else {}
    found: dict[str, Entry] = {}
    for name, tensor in tensors.items():
        if len(tensor.shape) != 2 or name.endswith(("relative_bias", "encoder.types")):
            kind: str = "float32"
        elif dtype == "int4":
            kind = _kept(types.get(name, "int8"), tensor)
        else:
            kind = dtype or tensor.dtype
        found |= _entries(name, tensor, kind)
    return found


def matrix_types(config: ModelConfig) -> dict[str, str]:
    """The number type to store each matrix in that is multiplied, of a model in int4."""
    matrices = products(config)
    return {
        matrix: "int8" if kind == "int8_grouped" else kind  # groups are the inputs'
        for product, kind in four_bits(config).items()
        for matrix in matrices[product]
    }


def _kept(kind: str, tensor: Stored) -> str:
    """The type to store in: what has fewer bits than its type in a model of int4 keeps them."""
    return tensor.dtype if (kind, tensor.dtype) == ("int8", "int4") else kind


def _entries(name: str, tensor: Stored, kind: str) -> dict[str, Entry]:
    shape = tensor.shape
    if kind == "float32":
        return {name: Entry(dtype="F32", shape=shape, values=tensor.float32)}
    if kind == "float16":
        return {name: Entry(dtype="F16", shape=shape, values=functools.partial(_own, tensor))}
    if kind == "bfloat16":
        bits = functools.partial(bfloat16_bits, tensor)
        return {name: Entry(dtype="BF16", shape=shape, values=bits)}
    matrix = _Whole(name, tensor, kind)
    scale = Entry(dtype="F32", shape=shape[:1], values=matrix.scale)
    if kind == "int8":
        values = Entry(dtype="I8", shape=shape, values=matrix.values)
        return {name: values, f"{name}{SCALE_SUFFIX}": scale}
    rows, columns = shape
    groups = rows, -(-columns // INT4_GROUP)
    return {
        name: Entry(dtype="U8", shape=(rows, -(-columns // 2)), values=matrix.values),
        f"{name}{SCALE_SUFFIX}": scale,
        f"{name}{GROUP_SCALE_SUFFIX}": Entry(dtype="I8", shape=groups, values=matrix.groups),
    }


def _own(tensor: Stored) -> npt.NDArray[Any]:
    """A tensor's numbers as they are."""
    return tensor.values


class _Whole:
    """A matrix in whole numbers, which are written one after the other with their scales.

    The numbers are made when they are written, and again if that is before the scales.
    """

    def __init__(self, name: str, tensor: Stored, kind: str) -> None:
        self._name = name
        self._tensor = tensor
        self._kind = kind
        self._scale: Array | None = None
        self._groups: npt.NDArray[np.int8] | None = None

    def values(self) -> npt.NDArray[Any]:
        """As `Stored.values`."""
        return self._quantized().values

    def scale(self) -> Array:
        """[out]."""
        if self._scale is None:
            self._quantized()
        assert self._scale is not None
        return self._scale

    def groups(self) -> npt.NDArray[np.int8]:
        """[out, groups]."""
        if self._groups is None:
            self._quantized()
        assert self._groups is not None
        return self._groups

    def _quantized(self) -> Stored:
        try:
            made = _in_type(self._tensor, self._kind)
        except ValueError as error:
            raise ValueError(f"{self._name}: {error}") from None
        self._scale, self._groups = made.scale, made.group_scale
        return made


def _in_type(tensor: Stored, kind: str) -> Stored:
    if tensor.dtype == kind:
        return tensor
    if kind == "int4":
        return quantize_int4(tensor.float32())
    if tensor.dtype == "int4":
        return Stored("int8", tensor.whole(), tensor.scale)
    return quantize(tensor.float32())
