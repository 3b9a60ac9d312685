"""Values of options as text: `--set name=value`, and options with names of their own."""

from __future__ import annotations

import argparse
import functools
import json
import math
import types
import typing
from collections.abc import Callable
from typing import Any, Literal

from pyattn._foreign import meant_option, unknown_option
from pyattn.commands.parser import listed
from pyattn.options import GenerationOptions, option_range
from pyattn.text_settings import TextSettings

# Options of the command for what `--set` could name, too.
_NAMED = {
    "beam_size": "--beam",
    "format": "--format",
    "guard": "--guard or --no-guard",
    "length_penalty": "--length-penalty",
    "max_new_tokens": "--max-new-tokens",
    "protect": "--protect or --no-protect",
    "source": "--from",
    "source_language": "--from",
    "split": "--split",
    "target": "--to",
    "target_language": "--to",
}
# Choices for texts that have no option of their own.
_OF_TEXTS: dict[str, Any] = {
    "normalize": Literal["auto", "never"] | tuple[str, ...],
    "reuse": bool,
    "truncate": Literal["auto", "pieces"] | bool,
}
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}
# So wide that one option alone contradicts none of the others.
_ALONE = GenerationOptions(beam_size=256, max_new_tokens=2**31 - 1)
_EXAMPLES = {
    "alignment_heads": "pairs of a layer and a head as JSON, such as [[2, 0], [2, 3]]",
    "sequence_bias": "pairs of token ids and a number as JSON, such as [[[3, 17], -2.5]]",
    "suppress_sequences": "lists of token ids as JSON, such as [[3, 17], [5]]",
    "front_matter": "names, such as title,summary",
    "keep": "names of elements, such as em,code",
    "blocks": "names of elements, such as line,stanza",
    "inline": "names of elements, such as span,label",
    "normalize": "auto, never or steps, such as quotes,capitals",
}


@functools.cache
def _decoding() -> dict[str, Any]:
    """The types of decoding options by name."""
    return typing.get_type_hints(GenerationOptions)


@functools.cache
def of_documents() -> dict[str, Any]:
    """The types of settings of documents that `--set` takes, by name."""
    from pyattn.documents.settings import DocumentSettings

    hints = typing.get_type_hints(DocumentSettings)
    return {name: kind for name, kind in hints.items() if name not in _NAMED}


def _kinds() -> dict[str, Any]:
    """The types of everything that `--set` takes."""
    return _decoding() | _OF_TEXTS | of_documents()


def option(name: str) -> Callable[[str], Any]:
    """The type of an argument that is a decoding option."""

    def parse(text: str) -> Any:
        try:
            return _value(name, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def assignment(text: str) -> tuple[str, Any]:
    """The type of --set: the name of an option and its value."""
    name, equals, value = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    if name not in _kinds():
        if name in _NAMED:
            raise argparse.ArgumentTypeError(f"{name}: use {_NAMED[name]}")
        raise argparse.ArgumentTypeError(unknown_option(name, _kinds()))
    try:
        return name, _value(name, value.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from None


def meant(argument: str) -> str | None:
    """What may be meant by an option that the command does not have; None if nothing is similar."""
    found = meant_option(argument, _kinds())
    if found is None or found in ("on_token", "progress"):
        return None
    return _NAMED.get(found, f"--set {found}=...").replace(" or ", ", ")


def is_decoding(name: str) -> bool:
    """Whether an option that --set can name is one of `GenerationOptions`."""
    return name in _decoding()


def named(name: str) -> str | None:
    """The command's own option for an option that --set can name; None if it has none."""
    return _NAMED.get(name)


def _value(name: str, text: str) -> Any:
    """The value of an option.

    Raises:
        ValueError: if it is none; the message does not name the option.
    """
    value = _typed(name, text)
    try:
        if name == "normalize":
            from pyattn.text.settings import chosen_steps

            chosen_steps(value, TextSettings())
        elif name in _decoding():
            return getattr(_ALONE.replace(**{name: value}), name)
    except ValueError as error:
        raise ValueError(str(error).removeprefix(f"{name}: ")) from None
    return value


def _typed(name: str, text: str) -> Any:
    members = _members(_decoding().get(name) or _kinds()[name])
    if types.NoneType in members and text.lower() == "none":
        return None
    if bool in members and text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    if any(text in typing.get_args(one) for one in members if _is_literal(one)):
        return text
    low, high = option_range(name) or (-math.inf, math.inf)
    try:
        for kind in (int, float):
            if kind in members and low <= (number := kind(text)) <= high and math.isfinite(number):
                return number
        if any(typing.get_origin(one) is tuple for one in members):
            return _listing(name, text)
    except (OverflowError, ValueError):
        pass
    if str in members:
        return text
    raise ValueError(f"expected {_expected(name, members, low, high)}, got {text!r:.60}")


def _listing(name: str, text: str) -> Any:
    if text.startswith("["):
        return tuple(json.loads(text))
    if name in _EXAMPLES and "JSON" in _EXAMPLES[name]:
        raise ValueError
    parts = [part.strip() for part in text.split(",")] if text else []
    return tuple(parts if name in _EXAMPLES else map(int, parts))


def _expected(name: str, members: tuple[Any, ...], low: float, high: float) -> str:
    """What an option's value may be."""
    parts: list[str] = []
    for one in members:
        if one is bool:
            parts += ["true", "false"]
        elif _is_literal(one):
            parts += typing.get_args(one)
        elif one in (int, float):
            number = "a whole number" if one is int else "a number"
            parts.append(f"{number}{_range(low, high)}")
        elif one is types.NoneType:
            parts.append("none")
        else:
            parts.append("token ids, such as 3,17")
    return _EXAMPLES.get(name) or listed(parts)


def _range(low: float, high: float) -> str:
    if math.isinf(low):
        return ""
    # No caller means the greatest integers as limits.
    return f" from {low:g} on" if high >= 2**31 - 1 else f" from {low:g} to {high:.7g}"


def _members(kind: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(kind) in (types.UnionType, typing.Union)
    return typing.get_args(kind) if is_union else (kind,)


def _is_literal(kind: Any) -> bool:
    return typing.get_origin(kind) is Literal
