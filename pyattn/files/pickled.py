"""PyTorch's files of tensors (`pytorch_model.bin`), read without PyTorch, over a memory map.

Since PyTorch 1.6 such a file is a zip archive, its entries stored as they are: `<any>/data.pkl`, a
pickle of tensors as (storage, offset, shape, strides), and `<any>/data/<key>`, the numbers of one
storage each. Before, it was five pickles in a row (a magic number, a version, facts about the
machine, the tensors, the keys of the storages), then the storages, each behind its length.
"""

from __future__ import annotations

import io
import math
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pyattn.errors import ModelError
from pyattn.files.archives import stream, zip_entries
from pyattn.files.reading import bare, map_file, shown
from pyattn.files.tensors import DTYPES, Tensor
from pyattn.files.unpickler import Namespace, Storage, StridedTensor, unpickle

_ZIP_MAGIC = b"PK\x03\x04"
_PICKLE_MAGIC = b"\x80\x02"
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_VERSION = 1001
_LENGTH_BYTES = 8
# Of the pickle alone, whose values take more memory than it; a thousand tensors need 0.1 MB.
_PICKLE_LIMIT = 32 << 20
_MAX_AXES = 8
# Tied matrices are saved under up to four names.
_MOST_COPIES = 8


def read_pickled(path: pathlib.Path) -> dict[str, Tensor]:
    """The tensors of a file by name, as views of it.

    Raises:
        ModelError: if the file is malformed, or holds anything but a dict of tensors; nothing of
            what it holds is run.
    """
    values, storages = _read(path)
    return _tensors(path.name, _strided(values, path.name), storages)


def read_training(path: pathlib.Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A file in which a training program keeps its state: {"model": tensors, "settings": ...}.

    Returns:
        The attributes of "settings", an `argparse.Namespace`, and the tensors of "model" by name,
        as views of the file.

    Raises:
        ModelError: if the file is malformed, or has not both; nothing of what it holds is run.
    """
    values, storages = _read(path)
    if not isinstance(values, dict):
        raise ModelError(f"{path.name}: {type(values).__name__}, expected a dict")
    settings, model = values.get("settings"), values.get("model")
    if not isinstance(settings, Namespace) or not isinstance(model, dict):
        raise ModelError(f"{path.name}: no settings and model, expected both")
    return settings.values, _tensors(path.name, _strided(model, path.name), storages)


def _read(path: pathlib.Path) -> tuple[Any, dict[str, memoryview]]:
    """What is pickled in a file, and the storages of its tensors."""
    content = map_file(path)
    if content[: len(_ZIP_MAGIC)] == _ZIP_MAGIC:
        return _read_zip(path.name, content)
    if content[: len(_PICKLE_MAGIC)] == _PICKLE_MAGIC:
        return _read_legacy(path.name, content)
    raise ModelError(f"{path.name}: not a file of tensors saved by PyTorch")


def _tensors(
    file: str, strided: Mapping[str, StridedTensor], storages: Mapping[str, memoryview]
) -> dict[str, Tensor]:
    views: dict[str, int] = {}
    tensors = {}
    for name, value in strided.items():
        tensors[name] = _tensor(file, name, value, storages)
        key = value.storage.key
        views[key] = views.get(key, 0) + tensors[name].values.size
        if views[key] > _MOST_COPIES * value.storage.count:
            raise ModelError(f"{file}: {bare(name)}: too many tensors of the same numbers")
    return tensors


def _strided(values: Any, file: str) -> dict[str, StridedTensor]:
    if not isinstance(values, dict):
        raise ModelError(f"{file}: {type(values).__name__}, expected a dict of tensors")
    for name, value in values.items():
        if not isinstance(name, str) or not isinstance(value, StridedTensor):
            raise ModelError(f"{file}: {shown(name)} is {type(value).__name__}, expected a tensor")
    return values


def _storages(values: Any) -> Iterator[Storage]:
    """Those of the tensors in a dict, and in dicts in it."""
    for value in values.values() if isinstance(values, dict) else ():
        if isinstance(value, StridedTensor):
            yield value.storage
        elif isinstance(value, dict):
            yield from _storages(value)


def _tensor(
    file: str, name: str, tensor: StridedTensor, storages: Mapping[str, memoryview]
) -> Tensor:
    """A tensor's view of its storage, all of which lies inside the storage."""
    place = f"{file}: {bare(name)}"
    storage, shape, strides = tensor.storage, tensor.shape, tensor.strides
    if storage.key not in storages:
        raise ModelError(f"{place}: its storage, {shown(storage.key)}, is missing")
    data = storages[storage.key]
    dtype = DTYPES[storage.dtype]
    if len(data) != storage.count * dtype.itemsize:
        raise ModelError(
            f"{place}: its storage has {len(data)} bytes, expected "
            f"{storage.count} x {dtype.itemsize}"
        )
    if len(shape) != len(strides) or len(shape) > _MAX_AXES or min(strides, default=0) < 0:
        raise ModelError(f"{place} has shape {shape!s:.100} with strides {strides!s:.100}")
    last = tensor.offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    # More elements than the storage has, with none outside, would be a small file posing as large.
    if (
        min(shape, default=1) < 1
        or math.prod(shape) > storage.count
        or not 0 <= tensor.offset <= last < storage.count
    ):
        raise ModelError(
            f"{place} has shape {shape!s:.100} with strides {strides!s:.100} from "
            f"{tensor.offset!s:.20}, its storage has {storage.count} elements"
        )
    values = np.lib.stride_tricks.as_strided(
        np.frombuffer(data, dtype)[tensor.offset :],
        shape,
        tuple(stride * dtype.itemsize for stride in strides),
        writeable=False,
    )
    return Tensor(file, name, storage.dtype, values)


def _read_zip(file: str, content: memoryview) -> tuple[Any, dict[str, memoryview]]:
    entries = zip_entries(file, content)
    pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ModelError(f"{file}: {len(pickles)} data.pkl, expected one")
    root = pickles[0].removesuffix("data.pkl")
    order = entries.get(f"{root}byteorder", b"little")
    if order != b"little":
        raise ModelError(f"{file}: byteorder is {bytes(order[:20])!r}, expected b'little'")
    pickle = entries[pickles[0]]
    if len(pickle) > _PICKLE_LIMIT:
        raise ModelError(f"{file}: data.pkl has {len(pickle)} bytes, too many for tensors")
    prefix = f"{root}data/"
    storages = {
        name.removeprefix(prefix): data for name, data in entries.items() if name.startswith(prefix)
    }
    return unpickle(io.BytesIO(pickle), file), storages


def _read_legacy(file: str, content: memoryview) -> tuple[Any, dict[str, memoryview]]:
    pickles = stream(content)
    magic, version, machine = (unpickle(pickles, file) for _ in range(3))
    if magic != _TORCH_MAGIC or version != _TORCH_VERSION or not isinstance(machine, dict):
        raise ModelError(f"{file}: not a file of tensors saved by PyTorch")
    if machine.get("little_endian") is not True:
        raise ModelError(f"{file}: saved on a big-endian machine")
    values, keys = unpickle(pickles, file), unpickle(pickles, file)
    known = {storage.key: storage for storage in _storages(values)}
    storages = {}
    begin = pickles.tell()
    for key in keys if isinstance(keys, list) else [keys]:
        if not isinstance(key, str) or key not in known or key in storages:
            raise ModelError(f"{file}: {shown(key)} is no storage of one of its tensors")
        begin += _LENGTH_BYTES  # which `_tensor` need not be told, as the pickle has it too
        end = begin + known[key].count * DTYPES[known[key].dtype].itemsize
        if not begin <= end <= len(content):
            raise ModelError(f"{file}: storage {shown(key)} ends at {end}: truncated")
        storages[key] = content[begin:end]
        begin = end
    return values, storages
