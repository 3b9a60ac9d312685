"""Marian's own files: models as `.npz` or `.bin`, vocabularies and lexical shortlists.

So releases of OPUS-MT, of students (Bergamot) and of Firefox are read as they are; which files of a
folder are which, `pyattn.files.marian.folder` says, the rest the module of each file.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from pyattn.checkpoint import ModelConfig
from pyattn.files.marian.folder import find_files, is_marian
from pyattn.files.marian.model import read_marian, read_marian_config
from pyattn.files.marian.parameters import read_parameters
from pyattn.files.marian.shortlist import read_shortlist
from pyattn.files.marian.vocabulary import Tokens, read_tokens
from pyattn.files.shortlist import LexicalShortlist

__all__ = [
    "Tokens",
    "count_numbers",
    "is_marian",
    "read_lexical_shortlist",
    "read_marian",
    "read_vocabularies",
]


def read_vocabularies(
    path: pathlib.Path, config: ModelConfig | None = None
) -> tuple[Tokens, Tokens] | None:
    """The tokens of a model's sources and targets; None if its folder has no vocabularies.

    Args:
        path: The folder, or the file of the model.
        config: What the model is, if that is known already.

    Raises:
        ModelError: if a file is malformed, or its ids are not the model's.
    """
    files = find_files(path)
    return read_tokens(files, config or read_marian_config(files))


def read_lexical_shortlist(
    path: pathlib.Path, config: ModelConfig | None = None
) -> LexicalShortlist | None:
    """The shortlist of a model; None if its folder has none.

    Args:
        path: The folder, or the file of the model.
        config: What the model is, if that is known already.

    Raises:
        ModelError: if a file is malformed, or its ids are not the model's.
    """
    files = find_files(path)
    if files.shortlist is None:
        return None
    known = config or read_marian_config(files)

    def ids() -> tuple[Mapping[str, int], Mapping[str, int]] | None:
        tokens = read_tokens(files, known)
        return None if tokens is None else (tokens[0].ids, tokens[1].ids)

    vocabularies = files.vocabularies
    shared = vocabularies is not None and vocabularies[0] == vocabularies[1]
    return read_shortlist(files.shortlist, known, files.settings, ids, shared=shared)


def count_numbers(path: pathlib.Path) -> dict[str, int]:
    """How many numbers of which type the weights of a model are.

    Raises:
        ModelError: if the file is malformed.
    """
    return read_parameters(find_files(path).model).counts()
