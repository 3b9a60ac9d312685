"""What all interfaces share: a table of endpoints, and the way of a request through it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive

from pyattn.serving.fields import Fields
from pyattn.serving.problems import Problem

if TYPE_CHECKING:
    from pyattn.serving.service import Service

_log = logging.getLogger("pyattn.serving")

# A request that was given up by its client, in logs and metrics; nobody reads the answer.
_GONE = 499
# Parts of a form; files are limited by their bytes.
_MOST_FIELDS = 64
# By how much a client may take longer to send a file.
_FILE_PATIENCE = 10


@dataclasses.dataclass(frozen=True)
class Api:
    """An interface: how its clients send keys, and how they are told of errors.

    Attributes:
        name: Its name.
        error: The body of an error.
        key: The key that a request has in its headers.
        key_field: The name of the field that has it otherwise; None if there is none.
        no_key: Status and message for a request without a key where one is required.
        wrong_key: Likewise for a wrong one.
    """

    name: str
    error: Callable[[Problem], Any]
    key: Callable[[Request], str | None]
    key_field: str | None = None
    no_key: tuple[int, str] = (401, "a key is required")
    wrong_key: tuple[int, str] = (403, "the key is not valid")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A route.

    Attributes:
        path: Its path.
        method: Its method.
        api: Its interface.
        handle: Answers a call.
        summary: What it does, for the OpenAPI document.
        body: The JSON schema of the request's body; None without one.
        answer: The JSON schema of the answer; None for another kind of answer.
        file: Whether the request may be as large as a file.
        open: Whether it needs no key and is not counted.
        parameters: Parameters of the path and the query, as in an OpenAPI document.
        status: The status of its answer.
    """

    path: str
    method: str
    api: Api
    handle: Handle
    summary: str
    body: Mapping[str, Any] | None = None
    answer: Mapping[str, Any] | None = None
    file: bool = False
    open: bool = False
    parameters: tuple[Mapping[str, Any], ...] = ()
    status: int = 200


class Call:
    """A request on its way.

    Attributes:
        service: The service.
        request: The request.
        owner: Who asks: a name without meaning, equal for requests with the same key.
        texts: Number of texts, for metrics.
        characters: Number of their characters, likewise.
    """

    def __init__(self, service: Service, request: Request, endpoint: Endpoint) -> None:
        self.service = service
        self.request = request
        self.owner = ""
        self.texts = 0
        self.characters = 0
        self._endpoint = endpoint

    async def json(self) -> Any:
        """The body as JSON.

        Raises:
            Problem: if it is none.
        """
        body = await self.request.body()
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Problem(400, "Invalid JSON format") from None

    async def fields(self) -> Fields:
        """The request's fields: of a JSON object, of a form, and of the query; checks the key.

        Raises:
            Problem: if the body is broken, or the key is not valid.
        """
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        given: dict[str, Any] = {}
        for name, text in self.request.query_params.multi_items():
            _put(given, name, text)
        repeated = {name for name, value in given.items() if isinstance(value, list)}
        if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
            form: FormData = await self.request.form(
                max_files=1, max_fields=_MOST_FIELDS * 16, max_part_size=self.limit()
            )
            own: dict[str, Any] = {}
            for name, value in form.multi_items():
                _put(own, name, value)
            repeated |= {name for name, value in own.items() if isinstance(value, list)}
            given |= own
            fields = Fields(given, repeated=repeated, text=True)
        elif await self.request.body():
            body = await self.json()
            if not isinstance(body, dict):
                raise Problem(400, "Invalid JSON format")
            fields = Fields(given | body)
        else:
            fields = Fields(given, repeated=repeated, text=True)
        api = self._endpoint.api
        key = api.key(self.request)
        if key is None and api.key_field is not None:
            key = fields.text(api.key_field, None)
        self.authorise(key)
        return fields

    def authorise(self, key: str | None) -> None:
        """Checks a key, and takes from its holder's bucket.

        Raises:
            Problem: if it is not valid, or there were too many requests.
        """
        keys, api = self.service.keys, self._endpoint.api
        if keys.required and not key:
            raise Problem(*api.no_key)
        holder = keys.holder(key or "")
        if holder is None:
            raise Problem(*api.wrong_key)
        self.owner = holder if keys.required else ""
        self.service.rates.take(f"key {holder}" if keys.required else f"address {self.address()}")

    def address(self) -> str:
        """The client's address."""
        if self.service.settings.trust_proxy:
            forwarded = self.request.headers.get("x-forwarded-for", "")
            # The last is what the nearest proxy has seen; all others may be made up.
            if last := forwarded.rpartition(",")[2].strip():
                return last
        client = self.request.client
        return client.host if client is not None else "?"

    def count(self, texts: list[str]) -> list[str]:
        """Checks the number of texts and the length of each.

        Raises:
            Problem: if they are too many, one is too long or no Unicode.
        """
        settings = self.service.settings
        if len(texts) > settings.request_texts:
            raise Problem(
                413, f"request has {len(texts)} texts, expected at most {settings.request_texts}"
            )
        for index, text in enumerate(texts):
            self.check(text, index)
        self.texts = len(texts)
        self.characters = sum(map(len, texts))
        return texts

    def check(self, text: str, index: int = 0) -> None:
        """Checks a text.

        Raises:
            Problem: if it is too long or no Unicode.
        """
        most = self.service.settings.text_characters
        if len(text) > most:
            raise Problem(413, f"text {index} has {len(text)} characters, expected at most {most}")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Problem(400, f"text {index} has a lone surrogate, expected Unicode") from None

    def limit(self) -> int:
        """Most bytes of the body."""
        settings = self.service.settings
        return settings.file_bytes if self._endpoint.file else settings.body_bytes


Handle: TypeAlias = Callable[[Call], Awaitable[Response]]


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
    if service.admission.draining:
        raise Problem(503, "the service ends: try again later", retry_after=5)
    ending = _Ending()
    seconds = settings.file_seconds if endpoint.file else settings.seconds
    patience = settings.body_seconds * (_FILE_PATIENCE if endpoint.file else 1)
    late = Problem(504, f"not done in {seconds:g} seconds: send less at once")
    slow = Problem(408, f"the request did not arrive in {patience:g} seconds")
    loop = asyncio.get_running_loop()
    timers = (
        loop.call_later(seconds, ending.end, late),
        loop.call_later(patience, lambda: None if body.complete else ending.end(slow)),
    )
    body.on_gone(lambda: ending.end(ClientDisconnect()))
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

    def on_gone(self, call: Callable[[], None]) -> None:
        """Calls a function when the client closes the connection, until `leave`."""
        self._gone = call

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


def _put(fields: dict[str, Any], name: str, value: str | UploadFile) -> None:
    """Adds a field; one that comes again is a list."""
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]
