"""Readers of model files: each yields the same `Checkpoint`."""

from __future__ import annotations

import os
import pathlib

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.formats.files import read_json
from pyattn.formats.huggingface import read_huggingface
from pyattn.formats.native import is_native, read_native

CONFIG_FILE = "config.json"


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """The model in a folder, of pyattn's own layout or Hugging Face's.

    Args:
        path: The folder. Files of it are mapped into memory: they must not be changed in place
            while the tensors are in use.

    Raises:
        ModelError: if it is no such folder, or a file in it cannot be used; the message says which
            file and field, and what was expected.
    """
    folder = pathlib.Path(path)
    if is_native(_config(folder)):
        return read_native(folder)
    return read_huggingface(folder)


def _config(folder: pathlib.Path) -> dict[str, object]:
    if not folder.exists():
        raise ModelError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise ModelError(
            f"{folder}: a file, expected the folder of a model, with its {CONFIG_FILE}"
        )
    if not (folder / CONFIG_FILE).exists():
        names = sorted(entry.name for entry in folder.iterdir())[:4]
        holds = f"holds {', '.join(names)}" if names else "is empty"
        raise ModelError(
            f"{folder}: no {CONFIG_FILE}: the folder {holds}; expected a model of pyattn's or "
            f"Hugging Face's layout"
        )
    return read_json(folder / CONFIG_FILE)
