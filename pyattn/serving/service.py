"""The service: its parts, and the ASGI application that its endpoints make."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from pyattn.pivot import Pivot
from pyattn.serving.admission import Admission, Keys, Rates
from pyattn.serving.answering import handler
from pyattn.serving.catalog import Catalog, Source
from pyattn.serving.endpoints import Endpoint
from pyattn.serving.files import Files
from pyattn.serving.glossaries import Glossaries
from pyattn.serving.jobs import Jobs
from pyattn.serving.problems import Problem
from pyattn.serving.settings import ServiceSettings
from pyattn.serving.watching import Watch
from pyattn.serving.work import Job, Work
from pyattn.translator import Translator

_log = logging.getLogger("pyattn.serving")

# A method and a path, and what answers there.
Place: TypeAlias = tuple[str, str]
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

# Warm-up: what the first requests would have to wait for, protected parts included.
_FIRST_TEXT = "See https://example.com/a1 for more."
# Seconds after which a warm-up that failed is tried again: its reason may be gone by then.
_WARM_UP_AGAIN = 30.0
_CLEAN_EVERY = 60.0
# Seconds in which the client of a document comes for it: the official ones of DeepL ask every five.
_FETCHED_WITHIN = 12.0


class Service:
    """The parts of a service.

    Args:
        models: As for `pyattn.serving.app`.
        settings: What it accepts.
        load: Loads a model by path or name.

    Attributes:
        settings: As passed.
        catalog: Its models.
        admission: The bound on what waits.
        keys: Its API keys.
        rates: Requests per minute.
        work: Translates.
        files: Documents under way.
        glossaries: Glossaries that clients keep here.
        jobs: Documents for which nobody waits.
        watch: Metrics and logs.
        ready: Whether it is warm and not about to end.
    """

    def __init__(
        self,
        models: Mapping[str, Source],
        settings: ServiceSettings,
        load: Callable[[Any], Translator | Pivot],
    ) -> None:
        self.settings = settings
        self.catalog = Catalog(models, load, memory_bytes=settings.memory_bytes)
        self.admission = Admission(settings.queue_tokens, settings.queue_seconds)
        self.keys = Keys(settings.keys)
        self.rates = Rates(settings.requests_per_minute)
        self.work = Work(self.catalog, self.admission)
        self.files = Files(self.work, settings.queue_files, settings.result_minutes)
        self.glossaries = Glossaries(settings.data)
        self.watch = Watch(self)
        minutes, seconds = settings.result_minutes, settings.file_seconds
        self.jobs = Jobs(self.files, minutes, seconds, self.watch.translated)
        self._warm = False

    @property
    def ready(self) -> bool:
        """Whether it is warm and not about to end."""
        return self._warm and not self.admission.draining

    def drain(self) -> None:
        """Accepts nothing more; what is under way goes on."""
        self.admission.draining = True

    @property
    def expects(self) -> bool:
        """Whether clients will come for documents: those under way, or done a moment ago."""
        recent = time.monotonic() - _FETCHED_WITHIN
        ended = self.jobs.ended_since(recent) or self.files.unfetched_since(recent)
        return ended or self.files.count > 0

    async def warm_up(self) -> None:
        """Translates a sentence with the first model; if that fails, again after a time."""
        slot = self.catalog.slots[0]
        source, target = next(iter(slot.pairs))
        options = {"protect": True}
        job = Job(texts=[_FIRST_TEXT], source=source, target=target, options=options)
        while not self._warm:
            try:
                await self.work.translate(job)
                self._warm = True
            except Exception as error:
                # Clients are told that a model cannot be loaded; why is its cause.
                cause = error.__cause__ or error
                kind = type(cause).__name__
                _log.error("the warm-up of the model %s failed: %s: %s", slot.name, kind, cause)
                await asyncio.sleep(_WARM_UP_AGAIN)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The time in which it is there."""

        async def clean() -> None:
            while True:
                await asyncio.sleep(_CLEAN_EVERY)
                self.files.clean()
                self.jobs.clean()

        tasks = [asyncio.ensure_future(self.warm_up()), asyncio.ensure_future(clean())]
        try:
            yield
        finally:
            self.drain()
            ending = [*tasks, *self.files.tasks]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            self.files.close()
            self.catalog.close()


class Application(Starlette):
    """The ASGI application of a service.

    Args:
        service: The service.
        direct: What answers a method and a path as they are. Such a request passes by Starlette's
            layers, which took 16 of the 88 us of a request.
        **parts: As for Starlette.
    """

    def __init__(self, service: Service, direct: Mapping[Place, Handler], **parts: Any) -> None:
        super().__init__(**parts)
        self.router.redirect_slashes = False
        self.service = service
        self._direct = direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request, or runs the service as long as its server does."""
        if scope["type"] == "http" and not scope.get("root_path"):
            handle = self._direct.get((scope["method"], scope["path"]))
            if handle is not None:
                response = await handle(Request(scope, receive, send))
                await response(scope, receive, send)
                return
        root = self.service.settings.root_path
        if root and scope["type"] == "http":
            # Some proxies take the root off the path and others leave it there; Starlette finds the
            # route of both.
            scope = {**scope, "root_path": root}
        await super().__call__(scope, receive, send)


def application(
    service: Service, endpoints: Sequence[Endpoint], more: Sequence[BaseRoute]
) -> Application:
    """The ASGI application of a service.

    Args:
        service: The service.
        endpoints: Its endpoints.
        more: Other routes, such as pages.
    """
    handlers = {(one.method, one.path): handler(service, one) for one in endpoints}
    routes: list[BaseRoute] = [
        Route(path, handle, methods=[method]) for (method, path), handle in handlers.items()
    ]
    middleware = []
    if service.settings.cors:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(service.settings.cors),
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=["Authorization", "Content-Type"],
                max_age=86400 * 20,
            )
        )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with service.running():
            yield

    whole = service.settings.root_path or service.settings.cors
    return Application(
        service,
        {} if whole else {place: one for place, one in handlers.items() if "{" not in place[1]},
        routes=[*routes, *more],
        middleware=middleware,
        exception_handlers={HTTPException: _no_route},
        lifespan=lifespan,
    )


async def _no_route(_: Request, error: HTTPException) -> Response:
    """The answer where there is no endpoint."""
    problem = Problem(error.status_code, error.detail)
    return JSONResponse({"error": problem.message}, error.status_code, error.headers)
