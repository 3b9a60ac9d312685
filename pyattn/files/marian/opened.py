"""A model of Marian's, opened once."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Mapping

from pyattn.checkpoint import Checkpoint
from pyattn.files.marian.folder import Files, find_files
from pyattn.files.marian.model import Reader
from pyattn.files.marian.shortlist import read_shortlist
from pyattn.files.marian.vocabulary import Tokens, read_tokens
from pyattn.files.model_files import ModelFiles
from pyattn.files.shortlist import LexicalShortlist
from pyattn.files.tokenizer_parts import NumberedPieces
from pyattn.model_config import ModelConfig


class MarianFiles(ModelFiles):
    """A folder of Marian's, or a model that is one file, with the files beside it.

    Args:
        path: The folder, or the file.
        models: The models in it, as `pyattn.files.marian.folder.find_models` has them.
    """

    def __init__(self, path: pathlib.Path, models: list[pathlib.Path]) -> None:
        super().__init__(path)
        self._models = models

    @functools.cached_property
    def _files(self) -> Files:
        return find_files(self.path, self._models)

    @functools.cached_property
    def _reader(self) -> Reader:
        return Reader(self._files)

    @functools.cached_property
    def _tokens(self) -> tuple[Tokens, Tokens] | None:
        """The tokens of sources and of targets; None if there are no vocabularies."""
        return read_tokens(self._files, self.config)

    def _read(self) -> Checkpoint:
        return self._reader.checkpoint()

    @property
    def config(self) -> ModelConfig:
        """As `ModelFiles`."""
        return self._reader.config

    @functools.cached_property
    def tokenizer(self) -> NumberedPieces | None:
        """As `ModelFiles`; None also for vocabularies without SentencePiece models."""
        if self._tokens is None:
            return None
        source, target = self._tokens
        if source.pieces is None or target.pieces is None:
            return None
        return NumberedPieces(
            source=source.pieces,
            target=target.pieces,
            source_ids=source.ids,
            target_ids=target.ids,
        )

    @functools.cached_property
    def shortlist(self) -> LexicalShortlist | None:
        """As `ModelFiles`."""
        files = self._files
        if files.shortlist is None:
            return None

        def ids() -> tuple[Mapping[str, int], Mapping[str, int]] | None:
            return None if self._tokens is None else (self._tokens[0].ids, self._tokens[1].ids)

        vocabularies = files.vocabularies
        shared = vocabularies is not None and vocabularies[0] == vocabularies[1]
        return read_shortlist(files.shortlist, self.config, files.settings, ids, shared=shared)

    @property
    def stored_numbers(self) -> Mapping[str, int]:
        """As `ModelFiles`."""
        return self._reader.stored_numbers()
