"""From a path to a model's files: the one place that knows which layout a path has."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files.argos import ArgosFiles, is_argos
from pyattn.files.ctranslate2 import CTranslate2Files, is_ctranslate2
from pyattn.files.gguf import GgufFiles, is_gguf
from pyattn.files.huggingface import WEIGHT_FILES, HuggingFaceFiles
from pyattn.files.marian import MarianFiles, find_models
from pyattn.files.model_files import ModelFiles, listable
from pyattn.files.native import NativeFiles
from pyattn.files.native_config import CONFIG_FILE, is_native
from pyattn.files.reading import contents, read_json
from pyattn.files.shortlist import LexicalShortlist
from pyattn.files.textbook import TextbookFiles, is_textbook

_A_MODEL = "the folder of a model, with its config.json and weights, or the file of one of Marian's"


def open_model(path: str | os.PathLike[str]) -> ModelFiles:
    """The files of the model at a path.

    Everything that reads models begins here. A new layout, or a new kind of model, is a subclass of
    `ModelFiles` and a case of this function.

    Args:
        path: A folder of pyattn's own layout, Hugging Face's, CTranslate2's or Marian's; or a file:
            one of Marian's models, a package of Argos Translate (.argosmodel), llama.cpp's of T5
            and its kin (.gguf) or a textbook's training state (.chkpt). Files are mapped into
            memory: they must not be changed in place while the model's tensors are in use.

    Raises:
        ModelError: if there is no model at the path; the message says what was expected.
        TypeError: if it is no path at all.
    """
    place = model_path(path)
    with listable(place):
        return _opened(place)


def _opened(path: pathlib.Path) -> ModelFiles:
    if not path.exists():
        named = not path.is_absolute() and len(path.parts) == 2
        hint = "; pyattn.load also takes names of models" if named else ""
        raise ModelError(f"{path}: no such folder or file, expected {_A_MODEL}{hint}")
    if is_argos(path):
        return ArgosFiles(path)
    if is_textbook(path):
        return TextbookFiles(path)
    if is_gguf(path):
        return GgufFiles(path)
    # A folder of Hugging Face's may have files of others beside its own.
    if not any((path / name).exists() for name in WEIGHT_FILES):
        models = find_models(path)
        if models:
            return MarianFiles(path, models)
        if is_ctranslate2(path):
            return CTranslate2Files(path)
    if not path.is_dir():
        raise ModelError(f"{path}: a file, expected the folder of a model with its {CONFIG_FILE}")
    if not (path / CONFIG_FILE).exists():
        raise ModelError(
            f"{path}: no {CONFIG_FILE}, expected a model of pyattn's, Hugging Face's, "
            f"CTranslate2's or Marian's layout; the folder {contents(path)}"
        )
    values = read_json(path / CONFIG_FILE)
    return NativeFiles(path, values) if is_native(values) else HuggingFaceFiles(path, values)


@contextlib.contextmanager
def opened(model: ModelFiles | str | os.PathLike[str]) -> Iterator[ModelFiles]:
    """A model's files: those at a path, which are closed afterwards, or those that are open.

    Raises:
        ModelError: as `open_model`.
        TypeError: as `open_model`.
    """
    if isinstance(model, ModelFiles):
        yield model
        return
    with open_model(model) as files:
        yield files


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


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """The model at a path, as `open_model` takes it.

    Raises:
        ModelError: if there is no model, or a file of it cannot be used; the message names the file
            and the field, and what was expected.
        TypeError: if it is no path at all.
    """
    with open_model(path) as files:
        return files.checkpoint


def read_shortlist(path: str | os.PathLike[str]) -> LexicalShortlist | None:
    """The lexical shortlist of the model at a path; None if it has none.

    Raises:
        ModelError: if a file is malformed, or its ids are not the model's.
        TypeError: if it is no path at all.
    """
    with open_model(path) as files:
        return files.shortlist
