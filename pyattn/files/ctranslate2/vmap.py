"""vmap.txt: which target tokens go with which tokens of a source.

A line is an n-gram of source tokens, a tab, and target tokens; within both there are spaces. The
target tokens of the line without source tokens may always come.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pyattn.errors import ModelError
from pyattn.files.reading import open_regular
from pyattn.files.vocabulary import Vocabulary

# Far more than a vocabulary with its frequent pairs and triples has.
_MOST_RULES = 1 << 22
_LONGEST_NGRAM = 16
_LONGEST_LINE = 1 << 22


class VocabularyMap:
    """Target tokens by n-grams of source tokens; any number of threads may share it.

    Args:
        rules: N-gram, its tokens joined by spaces, to target ids.
        always: Target ids that may always come.

    Attributes:
        longest: Tokens of the longest n-gram.
    """

    def __init__(self, rules: Mapping[str, npt.NDArray[np.int32]], always: Iterable[int]) -> None:
        self.longest = max((ngram.count(" ") + 1 for ngram in rules), default=0)
        self._rules = rules
        self._always = np.unique(np.fromiter(always, np.int32))

    def __len__(self) -> int:
        """Number of n-grams."""
        return len(self._rules)

    def candidates(self, tokens: Sequence[str]) -> list[int]:
        """The target ids that a source's tokens allow, ascending and each once."""
        found = [self._always]
        for first in range(len(tokens)):
            for last in range(first + 1, min(first + self.longest, len(tokens)) + 1):
                ids = self._rules.get(" ".join(tokens[first:last]))
                if ids is not None:
                    found.append(ids)
        allowed: list[int] = np.unique(np.concatenate(found)).tolist()
        return allowed


def read_vmap(path: pathlib.Path, target: Vocabulary, *, always: Iterable[str]) -> VocabularyMap:
    """Reads vmap.txt.

    Args:
        path: The file.
        target: Vocabulary of targets; tokens that it lacks count as unknown.
        always: Tokens that are always allowed, besides those of the file and the unknown token.

    Raises:
        ModelError: if the file is malformed; the message names the line.
    """
    rules: dict[str, npt.NDArray[np.int32]] = {}
    fixed = {target.unk, *target.ids(always)}
    with open_regular(path) as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            ngram, ids = _rule(line, target, f"{path.name}: line {number}")
            if ngram:
                rules[ngram] = ids
            else:
                fixed.update(ids.tolist())
            if len(rules) > _MOST_RULES:
                raise ModelError(f"{path.name}: more than {_MOST_RULES} n-grams")
    return VocabularyMap(rules, fixed)


def _rule(line: bytes, target: Vocabulary, place: str) -> tuple[str, npt.NDArray[np.int32]]:
    """The n-gram of a line, and the ids that it allows."""
    if len(line) == _LONGEST_LINE:
        raise ModelError(f"{place} is longer than {_LONGEST_LINE} bytes")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise ModelError(f"{place} is not valid UTF-8") from None
    parts = text.removesuffix("\n").removesuffix("\r").split("\t")
    if len(parts) != 2:
        raise ModelError(f"{place} has {len(parts) - 1} tabs, expected one")
    ngram, tokens = parts
    if ngram.count(" ") >= _LONGEST_NGRAM:
        raise ModelError(f"{place} has more than {_LONGEST_NGRAM} source tokens")
    ids = target.ids(token for token in tokens.split(" ") if token)
    return ngram, np.array(sorted(set(ids)), np.int32)
