"""Docstrings as they stand, in the marks that Sphinx reads.

The docstrings of the package are plain text with code in backquotes. Letters that reStructuredText
would take for marks, such as the `*` of a shape or of `**overrides`, are text.
"""

from __future__ import annotations

import re
from typing import Any

_CODE = re.compile(r"(`[^`]*`)")
_MARKS = re.compile(r"([*|\\]|(?<=\w)_(?=\W|$))")


def as_text(line: str) -> str:
    """A line of a docstring in reStructuredText."""
    bullet = re.match(r" *[*-] ", line)
    start = bullet[0] if bullet else ""
    parts = _CODE.split(line.removeprefix(start))
    for n in range(0, len(parts), 2):
        parts[n] = _MARKS.sub(r"\\\1", parts[n])
    return start + "".join(parts)


def marked(lines: list[str]) -> list[str]:
    """A docstring in reStructuredText; what is indented behind a blank line is code."""
    found: list[str] = []
    code, outside = False, True
    for n, line in enumerate(lines):
        indented = line.startswith("    ")
        if line and not indented:
            code, outside = False, True
        elif indented and n and not lines[n - 1] and outside:
            code = True
            found += ["::", ""]
        if indented:
            outside = False
        found.append(line if code else as_text(line))
    return found


def _process(_app: Any, _what: str, _name: str, _object: Any, _opts: Any, lines: list[str]) -> None:
    lines[:] = marked(lines)


def plain(signature: str | None) -> str | None:
    """A signature with types as they are written: names of types, and arrays by their numbers."""
    if signature is None:
        return None
    named = re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", signature)
    return re.sub(
        r"~?(?:numpy\.)?ndarray\[[^=]*?dtype\[~?(?:numpy\.)?(\w+)\]\]", r"ndarray[\1]", named
    )


def _sign(
    _app: Any, _what: str, _name: str, _object: Any, _opts: Any, given: str, result: str
) -> tuple[str | None, str | None]:
    return plain(given), plain(result)


def setup(app: Any) -> dict[str, bool]:
    """Sphinx's entry."""
    # Before napoleon, which has marks of its own.
    app.connect("autodoc-process-docstring", _process, priority=100)
    app.connect("autodoc-process-signature", _sign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
