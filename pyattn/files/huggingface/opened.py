"""A folder of Hugging Face's layout, opened once."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files.fields import Fields
from pyattn.files.head import Head, Layer
from pyattn.files.huggingface.config import HuggingFaceConfig, read_config
from pyattn.files.huggingface.heads import read_head, read_pooler
from pyattn.files.huggingface.reader import read_tensors
from pyattn.files.huggingface.weight_files import read_weights
from pyattn.files.model_files import ModelFiles
from pyattn.files.named_tensors import Weights
from pyattn.files.reading import JsonObject, listed
from pyattn.files.tokenizer_parts import (
    SETTINGS_FILE,
    TOKENIZER_FILES,
    FilesByRole,
    TokenizerParts,
    read_numbered,
    read_settings,
)
from pyattn.model_config import ModelConfig
from pyattn.text_settings import TextSettings

# The names that a tokenizer's file may have, by its role; the first one that exists counts.
_NAMES = {
    "json": ("tokenizer.json",),
    "pieces": ("spiece.model", "sentencepiece.bpe.model", "tokenizer.model"),
    "vocab": ("vocab.json",),
    "merges": ("merges.txt",),
    "words": ("vocab.txt",),
    "settings": (SETTINGS_FILE,),
}
# Code that a folder brings along, and the tokenizer's class in it. SMaLL-100 frames sources in its
# own way, but has config files like M2M100's: its published folder has this code beside them, which
# is neither read nor run here.
TOKENIZER_CODE = {"tokenization_small100.py": "SMALL100Tokenizer"}
_MARIAN_ROLES = ("source", "target", "vocab", "target_vocab")


class HuggingFaceFiles(ModelFiles):
    """A folder of Hugging Face's layout.

    Args:
        path: The folder.
        values: The content of its config.json.
    """

    def __init__(self, path: pathlib.Path, values: JsonObject) -> None:
        super().__init__(path)
        self._values = values

    @functools.cached_property
    def settings(self) -> HuggingFaceConfig:
        """config.json and generation_config.json.

        Raises:
            ModelError: if a field is out of range, contradicts another or is not supported.
        """
        return read_config(self.path, self._values)

    @functools.cached_property
    def _weights(self) -> Weights:
        return read_weights(self.path, self.settings.layout.prefix)

    @functools.cached_property
    def _tokenizer_settings(self) -> JsonObject:
        return read_settings(self.path)

    def _read(self) -> Checkpoint:
        checkpoint = read_tensors(self.settings, self._weights)
        return dataclasses.replace(checkpoint, text=self._text())

    def _text(self) -> TextSettings | None:
        """How texts of a model of one pair are treated: by the rules of its language, if known."""
        family = self.config.family
        if family != "marian" or not self._tokenizer_settings:
            return None
        source, target = (
            self._tokenizer_settings.get(f"{side}_lang") for side in ("source", "target")
        )
        return dataclasses.replace(
            TextSettings.of_family(family),
            source=source if isinstance(source, str) else None,
            target=target if isinstance(target, str) else None,
        )

    @property
    def config(self) -> ModelConfig:
        """As `ModelFiles`."""
        return self.settings.model

    @functools.cached_property
    def tokenizer(self) -> TokenizerParts | None:
        """As `ModelFiles`."""
        # Marian's files decide, whatever the family.
        if self.config.family == "marian" or (self.path / TOKENIZER_FILES["source"]).exists():
            files = self._marian_files(self._tokenizer_settings)
            return read_numbered(files) if files else None
        return files_by_role(self.path, self._tokenizer_settings)

    def _marian_files(self, settings: JsonObject) -> dict[str, pathlib.Path]:
        files = {role: self.path / TOKENIZER_FILES[role] for role in _MARIAN_ROLES}
        if not Fields({SETTINGS_FILE: settings}).boolean("separate_vocabs", False):
            del files["target_vocab"]
        missing = [path.name for path in files.values() if not path.exists()]
        if len(missing) == len(files):
            return {}
        if missing:
            raise ModelError(f"{self.path}: no {listed(missing)}, which its tokenizer needs")
        return files

    @functools.cached_property
    def head(self) -> Head | None:
        """As `ModelFiles`."""
        return read_head(self.path, self._values, self._weights, self.config)

    @functools.cached_property
    def pooler(self) -> Layer | None:
        """As `ModelFiles`."""
        return read_pooler(self._weights, self.settings.layout.prefix, self.config.dim)

    @property
    def stored_numbers(self) -> Mapping[str, int]:
        """As `ModelFiles`."""
        return self._weights.counts()


def files_by_role(folder: pathlib.Path, settings: JsonObject) -> FilesByRole:
    """The files that a folder's tokenizer is made of, of any family but Marian's.

    Args:
        folder: The folder.
        settings: Those of `read_settings`.
    """
    present = {
        role: folder / name
        for role, names in _NAMES.items()
        for name in reversed(names)
        if (folder / name).exists()
    }
    settings = dict(settings)
    for code, name in TOKENIZER_CODE.items():
        if (folder / code).exists():
            settings["tokenizer_class"] = name
    return FilesByRole(files=present, settings=settings)
