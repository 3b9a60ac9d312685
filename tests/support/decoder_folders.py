"""Folders of tiny decoders with a tokenizer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from pyattn.checkpoint import tensor_shapes
from pyattn.files.huggingface.config import read_config
from support.model_folders import safetensors
from support.paths import GOLDEN

_FAMILIES = {
    **dict.fromkeys(("gpt2", "gpt2-json"), "gpt2"),
    **dict.fromkeys(("llama3", "llama2-json", "llama2-pieces"), "llama"),
    "qwen2": "qwen2",
}
# The end of what they say, by the kind of tokenizer.
_ENDS = {"llama3": 2, "llama2-json": 2, "llama2-pieces": 2, "qwen2": 2}
_VOCAB = 420


def decoder_folder(
    folder: Path,
    kind: str | None,
    *,
    like: str | None = None,
    vocab: int = _VOCAB,
    settings: dict[str, Any] | None = None,
    positions: int = 64,
) -> Path:
    """A folder of transformers' layout with seeded weights.

    Args:
        folder: Where it is made; what is there already stays.
        kind: A tokenizer of `GOLDEN / "prompt_tokenizers"`; None for none.
        like: The family, if it does not follow from the tokenizer.
        vocab: Rows of the embedding.
        settings: The fields of tokenizer_config.json to add.
        positions: The longest sequence.
    """
    if (folder / "config.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    family = like or _FAMILIES[kind or ""]
    end = _ENDS.get(kind or "", 0)
    values: dict[str, Any] = {
        **{"model_type": family, "vocab_size": vocab, "eos_token_id": end},
        **{"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2},
        **{"num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": True},
        "max_position_embeddings": positions,
    }
    if family == "gpt2":
        values |= {"n_embd": 16, "n_head": 2, "n_layer": 2, "n_positions": positions}
    (folder / "config.json").write_text(json.dumps(values), encoding="utf-8")
    _write_weights(folder, values)
    if kind is not None:
        for path in (GOLDEN / "prompt_tokenizers" / kind).iterdir():
            if path.name != "golden.json":
                shutil.copy(path, folder)
    if settings is not None:
        path = folder / "tokenizer_config.json"
        present = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps(present | settings), encoding="utf-8")
    return folder


def _write_weights(folder: Path, values: dict[str, Any]) -> None:
    layout = read_config(None, values).layout
    random = np.random.default_rng(5)
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    for name, shape in tensor_shapes(layout.model):
        if name == "output.weight":
            continue
        own = name == "decoder.embedding"
        saved = layout.embeddings.decoder if own else layout.saved_name(name)
        array = random.normal(size=shape).astype(np.float32) * np.float32(0.5)
        matrix = array.ndim == 2 and ".layers." in name
        if layout.transposed and matrix:
            array = array.T
        if saved in tensors:  # queries, keys and values in one
            array = np.concatenate([tensors[saved], array], axis=-1)
        tensors[saved] = np.ascontiguousarray(array)
    (folder / "model.safetensors").write_bytes(safetensors(tensors))
