"""Requests that event loops wait for: one thread wakes the loops."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import os
import threading
from typing import TYPE_CHECKING

from pyattn import _core

if TYPE_CHECKING:
    from pyattn._core import Request


def completion(request: Request) -> asyncio.Future[None]:
    """A future of the running event loop, done when the request is.

    Raises:
        RuntimeError: if no event loop runs in this thread.
    """
    return _waiter(os.getpid()).future(request)


# Threads do not survive a fork, so every process has one of its own.
@functools.cache
def _waiter(process: int) -> _Waiter:  # noqa: ARG001 (the cache's key)
    return _Waiter()


class _Waiter:
    """A thread that sleeps in the core until a request is over, and then wakes its event loop.

    One thread serves any number of requests. An executor has a limited number of threads; the
    first requests would occupy them, and all others would wait.
    """

    def __init__(self) -> None:
        self._announcements = _core.Announcements()
        self._names = itertools.count()
        self._futures: dict[int, asyncio.Future[None]] = {}
        threading.Thread(target=self._run, name="pyattn-waiter", daemon=True).start()

    def future(self, request: Request) -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        name = next(self._names)
        self._futures[name] = future
        request.announce(self._announcements, name)
        return future

    def _run(self) -> None:
        while True:
            future = self._futures.pop(self._announcements.next())
            with contextlib.suppress(RuntimeError):  # the loop was closed
                future.get_loop().call_soon_threadsafe(_finish, future)


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
