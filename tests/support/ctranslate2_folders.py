"""CTranslate2 folders made by hand, of every version, from checkpoints in our own names.

Written from the format's description, with neither CTranslate2 nor our reader.
"""

from __future__ import annotations

import json
import pathlib
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.checkpoint import Checkpoint, ModelConfig, tensor_shapes
from pyattn.options import GenerationOptions

Values = npt.NDArray[Any]

# What version of the class each version of the file came with.
REVISIONS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 7}
DTYPES = ("float32", "float16", "bfloat16", "int16", "int8")
# float16 and bfloat16 have no number before version 4.
OLD_DTYPES = ("float32", "int16", "int8")
ACTIVATIONS = {"relu": 0, "gelu_tanh": 1, "silu": 2, "gelu": 3}

_TYPE_IDS = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4, "uint16": 5}
# Weights are multiples of this, below 1/2, so that no float type loses anything of them.
_STEP = np.float32(1 / 64)


def checkpoint(**changes: Any) -> Checkpoint:
    """A tiny pre-norm model with seeded weights, by default what files of every version can hold.

    Its output matrix is the decoder's embedding, as one array.
    """
    defaults: dict[str, Any] = {
        "family": "transformer", "source_vocab": 9, "target_vocab": 7, "dim": 16,
        "encoder_layers": 2, "decoder_layers": 1, "encoder_heads": 8, "decoder_heads": 8,
        "encoder_ffn": 6, "decoder_ffn": 5, "max_positions": 1024, "start": 1, "end": 2, "unk": 0,
        "norm": "pre", "final_norm": True, "positions": "sinusoidal_t2t", "first_position": 1,
        "embedding_scale": 4.0,
    }  # fmt: skip
    config = ModelConfig(**(defaults | changes))
    random = np.random.default_rng(3)
    tensors = {}
    for name, shape in tensor_shapes(config):
        noise = random.integers(-31, 32, shape).astype(np.float32) * _STEP
        tensors[name] = noise + np.float32(name.endswith("norm.weight"))
    tensors["output.bias"] = random.integers(-9, 9, config.target_vocab).astype(np.float32) / 8
    tensors["output.weight"] = tensors["decoder.embedding"]
    options = GenerationOptions(
        beam_size=2,
        min_new_tokens=1,
        max_new_tokens=min(257, config.max_positions),
        early_stopping=True,
        alignment_heads=((config.decoder_layers - 1, 0),),
    )
    return Checkpoint(config, tensors, options)


def variables(made: Checkpoint, revision: int = 7) -> dict[str, Values]:
    """The variables of a checkpoint, by the names of that revision (1: those of revision 2)."""
    config, tensors = made.config, made.tensors
    found: dict[str, Values] = {}
    numbered = "_0" if revision >= 4 else ""
    found[f"encoder/embeddings{numbered}/weight"] = tensors["encoder.embedding"]
    found["decoder/embeddings/weight"] = tensors["decoder.embedding"]
    found["decoder/projection/weight"] = tensors["output.weight"]
    if "output.bias" in tensors:
        found["decoder/projection/bias"] = tensors["output.bias"]
    for stack, attentions in (
        ("encoder", {"self_attention": "self_attention"}),
        ("decoder", {"self_attention": "self_attention", "cross_attention": "attention"}),
    ):
        for ours, theirs in (
            ("embedding_norm", "layernorm_embedding"),
            ("final_norm", "layer_norm"),
        ):
            if f"{stack}.{ours}.weight" in tensors:
                found |= _norm(tensors, f"{stack}.{ours}", f"{stack}/{theirs}")
        if config.positions == "learned":
            table = tensors[f"{stack}.positions"]
            found[f"{stack}/position_encodings/encodings"] = table
        for n in range(config.encoder_layers if stack == "encoder" else config.decoder_layers):
            layer, saved = f"{stack}.layers.{n}", f"{stack}/layer_{n}"
            for ours, theirs in attentions.items():
                found |= _norm(tensors, f"{layer}.{ours}_norm", f"{saved}/{theirs}/layer_norm")
                linears = [["query", "key", "value"], ["output"]]
                if ours == "cross_attention":
                    linears = [["query"], ["key", "value"], ["output"]]
                for number, parts in enumerate(linears):
                    for kind in ("weight", "bias"):
                        found[f"{saved}/{theirs}/linear_{number}/{kind}"] = np.concatenate(
                            [tensors[f"{layer}.{ours}.{part}.{kind}"] for part in parts]
                        )
            found |= _norm(tensors, f"{layer}.feed_forward_norm", f"{saved}/ffn/layer_norm")
            for ours, theirs in (("up", "linear_0"), ("down", "linear_1")):
                for kind in ("weight", "bias"):
                    tensor = tensors[f"{layer}.feed_forward.{ours}.{kind}"]
                    found[f"{saved}/ffn/{theirs}/{kind}"] = tensor
    return found | attributes(config, revision)


def attributes(config: ModelConfig, revision: int) -> dict[str, Values]:
    """The numbers that stand alone."""
    if revision < 3:
        return {}
    own = {}
    for stack, heads in (("encoder", config.encoder_heads), ("decoder", config.decoder_heads)):
        scope = f"{stack}/" if revision >= 5 else ""
        own[f"{scope}num_heads"] = np.int16(heads)
        own[f"{scope}pre_norm"] = np.int8(config.norm == "pre")
        own[f"{scope}activation"] = np.int8(ACTIVATIONS[config.activation])
        own[f"{stack}/scale_embeddings"] = np.float32(config.embedding_scale)
    own["decoder/start_from_zero_embedding"] = np.int8(config.zero_start)
    own["encoder/embeddings_merge" if revision >= 5 else "embeddings_merge"] = np.int8(0)
    own["decoder/alignment_layer" if revision >= 5 else "alignment_layer"] = np.int16(-1)
    return {name: np.asarray(value) for name, value in own.items()}


def quantized(found: Mapping[str, Values], dtype: str, *, scaled: bool = True) -> dict[str, Values]:
    """The variables with weights in another type; uint16 are the bits of bfloat16.

    `scaled` is whether the scale of int16, which is then 1000, is written too.
    """
    result: dict[str, Values] = {}
    # Of what is one array, what is made of it is one too.
    made: dict[int, tuple[Values, Values | None]] = {}
    for name, values in found.items():
        if not values.shape:
            result[name] = values
        elif dtype in ("float16", "bfloat16"):
            result[name], _ = made.setdefault(id(values), (_half(values, dtype), None))
        elif dtype == "float32" or not name.endswith("weight"):
            result[name] = values
        else:
            integers, scale = made.setdefault(id(values), _integers(values, dtype))
            result[name] = integers
            if scale is not None and (scaled or dtype == "int8"):
                result[f"{name}_scale"] = scale
    return result


def _half(values: Values, dtype: str) -> Values:
    if dtype == "float16":
        return values.astype(np.float16)
    return (values.view(np.uint32) >> 16).astype(np.uint16)


def _integers(values: Values, dtype: str) -> tuple[Values, Values]:
    if dtype == "int16":
        return np.rint(values * 1000).astype(np.int16), np.asarray(np.float32(1000))
    scale = (127 / np.abs(values).max(axis=1)).astype(np.float32)
    return np.rint(values * scale[:, None]).astype(np.int8), scale


def floats(values: Values, dtype: str) -> Values:
    """What a weight is after it was stored in that type."""
    if dtype in ("int8", "int16"):
        integers, scale = _integers(values, dtype)
        return integers / (scale[:, None] if scale.shape else scale)
    return values


def first_names(found: Mapping[str, Values]) -> dict[str, Values]:
    """The variables under OpenNMT-tf's names, for version 1."""
    result = {}
    for name, values in found.items():
        parts = name.split("/")
        for number in range(3):
            parts = [
                ("conv1d" if number == 0 else f"conv1d_{number}") if p == f"linear_{number}" else p
                for p in parts
            ]
        attention = "masked_multi_head" if parts[0] == "decoder" else "multi_head"
        words = {"self_attention": attention, "attention": "multi_head", "layer_norm": "LayerNorm"}
        words |= {"projection": "dense"}
        parts = [words.get(part, part) for part in parts]
        if parts[-2:] == ["embeddings", "weight"]:
            parts[-2:] = ["w_embs"]
        elif parts[-1] == "weight":
            parts[-1] = "kernel"
        result[f"transformer/{'/'.join(parts)}:0"] = values
    return result


def string(text: str | bytes) -> bytes:
    """A string of the file."""
    content = text.encode() if isinstance(text, str) else text
    return struct.pack("<H", len(content) + 1) + content + b"\0"


def variable(name: str, values: Values, version: int = 6) -> bytes:
    """An entry of the file."""
    head = string(name) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
    if version >= 4:
        return (
            head
            + struct.pack("<BI", _TYPE_IDS[values.dtype.name], values.nbytes)
            + values.tobytes()
        )
    return head + struct.pack("<BI", values.itemsize, values.size) + values.tobytes()


def model_bin(
    found: Mapping[str, Values],
    *,
    version: int = 6,
    spec: str = "TransformerSpec",
    revision: int | None = None,
    aliases: Sequence[tuple[str, str]] = (),
) -> bytes:
    """A file of these variables. What is one array under several names becomes aliases."""
    stored: dict[str, Values] = {}
    first: dict[int, str] = {}
    others = []
    for name, values in found.items():
        kept = first.setdefault(id(values), name) if version >= 3 and values.shape else name
        if kept == name:
            stored[name] = values
        elif not name.endswith("_scale"):  # that of an alias goes without saying
            others.append((name, kept))
    content = struct.pack("<I", version)
    if version >= 2:
        content += string(spec) + struct.pack("<I", revision or REVISIONS[version])
    content += struct.pack("<I", len(stored))
    content += b"".join(variable(name, values, version) for name, values in stored.items())
    if version >= 3:
        others += aliases
        content += struct.pack("<I", len(others))
        content += b"".join(string(alias) + string(name) for alias, name in others)
    return content


def tokens(size: int) -> list[str]:
    """A vocabulary; its special tokens are the first."""
    return ["<unk>", "<s>", "</s>", *(chr(ord("a") + n) for n in range(size - 3))]


CONFIG: dict[str, Any] = {
    "add_source_bos": False,
    "add_source_eos": False,
    "bos_token": "<s>",
    "decoder_start_token": "<s>",
    "eos_token": "</s>",
    "layer_norm_epsilon": None,
    "multi_query_attention": False,
    "unk_token": "<unk>",
}


def write_vocabulary(path: pathlib.Path, words: Sequence[str], form: str = "json") -> None:
    """A vocabulary's file, its name without the suffix that says its form."""
    if form == "json":
        path.with_suffix(".json").write_text(json.dumps(list(words)))
    else:
        path.with_suffix(".txt").write_bytes("".join(f"{word}\n" for word in words).encode())


def folder(
    path: pathlib.Path,
    made: Checkpoint,
    *,
    version: int = 6,
    dtype: str = "float32",
    scaled: bool = True,
    spec: str = "TransformerSpec",
    config: Mapping[str, Any] = CONFIG,
    more: Mapping[str, Values] | None = None,
) -> pathlib.Path:
    """A folder with model.bin, vocabularies and, of version 6, config.json."""
    path.mkdir(parents=True, exist_ok=True)
    found = quantized(variables(made, REVISIONS[version]), dtype, scaled=scaled) | dict(more or {})
    if version == 1:
        found = first_names(found)
    (path / "model.bin").write_bytes(model_bin(found, version=version, spec=spec))
    write_vocabulary(path / "source_vocabulary", tokens(made.config.source_vocab))
    write_vocabulary(path / "target_vocabulary", tokens(made.config.target_vocab))
    if version >= 6:
        (path / "config.json").write_text(json.dumps(config))
    return path


def _norm(tensors: Mapping[str, Values], ours: str, theirs: str) -> dict[str, Values]:
    return {
        f"{theirs}/gamma": tensors[f"{ours}.weight"],
        f"{theirs}/beta": tensors[f"{ours}.bias"],
    }
