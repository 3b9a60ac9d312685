"""Tokens as strings and their ids, for models whose callers cut texts themselves."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import types
from collections.abc import Iterable, Mapping, Sequence


class Vocabulary:
    """The tokens of one language, by their ids.

    Args:
        tokens: Tokens in the order of their ids. For a token that appears twice the first id
            counts.
        unknown: The token for all that are missing; one of `tokens`.

    Raises:
        ValueError: if `unknown` is not among them.

    Attributes:
        tokens: By their ids.
        unk: Id of the unknown token.
    """

    def __init__(self, tokens: Iterable[str], unknown: str) -> None:
        self.tokens = tuple(tokens)
        try:
            self.unk = self.tokens.index(unknown)
        except ValueError:
            raise ValueError(
                f"Vocabulary: unknown is {unknown!r}, expected one of the tokens"
            ) from None

    # A model that is loaded needs the ids of a few tokens, whoever cuts texts those of all.
    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        ids = dict(zip(self.tokens, itertools.count()))
        if len(ids) < len(self.tokens):
            ids = {}
            for id, token in enumerate(self.tokens):
                ids.setdefault(token, id)
        return ids

    def __len__(self) -> int:
        """Number of ids."""
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        """Whether the token has an id of its own."""
        return token in (self._ids if "_ids" in self.__dict__ else self.tokens)

    def id_of(self, token: str) -> int:
        """The token's id, or the id of the unknown token."""
        if "_ids" in self.__dict__:
            return self._ids.get(token, self.unk)
        return self.tokens.index(token) if token in self.tokens else self.unk

    def numbered(self) -> Mapping[str, int]:
        """Token to id."""
        return types.MappingProxyType(self._ids)

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """The id of each token."""
        return [self._ids.get(token, self.unk) for token in tokens]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Vocabularies:
    """The two vocabularies of a model, and the tokens around its sentences.

    Attributes:
        source: Vocabulary of sources.
        target: Vocabulary of targets; the same object if the model has only one.
        begin: The token for the begin of a sentence.
        end: The token for the end of a sentence; one of `target`.
        start: The token in front of a target; one of `target`.
        add_begin: Whether `begin` is added in front of a source's tokens.
        add_end: Whether `end` is added behind a source's tokens.
        sources_end: Whether sources end with `end`, added or given by the caller.
    """

    source: Vocabulary
    target: Vocabulary
    begin: str
    end: str
    start: str
    add_begin: bool
    add_end: bool
    sources_end: bool

    def source_ids(self, tokens: Sequence[str]) -> list[int]:
        """The encoder's input for a sentence's tokens."""
        head = [self.begin] if self.add_begin else []
        tail = [self.end] if self.add_end else []
        return self.source.ids([*head, *tokens, *tail])

    def target_tokens(self, ids: Iterable[int]) -> list[str]:
        """The tokens of a target.

        Raises:
            IndexError: if an id is none of the vocabulary's.
        """
        return [self.target.tokens[id] for id in ids]
