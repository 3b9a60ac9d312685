"""What classifies texts behind an encoder, and its files in a native folder.

Of the first token's state x, or of the mean of all, logits are out(norm(activation(dense(x)))).
Most families have no norm. A native folder has the matrices in classifier.safetensors, and labels
and functions in classifier.json.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Literal, TypeAlias, get_args

import numpy as np

from pyattn.files.fields import Fields
from pyattn.files.named_tensors import Length, Weights
from pyattn.files.reading import read_json, shown
from pyattn.files.safetensors import Entry, read_safetensors, write_safetensors
from pyattn.stored import Array

HEAD_FILE = "classifier.json"
HEAD_WEIGHTS_FILE = "classifier.safetensors"

# Between the two layers; "gelu" is the exact one.
HeadActivation: TypeAlias = Literal["tanh", "relu", "gelu"]
# From the states of a text to the one that is classified.
HeadPooling: TypeAlias = Literal["cls", "mean"]
# From logits to scores.
ScoreFunction: TypeAlias = Literal["identity", "sigmoid", "softmax", "tanh"]

# Weight [rows, columns] and bias [rows].
Layer: TypeAlias = tuple[Array, Array]

_FIELDS = ("labels", "activation", "scores", "named", "pooling", "norm_epsilon")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """Two layers on the state of a text's first token, or on the mean of all states.

    Attributes:
        dense: Weight [dim, dim] and bias [dim] of the first layer.
        activation: What follows the first layer.
        out: Weight [labels, dim] and bias [labels] of the second layer.
        labels: Their names.
        scores: What follows the second layer unless the caller asks for something else.
        named: Whether the files name this function; else it follows from the task.
        pooling: What the first layer is fed: the first state, or the mean.
        norm: Weight [dim] and bias [dim] of a layer norm in front of the second layer.
        norm_epsilon: Added to the variance there.
    """

    dense: Layer
    activation: HeadActivation
    out: Layer
    labels: tuple[str, ...]
    scores: ScoreFunction
    named: bool
    pooling: HeadPooling = "cls"
    norm: Layer | None = None
    norm_epsilon: float = 1e-5


def take_layer(weights: Weights, name: str, rows: int, columns: int, *, bias: bool = True) -> Layer:
    """Weight [rows, columns] and bias [rows] of a layer.

    Args:
        weights: The tensors.
        name: The layer's.
        rows: Width of its output.
        columns: Width of its input.
        bias: Whether there is one; it is zero otherwise.

    Raises:
        ModelError: if one is missing, or has another shape.
    """
    weight = weights.take(f"{name}.weight", (rows, columns)).float32()
    return weight, _bias(weights, name, rows, bias)


def take_norm(weights: Weights, name: str, dim: int, *, bias: bool = True) -> Layer:
    """Weight [dim] and bias [dim] of a norm.

    Args:
        weights: The tensors.
        name: The norm's.
        dim: Its width.
        bias: Whether there is one; it is zero otherwise.

    Raises:
        ModelError: if one is missing, or has another shape.
    """
    weight = weights.take(f"{name}.weight", (dim,)).float32()
    return weight, _bias(weights, name, dim, bias)


def _bias(weights: Weights, name: str, rows: int, present: bool) -> Array:
    if not present:
        return np.zeros(rows, np.float32)
    return weights.take(f"{name}.bias", (rows,)).float32()


def read_head(folder: pathlib.Path, dim: int) -> Head | None:
    """The head in a native folder; None if there is none.

    Args:
        folder: The folder.
        dim: Width of the states.

    Raises:
        ModelError: if a file is malformed, or is of another width.
    """
    if not (folder / HEAD_FILE).exists():
        return None
    fields = Fields({HEAD_FILE: read_json(folder / HEAD_FILE)})
    labels = fields.list("labels")
    if not labels or not all(isinstance(label, str) for label in labels):
        fields.fail("labels", f"is {shown(labels)}, expected one string at least")
    activation, scores = (
        fields.choice(key, {name: name for name in get_args(kind)})
        for key, kind in (("activation", HeadActivation), ("scores", ScoreFunction))
    )
    pooling = fields.choice("pooling", {name: name for name in get_args(HeadPooling)}, "cls")
    unknown = sorted({*fields.names(HEAD_FILE)} - {*_FIELDS})
    if unknown:
        fields.fail(unknown[0], "is not a field that pyattn knows")
    weights = Weights(HEAD_WEIGHTS_FILE, read_safetensors(folder / HEAD_WEIGHTS_FILE))
    count = Length.of(len(labels), "labels")
    norm = None
    if weights.optional("norm.weight") is not None:
        norm = take_norm(weights, "norm", dim)
    head = Head(
        dense=take_layer(weights, "dense", dim, dim),
        activation=activation,
        out=take_layer(weights, "out", count, dim),
        labels=tuple(labels),
        scores=scores,
        named=fields.boolean("named", False),
        pooling=pooling,
        norm=norm,
        norm_epsilon=fields.number("norm_epsilon", 1e-5, low=0),
    )
    weights.check_all_taken(HEAD_FILE)
    return head


def write_head(folder: pathlib.Path, head: Head) -> None:
    """Writes a head into a native folder."""
    values = {name: getattr(head, name) for name in _FIELDS}
    text = json.dumps(values, ensure_ascii=False, indent=2)
    (folder / HEAD_FILE).write_text(f"{text}\n", encoding="utf-8")
    entries = {
        f"{layer}.{part}": _entry(array)
        for layer, arrays in (("dense", head.dense), ("norm", head.norm), ("out", head.out))
        for part, array in zip(("weight", "bias"), arrays or (), strict=False)
    }
    write_safetensors(folder / HEAD_WEIGHTS_FILE, entries)


def _entry(array: Array) -> Entry:
    return Entry(dtype="F32", shape=array.shape, values=lambda: array)
