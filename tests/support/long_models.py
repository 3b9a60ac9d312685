"""The golden models for long sources, and what transformers computes with them."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import shutil
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.far_positions import FAR, TABLES, table
from pyattn.files.safetensors import Entry, read_safetensors, write_safetensors
from support.paths import GOLDEN

LONG = sorted(path.name for path in (GOLDEN / "long").iterdir())
BLOCKS = [name for name in LONG if name.startswith("big")]
TOKENS = ["led", "longformer"]

Floats = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Sentence:
    """A sentence of golden.npz, as golden/make_long.py says."""

    ids: list[int]
    rows: npt.NDArray[np.int32]
    states: Floats
    target: list[int] | None
    logits: Floats | None
    global_tokens: list[int] | None


def folder(name: str) -> pathlib.Path:
    return GOLDEN / "long" / name


def sentences(name: str, *, longest: int = 1000) -> list[Sentence]:
    """Those of at most so many tokens."""
    return [one for one in _read(folder(name) / "golden.npz") if len(one.ids) <= longest]


def far(name: str) -> list[Sentence]:
    """Those of far.npz, for the model that `far_folder` makes."""
    return _read(folder(name) / "far.npz")


def _read(file: pathlib.Path) -> list[Sentence]:
    with np.load(file) as arrays:
        count = sum(key.startswith("ids_") for key in arrays)
        return [
            Sentence(
                ids=arrays[f"ids_{n}"].tolist(),
                rows=arrays[f"rows_{n}"],
                states=arrays[f"states_{n}"],
                target=_listed(arrays.get(f"target_{n}")),
                logits=arrays.get(f"logits_{n}"),
                global_tokens=_listed(arrays.get(f"global_{n}")),
            )
            for n in range(count)
        ]


def _listed(array: npt.NDArray[Any] | None) -> list[int] | None:
    return None if array is None else array.tolist()


def global_tokens(chosen: list[Sentence]) -> list[list[int]] | None:
    """The argument of that name for all of them; None of a model that has no such tokens."""
    rows = [one.global_tokens for one in chosen if one.global_tokens is not None]
    assert len(rows) in (0, len(chosen))
    return rows or None


def changed(
    to: pathlib.Path, name: str, fields: dict[str, Any], files: dict[str, Any] | None = None
) -> pathlib.Path:
    """A golden folder with other fields in config.json, of which None removes one, and files."""
    made = to / name
    shutil.copytree(folder(name), made)
    values = json.loads((made / "config.json").read_text()) | fields
    kept = {key: value for key, value in values.items() if value is not None}
    for file, content in {"config.json": kept, **(files or {})}.items():
        (made / file).write_text(json.dumps(content))
    return made


def far_folder(to: pathlib.Path, name: str) -> pathlib.Path:
    """A golden folder with the positions of golden/far_positions.py."""
    key, names = TABLES[name]
    made = changed(to, name, {key: FAR})
    file = made / "model.safetensors"
    tensors = {one: tensor.float32().copy() for one, tensor in read_safetensors(file).items()}
    tensors |= {one: table(tensors[one].shape[1]) for one in names}
    file.unlink()
    entries = {
        one: Entry(dtype="F32", shape=values.shape, values=functools.partial(_same, values))
        for one, values in tensors.items()
    }
    write_safetensors(file, entries)
    return made


def _same(values: Floats) -> Floats:
    return values
