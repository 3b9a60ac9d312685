"""The way of a request through an endpoint: limited in size and time, while its client waits."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive

from pyattn.serving.endpoints import Api, Call, Endpoint
from pyattn.serving.problems import Problem

if TYPE_CHECKING:
    from pyattn.serving.service import Service

_log = logging.getLogger("pyattn.serving")

# A request that was given up by its client, in logs and metrics; nobody reads the answer.
_GONE = 499
# By how much a client may take longer to send a file.
_FILE_PATIENCE = 10
# Seconds in which nobody looks whether the client is still there. That takes a task, and most
# requests are answered by then.
_UNWATCHED = 0.5


def handler(service: Service, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """What answers the requests of an endpoint, errors included."""

    async def handle(request: Request) -> Response:
        start = time.perf_counter()
        call = Call(service, request, endpoint)
        problem: Problem | None = None
        try:
            response = await _answered(call, endpoint)
            status = response.status_code
        except Problem as error:
            problem = error
        except MultiPartException as error:
            problem = Problem(400, error.message)
        except HTTPException as error:
            problem = Problem(error.status_code, error.detail)
        except ClientDisconnect:
            problem = Problem(_GONE, "the client is gone")
        except Exception as error:
            _log.exception("%s %s failed", endpoint.method, endpoint.path)
            problem = Problem(500, "the service failed; the reason is in its log")
            problem.__cause__ = error
        await request.close()  # files of forms
        if problem is not None:
            status = problem.status
            response = _refusal(endpoint.api, problem)
        service.watch.finished(endpoint, status, time.perf_counter() - start, call, problem)
        return response

    return handle


def _refusal(api: Api, problem: Problem) -> Response:
    headers = {}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.status in (408, 413):
        headers["Connection"] = "close"  # the rest of the body is not read
    return JSONResponse(api.error(problem), problem.status, headers)


async def _answered(call: Call, endpoint: Endpoint) -> Response:
    """The answer of an endpoint: in time, and only while its client waits."""
    service = call.service
    settings = service.settings
    body = _Body(call.request.receive, call.limit())
    body.check_length(call.request.headers.get("content-length"))
    call.request._receive = body.receive
    if endpoint.open:
        return await endpoint.handle(call)
    if service.admission.draining and not endpoint.late:
        raise Problem(503, "the service ends: try again later", retry_after=5)
    ending = _Ending()
    seconds = settings.file_seconds if endpoint.file else settings.seconds
    patience = settings.body_seconds * (_FILE_PATIENCE if endpoint.file else 1)

    def late() -> None:
        ending.end(Problem(504, f"not done in {seconds:g} seconds: send less at once"))

    def slow() -> None:
        if not body.complete:
            ending.end(Problem(408, f"the request did not arrive in {patience:g} seconds"))

    loop = asyncio.get_running_loop()
    timers = (
        loop.call_later(seconds, late),
        loop.call_later(patience, slow),
        loop.call_later(_UNWATCHED, body.watch, lambda: ending.end(ClientDisconnect())),
    )
    try:
        return await endpoint.handle(call)
    except asyncio.CancelledError:
        if ending.reason is None:
            raise
        ending.caught()
        raise ending.reason from None
    finally:
        body.leave()
        for timer in timers:
            timer.cancel()


class _Ending:
    """Ends the task that made it, for a reason."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self.reason: Exception | None = None

    def end(self, reason: Exception) -> None:
        """Cancels the task, unless it ends already."""
        if self.reason is None and self._task is not None:
            self.reason = reason
            self._task.cancel()

    def caught(self) -> None:
        """The cancellation is over."""
        if self._task is not None and hasattr(self._task, "uncancel"):  # from Python 3.11 on
            self._task.uncancel()


class _Body:
    """The body of a request, limited in bytes; and the end of its connection.

    Args:
        receive: The next part.
        most: Most bytes.

    Attributes:
        complete: Whether all of it has arrived.
    """

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._left = most
        self._gone: Callable[[], None] | None = None
        self._watch: asyncio.Future[None] | None = None
        self.complete = False

    def check_length(self, announced: str | None) -> None:
        """Refuses a body that is announced as too large, before it is read."""
        if announced is not None and announced.isascii() and announced.isdigit():
            digits = announced.lstrip("0") or "0"
            if len(digits) > 18 or int(digits) > self._most:
                raise self._too_large()

    def watch(self, gone: Callable[[], None]) -> None:
        """Calls a function when the client closes the connection, until `leave`."""
        self._gone = gone
        if self.complete:
            self._watch = asyncio.ensure_future(self._watched())

    def leave(self) -> None:
        """The connection is not watched any more."""
        self._gone = None
        if self._watch is not None:
            self._watch.cancel()

    async def receive(self) -> Message:
        """The next part of the body."""
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise self._too_large()
            if not message.get("more_body", False):
                self.complete = True
                if self._gone is not None:
                    self._watch = asyncio.ensure_future(self._watched())
        return message

    async def _watched(self) -> None:
        # Behind the whole body comes nothing but the end of the connection.
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._gone is not None:
            self._gone()

    def _too_large(self) -> Problem:
        return Problem(413, f"the request is too large, expected at most {self._most} bytes")
