"""pyattn's own folders: config.json, model.safetensors and the tokenizer's files.

`pyattn.files.native_config` describes config.json. model.safetensors holds the tensors under the
names of `pyattn.checkpoint` in float32, matrices also in float16, bfloat16, or int8 with a float32
scale per row (output channel), named `<name>.scale`; or int4, two numbers in each U8, with another
scale per group of columns in I8, named `<name>.group_scale` (`pyattn.stored`). A Marian model may
have its shortlist beside them (`pyattn.files.shortlist`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping
from typing import TypeAlias, get_args

from pyattn.checkpoint import Checkpoint, tensor_shapes
from pyattn.errors import ModelError
from pyattn.files.head import Head, read_head
from pyattn.files.model_files import ModelFiles
from pyattn.files.named_tensors import Weights, check_shape, named_shapes
from pyattn.files.native_config import (
    CONFIG_FILE,
    FORMAT,
    FORMAT_VERSION,
    LENGTHS,
    NativeConfig,
    read_native_config,
)
from pyattn.files.native_entries import (
    GROUP_SCALE_SUFFIX,
    SCALE_SUFFIX,
    MatrixType,
    entries,
)
from pyattn.files.quantized import stored_int4, stored_quantized
from pyattn.files.reading import JsonObject, bare, listed, open_regular, read_json
from pyattn.files.safetensors import read_safetensors, write_safetensors
from pyattn.files.shortlist import SHORTLIST_FILE, LexicalShortlist, read_own_shortlist
from pyattn.files.tensors import Tensor
from pyattn.files.tokenizer_parts import (
    TOKENIZER_FILES,
    FilesByRole,
    TokenizerParts,
    read_numbered,
)
from pyattn.model_config import ModelConfig
from pyattn.stored import INT4_GROUP, Stored, Tensors

WEIGHTS_FILE = "model.safetensors"

# Roles of `TOKENIZER_FILES` to files, or to their contents.
TokenizerFiles: TypeAlias = Mapping[str, str | os.PathLike[str] | bytes]


class NativeFiles(ModelFiles):
    """A native folder.

    Args:
        path: The folder.
        values: The content of its config.json.
    """

    def __init__(self, path: pathlib.Path, values: JsonObject) -> None:
        super().__init__(path)
        self._values = values

    @functools.cached_property
    def _settings(self) -> NativeConfig:
        return read_native_config(self.path, self._values)

    @functools.cached_property
    def _weights(self) -> Weights:
        return Weights(WEIGHTS_FILE, read_safetensors(self.path / WEIGHTS_FILE))

    def _read(self) -> Checkpoint:
        return _checkpoint(self._settings, self._weights)

    @property
    def config(self) -> ModelConfig:
        """As `ModelFiles`."""
        return self._settings.model

    @functools.cached_property
    def tokenizer(self) -> TokenizerParts:
        """As `ModelFiles`."""
        files = self._settings.tokenizer
        if "source" in files:
            return read_numbered(files)
        settings = read_json(files["settings"]) if "settings" in files else {}
        return FilesByRole(files=files, settings=settings)

    @functools.cached_property
    def shortlist(self) -> LexicalShortlist | None:
        """As `ModelFiles`."""
        if self._settings.shortlist is None:
            return None
        path, shared = self._settings.shortlist
        return read_own_shortlist(path, self.config, shared=shared)

    @functools.cached_property
    def head(self) -> Head | None:
        """As `ModelFiles`."""
        return read_head(self.path, self.config.dim)

    @property
    def stored_numbers(self) -> Mapping[str, int]:
        """As `ModelFiles`."""
        counts = self._weights.counts()
        tensors = Tensors.of(self.checkpoint.tensors)
        stored = {id(tensor): tensor for tensor in map(tensors.stored, tensors)}.values()
        four_bits = sum(tensor.size for tensor in stored if tensor.dtype == "int4")
        if four_bits:
            del counts["U8"]  # of two numbers each
            counts["I4"] = four_bits
        return counts


def _checkpoint(config: NativeConfig, weights: Weights) -> Checkpoint:
    shapes = dict(named_shapes(config.model, {name: name for name in LENGTHS}))
    if "decoder" in config.model.stacks and weights.optional("output.bias") is not None:
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
    return Checkpoint(config.model, Tensors(tensors), config.generation, config.text)


def _stored(weights: Weights, name: str, shape: tuple[int, ...]) -> Stored:
    """A tensor in the numbers that it is stored in."""
    groups = weights.optional(f"{name}{GROUP_SCALE_SUFFIX}")
    if groups is not None:
        return _int4(weights, name, groups, shape)
    tensor = weights.take(name, shape)
    if tensor.dtype != "I8":
        return tensor.stored()
    if len(shape) != 2:
        raise ModelError(f"{tensor.file}: {bare(name)} has dtype I8, expected F32 for a vector")
    return stored_quantized(tensor, weights.take(f"{name}{SCALE_SUFFIX}", shape[:1]))


def _int4(weights: Weights, name: str, groups: Tensor, shape: tuple[int, ...]) -> Stored:
    if len(shape) != 2:
        raise ModelError(f"{groups.file}: {bare(groups.name)} belongs to {bare(name)}, no matrix")
    rows, columns = shape
    values = weights.take(name, (rows, -(-columns // 2)))
    if values.dtype != "U8":
        raise ModelError(f"{values.file}: {bare(name)} has dtype {values.dtype}, expected U8")
    check_shape(groups, (rows, -(-columns // INT4_GROUP)))
    return stored_int4(values, weights.take(f"{name}{SCALE_SUFFIX}", shape[:1]), groups, columns)


def write_native(
    folder: str | os.PathLike[str],
    checkpoint: Checkpoint,
    *,
    dtype: MatrixType | None = None,
    tokenizer_files: TokenizerFiles | None = None,
    shortlist: LexicalShortlist | None = None,
) -> None:
    """Writes a model as a native folder, which appears complete or not at all.

    Args:
        folder: The folder to write; it does not exist yet, or is empty.
        checkpoint: The model. Matrices that are one object are stored once; those that are stored
            in `dtype` already keep their bits.
        dtype: Number type to store matrices in; None keeps the stored type of each. Vectors and
            relative biases are always float32. "int4" leaves more bits to the matrices of
            `pyattn.products.four_bits` that need them, and int8 to embeddings.
        tokenizer_files: Role (a key of `TOKENIZER_FILES`) to a file or its content; files with the
            same content are stored once.
        shortlist: The model's shortlist, if it has one.

    Raises:
        TypeError: if an argument is of another type, such as those of another order.
        FileExistsError: if the folder holds anything.
        ValueError: if there is no such dtype or role, if the tensors or the shortlist are not those
            of the config, or if a matrix that is to be int8 or int4 has a value that is not
            finite.
    """
    place = _checked_path("folder", folder)
    if not isinstance(checkpoint, Checkpoint):
        raise TypeError(
            f"write_native: checkpoint is {type(checkpoint).__name__}, expected a Checkpoint, "
            "behind the folder"
        )
    if dtype is not None and dtype not in get_args(MatrixType):
        known = ", ".join(map(repr, get_args(MatrixType)))
        raise ValueError(f"write_native: dtype is {dtype!r}, expected one of {known}, or None")
    tensors = Tensors.of(checkpoint.tensors)
    _check_tensors(checkpoint.config, tensors)
    tokenizer_files = {} if tokenizer_files is None else tokenizer_files
    _check_tokenizer_files(tokenizer_files)
    _check_shortlist(shortlist, checkpoint.config)
    with _appearing(place) as written:
        names = _copy_tokenizer(tokenizer_files, written)
        tied, stored = _distinct(tensors)
        config = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "model": dataclasses.asdict(checkpoint.config),
            "generation": dataclasses.asdict(checkpoint.generation),
            "tied": tied,
            "tokenizer": names,
        }
        if checkpoint.text is not None:
            config["text"] = dataclasses.asdict(checkpoint.text)
        if shortlist is not None:
            config["shortlist"] = {"file": SHORTLIST_FILE, "shared": shortlist.shared}
            shortlist.write(written / SHORTLIST_FILE)
        text = json.dumps(config, indent=2, allow_nan=False)
        (written / CONFIG_FILE).write_text(f"{text}\n", encoding="utf-8")
        write_safetensors(written / WEIGHTS_FILE, entries(stored, checkpoint.config, dtype))


def _checked_path(name: str, path: object) -> pathlib.Path:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"write_native: {name} is {type(path).__name__}, expected a path")
    return pathlib.Path(path)


def _check_tokenizer_files(files: TokenizerFiles) -> None:
    if not isinstance(files, Mapping):
        raise TypeError(
            f"write_native: tokenizer_files is {type(files).__name__}, expected a mapping of roles"
        )
    for role, file in files.items():
        if role not in TOKENIZER_FILES:
            known = ", ".join(TOKENIZER_FILES)
            raise ValueError(f"write_native: tokenizer_files has {role!r}, expected {known}")
        if not isinstance(file, bytes):
            _checked_path(f"tokenizer_files[{role!r}]", file)


def _check_shortlist(shortlist: LexicalShortlist | None, config: ModelConfig) -> None:
    if shortlist is None:
        return
    if not isinstance(shortlist, LexicalShortlist):
        raise TypeError(
            f"write_native: shortlist is {type(shortlist).__name__}, expected a LexicalShortlist"
        )
    sizes = len(shortlist), shortlist.target_vocab
    if sizes != (config.source_vocab, config.target_vocab):
        raise ValueError(
            f"write_native: shortlist is of {sizes[0]} source ids and {sizes[1]} target ids, the "
            f"config has {config.source_vocab} and {config.target_vocab}"
        )


def _check_tensors(config: ModelConfig, tensors: Tensors) -> None:
    """Checks that the folder can be read again."""
    expected = dict(tensor_shapes(config))
    for name, shape in expected.items():
        found = tensors.stored(name).shape if name in tensors else None
        if found != shape:
            has = "is missing" if found is None else f"has shape {list(found)}"
            raise ValueError(f"write_native: tensors[{name!r}] {has}, expected {list(shape)}")
    optional = {"output.bias"} if "decoder" in config.stacks else set()
    unknown = tensors.keys() - expected.keys() - optional
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


def _copy_tokenizer(files: TokenizerFiles, folder: pathlib.Path) -> dict[str, str]:
    """Role to the name of its file in the folder."""
    names: dict[str, str] = {}
    by_content: dict[bytes, str] = {}
    read: dict[pathlib.Path, bytes] = {}
    for role, given in files.items():
        if isinstance(given, bytes):
            content = given
        else:
            path = pathlib.Path(given)
            content = read.get(path) or read.setdefault(path, _content(path))
        names[role] = by_content.setdefault(content, TOKENIZER_FILES[role])
        (folder / names[role]).write_bytes(content)
    return names


def _content(path: pathlib.Path) -> bytes:
    with open_regular(path) as file:
        return file.read()


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
            folder.rmdir()  # fails if other files were added meanwhile
        written.replace(folder)
    finally:
        shutil.rmtree(written, ignore_errors=True)
