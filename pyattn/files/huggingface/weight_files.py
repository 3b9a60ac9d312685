"""The files that a folder of Hugging Face's layout keeps its tensors in."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from pyattn.errors import ModelError
from pyattn.files.named_tensors import Weights
from pyattn.files.reading import JsonObject, bare, contents, named_inside, read_json, shown
from pyattn.files.safetensors import read_safetensors
from pyattn.files.tensors import Tensor


def _read_pickled(path: pathlib.Path) -> dict[str, Tensor]:
    # Its imports take time, and most models do not need it.
    from pyattn.files.pickled import read_pickled

    return read_pickled(path)


_Reader = Callable[[pathlib.Path], dict[str, Tensor]]
# In the order in which transformers looks for them.
_READERS: dict[str, _Reader] = {
    "model.safetensors": read_safetensors,
    "pytorch_model.bin": _read_pickled,
}
_INDEX = ".index.json"
WEIGHT_FILES = tuple(f"{name}{suffix}" for name in _READERS for suffix in ("", _INDEX))

_VECTORS = {"gamma": "weight", "beta": "bias"}


def read_weights(folder: pathlib.Path, prefix: str) -> Weights:
    """The tensors of the weight file, or of all the files that an index names.

    Args:
        folder: Where the files are.
        prefix: Begin of all names. transformers' base models, which have no output matrix, lack it;
            it is added.

    Raises:
        ModelError: if a file is missing or malformed.
    """
    file, tensors = _tensors(folder)
    tensors = {_named_now(name): tensor for name, tensor in tensors.items()}
    if not any(name.startswith(prefix) for name in tensors):
        tensors = {prefix + name: tensor for name, tensor in tensors.items()}
    return Weights(file, tensors)


def _named_now(name: str) -> str:
    """A name as files have it now: those of BERT's first years name norms as TensorFlow does."""
    norm, _, vector = name.rpartition(".")
    return f"{norm}.{_VECTORS.get(vector, vector)}" if norm.endswith("LayerNorm") else name


def _tensors(folder: pathlib.Path) -> tuple[str, dict[str, Tensor]]:
    """The file's name and its tensors."""
    for name, read in _READERS.items():
        if (folder / name).exists():
            return name, read(folder / name)
        if (folder / f"{name}{_INDEX}").exists():
            return f"{name}{_INDEX}", _sharded(folder, f"{name}{_INDEX}", read)
    raise ModelError(
        f"{folder}: no weights, expected one of {', '.join(WEIGHT_FILES)}; "
        f"the folder {contents(folder)}"
    )


def _sharded(folder: pathlib.Path, index: str, read: _Reader) -> dict[str, Tensor]:
    weight_map: JsonObject = read_json(folder / index).get("weight_map", {})
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{index}: weight_map is {shown(weight_map)}, expected file names")
    paths = {}
    for name, file in weight_map.items():
        if not isinstance(file, str) or file not in paths:
            path = named_inside(folder, file, f"{index}: weight_map: {bare(name)}")
            paths[path.name] = path
    shards = {file: read(path) for file, path in paths.items()}
    for name, file in weight_map.items():
        if name not in shards[file]:
            raise ModelError(f"{file}: {bare(name)} is missing, which {index} says is there")
    return {name: shards[file][name] for name, file in weight_map.items()}
