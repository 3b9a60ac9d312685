"""Searches, as the translation of texts sees them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol

from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis


class PendingSearch(Protocol):
    """The search for the targets of all sources, as `Model.submit` returns it.

    The methods are those of `pyattn.running.pending.PendingSearch`.
    """

    def __len__(self) -> int: ...
    def __await__(self) -> Generator[object, None, list[list[Hypothesis]]]: ...

    def done(self) -> bool:
        """Whether all targets are found."""
        ...

    def cancel(self) -> None:
        """Ends the search within a step."""
        ...

    def results(self, progress: Callable[[int], object] | None = None) -> list[list[Hypothesis]]:
        """Waits for the targets of all sources, best first."""
        ...


# Begins the search for the targets of sources, with the options of each.
Submit = Callable[[list[list[int]], list[GenerationOptions]], PendingSearch]
