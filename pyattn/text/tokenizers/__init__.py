"""Text to ids and back.

`contract` says what a translator needs of a tokenizer, and a tokenizer of what cuts its texts:
`sentencepieces`, `json_file` or `utf8`; `spans` assigns the characters of a text to its tokens.
`framed` is that tokenizer: it puts around a source what the model wants there, with the `languages`
that are asked for. `marian`, `argos` and `huggingface` know which of them the files of a folder ask
for, `vocabulary` and `codes` what has which id.
"""

from __future__ import annotations

import os
import pathlib

from pyattn.checkpoint import ModelConfig
from pyattn.errors import ModelError
from pyattn.files import layout, read_checkpoint
from pyattn.files.argos import MODEL_FOLDER as ARGOS_MODEL
from pyattn.files.fields import Fields
from pyattn.files.huggingface import read_config
from pyattn.files.native_config import TOKENIZER_FILES, is_native, read_native_config
from pyattn.files.reading import listed, read_json
from pyattn.text.tokenizers.argos import argos_tokenizer
from pyattn.text.tokenizers.contract import (
    Decoded,
    Encoded,
    NoTokenizer,
    Span,
    TextError,
    Tokenizer,
)
from pyattn.text.tokenizers.huggingface import (
    FILES,
    SETTINGS_FILE,
    huggingface_tokenizer,
    needed_files,
)
from pyattn.text.tokenizers.languages import Languages
from pyattn.text.tokenizers.marian import (
    checked_marian_files,
    ctranslate2_tokenizer,
    marian_files,
    marian_tokenizer,
    native_marian_tokenizer,
    read_ctranslate2,
    read_marian,
    read_native_marian,
)

__all__ = [
    "Decoded",
    "Encoded",
    "Languages",
    "NoTokenizer",
    "Span",
    "TextError",
    "Tokenizer",
    "load_tokenizer",
    "tokenizer_files",
]

_CONFIG_FILE = "config.json"
_MARIAN_ROLES = ("source", "target", "vocab", "target_vocab")


def load_tokenizer(
    folder: str | os.PathLike[str], config: ModelConfig | None = None
) -> Tokenizer | None:
    """The tokenizer whose files are in a model's folder; None if there are none.

    Args:
        folder: The folder, or the model's file.
        config: What the model is, for whom has read it already and does not want it read again.

    Raises:
        NoTokenizer: if the package that reads the files is not installed, or nothing here does.
        ModelError: if some of the files are missing, one cannot be used, or their ids are not those
            of the model's config.
    """
    path = pathlib.Path(folder)
    whose = layout(path)
    if whose == "ctranslate2":
        return ctranslate2_tokenizer(path)
    if whose == "marian":
        return native_marian_tokenizer(path, config)
    if whose == "argos":
        return argos_tokenizer(path)
    if whose == "textbook":
        return None  # its vocabulary is in another file, which cannot be read safely
    files, config = _files(path)
    if "source" in files:
        return marian_tokenizer(files, config)
    return huggingface_tokenizer(files, config)


def tokenizer_files(
    folder: str | os.PathLike[str], config: ModelConfig | None = None
) -> dict[str, pathlib.Path | bytes]:
    """What a native folder needs for the same tokenizer, by its roles there: files, or contents.

    Vocabularies that number all pieces as SentencePiece itself does are left out.

    Args:
        folder: The folder of a model, or its file.
        config: As for `load_tokenizer`.

    Raises:
        NoTokenizer: if such a folder cannot hold it.
        ModelError: if a file is missing or malformed.
    """
    path = pathlib.Path(folder)
    whose = layout(path)
    if whose == "textbook":
        return {}
    if whose == "argos":
        raise NoTokenizer(
            f"{path.name}: the tokenizer of a package of Argos has no place in a folder of "
            f"pyattn's: keep the package, or convert its {ARGOS_MODEL}/ alone"
        )
    if whose in ("ctranslate2", "marian"):
        found = read_ctranslate2(path) if whose == "ctranslate2" else read_native_marian(path)
        if found is None:
            return {}
        known = config or read_checkpoint(path).config
        return {**checked_marian_files(found, path.name, known)}
    files, known = _files(path)
    if "source" not in files:
        return {**needed_files(files, known)}
    found = read_marian(files)
    return {role: files.get(role, content) for role, content in marian_files(found).items()}


def _files(folder: pathlib.Path) -> tuple[dict[str, pathlib.Path], ModelConfig]:
    """The tokenizer's files by their roles, as in `TOKENIZER_FILES`; and the model's config."""
    if is_native(read_json(folder / _CONFIG_FILE)):
        native = read_native_config(folder)
        return dict(native.tokenizer), native.model
    config = read_config(folder).model
    # What has Marian's files is cut as Marian does, whatever the network is.
    if config.family == "marian" or (folder / TOKENIZER_FILES["source"]).exists():
        return _marian_files(folder), config
    present = {
        role: folder / name
        for role, names in FILES.items()
        for name in reversed(names)
        if (folder / name).exists()
    }
    return present, config


def _marian_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    files = {role: folder / TOKENIZER_FILES[role] for role in _MARIAN_ROLES}
    settings = folder / SETTINGS_FILE
    fields = Fields({SETTINGS_FILE: read_json(settings) if settings.exists() else {}})
    if not fields.boolean("separate_vocabs", False):
        del files["target_vocab"]
    missing = [path.name for path in files.values() if not path.exists()]
    if len(missing) == len(files):
        return {}
    if missing:
        raise ModelError(f"{folder}: no {listed(missing)}, which its tokenizer needs")
    return files
