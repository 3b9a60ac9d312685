"""The YAML that Marian writes: one mapping of texts to texts or lists of them.

PyYAML's parser (libyaml, where it is built with it) cuts a file into events, and they are put
together here: a vocabulary's tokens are texts whatever they look like ("no", "1.5", "~"), nothing
is built that a file asks for by a tag, and an alias, which could name the same list a thousand
times, is refused. So is what libyaml takes quadratic time for, deep nesting and directives. Of
64,000 tokens the events take 0.2 s with libyaml, and 2 s without.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from pyattn.errors import ModelError
from pyattn.files.reading import shown

# What is nested deeper than a list is not for us, and stands there as None.
Value: TypeAlias = str | list[str] | None
Yaml: TypeAlias = dict[str, Value]

_MOST_DEPTH = 8
_DIRECTIVE = re.compile(rb"^%", re.MULTILINE)


def parse_yaml(content: bytes, place: str) -> Yaml:
    """The mapping in some bytes.

    Args:
        content: What to parse.
        place: Where it stands, for the error.

    Raises:
        ModelError: if it is anything but one YAML mapping without aliases, or has a key twice.
    """
    import yaml

    if _DIRECTIVE.search(content):
        raise ModelError(f"{place}: has a directive, expected none")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _mapping(yaml.parse(content.decode("utf-8"), Loader=loader), place)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ModelError(f"{place}: not valid YAML: {problem:.200}") from None
    except UnicodeDecodeError:
        raise ModelError(f"{place}: not valid UTF-8") from None


def _mapping(events: Iterator[Any], place: str) -> Yaml:
    """The mapping that a stream of events describes."""
    found: Yaml = {}
    for expected in ("StreamStart", "DocumentStart", "MappingStart"):
        event = next(events)
        if _kind(event) != expected:
            raise ModelError(f"{place}: {_kind(event)}, expected a YAML mapping")
    for event in events:
        kind = _kind(event)
        if kind == "MappingEnd":
            break
        if kind != "Scalar":
            raise ModelError(f"{place}: {kind} as a key, expected a text")
        if event.value in found:
            raise ModelError(f"{place}: the key {shown(event.value)} stands twice")
        found[event.value] = _value(events, f"{place}: {shown(event.value)}")
    for expected in ("DocumentEnd", "StreamEnd"):
        event = next(events)
        if _kind(event) != expected:
            raise ModelError(f"{place}: {_kind(event)} behind the mapping, expected its end")
    return found


def _value(events: Iterator[Any], place: str) -> Value:
    """The value that begins with the next event."""
    depth = 0
    texts: list[str] = []
    flat = True
    for event in events:
        kind = _kind(event)
        if kind == "Alias":
            raise ModelError(f"{place} has an alias, expected values themselves")
        if kind == "Scalar":
            if depth == 0:
                return str(event.value)
            texts.append(event.value)
        elif kind in ("SequenceStart", "MappingStart"):
            flat = flat and kind == "SequenceStart" and depth == 0
            depth += 1
            if depth > _MOST_DEPTH:
                raise ModelError(f"{place} is nested too deeply for an option")
        else:
            depth -= 1
            if depth == 0:
                break
    return texts if flat else None


def _kind(event: Any) -> str:
    return type(event).__name__.removesuffix("Event")
