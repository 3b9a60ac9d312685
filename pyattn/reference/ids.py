"""Sentences of ids, checked."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyattn.reference.arrays import Ints


def check_ids(operation: str, name: str, sentences: Any, vocab: int, longest: int) -> list[Ints]:
    """Sentences as arrays, every id below `vocab`, none longer than `longest`.

    Raises:
        TypeError: if one is not a list of integers.
        ValueError: if one has another id, or is longer.
    """
    if isinstance(sentences, str | bytes) or not isinstance(sentences, Sequence | np.ndarray):
        raise TypeError(
            f"{operation}: {name}s are {type(sentences).__name__}, expected a list of lists of ids"
        )
    checked = []
    for n, sentence in enumerate(sentences):
        ids = _as_ids(sentence)
        if ids is None:
            raise TypeError(f"{operation}: {name} {n} is not a list of ids")
        if len(ids) > longest:
            raise ValueError(
                f"{operation}: {name} {n} has {len(ids)} tokens, expected at most {longest}"
            )
        for token in ids:
            if not 0 <= token < vocab:
                raise ValueError(
                    f"{operation}: {name} {n} has id {token}, expected 0 to {vocab - 1}"
                )
        checked.append(np.array(ids, np.int64))
    return checked


def _as_ids(sentence: Any) -> list[int] | None:
    if isinstance(sentence, str | bytes) or not isinstance(sentence, Sequence | np.ndarray):
        return None
    try:
        return [operator.index(token) for token in sentence]
    except TypeError:
        return None


def check_together(
    operation: str, prompts: list[Ints], targets: list[Ints], positions: int
) -> None:
    """Checks that the target behind each prompt fits into a model's positions.

    Raises:
        ValueError: if one does not.
    """
    for n, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
        if len(prompt) + len(target) > positions:
            raise ValueError(
                f"{operation}: target {n} has {len(target)} tokens behind a prompt of "
                f"{len(prompt)}, expected at most {positions} together"
            )
