"""Text to token ids and back.

contract                             the protocols: `Tokenizer` for translators, `Cutter` inside
framed                               the tokenizer: a cutter, and the ids around every source
sentencepieces, json_file, utf8      the cutters
languages                            names of languages and the ids that stand for them
spans                                the characters of each token
marian, argos, huggingface           a tokenizer of each kind of parts
pairs, word_pieces                   that of encoders alone, and how it is made of older files
vocabulary, codes                    tables of ids
"""

from __future__ import annotations

import os
import pathlib

from pyattn.files import ModelFiles, opened
from pyattn.files.tokenizer_parts import FilesByRole, NumberedPieces, PackagePieces
from pyattn.text.tokenizers.argos import argos_tokenizer, not_native
from pyattn.text.tokenizers.contract import (
    Decoded,
    Encoded,
    NoTokenizer,
    Span,
    TextError,
    Tokenizer,
    truncated,
)
from pyattn.text.tokenizers.huggingface import huggingface_tokenizer, needed_files
from pyattn.text.tokenizers.languages import Languages
from pyattn.text.tokenizers.marian import marian_files, marian_tokenizer

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
    "truncated",
]


def load_tokenizer(model: ModelFiles | str | os.PathLike[str]) -> Tokenizer | None:
    """The tokenizer that a model's files hold; None if there is none.

    Args:
        model: The model's files, or the path of its folder or file.

    Raises:
        NoTokenizer: if the package that reads the files is not installed or does not exist.
        ModelError: if some of the files are missing, one cannot be used, or their ids are not those
            of the model's config.
    """
    with opened(model) as files:
        parts = files.tokenizer
        if isinstance(parts, NumberedPieces):
            return marian_tokenizer(parts, files.config)
        if isinstance(parts, PackagePieces):
            return argos_tokenizer(parts)
        if isinstance(parts, FilesByRole):
            return huggingface_tokenizer(parts, files.config)
    return None


def tokenizer_files(
    model: ModelFiles | str | os.PathLike[str],
) -> dict[str, pathlib.Path | bytes]:
    """The files that a native folder needs for the same tokenizer, by role: paths or contents.

    Vocabularies with the numbers of SentencePiece itself are left out.

    Args:
        model: As for `load_tokenizer`.

    Raises:
        NoTokenizer: if a native folder cannot hold it.
        ModelError: if a file is missing or malformed.
    """
    with opened(model) as files:
        parts = files.tokenizer
        if isinstance(parts, NumberedPieces):
            return marian_files(parts, files.path.name, files.config)
        if isinstance(parts, PackagePieces):
            raise not_native(parts)
        if isinstance(parts, FilesByRole):
            return needed_files(parts, files.config)
    return {}
