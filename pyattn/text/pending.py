"""Translations under way: what `Translator.submit` returns."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from pyattn.results import Translation
from pyattn.text.progress import bar

if TYPE_CHECKING:
    from pyattn.text.answers import Answer
    from pyattn.text.joining import Joiner
    from pyattn.text.plans import Plan
    from pyattn.text.rounds import Rounds


class PendingTranslations:
    """Translations under way.

    Any thread may use it, several at a time. Dropping the last reference cancels the texts that are
    not done.

    In a coroutine, `await` it for its `results`; cancelling the task cancels the translations.
    """

    def __init__(
        self, plans: Sequence[Plan], rounds: Rounds, joiner: Joiner, *, aligned: bool
    ) -> None:
        self._plans = plans
        self._rounds = rounds
        self._joiner = joiner
        self._aligned = aligned

    def __len__(self) -> int:
        """Number of texts."""
        return len(self._plans)

    def __repr__(self) -> str:
        state = "done" if self.done() else "under way"
        return f"<pyattn.PendingTranslations of {len(self)} texts, {state}>"

    def done(self) -> bool:
        """Whether all texts are translated."""
        return self._rounds.done()

    def cancel(self) -> None:
        """Ends the search within a step; results that are not done raise a ValueError then."""
        self._rounds.cancel()

    def results(self, *, progress: bool = False) -> list[list[Translation]]:
        """Waits for all texts and returns the translations of each, best first.

        Args:
            progress: Whether to draw a bar on standard error; needs the package tqdm.

        Raises:
            ValueError: if a search cannot continue, or was cancelled.
        """
        found = self._found(progress)
        return self._joiner.translations(self._plans, found, aligned=self._aligned)

    def texts(self, *, progress: bool = False) -> list[str]:
        """Waits for all texts and returns the best translation of each; raises as `results`."""
        return self._joiner.texts(self._plans, self._found(progress))

    def __await__(self) -> Generator[object, None, list[list[Translation]]]:
        """Waits for all texts without blocking the event loop."""
        found = yield from self._rounds.__await__()
        return self._joiner.translations(self._plans, found, aligned=self._aligned)

    def _found(self, progress: bool) -> list[list[Answer]]:
        with (
            bar(self._rounds.count, "sentence") if progress else contextlib.nullcontext() as report
        ):
            return self._rounds.answers(report)
