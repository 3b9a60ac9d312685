"""Folders of every family, as transformers wrote them and with something changed."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from pyattn.checkpoint import Checkpoint, ModelConfig
from pyattn.files import open_model, read_checkpoint
from pyattn.files.safetensors import read_safetensors
from support import model_folders as made
from support.paths import GOLDEN

# One model of each family as golden/make_golden.py had transformers write it.
SAVED = {
    "marian": "marian-tied-relu-3",
    "m2m_100": "m2m100-tied-relu-6",
    "bart": "bart-tied-gelu-5",
    "mbart": "mbart-untied-relu-8",
    "pegasus": "pegasus-tied-relu-3",
    "fsmt": "fsmt-untied-relu-7",
    "t5": "t5-tied-relu-5",
    "t5-gated": "t5-untied-gated-8",
    "umt5": "umt5-untied-gated-5",
    "t5gemma": "t5gemma-tied-gated-8",
}

Values = made.Values


def config_of(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((GOLDEN / SAVED[name] / "config.json").read_text())
    return values


def weights_of(name: str) -> dict[str, Values]:
    return stored(SAVED[name])


def stored(golden: str) -> dict[str, Values]:
    """The tensors of a golden model."""
    found = read_safetensors(GOLDEN / golden / "model.safetensors")
    return {name: np.array(tensor.values) for name, tensor in found.items()}


def read(
    tmp_path: pathlib.Path,
    name: str,
    changes: Mapping[str, Any] | None = None,
    weights: Mapping[str, Values] | None = None,
    generation: Mapping[str, Any] | None = None,
) -> Checkpoint:
    """The family's model, with changed fields of config.json; a change to None leaves one out."""
    values = config_of(name)
    for key, value in (changes or {}).items():
        *outer, key = key.split(".")
        place = values[outer[0]] if outer else values
        place[key] = value
        if value is None:
            del place[key]
    folder = made.folder(
        tmp_path / "model",
        values,
        weights_of(name) if weights is None else weights,
        generation=generation,
    )
    return read_checkpoint(folder)


def config_from(tmp_path: pathlib.Path, **fields: Any) -> ModelConfig:
    """What config.json alone makes of a model."""
    (tmp_path / "config.json").write_text(json.dumps(fields))
    return open_model(tmp_path).config
