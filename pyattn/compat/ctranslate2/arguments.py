"""Types and values of arguments.

An argument of another type is a TypeError at once, as pybind11 has it, whatever else is wrong.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

# What a value of each type may be; anything with a truth value stands for a bool.
_KINDS: dict[str, tuple[tuple[type, ...], Callable[[Any], Any]]] = {
    "int": ((numbers.Integral,), int),
    "float": ((numbers.Real,), float),
    "bool": ((numbers.Integral, np.bool_, type(None)), bool),
}

_BATCH_TYPES = ("examples", "tokens")

FEWER_EXAMPLES = "One input stream has less examples than the others"


def incompatible(what: str, value: object, expected: str, of: str = "function") -> TypeError:
    """The error of an argument that is of another type."""
    return TypeError(f"incompatible {of} arguments: {what} is {value!r:.80}, expected {expected}")


def checked(what: str, value: Any, kind: str) -> Any:
    """`value` as a Python "int", "float" or "bool"; as it is, if `kind` is something else.

    Raises:
        TypeError: if it is something else.
    """
    if kind not in _KINDS:
        return value
    types, convert = _KINDS[kind]
    if not isinstance(value, types):
        raise incompatible(what, value, kind)
    return convert(value)


def check_batch_type(batch_type: str) -> None:
    """Raises ValueError unless a batch size can count in it."""
    if batch_type not in _BATCH_TYPES:
        raise ValueError(f"Invalid batch type: {batch_type}")


def check_as_many(others: Sequence[object], sources: Sequence[object]) -> None:
    """Raises RuntimeError if there are fewer of them than sources; more are not needed."""
    if len(others) < len(sources):
        raise RuntimeError(FEWER_EXAMPLES)


def check_prefixes(prefixes: Any, sources: Sequence[object]) -> list[list[str]]:
    """What each target begins with; no list, or an empty one, is nothing for each.

    Raises:
        TypeError: if one is neither None nor a list of tokens.
        RuntimeError: if there are fewer of them than sources.
    """
    if prefixes is None or (is_sequence(prefixes) and len(prefixes) == 0):
        return [[] for _ in sources]
    if is_sequence(prefixes):
        prefixes = [[] if prefix is None else prefix for prefix in prefixes]
    checked = check_sentences("target_prefix", prefixes)
    check_as_many(checked, sources)
    return checked


def check_sentences(what: str, sentences: Any) -> list[list[str]]:
    """Lists of tokens, or a TypeError that names the one that is something else.

    Args:
        what: What the sentences are, for the error.
        sentences: What the caller gave: sequences of any kind, NumPy's arrays among them.
    """
    if not is_sequence(sentences):
        raise incompatible(what, sentences, "a list of lists of tokens")
    return [check_tokens(f"{what}[{n}]", tokens) for n, tokens in enumerate(sentences)]


def check_tokens(what: str, tokens: Any) -> list[str]:
    """A list of tokens, or a TypeError if it is something else.

    Args:
        what: What the tokens are, for the error.
        tokens: What the caller gave: strings, or bytes of UTF-8.
    """
    if is_sequence(tokens):
        listed = list(tokens)
        if all(type(token) is str for token in listed):
            return listed
        if all(isinstance(token, str | bytes | bytearray) for token in listed):
            return [_text(token) for token in listed]
    raise incompatible(what, tokens, "a list of tokens")


def is_sequence(value: object) -> bool:
    """Whether `value` has a length and items in an order, and is no text."""
    return (
        hasattr(type(value), "__len__")
        and hasattr(type(value), "__getitem__")
        and not isinstance(value, str | bytes | bytearray | Mapping)
    )


def _text(token: str | bytes | bytearray) -> str:
    """A token as a plain string; what is no UTF-8 makes it one that no vocabulary has."""
    return str(token) if isinstance(token, str) else token.decode("utf-8", "surrogateescape")
