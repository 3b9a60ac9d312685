"""Readers of model files: each yields the same `Checkpoint`."""

from __future__ import annotations

import os
import pathlib

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.formats.files import JsonObject, contents, read_json
from pyattn.formats.huggingface import read_huggingface
from pyattn.formats.native import CONFIG_FILE, is_native, read_native


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
    try:
        if is_native(_config(folder)):
            return read_native(folder)
        return read_huggingface(folder)
    except OSError as error:  # such as a folder that may not be listed
        raise ModelError(f"{folder}: {(error.strerror or str(error)).lower()}") from None


def _config(folder: pathlib.Path) -> JsonObject:
    if not folder.exists():
        raise ModelError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise ModelError(f"{folder}: a file, expected the folder of a model with its config.json")
    if not (folder / CONFIG_FILE).exists():
        raise ModelError(
            f"{folder}: no {CONFIG_FILE}, expected a model of pyattn's or Hugging Face's layout; "
            f"the folder {contents(folder)}"
        )
    return read_json(folder / CONFIG_FILE)
