"""Searches under way: what `Model.submit` returns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pyattn.options import GenerationOptions
from pyattn.results import DecidedToken, Hypothesis
from pyattn.running.waiter import completion

if TYPE_CHECKING:
    from pyattn import _core


# How often progress is reported, in seconds.
_REPORT_EVERY = 0.05


class PendingSearch:
    """A search for the targets of some sentences.

    Any thread may use it, several at a time. Each decided token is given out once: iterators of
    `tokens` in several threads share them, and `watch` and `stop` are for the thread that watches.
    Dropping the last reference cancels the sentences that are not done.

    In a coroutine, `await` it for its `results`; cancelling the task cancels the search.
    """

    def __init__(
        self,
        request: _core.Request,
        options: Sequence[GenerationOptions],
        while_waiting: Callable[[], object] | None = None,
    ) -> None:
        self._request = request
        self._options = options
        self._while_waiting = while_waiting  # called at intervals by `results`
        self._found: list[list[Hypothesis] | None] = [None] * len(options)
        self._taking = threading.Lock()
        # Number of tokens after which a watcher stopped a sentence. Written by the thread that
        # watches, before it ends the sentence; read by all others once the sentence is over.
        self._wanted: dict[int, int] = {}

    def __len__(self) -> int:
        """Number of sentences."""
        return len(self._options)

    def __repr__(self) -> str:
        return f"<pyattn.PendingSearch {self.count_done} of {len(self)} sentences done>"

    @property
    def count_done(self) -> int:
        """Number of sentences that are done."""
        return self._request.done

    def done(self) -> bool:
        """Whether all sentences are done."""
        return self.count_done == len(self)

    def is_done(self, sentence: int) -> bool:
        """Whether a sentence is done, so that `result` does not wait."""
        place = self._place(sentence)
        return self._found[place] is not None or self._request.ready(place)

    def result(self, sentence: int) -> list[Hypothesis]:
        """Waits for a sentence and returns its targets, best first.

        Raises:
            IndexError: if there is no such sentence.
            ValueError: if the search cannot continue: the options ban every token, or the sentence
                exceeds the memory for keys and values.
        """
        place = self._place(sentence)
        if self._found[place] is None:
            self._request.wait_for(place)
        with self._taking:  # the core yields a result once, and several threads may want it
            found = self._found[place]
            if found is None:
                found = self._found[place] = self._taken(place)
            return found

    def _place(self, sentence: int) -> int:
        try:
            return range(len(self))[sentence]
        except IndexError:
            raise IndexError(f"there is no sentence {sentence} among {len(self)}") from None

    def _taken(self, place: int) -> list[Hypothesis]:
        found = [
            Hypothesis(
                tokens=tokens,
                score=score,
                token_scores=scores,
                finish_reason=reason,
                alignment=alignment,
            )
            for tokens, score, scores, reason, alignment in self._request.take(place)
        ]
        return [self._cut(place, one) for one in found] if place in self._wanted else found

    def results(self, progress: Callable[[int], object] | None = None) -> list[list[Hypothesis]]:
        """Waits for all sentences; an exception, Ctrl-C included, cancels them.

        Args:
            progress: Called at intervals with the number of sentences that are done.

        Raises:
            ValueError: as `result`.
        """
        if progress is None and self._while_waiting is None:
            self._request.wait(None)
        else:
            try:
                while not self._request.wait(_REPORT_EVERY):
                    if progress is not None:
                        progress(self.count_done)
                    if self._while_waiting is not None:
                        self._while_waiting()
            except BaseException:
                self.cancel()
                raise
        return [self.result(sentence) for sentence in range(len(self))]

    def __await__(self) -> Generator[object, None, list[list[Hypothesis]]]:
        """Waits for all sentences without blocking the event loop."""
        return self._awaited().__await__()

    async def _awaited(self) -> list[list[Hypothesis]]:
        try:
            await completion(self._request)
        except BaseException:
            self.cancel()
            raise
        return self.results()

    def tokens(self) -> Iterator[DecidedToken]:
        """The tokens of all sentences as they are decided; ends when all are done.

        Needs a search that was submitted as `watched`, with a `beam_size` of 1.
        """
        while (token := self._request.next_token()) is not None:
            sentence, step, chosen, score, last = token
            if step < self._wanted.get(sentence, step + 1):
                yield DecidedToken(
                    sentence=sentence, step=step, token=chosen, score=score, last=last
                )

    def stream(self) -> Iterator[DecidedToken]:
        """The same as `tokens`; leaving the iteration ends the search."""
        try:
            yield from self.tokens()
        finally:
            self.cancel()

    def watch(self, on_token: Callable[[DecidedToken], object]) -> None:
        """Calls `on_token` with every token; if it returns True, the token ends its sentence."""
        try:
            for token in self.tokens():
                if on_token(token) is True and not token.last:
                    self.stop(token.sentence, token.step + 1)
        except BaseException:
            self.cancel()
            raise

    def stop(self, sentence: int, tokens: int) -> None:
        """Ends a sentence behind its first `tokens` tokens."""
        self._wanted[sentence] = tokens
        self._request.cancel(sentence)

    def cancel(self) -> None:
        """Ends the search within a step; results that are not done raise a ValueError then."""
        self._request.cancel(None)

    def _cut(self, sentence: int, found: Hypothesis) -> Hypothesis:
        """A target up to where its watcher stopped it; the search may have been ahead."""
        options = self._options[sentence]
        before = options.certain_prefix
        kept = self._wanted[sentence] + (before if options.return_prefix else 0)
        scores = found.token_scores[:kept]
        length = self._wanted[sentence] + (before if options.length_counts_prefix else 0)
        total = float(np.sum(scores, dtype=np.float32))
        return Hypothesis(
            tokens=found.tokens[:kept],
            score=None if found.score is None else total / length**options.length_penalty,
            token_scores=scores,
            finish_reason="timeout",
            alignment=None if found.alignment is None else found.alignment[:kept],
        )
