"""The heads of encoders that classify texts, in transformers' names.

    family                             first layer         then   second layer
    bert                               bert.pooler.dense   tanh   classifier
    roberta, xlm-roberta, camembert    classifier.dense    tanh   classifier.out_proj
    mpnet                              classifier.dense    tanh   classifier.out_proj
    electra                            classifier.dense    gelu   classifier.out_proj
    distilbert                         pre_classifier      relu   classifier
    modernbert                         head.dense          gelu   classifier, behind head.norm

ModernBERT's config.json also names its activation, and says whether the first token's state or the
mean of all is classified.

config.json has the labels, and may name the function that makes scores of logits, as may
config_sentence_transformers.json.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from pyattn.files.fields import Fields
from pyattn.files.head import (
    Head,
    HeadActivation,
    HeadPooling,
    Layer,
    ScoreFunction,
    take_layer,
    take_norm,
)
from pyattn.files.huggingface.layout import CONFIG_FILE
from pyattn.files.named_tensors import Length, Weights
from pyattn.files.reading import JsonObject, bare, read_json, shown
from pyattn.model_config import ModelConfig

CROSS_ENCODER_FILE = "config_sentence_transformers.json"
_POOLER = "pooler.dense"
_ARCHITECTURE = "ForSequenceClassification"


@dataclasses.dataclass(frozen=True)
class _Names:
    dense: str
    activation: HeadActivation
    out: str
    norm: str | None = None


_ROBERTA = _Names("classifier.dense", "tanh", "classifier.out_proj")
_HEADS = {
    "bert": _Names(f"bert.{_POOLER}", "tanh", "classifier"),
    **dict.fromkeys(("roberta", "xlm-roberta", "camembert", "mpnet"), _ROBERTA),
    "electra": _Names("classifier.dense", "gelu", "classifier.out_proj"),
    "distilbert": _Names("pre_classifier", "relu", "classifier"),
    "modernbert": _Names("head.dense", "gelu", "classifier", norm="head.norm"),
}
_ACTIVATIONS: dict[str, HeadActivation] = {"gelu": "gelu", "relu": "relu", "tanh": "tanh"}
_POOLINGS: dict[str, HeadPooling] = {"cls": "cls", "mean": "mean"}
# By the last word of the class in PyTorch.
_FUNCTIONS: dict[str, ScoreFunction] = {
    "Identity": "identity",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "Tanh": "tanh",
}
_OF_PROBLEMS: dict[str, ScoreFunction] = {
    "regression": "identity",
    "multi_label_classification": "sigmoid",
    "single_label_classification": "softmax",
}


def read_head(
    folder: pathlib.Path, values: JsonObject, weights: Weights, config: ModelConfig
) -> Head | None:
    """The head of a folder; None if it is of another task.

    Args:
        folder: The folder.
        values: The content of its config.json.
        weights: Its tensors.
        config: The model's config.

    Raises:
        ModelError: if a tensor is missing or has another shape, or a field is out of range.
    """
    names = _HEADS.get(config.family)
    fields = Fields({CONFIG_FILE: values})
    if names is None or not _classifies(fields, names, weights):
        return None
    dim = Length.of(config.dim, "dim" if "dim" in values else "hidden_size")
    labels = _labels(fields)
    if labels is None:
        out = weights.optional(f"{names.out}.weight")
        count = out.shape[0] if out is not None and out.shape else 1
        labels = tuple(f"LABEL_{n}" for n in range(count))
    named = _named_scores(folder, fields)
    return Head(
        **_first_layer(names, fields, weights, dim),
        out=take_layer(weights, names.out, Length.of(len(labels), "id2label"), dim),
        labels=labels,
        scores=named or _scores_of_task(fields, len(labels)),
        named=named is not None,
    )


def _first_layer(names: _Names, fields: Fields, weights: Weights, dim: int) -> dict[str, Any]:
    """All up to the second layer, as arguments of `Head`."""
    if names.norm is None:
        dense = take_layer(weights, names.dense, dim, dim)
        return {"dense": dense, "activation": names.activation}
    bias = fields.boolean("classifier_bias", False)
    return {
        "pooling": fields.choice("classifier_pooling", _POOLINGS, "cls"),
        "dense": take_layer(weights, names.dense, dim, dim, bias=bias),
        "activation": fields.choice("classifier_activation", _ACTIVATIONS, names.activation),
        "norm": take_norm(weights, names.norm, dim, bias=fields.boolean("norm_bias", False)),
        "norm_epsilon": fields.number("norm_eps", 1e-5, low=0),
    }


def read_pooler(weights: Weights, prefix: str, dim: int) -> Layer | None:
    """The layer that BERT and its kin have behind the first token's state; None if there is none.

    Args:
        weights: The folder's tensors.
        prefix: Begin of their names.
        dim: Width of states.

    Raises:
        ModelError: if a tensor has another shape.
    """
    if weights.optional(f"{prefix}{_POOLER}.weight") is None:
        return None
    return take_layer(weights, f"{prefix}{_POOLER}", dim, dim)


def _classifies(fields: Fields, names: _Names, weights: Weights) -> bool:
    """Whether config.json says so, or the tensors are there if it says nothing."""
    architectures = fields.list("architectures")
    if architectures:
        return any(isinstance(name, str) and name.endswith(_ARCHITECTURE) for name in architectures)
    return all(weights.optional(f"{name}.weight") for name in (names.dense, names.out))


def _labels(fields: Fields) -> tuple[str, ...] | None:
    """The names of the labels; None if config.json does not even have their number."""
    named = fields.object("id2label")
    if not named:
        count = fields.optional_integer("num_labels")
        return None if count is None else tuple(f"LABEL_{n}" for n in range(count))
    labels = []
    for n in range(len(named)):
        label = named.get(str(n))
        if not isinstance(label, str | int):
            fields.fail("id2label", f"has {shown(label)} for {n}, expected a string")
        labels.append(str(label))
    return tuple(labels)


def _named_scores(folder: pathlib.Path, fields: Fields) -> ScoreFunction | None:
    """The function that the files name."""
    own = Fields({CROSS_ENCODER_FILE: {}})
    if (folder / CROSS_ENCODER_FILE).exists():
        own = Fields({CROSS_ENCODER_FILE: read_json(folder / CROSS_ENCODER_FILE)})
    nested = Fields(
        {f"{CONFIG_FILE}: sentence_transformers": fields.object("sentence_transformers")}
    )
    for place, key in (
        (own, "activation_fn"),
        (nested, "activation_fn"),
        (fields, "sbert_ce_default_activation_function"),
    ):
        path = place.text(key, "")
        if path:
            name = path.rpartition(".")[2]
            if name not in _FUNCTIONS:
                place.fail(key, f"is {bare(path)}, supported are {', '.join(_FUNCTIONS)}")
            return _FUNCTIONS[name]
    return None


def _scores_of_task(fields: Fields, labels: int) -> ScoreFunction:
    """The function that serves the task.

    One label is that of a reranker, whose scores sentence-transformers makes in the same way; for
    several it has no function, but transformers' pipelines have.
    """
    default = "multi_label_classification" if labels == 1 else "single_label_classification"
    return fields.choice("problem_type", _OF_PROBLEMS, default)
