"""Protocols of tokenizers and of the cutters inside them, and their results."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

from pyattn.errors import ModelError
from pyattn.text.checks import check_text
from pyattn.text.tokenizers.languages import Languages

# The characters of a token in a text: the first, and the one behind the last.
Span: TypeAlias = tuple[int, int]


class Encoded(NamedTuple):
    """The ids of a text, and the span of each.

    The spans are a partition of the text: the first begins at 0, each begins where the one before
    it ends, and the last ends at `len(text)`. Therefore:

    - Characters that the tokenizer drops, such as doubled spaces, and spaces themselves belong to
      the token that follows them; at the end of the text, to the last token that has characters.
    - A character that is cut into several tokens belongs to the last of them.
    - Ids around the text, such as a language or the end, have empty spans.
    - If no token has characters, all of the text belongs to the last token of the text, or to the
      last id if the text has no token. Without ids there are no spans.

    Attributes:
        ids: The ids, with all that stands around the text.
        spans: Of each id, in characters of the text.
    """

    ids: list[int]
    spans: list[Span]


def truncated(encoded: Encoded, most: int) -> Encoded:
    """As many ids of a text as fit, with all that stands around it.

    Args:
        encoded: The ids of a text and their spans.
        most: Number of ids, of those around the text and at least one more.
    """
    ids, spans = encoded
    if len(ids) <= most:
        return encoded
    # Ids behind the text have empty spans at its end, and its last token has characters.
    last = len(ids)
    while last and spans[last - 1][0] == spans[last - 1][1]:
        last -= 1
    behind = len(ids) - last
    count = max(most - behind, 0)
    end = spans[count - 1][1] if count else 0
    return Encoded([*ids[:count], *ids[last:]], [*spans[:count], *[(end, end)] * behind])


class Decoded(NamedTuple):
    """The text of some ids, and the span of each.

    The spans are a partition of the text. A space belongs to the token that has it, for most
    tokenizers the one that follows; a character that is made of several tokens belongs to the last
    of them (but U+FFFD and what stands for invalid bytes may belong to the first). Ids without text
    have empty spans.

    Attributes:
        text: The text.
        spans: Of each id that was given, in characters of the text.
    """

    text: str
    spans: list[Span]


class NoTokenizer(ModelError):
    """The model's tokenizer cannot be used here; the model takes and gives token ids."""


class TextError(ValueError):
    """A text cannot be encoded.

    Args:
        operation: Name of the operation.
        index: Index of the text.
        problem: The fault.

    Attributes:
        index: Index of the text, for callers that number texts otherwise.
        problem: The fault.
    """

    def __init__(self, operation: str, index: int, problem: str) -> None:
        super().__init__(operation, index, problem)
        self.index = index
        self.problem = problem

    def __str__(self) -> str:
        operation, index, problem = self.args
        return f"{operation}: texts[{index}] {problem}"


class Tokenizer(Protocol):
    """A tokenizer, as translators use it.

    Nothing changes it after it was made, so any number of threads may share it.

    Attributes:
        source_vocab: All ids of sources are below it.
        target_vocab: All ids of targets that have a text are below it.
        end: Id that ends targets, and the sources of most models.
        languages: Languages of sources and targets; empty for a model of one pair.
        blank_ids: Ids of sources without content: the unknown token, and a single space.
    """

    source_vocab: int
    target_vocab: int
    end: int
    languages: Languages
    blank_ids: frozenset[int]

    def encode(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[list[int]]:
        """Ids of each text, with those that the model needs around them.

        The head of a text may name the target language (`Languages.head`), as `languages.split`
        reads it.

        Args:
            texts: The texts.
            source: The language of the texts, for a model that needs it.
            target: The language to translate into, likewise.
        """
        ...

    def encode_bodies(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[list[int]]:
        """As `encode`, but the whole text is text, also what looks like a head."""
        ...

    def encode_with_spans(
        self, texts: Sequence[str], source: str | None = None, target: str | None = None
    ) -> list[Encoded]:
        """The ids of `encode_bodies`, and the span of each in its text."""
        ...

    def decode(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids; ids without text are left out."""
        ...

    def decode_with_spans(self, ids: Sequence[Sequence[int]]) -> list[Decoded]:
        """The texts of `decode`, and the span of each id in its text."""
        ...


class Cutter(Protocol):
    """Cuts texts into tokens and joins them, without the ids around them.

    Any number of threads may share it, as its tokenizer.

    Attributes:
        source_vocab: All ids of sources are below it.
        target_vocab: All ids of targets that have a text are below it.
        blank_ids: Ids of sources without content: the unknown token, and a single space.
    """

    source_vocab: int
    target_vocab: int
    blank_ids: frozenset[int]

    def cut(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text.

        Raises:
            TextError: if one cannot be cut.
        """
        ...

    def cut_with_spans(self, texts: Sequence[str]) -> list[Encoded]:
        """The same ids, and their spans, which are a partition of any text that has ids."""
        ...

    def join(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Text of each list of ids, none of which is negative; some may have no text."""
        ...

    def join_with_spans(self, ids: Sequence[Sequence[int]]) -> list[Decoded]:
        """The same texts, and the spans of all ids, which are a partition of any text."""
        ...


def check_texts(texts: Sequence[str], operation: str) -> None:
    """Checks that all texts are valid, since errors of the libraries name no index.

    Args:
        texts: The argument to check.
        operation: Name of the operation, for errors.

    Raises:
        TypeError: if a text is not a str; the message names its index.
        ValueError: if a text is not valid Unicode; likewise.
    """
    if isinstance(texts, str | bytes):
        raise TypeError(f"{operation}: texts is {type(texts).__name__}, expected a list of str")
    for index, text in enumerate(texts):
        check_text(text, f"{operation}: texts[{index}]")


def check_ids(ids: Sequence[Sequence[int]], operation: str) -> list[list[int]]:
    """Lists of ids as lists of int.

    Args:
        ids: The argument to check.
        operation: Name of the operation, for errors.

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
                f"{operation}: ids[{index}] is {row!r:.60}, expected a list of ids"
            ) from None
        if min(tokens, default=0) < 0:
            raise ValueError(f"{operation}: ids[{index}] has a negative id")
        checked.append(tokens)
    return checked
