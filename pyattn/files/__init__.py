"""Readers of model files: each yields the same `Checkpoint`."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import Literal, TypeAlias

from pyattn.checkpoint import Checkpoint, ModelConfig
from pyattn.errors import ModelError
from pyattn.files.argos import is_argos, read_argos
from pyattn.files.ctranslate2 import is_ctranslate2, read_ctranslate2
from pyattn.files.huggingface import WEIGHT_FILES, read_huggingface
from pyattn.files.marian import is_marian, read_lexical_shortlist, read_marian
from pyattn.files.native import read_native, read_native_shortlist
from pyattn.files.native_config import CONFIG_FILE, is_native
from pyattn.files.reading import contents, read_json
from pyattn.files.shortlist import LexicalShortlist
from pyattn.files.textbook import SUFFIX, read_textbook

_A_MODEL = "the folder of a model, with its config.json and weights, or the file of one of Marian's"

Layout: TypeAlias = Literal["native", "huggingface", "ctranslate2", "marian", "argos", "textbook"]


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """The model in a folder, of pyattn's own layout, Hugging Face's, CTranslate2's or Marian's.

    Args:
        path: The folder, or a file: one of Marian's models, a package of Argos Translate
            (.argosmodel) or a textbook's training state (.chkpt). Files are mapped into memory:
            they must not be changed in place while the tensors are in use.

    Raises:
        ModelError: if it is no such folder, or a file in it cannot be used; the message names the
            file and the field, and what was expected.
    """
    folder = model_path(path)
    try:
        return _READERS[layout(folder)](folder)
    except OSError as error:  # such as a folder that may not be listed
        raise ModelError(f"{folder}: {(error.strerror or str(error)).lower()}") from None


def model_path(path: str | os.PathLike[str]) -> pathlib.Path:
    """A model's path.

    Raises:
        ModelError: if it is the empty string, which would be the current folder.
        TypeError: if it is no path at all.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"model: path is {type(path).__name__}, expected a str or os.PathLike")
    if os.fspath(path) == "":
        raise ModelError(f"'': no path, expected {_A_MODEL}; \".\" is the current folder")
    return pathlib.Path(path)


def read_shortlist(
    path: str | os.PathLike[str], config: ModelConfig | None = None
) -> LexicalShortlist | None:
    """The lexical shortlist of a model; None if it has none.

    Args:
        path: As for `read_checkpoint`.
        config: The model's config, if already read.

    Raises:
        ModelError: if a file is malformed, or its ids are not the model's.
    """
    folder = pathlib.Path(path)
    whose = layout(folder)
    if whose == "marian":
        return read_lexical_shortlist(folder, config)
    return read_native_shortlist(folder) if whose == "native" else None


def layout(folder: pathlib.Path) -> Layout:
    """Whose layout a folder has, by its files; or a file, if it is a model by itself.

    Raises:
        ModelError: if it is no folder, or has neither config.json nor the weights of others.
    """
    if not folder.exists():
        raise ModelError(f"{folder}: no such folder or file, expected {_A_MODEL}")
    if is_argos(folder):
        return "argos"
    if folder.suffix == SUFFIX and not folder.is_dir():
        return "textbook"
    if not any((folder / name).exists() for name in WEIGHT_FILES):
        if is_marian(folder):
            return "marian"
        if is_ctranslate2(folder):
            return "ctranslate2"
    if not folder.is_dir():
        raise ModelError(f"{folder}: a file, expected the folder of a model with its config.json")
    if not (folder / CONFIG_FILE).exists():
        raise ModelError(
            f"{folder}: no {CONFIG_FILE}, expected a model of pyattn's, Hugging Face's, "
            f"CTranslate2's or Marian's layout; the folder {contents(folder)}"
        )
    return "native" if is_native(read_json(folder / CONFIG_FILE)) else "huggingface"


_READERS: dict[Layout, Callable[[pathlib.Path], Checkpoint]] = {
    "native": read_native,
    "huggingface": read_huggingface,
    "ctranslate2": read_ctranslate2,
    "marian": read_marian,
    "argos": read_argos,
    "textbook": read_textbook,
}
