"""Small parts of JSON schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEXT: Mapping[str, Any] = {"type": "string"}
NUMBER: Mapping[str, Any] = {"type": "number"}
FLAG: Mapping[str, Any] = {"type": "boolean"}
TEXTS: Mapping[str, Any] = {"type": "array", "items": {"type": "string"}}


def array(items: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a list."""
    return {"type": "array", "items": items}


def record(**fields: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an object with fields."""
    return {"type": "object", "properties": fields}


def named(schema: dict[str, Any], *required: str) -> dict[str, Any]:
    """The same schema, with fields that have to be there."""
    return {**schema, "required": list(required)}
