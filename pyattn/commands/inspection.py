"""What `pyattn inspect` says of a model."""

from __future__ import annotations

import collections
import os
import pathlib

from pyattn.checkpoint import Checkpoint, ModelConfig
from pyattn.files import layout, model_path, read_checkpoint
from pyattn.files.argos import opened
from pyattn.files.ctranslate2 import WEIGHTS_FILE as BINARY_FILE
from pyattn.files.ctranslate2 import read_binary
from pyattn.files.marian import count_numbers
from pyattn.files.native import WEIGHTS_FILE
from pyattn.files.pickled import read_pickled, read_training
from pyattn.files.safetensors import read_safetensors
from pyattn.model import Model
from pyattn.running import precision
from pyattn.running.origin import SHIPPED_MODEL
from pyattn.running.precision import DTypes
from pyattn.stored import Tensors
from pyattn.text.tokenizers import NoTokenizer, load_tokenizer


def describe(
    path: str | os.PathLike[str] | None = None,
    *,
    dtype: DTypes = "auto",
    threads: int | None = None,
) -> list[tuple[str, str]]:
    """What a model is, and how it would be run here, as names and values.

    Args:
        path: The model's folder; the shipped one by default.
        dtype: What weights are computed with, as for `pyattn.load`.
        threads: How many threads to compute with, as many as the process may use by default.

    Raises:
        ModelError: if the model cannot be used.
        ValueError: if `dtype` or `threads` cannot be had here, or a pattern matches no product.
    """
    folder = SHIPPED_MODEL if path is None else model_path(path)
    checkpoint = read_checkpoint(folder)
    with Model(checkpoint, dtype=dtype, threads=threads) as model:
        config = model.config
        types = precision.described(config, config.dtype, config.other_dtypes)
        machine = [
            ("computed in", f"{types}, {model.nbytes / 2**20:,.1f} MiB of weights"),
            ("isa", config.isa),
            ("threads", str(model.threads)),
        ]
    return [
        ("model", str(folder)),
        *_network(checkpoint),
        *_languages(folder, config),
        ("stored as", _stored(folder)),
        *machine,
    ]


def _network(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    config, options = checkpoint.config, checkpoint.generation
    tensors = Tensors.of(checkpoint.tensors)
    distinct = {id(tensor): tensor.size for tensor in map(tensors.stored, tensors)}
    special = ", ".join(f"{name} {getattr(config, name)}" for name in ("start", "end", "pad"))
    return [
        ("family", config.family),
        ("parameters", f"{sum(distinct.values()):,}"),
        ("dim", str(config.dim)),
        ("encoder", _stack(config.encoder_layers, config.encoder_heads, config.encoder_ffn)),
        ("decoder", _stack(config.decoder_layers, config.decoder_heads, config.decoder_ffn)),
        ("vocabulary", f"{config.source_vocab:,} source, {config.target_vocab:,} target"),
        ("token ids", special),
        ("positions", f"{config.max_positions:,}, {config.positions}"),
        ("norm", _norm(config)),
        ("activation", f"{'gated ' if config.gated else ''}{config.activation}"),
        *([("mixer", config.mixer)] if config.mixer != "attention" else []),
        ("decoding", f"beam_size {options.beam_size}, max_new_tokens {options.max_new_tokens}"),
    ]


def _norm(config: ModelConfig) -> str:
    kind = {"layer": "layer norm", "rms": "RMS norm"}[config.norm_kind]
    return f"{config.norm}, {kind}{', and one after each stack' if config.final_norm else ''}"


def _languages(folder: pathlib.Path, config: ModelConfig) -> list[tuple[str, str]]:
    """The languages that texts can be asked to be in, if the model is told any."""
    try:
        tokenizer = load_tokenizer(folder, config)
    except NoTokenizer:
        return []
    if tokenizer is None:
        return []
    sides = {"from": tokenizer.languages.sources, "into": tokenizer.languages.targets}
    return [
        (f"languages {side}", f"{len(names)}: {', '.join(sorted(names))}")
        for side, names in sides.items()
        if names
    ]


def _stack(layers: int, heads: int, ffn: int) -> str:
    return f"{layers} layers, {heads} heads, ffn {ffn:,}"


def _stored(folder: pathlib.Path) -> str:
    """How many numbers of which type the folder's weights are."""
    counts: collections.Counter[str] = collections.Counter()
    whose = layout(folder)
    if whose == "marian":
        counts.update(count_numbers(folder))
        return _listed(counts)
    if whose == "textbook":
        for tensor in read_training(folder)[1].values():
            counts[tensor.dtype] += tensor.values.size
        return _listed(counts)
    if whose == "argos":
        with opened(folder) as package:
            return _stored(package.model)
    if whose == "ctranslate2":
        # Under its aliases a variable is the same object.
        variables = read_binary(folder / BINARY_FILE).variables.values()
        for tensor in {id(tensor): tensor for tensor in variables}.values():
            if tensor.shape:  # and no attribute
                counts[tensor.dtype] += tensor.values.size
        return _listed(counts)
    if whose == "native":
        for tensor in read_safetensors(folder / WEIGHTS_FILE).values():
            counts[tensor.dtype] += tensor.values.size
        return _listed(counts)
    # A folder may have its weights in both forms; the first one is what is read then.
    for pattern, read in (("*.safetensors", read_safetensors), ("*.bin", read_pickled)):
        for path in sorted(folder.glob(pattern)):
            for tensor in read(path).values():
                counts[tensor.dtype] += tensor.values.size
        if counts:
            break
    return _listed(counts)


def _listed(counts: collections.Counter[str]) -> str:
    return ", ".join(f"{dtype} {count:,}" for dtype, count in counts.most_common())
