"""pyattn's own folders: config.json, model.safetensors and the tokenizer's files.

config.json holds

    format           "pyattn"
    format_version   1
    model            the attributes of `ModelConfig`
    generation       the attributes of `GenerationOptions`
    tied             name of a tensor to the name that its values are stored under
    tokenizer        role ("source", "target", "vocab", "target_vocab") to file name; may be absent

model.safetensors holds the tensors under the names of `pyattn.checkpoint`, each in float32, or a
matrix in int8 with a float32 scale per row (its output channel) beside it: `<name>.scale`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from pyattn.checkpoint import (
    Activation,
    Array,
    Checkpoint,
    ModelConfig,
    Positions,
    tensor_shapes,
)
from pyattn.errors import ModelError
from pyattn.formats.fields import MAX_DIM, MAX_LAYERS, MAX_POSITIONS, Fields
from pyattn.formats.files import (
    JsonObject,
    bare,
    listed,
    named_inside,
    open_regular,
    read_json,
    shown,
)
from pyattn.formats.quantized import Quantized, quantize, stored_quantized
from pyattn.formats.safetensors import read_safetensors
from pyattn.formats.tensors import Tensor
from pyattn.formats.weights import Length, Weights, named_shapes
from pyattn.options import GenerationOptions

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
FORMAT = "pyattn"
FORMAT_VERSION = 1
SCALE_SUFFIX = ".scale"
# Role to the name under which the file is written, unless it equals that of an earlier role.
TOKENIZER_FILES = {
    "source": "source.spm",
    "target": "target.spm",
    "vocab": "vocab.json",
    "target_vocab": "target_vocab.json",
}

# What makes no sense without what.
_NEEDED = {"source": "target", "target": "source", "vocab": "source", "target_vocab": "vocab"}
_CONFIG_KEYS = {"format", "format_version", "model", "generation", "tied", "tokenizer"}
# Attributes of ModelConfig that are the lengths of axes.
_LENGTHS = ("source_vocab", "target_vocab", "dim", "encoder_ffn", "decoder_ffn", "max_positions")
_NORMS: dict[str, Literal["post", "pre"]] = {"post": "post", "pre": "pre"}
_ACTIVATIONS: dict[str, Activation] = {name: name for name in get_args(Activation)}
_POSITIONS: dict[str, Positions] = {name: name for name in get_args(Positions)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class NativeConfig:
    """A native config.json, understood.

    Attributes:
        model: What the model is.
        generation: How it wants to be decoded.
        tied: Name of a tensor to the name that its values are stored under.
        tokenizer: Role to path of the tokenizer's files.
    """

    model: ModelConfig
    generation: GenerationOptions
    tied: Mapping[str, str]
    tokenizer: Mapping[str, pathlib.Path]


def is_native(values: JsonObject) -> bool:
    """Whether a config.json is one of ours."""
    return "format" in values


def read_native(folder: pathlib.Path) -> Checkpoint:
    """The model in a native folder; int8 weights are multiplied out to float32, and named.

    Raises:
        ModelError: if a file is missing or malformed, or if the config contradicts the tensors.
    """
    config = read_native_config(folder)
    weights = Weights(WEIGHTS_FILE, read_safetensors(folder / WEIGHTS_FILE))
    shapes = dict(named_shapes(config.model, {name: name for name in _LENGTHS}))
    if weights.optional("output.bias") is not None:
        shapes["output.bias"] = shapes["output.weight"][:1]
    for name in config.tied:
        if name not in shapes:
            raise ModelError(f"{CONFIG_FILE}: tied: {bare(name)} is not a tensor of this model")
    arrays: dict[str, Array] = {}
    tensors: dict[str, Array] = {}
    int8 = set()
    for name, shape in shapes.items():
        stored = config.tied.get(name, name)
        tensor = _stored(weights, stored, shape)
        if stored not in arrays:
            arrays[stored] = tensor.float32()
        tensors[name] = arrays[stored]
        if isinstance(tensor, Quantized):
            int8.add(name)
    weights.check_all_taken(config.model.family)
    return Checkpoint(config.model, tensors, config.generation, frozenset(int8))


def _stored(weights: Weights, name: str, shape: tuple[Length, ...]) -> Tensor | Quantized:
    """A tensor in the numbers that it is stored in."""
    tensor = weights.take(name, shape)
    if tensor.dtype != "I8":
        return tensor
    if len(shape) != 2:
        raise ModelError(f"{tensor.file}: {bare(name)} has dtype I8, expected F32 for a vector")
    return stored_quantized(tensor, weights.take(f"{name}{SCALE_SUFFIX}", shape[:1]))


def read_native_config(folder: pathlib.Path) -> NativeConfig:
    """Reads config.json.

    Raises:
        ModelError: if a field is missing, unknown or out of range; the message names it.
    """
    values = read_json(folder / CONFIG_FILE)
    fields = Fields({CONFIG_FILE: values})
    if fields.get("format") != FORMAT:
        fields.fail("format", f"is {shown(fields.get('format'))}, expected {FORMAT!r}")
    version = fields.integer("format_version")
    if version != FORMAT_VERSION:
        fields.fail(
            "format_version",
            f"is {version}, this version of pyattn reads {FORMAT_VERSION}: "
            f"update pyattn, or convert the model again",
        )
    _check_known(values, _CONFIG_KEYS, CONFIG_FILE)
    model = _model(_section(fields, "model"))
    return NativeConfig(
        model=model,
        generation=_generation(_section(fields, "generation"), model.target_vocab),
        tied={name: str(stored) for name, stored in _section(fields, "tied").items()},
        tokenizer=_tokenizer(folder, _section(fields, "tokenizer")),
    )


def _section(fields: Fields, key: str) -> JsonObject:
    value = fields.get(key)
    if value is None:
        value = {}
    if not isinstance(value, dict):
        fields.fail(key, f"is {shown(value)}, expected an object")
    return value


def _check_known(values: JsonObject, known: set[str], place: str) -> None:
    for key in values:
        if key not in known:
            raise ModelError(f"{place}: {bare(key)} is not a field that pyattn knows")


def _model(values: JsonObject) -> ModelConfig:
    place = f"{CONFIG_FILE}: model"
    _check_known(values, {field.name for field in dataclasses.fields(ModelConfig)}, place)
    fields = Fields({place: values})
    dim = fields.integer("dim", high=MAX_DIM)
    source_vocab, target_vocab = fields.integer("source_vocab"), fields.integer("target_vocab")
    smaller = min(source_vocab, target_vocab)
    return ModelConfig(
        family=fields.text("family"),
        source_vocab=source_vocab,
        target_vocab=target_vocab,
        dim=dim,
        encoder_layers=fields.integer("encoder_layers", high=MAX_LAYERS),
        decoder_layers=fields.integer("decoder_layers", high=MAX_LAYERS),
        encoder_heads=fields.divisor("encoder_heads", of="dim", value=dim),
        decoder_heads=fields.divisor("decoder_heads", of="dim", value=dim),
        encoder_ffn=fields.integer("encoder_ffn", high=MAX_DIM),
        decoder_ffn=fields.integer("decoder_ffn", high=MAX_DIM),
        max_positions=fields.integer("max_positions", high=MAX_POSITIONS),
        start=fields.integer("start", low=0, high=target_vocab - 1),
        end=fields.integer("end", low=0, high=smaller - 1),
        pad=fields.optional_id("pad", None, vocab=smaller),
        unk=fields.optional_id("unk", None, vocab=target_vocab),
        norm=fields.choice("norm", _NORMS, "post"),
        norm_epsilon=fields.number("norm_epsilon", 1e-5, low=0),
        final_norm=fields.boolean("final_norm", False),
        activation=fields.choice("activation", _ACTIVATIONS, "relu"),
        positions=fields.choice("positions", _POSITIONS, "sinusoidal"),
        first_position=fields.integer("first_position", 0, low=0, high=MAX_POSITIONS),
        embedding_scale=fields.number("embedding_scale", 1.0),
        embedding_norm=fields.boolean("embedding_norm", False),
        zero_start=fields.boolean("zero_start", False),
    )


def _generation(values: JsonObject, vocab: int) -> GenerationOptions:
    place = f"{CONFIG_FILE}: generation"
    _check_known(values, {field.name for field in dataclasses.fields(GenerationOptions)}, place)
    suppressed = values.get("suppress_tokens", [])
    if not isinstance(suppressed, list) or not all(
        type(token) is int and 0 <= token < vocab for token in suppressed
    ):
        raise ModelError(
            f"{place}: suppress_tokens is {shown(suppressed)}, expected ids below {vocab}"
        )
    try:
        return GenerationOptions(**(values | {"suppress_tokens": tuple(suppressed)}))
    except (TypeError, ValueError) as error:
        raise ModelError(f"{place}: {error}") from None


def _tokenizer(folder: pathlib.Path, values: JsonObject) -> dict[str, pathlib.Path]:
    place = f"{CONFIG_FILE}: tokenizer"
    _check_known(values, set(TOKENIZER_FILES), place)
    for role, needed in _NEEDED.items():
        if role in values and needed not in values:
            raise ModelError(f"{place}: {needed} is missing, which {role} needs")
    return {role: named_inside(folder, name, f"{place}: {role}") for role, name in values.items()}


def write_native(
    folder: pathlib.Path,
    checkpoint: Checkpoint,
    *,
    dtype: Literal["float32", "int8"] = "float32",
    tokenizer_files: Mapping[str, pathlib.Path] | None = None,
) -> None:
    """Writes a model as a native folder, which appears complete or not at all.

    Args:
        folder: Where; does not exist yet, or is empty.
        checkpoint: The model. Matrices that are one array are stored once.
        dtype: What matrices are stored in; vectors are always float32.
        tokenizer_files: Role (a key of `TOKENIZER_FILES`) to file; files with the same content are
            stored once.

    Raises:
        FileExistsError: if the folder holds anything.
        ValueError: if there is no such dtype, if the tensors are not those of the config, or if a
            matrix that is to be int8 has a value that is not finite.
    """
    if dtype not in ("float32", "int8"):
        raise ValueError(f"write_native: dtype is {dtype!r}, expected 'float32' or 'int8'")
    _check_tensors(checkpoint)
    with _appearing(folder) as written:
        names = _copy_tokenizer(tokenizer_files or {}, written)
        tied, stored = _distinct(checkpoint.tensors)
        config = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "model": dataclasses.asdict(checkpoint.config),
            "generation": dataclasses.asdict(checkpoint.generation),
            "tied": tied,
            "tokenizer": names,
        }
        text = json.dumps(config, indent=2, allow_nan=False)
        (written / CONFIG_FILE).write_text(f"{text}\n", encoding="utf-8")
        _save(written / WEIGHTS_FILE, stored, dtype)
        # safetensors keeps what it writes from everybody else.
        (written / WEIGHTS_FILE).chmod((written / CONFIG_FILE).stat().st_mode)


def _check_tensors(checkpoint: Checkpoint) -> None:
    """That what is written can be read again."""
    expected = dict(tensor_shapes(checkpoint.config))
    for name, shape in expected.items():
        found = checkpoint.tensors.get(name)
        if found is None or found.shape != shape:
            has = "is missing" if found is None else f"has shape {list(found.shape)}"
            raise ValueError(f"write_native: tensors[{name!r}] {has}, expected {list(shape)}")
    unknown = checkpoint.tensors.keys() - expected.keys() - {"output.bias"}
    if unknown:
        raise ValueError(f"write_native: {listed(sorted(unknown))}: not tensors of the config")


def _distinct(tensors: Mapping[str, Array]) -> tuple[dict[str, str], dict[str, Array]]:
    """Which names stand for an earlier one's array, and the arrays without them."""
    first: dict[int, str] = {}
    for name, array in tensors.items():
        first.setdefault(id(array), name)
    tied = {name: first[id(array)] for name, array in tensors.items()}
    return (
        {name: stored for name, stored in tied.items() if name != stored},
        {name: array for name, array in tensors.items() if tied[name] == name},
    )


def _save(path: pathlib.Path, tensors: Mapping[str, Array], dtype: str) -> None:
    from safetensors.numpy import save_file

    contents: dict[str, npt.NDArray[Any]] = {}
    for name, array in tensors.items():
        if dtype == "int8" and array.ndim == 2:
            try:
                matrix = quantize(array)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            contents[name] = matrix.values
            contents[f"{name}{SCALE_SUFFIX}"] = matrix.scale
        else:
            contents[name] = np.ascontiguousarray(array, np.float32)
    save_file(contents, path)


def _copy_tokenizer(files: Mapping[str, pathlib.Path], folder: pathlib.Path) -> dict[str, str]:
    """Role to the name of its file in the folder."""
    names: dict[str, str] = {}
    by_content: dict[bytes, str] = {}
    for role, path in files.items():
        with open_regular(path) as file:
            content = file.read()
        names[role] = by_content.setdefault(content, TOKENIZER_FILES[role])
        (folder / names[role]).write_bytes(content)
    return names


@contextlib.contextmanager
def _appearing(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder to write to, which takes its real name when all has gone well."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder}: exists and is not an empty folder; choose another name")
    written = folder.with_name(f".{folder.name}.{os.urandom(4).hex()}")
    written.mkdir(parents=True)
    try:
        yield written
        if folder.exists():
            folder.rmdir()  # which leaves alone what has come in since
        written.replace(folder)
    finally:
        shutil.rmtree(written, ignore_errors=True)
