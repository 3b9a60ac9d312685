"""The output of `pyattn inspect`: a description of a model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pyattn.checkpoint import Checkpoint
from pyattn.embedding.modules import Modules, read_around
from pyattn.files import ModelFiles, model_path, open_model
from pyattn.files.reading import bare, shown
from pyattn.files.tokenizer_parts import FilesByRole
from pyattn.model import Model
from pyattn.model_config import Stack
from pyattn.pruning import Kept
from pyattn.running import precision
from pyattn.running.origin import SHIPPED_MODEL
from pyattn.running.precision import DTypes
from pyattn.stored import Tensors
from pyattn.text.tokenizers import NoTokenizer, load_tokenizer

# Labels in a line for readers.
_SHOWN_LABELS = 8
_SIDES: dict[Stack, str] = {"encoder": "source", "decoder": "target"}
# Ids with a meaning, by the stacks of a model: a decoder alone begins with its prompt.
_IDS: dict[tuple[Stack, ...], tuple[str, ...]] = {
    ("encoder", "decoder"): ("start", "end", "pad"),
    ("encoder",): ("pad",),
    ("decoder",): ("end", "pad"),
}
# Number types in files, by the names that safetensors gives them.
_TYPES = {
    "BF16": "bfloat16",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "I16": "int16",
    "I4": "int4",
    "I8": "int8",
}


def facts(
    path: str | os.PathLike[str] | None = None,
    *,
    dtype: DTypes = "auto",
    threads: int | None = None,
) -> dict[str, Any]:
    """A model and how it would run here, as values of JSON.

    Args:
        path: The model's folder; the included model by default.
        dtype: The number type of weights in computation, as for `pyattn.load`.
        threads: Number of threads; default: as many as the process may use.

    Raises:
        ModelError: if the model cannot be used.
        ValueError: if `dtype` or `threads` is not available here, or a pattern matches no product.
    """
    folder = SHIPPED_MODEL if path is None else model_path(path)
    around = read_around(folder)
    with open_model(around.model) as files:
        checkpoint = files.checkpoint
        task = _task(files, around)
        stored = {_TYPES.get(name, name): count for name, count in files.stored_numbers.items()}
        languages = _languages(files)
    with Model(checkpoint, dtype=dtype, threads=threads) as model:
        config = model.config
        machine = {
            "computed_in": precision.described(config, config.dtype, config.other_dtypes),
            "weight_bytes": model.nbytes,
            "isa": config.isa,
            "threads": model.threads,
        }
    return {
        "model": str(folder),
        **_network(checkpoint),
        **task,
        "languages": languages,
        "stored_as": stored,
        "scales": _scales(checkpoint),
        **machine,
    }


def describe(
    path: str | os.PathLike[str] | None = None,
    *,
    dtype: DTypes = "auto",
    threads: int | None = None,
) -> list[tuple[str, str]]:
    """The same as names and values for readers; arguments and errors are those of `facts`."""
    found = facts(path, dtype=dtype, threads=threads)
    ids = ", ".join(f"{name} {number}" for name, number in found["token_ids"].items())
    norm = f"{found['norm']}, {found['norm_kind']}"
    weights = f"{found['weight_bytes'] / 2**20:,.1f} MiB of weights"
    lines: dict[str, object] = {
        "model": found["model"],
        "family": found["family"],
        "parameters": f"{found['parameters']:,}",
        "dim": found["dim"],
        **{side: _stack(found[side]) for side in ("encoder", "decoder") if side in found},
        "vocabulary": ", ".join(f"{n:,} {side}" for side, n in found["vocabulary"].items()),
        "token ids": ids,
        "positions": f"{_positions(found)}, {found['positions']}",
        **({"kept": found["kept"]} if "kept" in found else {}),
        "norm": f"{norm}{', and one after each stack' if found['final_norm'] else ''}",
        "activation": f"{'gated ' if found['gated'] else ''}{found['activation']}",
        **({"mixer": found["mixer"]} if found["mixer"] != "attention" else {}),
        **(
            {"decoding": ", ".join(f"{name} {value}" for name, value in found["decoding"].items())}
            if "decoding" in found
            else {}
        ),
        **_described_task(found),
        **{
            f"languages {side}": f"{len(names)}: {', '.join(names)}"
            for side, names in found["languages"].items()
            if names
        },
        "stored as": _listed(found),
        "computed in": f"{found['computed_in']}, {weights}",
        "isa": found["isa"],
        "threads": found["threads"],
    }
    return [(name, str(value)) for name, value in lines.items()]


def _task(files: ModelFiles, around: Modules) -> dict[str, Any]:
    """What an encoder or a decoder alone is for."""
    if files.config.stacks == ("decoder",):
        parts = files.tokenizer
        chats = isinstance(parts, FilesByRole) and bool(parts.settings.get("chat_template"))
        return {"chats": chats}
    if "decoder" in files.config.stacks:
        return {}
    head = files.head
    if head is not None:
        return {"classifier": {"labels": list(head.labels), "scores": head.scores}}
    prompts = dict(around.prompts)
    return {"vectors": {"pooling": list(around.pooling.modes), "prompts": prompts}}


def _described_task(found: Mapping[str, Any]) -> dict[str, str]:
    if "classifier" in found:
        labels = found["classifier"]["labels"]
        return {
            "labels": f"{len(labels)}: {', '.join(map(bare, labels[:_SHOWN_LABELS]))}"
            + (" ..." if len(labels) > _SHOWN_LABELS else ""),
            "scores": found["classifier"]["scores"],
        }
    if "chats" in found:
        return {"chats": "by the template in its files" if found["chats"] else "no template"}
    if "vectors" not in found:
        return {}
    prompts = found["vectors"]["prompts"]
    lines = ", ".join(f"{bare(name)} {shown(text)}" for name, text in prompts.items())
    return {
        "vectors": " and ".join(found["vectors"]["pooling"]),
        **({"prompts": lines} if lines else {}),
    }


def _positions(found: Mapping[str, Any]) -> str:
    longest = f"{found['max_positions']:,}"
    if "max_target_positions" not in found:
        return longest
    return f"{longest} source and {found['max_target_positions']:,} target"


def _network(checkpoint: Checkpoint) -> dict[str, Any]:
    config, options = checkpoint.config, checkpoint.generation
    decodes, kept = "decoder" in config.stacks, Kept.of(config)
    decoding = {"beam_size": options.beam_size, "max_new_tokens": options.max_new_tokens}
    tensors = Tensors.of(checkpoint.tensors)
    distinct = {id(tensor): tensor.size for tensor in map(tensors.stored, tensors)}
    return {
        "family": config.family,
        "parameters": sum(distinct.values()),
        "dim": config.dim,
        **({} if kept is None else {"kept": str(kept)}),
        **{
            side: {
                "layers": getattr(config, f"{side}_layers"),
                "heads": getattr(config, f"{side}_heads"),
                "ffn": getattr(config, f"{side}_ffn"),
            }
            for side in config.stacks
        },
        "vocabulary": {
            _SIDES[side]: getattr(config, f"{_SIDES[side]}_vocab") for side in config.stacks
        },
        "token_ids": {name: getattr(config, name) for name in _IDS[config.stacks]},
        "positions": config.positions,
        "max_positions": config.stack(config.stacks[0]).max_positions,
        **({"max_target_positions": config.max_positions} if config.encoder_max_positions else {}),
        "norm": config.norm,
        "norm_kind": {"layer": "layer norm", "rms": "RMS norm"}[config.norm_kind],
        "final_norm": config.final_norm,
        "activation": config.activation,
        "gated": config.gated,
        "mixer": config.mixer,
        **({"decoding": decoding} if decodes else {}),
    }


def _scales(checkpoint: Checkpoint) -> int:
    """Number of scales of rows and groups of matrices in whole numbers: they are no parameters."""
    tensors = Tensors.of(checkpoint.tensors)
    distinct = {id(tensor): tensor for tensor in map(tensors.stored, tensors)}
    scales = [scale for tensor in distinct.values() for scale in (tensor.scale, tensor.group_scale)]
    return sum(scale.size for scale in scales if scale is not None)


def _languages(files: ModelFiles) -> dict[str, list[str]]:
    """The names of languages that the model takes, if any."""
    try:
        tokenizer = load_tokenizer(files)
    except NoTokenizer:
        tokenizer = None
    if tokenizer is None:
        return {"from": [], "into": []}
    known = tokenizer.languages
    return {"from": sorted(known.sources), "into": sorted(known.targets)}


def _stack(sizes: Mapping[str, int]) -> str:
    return f"{sizes['layers']} layers, {sizes['heads']} heads, ffn {sizes['ffn']:,}"


def _listed(found: Mapping[str, Any]) -> str:
    """Counts of stored numbers by their type, the most frequent type first."""
    counts, scales = found["stored_as"], found["scales"]
    ordered = sorted(counts.items(), key=lambda item: item[1], reverse=True)
    text = ", ".join(f"{dtype} {count:,}" for dtype, count in ordered)
    # In other layouts scales have other forms, or other tensors are stored besides.
    if scales and sum(counts.values()) == found["parameters"] + scales:
        text += f" ({scales:,} of these are scales, which are no parameters)"
    return text
