"""Folders of golden models that heads and units were cut from, or have zeros in their places."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.files.safetensors import read_safetensors
from support.model_folders import safetensors
from support.paths import GOLDEN

Values = dict[str, npt.NDArray[Any]]

# What is held by golden files of transformers when it is whole: test_golden, test_encoders.
BART = GOLDEN / "bart-tied-gelu-5"
BERT = GOLDEN / "encoders" / "bert-head"
UNITS = tuple(range(2, 22))


@dataclasses.dataclass(frozen=True)
class Family:
    """A folder's names: of the attentions, (query, key, value, output), and of a feed-forward."""

    attentions: tuple[tuple[str, tuple[str, str, str, str]], ...]
    feed_forward: tuple[str, str, str]
    heads: str
    dim: str


FAMILIES = {
    BART: Family(
        (
            *(
                (f"model.{stack}.layers.{{}}.{block}", ("q_proj", "k_proj", "v_proj", "out_proj"))
                for stack, block in (
                    ("encoder", "self_attn"),
                    ("decoder", "self_attn"),
                    ("decoder", "encoder_attn"),
                )
            ),
        ),
        ("model.decoder.layers.{}", "fc1", "fc2"),
        "encoder_attention_heads",
        "d_model",
    ),
    BERT: Family(
        (
            (
                "bert.encoder.layer.{}.attention",
                ("self.query", "self.key", "self.value", "output.dense"),
            ),
        ),
        ("bert.encoder.layer.{}", "intermediate.dense", "output.dense"),
        "num_attention_heads",
        "hidden_size",
    ),
}


def files(folder: pathlib.Path) -> tuple[dict[str, Any], Values]:
    """The fields of config.json and the tensors of a folder."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    stored = read_safetensors(folder / "model.safetensors")
    return config, {name: np.array(tensor.float32()) for name, tensor in stored.items()}


def _heads_of(config: Mapping[str, Any], family: Family) -> dict[int, list[int]]:
    """The heads to cut from an attention, by layer: from one some, from another all."""
    return {0: [1], 1: list(range(config[family.heads]))}


def _rows_of_heads(config: Mapping[str, Any], family: Family, heads: list[int]) -> list[int]:
    width = config[family.dim] // config[family.heads]
    return [head * width + i for head in heads for i in range(width)]


def pruned(folder: pathlib.Path, *, cut: bool) -> Values:
    """The folder's tensors without some heads and UNITS, or with zeros in their places."""
    config, tensors = files(folder)
    family = FAMILIES[folder]
    for place, (*inputs, output) in family.attentions:
        for n, heads in _heads_of(config, family).items():
            prefix = place.format(n)
            if f"{prefix}.{output}.weight" not in tensors:
                continue
            rows = _rows_of_heads(config, family, heads)
            for name in inputs:
                for kind in ("weight", "bias"):
                    whole = tensors[f"{prefix}.{name}.{kind}"]
                    whole[rows] = 0
                    if cut:
                        tensors[f"{prefix}.{name}.{kind}"] = np.delete(whole, rows, axis=0)
            tensors[f"{prefix}.{output}.weight"][:, rows] = 0
            if cut:
                whole = tensors[f"{prefix}.{output}.weight"]
                tensors[f"{prefix}.{output}.weight"] = np.delete(whole, rows, axis=1)
    place, up, down = family.feed_forward
    prefix, units = place.format(0), list(UNITS)
    first, bias, second = (
        tensors[f"{prefix}.{name}"] for name in (f"{up}.weight", f"{up}.bias", f"{down}.weight")
    )
    first[units], bias[units], second[:, units] = 0, 0, 0
    if cut:
        tensors[f"{prefix}.{up}.weight"] = np.delete(first, units, axis=0)
        tensors[f"{prefix}.{up}.bias"] = np.delete(bias, units)
        tensors[f"{prefix}.{down}.weight"] = np.delete(second, units, axis=1)
    return tensors


def folder_of(
    path: pathlib.Path, golden: pathlib.Path, tensors: Values, **fields: Any
) -> pathlib.Path:
    """A golden folder with other tensors, and with other fields of config.json."""
    path.mkdir(exist_ok=True)
    config, _ = files(golden)
    text = json.dumps(config | fields)
    (path / "config.json").write_text(text, encoding="utf-8")
    (path / "model.safetensors").write_bytes(safetensors(tensors))
    return path


def whole_folder(path: pathlib.Path, golden: pathlib.Path) -> pathlib.Path:
    """A golden folder with zeros in place of the parts, as most pruned models are published."""
    return folder_of(path, golden, pruned(golden, cut=False))


def cut_folder(path: pathlib.Path, golden: pathlib.Path) -> pathlib.Path:
    """A golden folder without the parts; BERT's names the heads, as transformers 4 did."""
    config, _ = files(golden)
    heads = {str(n): listed for n, listed in _heads_of(config, FAMILIES[golden]).items()}
    fields = {"pruned_heads": heads} if golden == BERT else {}
    return folder_of(path, golden, pruned(golden, cut=True), **fields)
