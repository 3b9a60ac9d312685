"""Work that may still have to come to its end."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable
from typing import Generic, NoReturn, Protocol, TypeVar

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Pending(Protocol[Result_co]):
    """Results of sentences, some of which may not be there yet."""

    def done(self) -> bool:
        """Whether all are there."""

    def is_done(self, sentence: int) -> bool:
        """Whether `result` would not have to wait."""

    def result(self, sentence: int) -> Result_co:
        """Waits for a sentence; raises what went wrong on the way, each time."""


class Background(Generic[Result]):
    """What a function returns, or raises, that runs in a thread of its own."""

    def __init__(self, work: Callable[[], list[Result]]) -> None:
        self._work = work
        self._results: concurrent.futures.Future[list[Result]] = concurrent.futures.Future()
        # A daemon: nobody has to wait at exit for what nobody has waited for.
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._results.set_result(self._work())
        except BaseException as error:
            self._results.set_exception(error)

    def done(self) -> bool:
        """Whether the function is done."""
        return self._results.done()

    def is_done(self, sentence: int) -> bool:  # noqa: ARG002 (all come at once)
        """Whether the function is done."""
        return self.done()

    def result(self, sentence: int) -> Result:
        """Waits for the function."""
        return self._results.result()[sentence]


class Failed:
    """Work that could not begin."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def done(self) -> bool:
        """There is nothing to wait for."""
        return True

    def is_done(self, sentence: int) -> bool:  # noqa: ARG002 (none of them began)
        """There is nothing to wait for."""
        return True

    def result(self, sentence: int) -> NoReturn:  # noqa: ARG002 (all failed)
        """Raises the error."""
        raise self._error
