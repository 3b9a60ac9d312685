"""Fill a Marian folder that has a tokenizer and a config but no weights with seeded random ones.

    python bench/shapes.py opus-mt-layout out/opus-mt

The result has the real shape of the model (72 million parameters for OPUS-MT's transformer-base),
which is what speed depends on. Plain random weights make a model that says one word for ever; these
are drawn so that it goes from token to token (see `_GAINS`), for outputs of two programs that agree
should mean something. No value grows, vanishes or becomes denormal on the way.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from contenders import Files
from safetensors.numpy import save_file

# Deviation of a matrix's values, times sqrt(columns). Found by trial on OPUS-MT's shape, greedy, 24
# tokens a sentence: with 1 all round the residual stream, pulled to what the attentions' averages
# and the activations' means have in common, ends up the same after every token. Sharp and quiet
# attention and loud feed-forward blocks of zero mean give 22 to 24 different tokens of 24.
_GAINS = {"q_proj": 2.0, "k_proj": 2.0, "v_proj": 1.0, "out_proj": 0.4, "fc1": 2.0, "fc2": 2.0}

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


def tensor_shapes(config: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the tensors of a tied MarianMTModel, as its own files have them."""
    dim = config["d_model"]
    yield "model.shared.weight", (config["vocab_size"], dim)
    yield "final_logits_bias", (1, config["vocab_size"])
    for stack, attentions in (
        ("encoder", ("self_attn",)),
        ("decoder", ("self_attn", "encoder_attn")),
    ):
        ffn = config[f"{stack}_ffn_dim"]
        for n in range(config[f"{stack}_layers"]):
            layer = f"model.{stack}.layers.{n}"
            linears = [
                (f"{attention}.{part}_proj", dim, dim)
                for attention in attentions
                for part in ("q", "k", "v", "out")
            ]
            linears += [("fc1", ffn, dim), ("fc2", dim, ffn)]
            for name, rows, columns in linears:
                yield f"{layer}.{name}.weight", (rows, columns)
                yield f"{layer}.{name}.bias", (rows,)
            for name in (
                *(f"{attention}_layer_norm" for attention in attentions),
                "final_layer_norm",
            ):
                yield f"{layer}.{name}.weight", (dim,)
                yield f"{layer}.{name}.bias", (dim,)


def random_tensors(config: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    """Seeded float32 weights for every tensor of `tensor_shapes`; the pad token's are zero."""
    random = np.random.default_rng(seed)
    tensors = {}
    for name, shape in tensor_shapes(config):
        center, deviation = _distribution(name, shape)
        tensors[name] = random.standard_normal(shape, np.float32) * np.float32(deviation)
        tensors[name] += np.float32(center)
        if name.endswith("fc2.weight"):  # of zero mean over activations that have a common one
            tensors[name] -= tensors[name].mean(axis=1, keepdims=True)
    tensors["model.shared.weight"][config["pad_token_id"]] = 0
    tensors["final_logits_bias"][0, config["pad_token_id"]] = 0
    return tensors


def _distribution(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Mean and deviation of a tensor's values."""
    if name.endswith("layer_norm.weight"):
        return 1.0, 0.1
    if name.endswith("bias"):
        return 0.0, 0.02
    # Rows of the embedding get deviation 1 when the model scales them by sqrt(dim).
    return 0.0, _GAINS.get(name.split(".")[-2], 1.0) / math.sqrt(shape[1])


def model_files(folder: Path, scratch: Path) -> tuple[Files, bool]:
    """A model's files, and whether its weights are trained; random ones are made in `scratch`."""
    files = Files(folder, scratch / "ctranslate2")
    trained = any((folder / name).exists() for name in WEIGHT_FILES)
    if not trained:
        files = files._replace(checkpoint=scratch / "checkpoint")
        fill(folder, files.checkpoint, seed=1)
    return files, trained


def fill(layout: Path, out: Path, seed: int) -> int:
    """Copy a folder and add random weights to it.

    Args:
        layout: Folder with `config.json` and a tokenizer, without weights.
        out: Folder to write; made if missing.
        seed: The same seed gives the same weights.

    Returns:
        How many parameters were written.

    Raises:
        ValueError: if the folder has weights of its own, or a config that is not a tied Marian's.
    """
    present = [name for name in WEIGHT_FILES if (layout / name).exists()]
    if present:
        raise ValueError(f"{layout} has weights of its own, {present[0]}")
    config = json.loads((layout / "config.json").read_text("utf-8"))
    if config.get("model_type") != "marian" or not config.get("tie_word_embeddings", True):
        raise ValueError(f"{layout / 'config.json'} is not that of a tied Marian model")
    tensors = random_tensors(config, seed)
    out.mkdir(parents=True, exist_ok=True)
    for path in layout.iterdir():
        if path.is_file():
            shutil.copyfile(path, out / path.name)
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    return sum(tensor.size for tensor in tensors.values())


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("layout", type=Path, help="folder with config.json and a tokenizer")
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--seed", type=int, default=1, help="of the weights (default: 1)")
    options = parser.parse_args()
    try:
        parameters = fill(options.layout, options.out, options.seed)
    except (OSError, ValueError, KeyError) as error:
        print(f"shapes: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {parameters / 1e6:.1f} million parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
