"""The output of `pyattn inspect`: a description of a model."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pyattn.checkpoint import Checkpoint, ModelConfig
from pyattn.files import ModelFiles, model_path, open_model
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
    """A model and how it would run here, as names and values.

    Args:
        path: The model's folder; the included model by default.
        dtype: The number type of weights in computation, as for `pyattn.load`.
        threads: Number of threads; default: as many as the process may use.

    Raises:
        ModelError: if the model cannot be used.
        ValueError: if `dtype` or `threads` is not available here, or a pattern matches no product.
    """
    folder = SHIPPED_MODEL if path is None else model_path(path)
    with open_model(folder) as files:
        checkpoint, stored = files.checkpoint, files.stored_numbers
        languages = _languages(files)
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
        *languages,
        ("stored as", _listed(stored)),
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


def _languages(files: ModelFiles) -> list[tuple[str, str]]:
    """The names of languages that the model takes, if any."""
    try:
        tokenizer = load_tokenizer(files)
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


def _listed(counts: Mapping[str, int]) -> str:
    """Counts of numbers by their type, the most frequent type first."""
    ordered = sorted(counts.items(), key=lambda item: item[1], reverse=True)
    return ", ".join(f"{dtype} {count:,}" for dtype, count in ordered)
