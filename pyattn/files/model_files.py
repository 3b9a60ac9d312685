"""The files of one model, whatever their layout."""

from __future__ import annotations

import abc
import contextlib
import functools
import pathlib
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from pyattn.checkpoint import Checkpoint
from pyattn.errors import ModelError
from pyattn.files.head import Head, Layer
from pyattn.files.shortlist import LexicalShortlist
from pyattn.files.tokenizer_parts import TokenizerParts
from pyattn.files.vocabulary import Vocabularies
from pyattn.model_config import ModelConfig
from pyattn.pruning import without_zeros

if TYPE_CHECKING:
    from pyattn.files.ctranslate2.vmap import VocabularyMap


class ModelFiles(abc.ABC):
    """A model's files, opened once.

    `pyattn.files.opened.open_model` makes one, of the subclass for the files' layout. Each property
    is read when it is first needed, and then kept; files that several properties need, such as
    config.json, are read once.

    Use it as a context manager: leaving the block deletes the files of a package that were
    unpacked. What was read before stays usable, as it is in memory or mapped.

    An object is for one thread at a time. What it returns may be shared as its own documentation
    says.

    Args:
        path: The model's folder, or its file.

    Attributes:
        path: Likewise.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        # Deletes what a package was unpacked to.
        self._unpacked = contextlib.ExitStack()

    @functools.cached_property
    def checkpoint(self) -> Checkpoint:
        """The model, without parts that are all zero (`pyattn.pruning`).

        Its weights stay views of the files where these are not compressed.

        Raises:
            ModelError: if a file is missing or malformed, or the model is not supported; the
                message names the file and the field.
        """
        with listable(self.path):
            return without_zeros(self._read())

    @abc.abstractmethod
    def _read(self) -> Checkpoint:
        """The model."""

    @property
    @abc.abstractmethod
    def config(self) -> ModelConfig:
        """The model's config, without its weights.

        Raises:
            ModelError: as `checkpoint`.
        """

    @property
    @abc.abstractmethod
    def tokenizer(self) -> TokenizerParts | None:
        """What the model's tokenizer is made of; None if the files have none.

        Raises:
            ModelError: if some of the files are missing, or one is malformed.
        """

    @property
    @abc.abstractmethod
    def stored_numbers(self) -> Mapping[str, int]:
        """Count of the weights' numbers in the files, by their type there, such as "I8".

        Raises:
            ModelError: if a file of weights is missing or malformed.
        """

    @property
    def shortlist(self) -> LexicalShortlist | None:
        """The model's lexical shortlist; None if it has none.

        Raises:
            ModelError: if a file is malformed, or its ids are not the model's.
        """
        return None

    @property
    def head(self) -> Head | None:
        """What classifies texts by the model's output; None if the files have none.

        Raises:
            ModelError: if a tensor is missing or has another shape, or a field is out of range.
        """
        return None

    @property
    def pooler(self) -> Layer | None:
        """The layer on the first token's state, [dim, dim], in front of a hyperbolic tangent.

        None if the files have none.

        Raises:
            ModelError: if a tensor is missing or has another shape.
        """
        return None

    @property
    def vocabularies(self) -> Vocabularies:
        """The model's tokens by their ids, for callers that cut texts themselves.

        Raises:
            ModelError: if the layout has none, or a file is missing or malformed.
        """
        raise ModelError(
            f"{self.path}: its layout has no lists of tokens, expected a model of CTranslate2's or "
            "a package of Argos Translate"
        )

    @property
    def vocabulary_map(self) -> VocabularyMap | None:
        """The map of source tokens to target tokens (vmap.txt); None if there is none.

        Raises:
            ModelError: if the file is malformed.
        """
        return None

    def close(self) -> None:
        """Deletes what was unpacked. Properties that were not read until then cannot be."""
        self._unpacked.close()

    def __enter__(self) -> ModelFiles:
        """Itself; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes it."""
        self.close()


@contextlib.contextmanager
def listable(path: pathlib.Path) -> Iterator[None]:
    """Errors of the system, such as those of a folder that may not be listed, as ModelErrors."""
    try:
        yield
    except OSError as error:
        raise ModelError(f"{path}: {(error.strerror or str(error)).lower()}") from None
