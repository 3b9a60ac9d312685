"""The safetensors layout: read over a memory map, every field of the header checked before use.

Written so that what is read in whole lines begins at one.

A file is the length of its header (8 bytes, little-endian), the header (a JSON object: name to
dtype, shape and [begin, end) in the data), and the data, which the tensors fill without holes or
overlaps (github.com/huggingface/safetensors, "Format"). The package of that name is not used: its
reader lets headers pass that its own specification forbids, and returns copies, and its writer
takes all tensors at once, in an order of its own.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn.errors import ModelError
from pyattn.files.reading import JsonObject, bare, map_file, parse_json, shown
from pyattn.files.tensors import DTYPES, Tensor

_LENGTH_BYTES = 8
# NumPy before 2.0 has 32 axes at the most; weights have two.
_MAX_AXES = 8
_MAX_BYTES = 1 << 63
_FIELDS = {"dtype", "shape", "data_offsets"}
# Of a cache line, and of the widest vector.
ALIGNMENT = 64


def read_safetensors(path: pathlib.Path) -> dict[str, Tensor]:
    """The tensors of a file by name, as views of it.

    Raises:
        ModelError: if the file is not well-formed; the message names it and the tensor.
    """
    content = map_file(path)
    if len(content) < _LENGTH_BYTES:
        raise ModelError(f"{path.name}: {len(content)} bytes, too short for a safetensors file")
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    if length > len(content) - _LENGTH_BYTES:
        raise ModelError(
            f"{path.name}: header has {length} bytes, the file {len(content)}: "
            f"truncated, or not a safetensors file"
        )
    data = content[_LENGTH_BYTES + length :]
    header = _header(bytes(content[_LENGTH_BYTES : _LENGTH_BYTES + length]), path.name)
    tensors: dict[str, Tensor] = {}
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        place = f"{path.name}: {bare(name)}"
        begin, end = _checked_range(entry, place, after=end, size=len(data))
        dtype = DTYPES[entry["dtype"]]
        values = np.frombuffer(data[begin:end], dtype).reshape(entry["shape"])
        tensors[name] = Tensor(path.name, name, entry["dtype"], values)
    if end != len(data):
        raise ModelError(
            f"{path.name}: data has {len(data)} bytes, its tensors end at {end}: "
            f"something was appended"
        )
    return tensors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A tensor that is to be written.

    Attributes:
        dtype: One of `DTYPES`.
        shape: Length along each axis.
        values: Makes its numbers, which nobody keeps but for writing them.
    """

    dtype: str
    shape: tuple[int, ...]
    values: Callable[[], npt.NDArray[Any]]

    @property
    def nbytes(self) -> int:
        """How much of the file it takes."""
        return math.prod(self.shape) * DTYPES[self.dtype].itemsize


def write_safetensors(path: pathlib.Path, entries: Mapping[str, Entry]) -> None:
    """Writes tensors to a new file, one at a time.

    The layout allows no holes. So those of whole lines come first, and each of them begins at a
    multiple of `ALIGNMENT` in the file; the others follow by the largest power of two that divides
    their bytes, so that no number lies across the boundary of its type.
    """
    order = sorted(entries, key=lambda name: -_alignment(entries[name].nbytes))
    header: JsonObject = {}
    end = 0
    for name in order:
        entry = entries[name]
        begin, end = end, end + entry.nbytes
        header[name] = {"dtype": entry.dtype, "shape": entry.shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(_LENGTH_BYTES + len(text)) % ALIGNMENT)
    with path.open("xb") as file:
        file.write(len(text).to_bytes(_LENGTH_BYTES, "little"))
        file.write(text)
        for name in order:
            entry = entries[name]
            values = np.ascontiguousarray(entry.values(), DTYPES[entry.dtype])
            assert values.shape == entry.shape, name
            file.write(values.data)


def _alignment(size: int) -> int:
    """The largest power of two, up to `ALIGNMENT`, that divides a size."""
    return math.gcd(size, ALIGNMENT)


def _header(content: bytes, file: str) -> JsonObject:
    """The tensors' entries, each with the fields it must have."""
    if not content.startswith(b"{"):
        raise ModelError(f"{file}: header does not start with '{{': not a safetensors file")
    header = parse_json(content, f"{file}: header")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ModelError(f"{file}: __metadata__ has other values than strings")
    for name, entry in header.items():
        place = f"{file}: {bare(name)}"
        if not isinstance(entry, dict) or entry.keys() != _FIELDS:
            raise ModelError(f"{place} is {shown(entry)}, expected dtype, shape and data_offsets")
        if not isinstance(entry["dtype"], str) or entry["dtype"] not in DTYPES:
            raise ModelError(
                f"{place} has dtype {shown(entry['dtype'])}, expected one of {', '.join(DTYPES)}"
            )
        if not _lengths(entry["shape"], 0, _MAX_AXES):
            raise ModelError(f"{place} has shape {entry['shape']!s:.100}, expected lengths")
        if not _lengths(entry["data_offsets"], 2, 2):
            raise ModelError(
                f"{place} has data_offsets {entry['data_offsets']!s:.100}, expected [begin, end]"
            )
    return header


def _lengths(value: Any, fewest: int, most: int) -> bool:
    """Whether a value is a list of sizes, so many of them."""
    return (
        isinstance(value, list)
        and fewest <= len(value) <= most
        and all(type(item) is int and 0 <= item < _MAX_BYTES for item in value)
    )


def _checked_range(entry: JsonObject, place: str, *, after: int, size: int) -> tuple[int, int]:
    """Where a tensor's data begins and ends, which must be right behind the one before it."""
    begin, end = entry["data_offsets"]
    if begin != after:
        kind = "a hole" if begin > after else "an overlap"
        raise ModelError(f"{place} begins at {begin}, expected {after}: {kind} in the data")
    if not begin <= end <= size:
        raise ModelError(f"{place} ends at {end}, the data has {size} bytes: truncated")
    itemsize = DTYPES[entry["dtype"]].itemsize
    expected = math.prod(entry["shape"]) * itemsize
    if end - begin != expected:
        raise ModelError(
            f"{place} has {end - begin} bytes, expected {expected} for shape {entry['shape']} "
            f"of {entry['dtype']}"
        )
    if expected == 0 and math.prod(filter(None, entry["shape"])) * itemsize >= _MAX_BYTES:
        raise ModelError(f"{place} has shape {entry['shape']}, too long even for an empty tensor")
    return begin, end
