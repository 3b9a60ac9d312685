"""The arguments of a search, validated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pyattn.options import GenerationOptions
from pyattn.running.rows import as_lists

Ids: TypeAlias = Sequence[int]
# Of each source the only ids that its target may have; None is all ids.
Shortlists: TypeAlias = Sequence[Ids | npt.NDArray[np.integer] | None] | None


def checked_sources(sources: Any) -> list[Ids]:
    """Sources as a list; the core checks their ids.

    Raises:
        TypeError: if they are no iterable of rows.
    """
    rows = as_lists(sources)
    if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
        raise TypeError(
            f"generate: sources are {type(rows).__name__}, expected a list of lists of ids"
        )
    return list(rows)


def checked_shortlists(shortlists: Shortlists, count: int) -> Sequence[Any]:
    """A shortlist for each of `count` sources; the core checks their ids and their number.

    Raises:
        TypeError: if they are no sequence.
    """
    if isinstance(shortlists, str | bytes) or not isinstance(shortlists, Sequence | None):
        raise TypeError(
            f"generate: shortlist is {type(shortlists).__name__}, "
            "expected a list of lists of ids, or None"
        )
    return [None] * count if shortlists is None else shortlists


def check_callable(**functions: object) -> None:
    """Checks arguments by their names: each is None or can be called.

    Raises:
        TypeError: if one is neither; the message names it.
    """
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise TypeError(f"{name}: expected a callable, got {function!r}")


def check_watchable(options: Iterable[GenerationOptions]) -> None:
    """Checks that tokens can be given out as they are decided.

    Raises:
        ValueError: if a search keeps more than one hypothesis.
    """
    for one in options:
        if one.beam_size > 1:
            raise ValueError("beam_size: tokens are decided one by one with a beam_size of 1 only")
        if one.num_hypotheses > 1:
            raise ValueError("num_hypotheses: tokens are decided one by one of one hypothesis only")
