"""Folders with the tiny tokenizers of golden/tokenizers, each beside a config of its family."""

from __future__ import annotations

import json
import pathlib
import shutil
from typing import Any

import numpy as np

from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.options import GenerationOptions
from support import paths

HERE = paths.GOLDEN / "tokenizers"
GOLDEN: dict[str, Any] = json.loads((HERE / "golden.json").read_text())["tokenizers"]
NAMES = sorted(GOLDEN)

# More ids than any of them has, as real models have some.
ROWS = 400
# The family of each, and fields of its config.json that its tokenizer depends on.
_FAIRSEQ = {"eos_token_id": 2, "pad_token_id": 1, "bos_token_id": 0, "decoder_start_token_id": 2}
_GOOGLE = {"eos_token_id": 1, "pad_token_id": 0, "decoder_start_token_id": 0}
_CONFIGS = {
    "bart": {"model_type": "bart", **_FAIRSEQ},
    "byt5": {"model_type": "t5", **_GOOGLE},
    "m2m": {"model_type": "m2m_100", **_FAIRSEQ},
    "madlad": {"model_type": "t5", **_GOOGLE},
    "mbart": {"model_type": "mbart", **_FAIRSEQ, "vocab_size": 157, "decoder_start_token_id": 138},
    "mbart50": {"model_type": "mbart", **_FAIRSEQ},
    "nllb": {"model_type": "m2m_100", **_FAIRSEQ},
    "pegasus": {"model_type": "pegasus", **_GOOGLE},
    "t5": {"model_type": "t5", **_GOOGLE},
    "t5gemma": {"model_type": "t5gemma", "decoder_start_token_id": 2, "eos_token_id": 1},
}


def golden_folder(folder: pathlib.Path, name: str, **config: Any) -> pathlib.Path:
    """Puts the files of a tokenizer into a folder, and a config.json; there are no weights.

    Args:
        folder: Where.
        name: One of `NAMES`.
        **config: Fields of config.json that differ.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file, stored in GOLDEN[name]["files"].items():
        shutil.copy(HERE / stored, folder / file)
    values = {"vocab_size": ROWS, **_CONFIGS[name.partition("-")[0]], **config}
    if values["model_type"] == "t5gemma":
        values |= {stack: {"vocab_size": values["vocab_size"]} for stack in ("encoder", "decoder")}
    (folder / "config.json").write_text(json.dumps(values))
    return folder


def random_checkpoint(
    family: str, end: int, *, start: int = 0, rows: int = ROWS, **options: Any
) -> Checkpoint:
    """A tiny model of a family's name, whatever that family computes, with random weights.

    Args:
        family: Decides the tokenizer.
        end: Id of the end.
        start: Id of the start.
        rows: How many ids it has.
        **options: How it wants to be decoded.
    """
    config = ModelConfig(
        family=family, source_vocab=rows, target_vocab=rows, dim=8, encoder_layers=1,
        decoder_layers=1, encoder_heads=2, decoder_heads=2, encoder_ffn=8, decoder_ffn=8,
        max_positions=64, start=start, end=end,
    )  # fmt: skip
    random = np.random.default_rng(3)
    shapes = tensor_shapes(config)
    tensors = {name: random.standard_normal(shape, np.float32) for name, shape in shapes}
    return Checkpoint(config, tensors, GenerationOptions(max_new_tokens=6, **options))
