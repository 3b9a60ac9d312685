"""Placeholders in messages of programs."""

from __future__ import annotations

import re
from collections.abc import Collection

from pyattn.results import Span

_C = (
    r"%(?:\d+\$)?[-+#0']*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|q|j|z|t|L|I64)?"
    r"[diouxXeEfFgGaAcspn@]|%%"
)
_PYTHON = r"%(?:\(\w+\))?[-+#0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?[hlL]?[diouxXeEfFgGcrsa]|%%"
_BRACES = r"\{\{|\}\}|\{[\w.\[\]]*(?:![rsa])?(?::[^{}]*)?\}"
# What messages without flags are searched for: nothing that prose has.
_PLAIN = r"%(?:\(\w+\)|\d+\$)?[sd@]|\$?\{[\w.]*\}|\{\{[\w. ]*\}\}|%[\w-]{1,30}%|\$t?\([\w.]+\)"
# Patterns by the name of a language in a flag, as in "python-format".
_PATTERNS = {
    "c": _C,
    "objc": _C,
    "php": _C,
    "perl": _C,
    "sh": r"\$\w+|\$\{\w+\}",
    "python": _PYTHON,
    "python-brace": _BRACES,
    "perl-brace": r"\{\w+\}",
    "java": r"\{\d+[^{}]*\}",
    "csharp": r"\{\d+[^{}]*\}",
    "javascript": _C,
    "qt": r"%L?\d{1,2}|%n",
    "kde": r"%\d{1,2}|%n",
    "boost": r"%\d+%|%[^%\s]{0,9}[a-zA-Z]",
    "ruby": _PYTHON + r"|%<\w+>[^\s]?|%\{\w+\}",
    "lua": _C,
    "go": _C + r"|%[vTqtbU]",
}


def placeholders(text: str, flags: Collection[str] = ()) -> list[Span]:
    """The spans of a message's placeholders.

    Args:
        text: The message.
        flags: Its flags, such as "c-format".
    """
    named = {flag.removesuffix("-format") for flag in flags if flag.endswith("-format")}
    patterns = [_PATTERNS[name] for name in sorted(named) if name in _PATTERNS] or [_PLAIN]
    return [match.span() for match in re.finditer("|".join(patterns), text)]
