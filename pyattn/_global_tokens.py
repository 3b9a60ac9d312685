"""The tokens of each source that see, and are seen by, all others."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from pyattn.model_config import ModelConfig

# Positions for each source; None is the model's default.
GlobalTokens: TypeAlias = Sequence[Sequence[int]] | None


def chosen_global_tokens(
    operation: str, given: GlobalTokens, sources: Sequence[Any], config: ModelConfig
) -> list[list[int]] | None:
    """The positions of the global tokens of every source.

    Args:
        operation: What they are for, for errors.
        given: Positions for each source, in any order, from 0; None is the model's default, the
            first token (`global_first`) and those with an id of `global_ids`.
        sources: Ids, which need not be valid yet: whoever computes with them checks them.
        config: The model's.

    Returns:
        Ascending positions without repetitions for each source; None if the model has no global
        tokens.

    Raises:
        ValueError: if the model has no global tokens, there are positions for another number of
            sources, or a source has no such position.
        TypeError: if a source's positions are not a list of integers.
    """
    if config.encoder_pattern != "tokens":
        if given is not None:
            raise ValueError(f"{operation}: global_tokens are given, but the model has none")
        return None
    if given is None:
        return [_default(source, config) for source in sources]
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise TypeError(
            f"{operation}: global_tokens are {type(given).__name__}, "
            "expected a list of positions for each source"
        )
    rows = list(given)
    if len(rows) != len(sources):
        raise ValueError(
            f"{operation}: there are global_tokens for {len(rows)} sources, expected {len(sources)}"
        )
    return [_checked(operation, n, row, len(sources[n])) for n, row in enumerate(rows)]


def _default(source: Any, config: ModelConfig) -> list[int]:
    ids = source if isinstance(source, Iterable) else ()
    return [
        position
        for position, id in enumerate(ids)
        if (position == 0 and config.global_first) or id in config.global_ids
    ]


def _checked(operation: str, n: int, row: Any, length: int) -> list[int]:
    try:
        if isinstance(row, str | bytes):
            raise TypeError
        positions = sorted({operator.index(position) for position in row})
    except TypeError:
        raise TypeError(f"{operation}: global_tokens {n} is not a list of positions") from None
    for position in positions[:1] + positions[-1:]:
        if not 0 <= position < length:
            raise ValueError(
                f"{operation}: global_tokens {n} has {position}, expected 0 to {length - 1}"
            )
    return positions
