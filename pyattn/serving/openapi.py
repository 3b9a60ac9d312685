"""The OpenAPI document (3.1), made from the table of endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyattn.serving.endpoints import Endpoint
    from pyattn.serving.service import Service

_REFUSALS = {
    400: "The request is wrong; the message says what to change",
    403: "The key is not valid, or this is switched off",
    408: "The request did not arrive in time",
    413: "Too large",
    429: "Too many requests; try again after Retry-After",
    500: "The service failed",
    503: "Busy, or not ready; try again after Retry-After",
    504: "Not done in time",
}


def document(endpoints: Sequence[Endpoint], service: Service) -> dict[str, Any]:
    """The OpenAPI document of some endpoints."""
    settings = service.settings
    languages = {
        "source": ["auto", *service.catalog.sources],
        "target": service.catalog.targets,
    }
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(
            endpoint, languages
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": "pyattn", "version": "1", "description": "Translation on a CPU."},
        "servers": [{"url": settings.root_path or "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}] if settings.keys else [],
    }


def _operation(endpoint: Endpoint, languages: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{endpoint.api.name}-{endpoint.method.lower()}-{_name(endpoint)}",
        "tags": [endpoint.api.name],
        "summary": endpoint.summary,
        "responses": {str(endpoint.status): _answer(endpoint)},
    }
    if endpoint.parameters:
        operation["parameters"] = [dict(one) for one in endpoint.parameters]
    if endpoint.body is not None:
        kind = "multipart/form-data" if endpoint.file else "application/json"
        fields = dict(endpoint.body["properties"])
        for side, codes in languages.items():
            if side in fields:
                fields[side] = {**fields[side], "enum": list(codes)}
        body = {**endpoint.body, "properties": fields}
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": body}}}
    for status, reason in _REFUSALS.items():
        operation["responses"][str(status)] = {"description": reason}
    operation["responses"]["404"] = {"description": "There is no such thing"}
    if endpoint.open:
        operation["security"] = []
    return operation


def _name(endpoint: Endpoint) -> str:
    """A name that no other endpoint of the same interface and method has."""
    return endpoint.path.strip("/").translate({ord("/"): "-", ord("{"): None, ord("}"): None})


def _answer(endpoint: Endpoint) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "As asked"}
    if endpoint.answer is not None:
        answer["content"] = {"application/json": {"schema": endpoint.answer}}
    return answer
