"""Argos Translate's packages: a CTranslate2 model and its SentencePiece model, mostly zipped.

A package is a zip file that ends in .argosmodel and holds one folder, or that folder:

    metadata.json               from_code, to_code, and perhaps target_prefix
    model/                      a CTranslate2 model
    sentencepiece.model         cuts texts into the model's tokens; some have bpe.model instead

Argos translates with a beam of 4 and a length penalty of 0.2.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files.archives import zip_entries
from pyattn.files.ctranslate2 import CTranslate2Files
from pyattn.files.fields import Fields
from pyattn.files.model_files import ModelFiles
from pyattn.files.reading import bare, map_file, read_json, shown
from pyattn.files.sentencepieces import read_pieces
from pyattn.files.tokenizer_parts import PackagePieces
from pyattn.files.vocabulary import Vocabularies
from pyattn.model_config import ModelConfig

if TYPE_CHECKING:
    from pyattn.files.ctranslate2.vmap import VocabularyMap

SUFFIX = ".argosmodel"
METADATA_FILE = "metadata.json"
PIECES_FILE = "sentencepiece.model"
MODEL_FOLDER = "model"
# A model's folder has a handful; a package's other files (licences, models that split sentences)
# are not looked at.
_MOST_FILES = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Package:
    """A package whose files can be opened.

    Attributes:
        model: The folder of the CTranslate2 model.
        pieces: The SentencePiece model; there may be none.
        source: Code of the language that it translates from.
        target: Code of the language that it translates to.
        prefix: The token that every target begins with, such as "__fr__"; "" is none.
    """

    model: pathlib.Path
    pieces: pathlib.Path
    source: str
    target: str
    prefix: str


def is_argos(path: pathlib.Path) -> bool:
    """Whether a path is a package, by its name or its files."""
    if path.is_dir():
        return (path / METADATA_FILE).exists() and (path / MODEL_FOLDER).is_dir()
    return path.suffix == SUFFIX


class ArgosFiles(ModelFiles):
    """A package, zipped or not, which is decoded as Argos does.

    A zip file is unpacked when it is first needed, and what was unpacked is deleted by `close`.

    Args:
        path: The package.
    """

    @functools.cached_property
    def _package(self) -> Package:
        if self.path.is_dir():
            return _package(self.path)
        folder = self._unpacked.enter_context(tempfile.TemporaryDirectory(prefix="pyattn-"))
        unpack(self.path, pathlib.Path(folder))
        return _package(pathlib.Path(folder))

    @functools.cached_property
    def _model(self) -> CTranslate2Files:
        return CTranslate2Files(self._package.model)

    def _read(self) -> Checkpoint:
        checkpoint = self._model.checkpoint
        options = dataclasses.replace(
            checkpoint.generation,
            beam_size=4,
            length_penalty=0.2,
            target_prefix=self._prefix(),
            return_prefix=False,
        )
        return dataclasses.replace(checkpoint, generation=options)

    def _prefix(self) -> tuple[int, ...]:
        prefix = self._package.prefix
        if not prefix:
            return ()
        target = self.vocabularies.target
        if prefix not in target:
            raise ModelError(
                f"{METADATA_FILE}: target_prefix is {shown(prefix)}, expected a token of the "
                f"target vocabulary"
            )
        return (target.tokens.index(prefix),)

    @property
    def config(self) -> ModelConfig:
        """As `ModelFiles`."""
        return self._model.config

    @functools.cached_property
    def tokenizer(self) -> PackagePieces:
        """As `ModelFiles`."""
        path = self._package.pieces
        return PackagePieces(
            name=self.path.name,
            pieces=read_pieces(path) if path.exists() else None,
            vocabularies=self.vocabularies,
            prefix=self._package.prefix,
        )

    @property
    def vocabularies(self) -> Vocabularies:
        """As `ModelFiles`."""
        return self._model.vocabularies

    @property
    def vocabulary_map(self) -> VocabularyMap | None:
        """As `ModelFiles`."""
        return self._model.vocabulary_map

    @property
    def stored_numbers(self) -> Mapping[str, int]:
        """As `ModelFiles`."""
        return self._model.stored_numbers


def _package(folder: pathlib.Path) -> Package:
    fields = Fields({METADATA_FILE: read_json(folder / METADATA_FILE)})
    return Package(
        model=folder / MODEL_FOLDER,
        pieces=folder / PIECES_FILE,
        source=fields.text("from_code", ""),
        target=fields.text("to_code", ""),
        prefix=fields.text("target_prefix", "").strip(),
    )


def unpack(path: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes the needed files of a zip file into an empty folder.

    Raises:
        ModelError: if the zip file is malformed, or a file is not where packages have theirs.
    """
    entries = zip_entries(path.name, map_file(path), compressed=True)
    roots = [name.removesuffix(METADATA_FILE) for name in entries if _is_metadata(name)]
    if len(roots) != 1:
        raise ModelError(f"{path.name}: {len(roots)} {METADATA_FILE}, expected one")
    (folder / MODEL_FOLDER).mkdir()
    files = 0
    for name, content in entries.items():
        inside = name.removeprefix(roots[0])
        model = inside.removeprefix(f"{MODEL_FOLDER}/")
        if inside in (METADATA_FILE, PIECES_FILE):
            target = folder / inside
        elif model != inside and model:
            if set(model) & set("/\\:\0") or model in (".", ".."):
                raise ModelError(
                    f"{path.name}: {bare(name)}, expected files in {MODEL_FOLDER}/ alone"
                )
            target = folder / MODEL_FOLDER / model
        else:
            continue
        files += 1
        if files > _MOST_FILES:
            raise ModelError(f"{path.name}: more than {_MOST_FILES} files of a model")
        target.write_bytes(content)


def _is_metadata(name: str) -> bool:
    """Whether it is a package's own, in the zip file's root or in its one folder."""
    return name == METADATA_FILE or (name.endswith(f"/{METADATA_FILE}") and name.count("/") == 1)
