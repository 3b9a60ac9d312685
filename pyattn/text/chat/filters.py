"""The filters and functions of chat templates: few, and none that makes much of little."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from jinja2 import filters, pass_context
from jinja2.exceptions import SecurityError, TemplateError, TemplateRuntimeError
from jinja2.runtime import Context
from jinja2.utils import Namespace

from pyattn.text.chat.values import budget, size_of

# Of Jinja's, those whose results are no larger than what they are given.
_JINJA = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int"),
    *("items", "last", "length", "list", "lower", "max", "min", "reject", "rejectattr", "reverse"),
    *("select", "selectattr", "sort", "string", "title", "trim", "unique", "upper"),
)
_MOST_INDENT = 64
# More than a number of 64 bits has; Jinja computes the power of ten.
_MOST_DIGITS = 32
# Neither widths nor what only some systems know.
_DATE = re.compile(r"(?:[^%]|%[-]?[A-Za-z]|%%){0,200}", re.DOTALL)


def replace(value: Any, old: str, new: str, count: int | None = None) -> str:
    """`str.replace`, unless its result is too long."""
    text, old, new = str(value), str(old), str(new)
    places, most = text.count(old), -1 if count is None else int(count)
    # Any negative count is for all.
    budget().check(len(text) + (places if most < 0 else min(places, most)) * len(new))
    return text.replace(old, new, most)


def join(value: Iterable[Any], separator: str = "", attribute: str | int | None = None) -> str:
    """Items in a row, unless they are too long."""
    own = budget()
    texts: list[str] = []
    total = 0
    for item in value:
        texts.append(str(item if attribute is None else item[attribute]))
        total += len(texts[-1]) + len(separator)
        own.check(total)
    return str(separator).join(texts)


def tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as transformers writes it: letters stay, and nothing is escaped for HTML."""
    if indent is not None and not 0 <= int(indent) <= _MOST_INDENT:
        raise TemplateRuntimeError(f"tojson: indent is {indent}, expected 0 to {_MOST_INDENT}")
    encoder = json.JSONEncoder(
        ensure_ascii=bool(ensure_ascii),
        indent=None if indent is None else int(indent),
        separators=None if separators is None else (str(separators[0]), str(separators[1])),
        sort_keys=bool(sort_keys),
    )
    return join(encoder.iterencode(value))


def indent(value: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """Jinja's, for widths that are meant."""
    text = str(value)
    wide = len(width) if isinstance(width, str) else int(width)
    if not 0 <= wide <= _MOST_INDENT:
        raise TemplateRuntimeError(f"indent: width is {wide}, expected 0 to {_MOST_INDENT}")
    budget().check(len(text) + (text.count("\n") + 1) * wide)
    return filters.do_indent(text, width, first, blank)


def round_to(value: Any, precision: int = 0, method: Any = "common") -> float:
    """Jinja's `round`, for digits that a number has."""
    if not -_MOST_DIGITS <= int(precision) <= _MOST_DIGITS:
        raise TemplateRuntimeError(
            f"round: precision is {precision}, expected {-_MOST_DIGITS} to {_MOST_DIGITS}"
        )
    return filters.do_round(value, int(precision), method)


@pass_context
def map_all(context: Context, value: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
    """Jinja's `map`, at once, unless its results are too large."""
    own = budget()
    found: list[Any] = []
    total = 0
    for item in filters.sync_do_map(context, value, *args, **kwargs):
        own.step()
        total += size_of(item, own.size)
        own.check(total)
        found.append(item)
    return found


def safe(value: Any) -> str:
    """The text itself: nothing is escaped."""
    return str(value)


FILTERS: dict[str, Callable[..., Any]] = {
    **{name: filters.FILTERS[name] for name in _JINJA},
    **{"replace": replace, "join": join, "tojson": tojson, "indent": indent, "map": map_all},
    **{"round": round_to, "safe": safe},
}


def raise_exception(message: str) -> NoReturn:
    """What a template calls for messages that it does not take."""
    raise TemplateError(str(message))


def strftime_now(layout: str) -> str:
    """The time now, where a template tells it to the model."""
    if not _DATE.fullmatch(str(layout)):
        raise TemplateRuntimeError(f"strftime_now: {layout!r:.60} is no format of a date")
    return datetime.datetime.now().astimezone().strftime(str(layout))


class Values(Namespace):
    """`namespace`: names of values that a template sets inside of loops."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        # As Jinja's own, whose first argument has no name that a template could give.
        values = dict(*args[1:], **kwargs)
        for name in values:
            _check_name(name)
        Namespace.__init__(args[0], values)

    def __setitem__(self, name: str, value: Any) -> None:
        _check_name(name)
        super().__setitem__(name, value)


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or name.startswith("_"):
        raise SecurityError(f"namespace: {name!r:.60} is no name that a template may set")


def new_dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    """`dict`."""
    return dict(*args, **kwargs)
