"""What operators and probes ask: health, readiness, metrics, the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import JSONResponse, Response

from pyattn.serving.endpoints import Api, Call, Endpoint
from pyattn.serving.openapi import document
from pyattn.serving.problems import Problem
from pyattn.serving.schemas import TEXT, record

API = Api("operations", lambda problem: {"error": problem.message}, lambda _: None)


async def health(call: Call) -> Response:
    """Whether the process lives."""
    del call
    return JSONResponse({"status": "ok"})


async def ready(call: Call) -> Response:
    """Whether requests should be sent here: the first model is warm, and the service goes on."""
    if not call.service.ready:
        raise Problem(503, "the service is starting or ending", retry_after=2)
    return JSONResponse({"status": "ready"})


async def metrics(call: Call) -> Response:
    """Metrics for Prometheus."""
    if not call.service.settings.metrics:
        raise Problem(404, "Not Found")
    kind = "text/plain; version=0.0.4; charset=utf-8"
    return Response(call.service.watch.metrics(), headers={"Content-Type": kind})


def endpoints(others: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """These endpoints.

    Args:
        others: All others, for the OpenAPI document.
    """

    async def openapi(call: Call) -> Response:
        return JSONResponse(document([*others, *own], call.service))

    def open_to_all(path: str, handle: object, summary: str, **answer: object) -> Endpoint:
        return Endpoint(
            path=path,
            method="GET",
            api=API,
            handle=handle,  # type: ignore[arg-type]
            summary=summary,
            open=True,
            **answer,  # type: ignore[arg-type]
        )

    status = record(status=TEXT)
    own = (
        open_to_all("/health", health, "Whether the service lives", answer=status),
        open_to_all("/ready", ready, "Whether the service is ready", answer=status),
        open_to_all("/metrics", metrics, "Metrics for Prometheus"),
        open_to_all("/openapi.json", openapi, "This document", answer={"type": "object"}),
    )
    return own
