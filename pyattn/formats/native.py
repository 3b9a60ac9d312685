"""pyattn's own folders: config.json, model.safetensors and the tokenizer's files.

`pyattn.formats.native_config` says what is in config.json. model.safetensors holds the tensors
under the names of `pyattn.checkpoint`, each in float32, or a matrix in int8 with a float32 scale
per row (its output channel) beside it: `<name>.scale`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pyattn.checkpoint import Checkpoint, tensor_shapes
from pyattn.errors import ModelError
from pyattn.formats.files import bare, listed, open_regular
from pyattn.formats.native_config import (
    CONFIG_FILE,
    FORMAT,
    FORMAT_VERSION,
    LENGTHS,
    TOKENIZER_FILES,
    read_native_config,
)
from pyattn.formats.quantized import quantize, stored_quantized
from pyattn.formats.safetensors import read_safetensors
from pyattn.formats.weights import Weights, named_shapes
from pyattn.stored import Stored, Tensors

WEIGHTS_FILE = "model.safetensors"
SCALE_SUFFIX = ".scale"


def read_native(folder: pathlib.Path) -> Checkpoint:
    """The model in a native folder; its weights stay views of the file.

    Raises:
        ModelError: if a file is missing or malformed, or if the config contradicts the tensors.
    """
    config = read_native_config(folder)
    weights = Weights(WEIGHTS_FILE, read_safetensors(folder / WEIGHTS_FILE))
    shapes = dict(named_shapes(config.model, {name: name for name in LENGTHS}))
    if weights.optional("output.bias") is not None:
        shapes["output.bias"] = shapes["output.weight"][:1]
    for name in config.tied:
        if name not in shapes:
            raise ModelError(f"{CONFIG_FILE}: tied: {bare(name)} is not a tensor of this model")
    by_stored_name: dict[str, Stored] = {}
    tensors: dict[str, Stored] = {}
    for name, shape in shapes.items():
        stored_name = config.tied.get(name, name)
        tensor = _stored(weights, stored_name, shape)
        tensors[name] = by_stored_name.setdefault(stored_name, tensor)
    weights.check_all_taken(config.model.family)
    return Checkpoint(config.model, Tensors(tensors), config.generation)


def _stored(weights: Weights, name: str, shape: tuple[int, ...]) -> Stored:
    """A tensor in the numbers that it is stored in."""
    tensor = weights.take(name, shape)
    if tensor.dtype != "I8":
        return tensor.stored()
    if len(shape) != 2:
        raise ModelError(f"{tensor.file}: {bare(name)} has dtype I8, expected F32 for a vector")
    return stored_quantized(tensor, weights.take(f"{name}{SCALE_SUFFIX}", shape[:1]))


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
        tied, stored = _distinct(Tensors.of(checkpoint.tensors))
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


def _distinct(tensors: Tensors) -> tuple[dict[str, str], dict[str, Stored]]:
    """Which names stand for an earlier one's tensor, and the tensors without them."""
    first: dict[int, str] = {}
    stored = {name: tensors.stored(name) for name in tensors}
    tied = {name: first.setdefault(id(tensor), name) for name, tensor in stored.items()}
    return (
        {name: other for name, other in tied.items() if name != other},
        {name: tensor for name, tensor in stored.items() if tied[name] == name},
    )


def _save(path: pathlib.Path, tensors: Mapping[str, Stored], dtype: str) -> None:
    from safetensors.numpy import save_file

    contents: dict[str, npt.NDArray[Any]] = {}
    for name, tensor in tensors.items():
        array = tensor.float32()
        if dtype == "int8" and array.ndim == 2:
            try:
                matrix = quantize(array)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            assert matrix.scale is not None
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
