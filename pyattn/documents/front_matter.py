"""The head of a Markdown file: settings in YAML or TOML, some of whose values are text."""

from __future__ import annotations

import json
import re

import yaml

from pyattn.documents.model import Segment
from pyattn.results import Span

_BLOCK = re.compile(
    r"(?P<mark>---|\+\+\+)[ \t]*(?P<end>\r\n|\n|\r)(?P<body>.*?)(?:^|(?<=[\r\n]))(?P=mark)[ \t]*"
    r"(?=\r|\n|\Z)",
    re.DOTALL,
)
_LINE = re.compile(r"(?P<key>[A-Za-z_][\w-]*)[ \t]*(?P<sign>[:=])[ \t]+(?P<value>[^\r\n]*)")


def front_matter(text: str, keys: tuple[str, ...]) -> tuple[list[Segment], int]:
    """The segments at the head of a file, and where the head ends.

    Args:
        text: The file.
        keys: The keys whose values are translated, if they are on one line.
    """
    block = _BLOCK.match(text)
    if not block:
        return [], 0
    sign = ":" if block["mark"] == "---" else "="
    segments = []
    begin, end = block.span("body")
    for line in _LINE.finditer(text, begin, end):
        first = line.start() == begin or text[line.start() - 1] in "\r\n"
        if first and line["sign"] == sign and line["key"] in keys:
            segment = _segment(text, line.span("value"), toml=sign == "=")
            if segment:
                segments.append(segment)
    return segments, block.end()


def _segment(text: str, span: Span, *, toml: bool) -> Segment | None:
    """The segment of a value; None if it is no simple text."""
    raw = text[slice(*span)].rstrip()
    if toml and not raw.startswith(('"', "'")):
        return None
    try:
        value = yaml.safe_load(raw)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(value, str) or not any(map(str.isalpha, value)) or "\n" in value:
        return None
    style = raw[0] if raw[0] in "\"'" else ("plain" if raw == value else "")
    place = span[0], span[0] + len(raw)
    return Segment(value, place, style=f"front {style}") if style else None


def quoted(text: str, style: str) -> str:
    """A value in the style of its source, or in double quotes if that cannot hold it."""
    text = " ".join(text.split())
    kind = style.removeprefix("front ")
    if kind == "plain":
        try:
            if yaml.safe_load(f"key: {text}") == {"key": text}:
                return text
        except (yaml.YAMLError, ValueError):
            pass
    if kind == "'" and "'" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)
