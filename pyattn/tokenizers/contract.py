"""What a translator needs of a tokenizer, and a tokenizer of what cuts texts for it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Protocol

from pyattn.errors import ModelError
from pyattn.texts import check_text
from pyattn.tokenizers.languages import Languages


class NoTokenizer(ModelError):
    """Texts cannot be cut for this model here; ids go in and come out all the same."""


class Tokenizer(Protocol):
    """What a translator needs of a tokenizer.

    Attributes:
        source_vocab: All ids of sources are below it.
        target_vocab: All ids of targets that have a text are below it.
        end: Id that ends targets, and the sources of most models.
        languages: The languages that a source or a target may be in; none for a model of one pair.
    """

    source_vocab: int
    target_vocab: int
    end: int
    languages: Languages

    def encode(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[list[int]]:
        """Ids of each text, with all that the model wants around them.

        Args:
            texts: The texts.
            source: The language that they are in, for a model that has to be told.
            target: The language that they shall be translated into; likewise.
        """
        ...

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; ids that have no text are left out."""
        ...


class Cutter(Protocol):
    """What cuts texts into tokens and joins them, without anything around them.

    Attributes:
        source_vocab: All ids of sources are below it.
        target_vocab: All ids of targets that have a text are below it.
    """

    source_vocab: int
    target_vocab: int

    def cut(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text."""
        ...

    def join(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids, none of which is negative; some may have no text."""
        ...


def check_texts(texts: Sequence[str]) -> None:
    """That texts are texts, which libraries would not tell from bytes, nor by their index.

    Raises:
        TypeError: if a text is not a str; the message names its index.
        ValueError: if a text is not valid Unicode; likewise.
    """
    if isinstance(texts, str | bytes):
        raise TypeError(f"encode: texts is {type(texts).__name__}, expected a list of str")
    for index, text in enumerate(texts):
        check_text(text, f"encode: texts[{index}]")


def check_ids(ids: Sequence[Sequence[int]]) -> list[list[int]]:
    """Lists of ids as lists of int.

    Raises:
        TypeError: if an item is not a list of integers; the message names its index.
        ValueError: if an id is negative; likewise.
    """
    checked = []
    for index, row in enumerate(ids):
        try:
            tokens = list(map(operator.index, row))
        except TypeError:
            raise TypeError(
                f"decode: ids[{index}] is {row!r:.60}, expected a list of ids"
            ) from None
        if min(tokens, default=0) < 0:
            raise ValueError(f"decode: ids[{index}] has a negative id")
        checked.append(tokens)
    return checked
