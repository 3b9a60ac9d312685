"""Checks of texts that callers pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np


def check_text(text: str, place: str) -> str:
    """Returns `text` if it is a valid str.

    Args:
        text: The argument to check.
        place: Its name in errors.

    Raises:
        TypeError: if it is not a str.
        ValueError: if it is not valid Unicode.
    """
    if not isinstance(text, str):
        raise TypeError(f"{place} is {type(text).__name__}, expected str")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{place} has a lone surrogate at character {error.start}, expected valid Unicode"
        ) from None
    return text


def checked_texts(
    operation: str,
    texts: Iterable[str],
    expected: str = "an iterable of str",
    *,
    name: str = "texts",
) -> Iterator[str]:
    """The texts, each checked when it is reached; the iterable itself is checked now.

    Args:
        operation: Its name in errors.
        texts: The argument to check.
        expected: What the operation accepts, in errors.
        name: The argument's name in errors.
    """
    _check_iterable(operation, texts, expected, name)
    return (check_text(text, f"{operation}: {name}[{index}]") for index, text in enumerate(texts))


def checked_pairs(operation: str, texts: Iterable[object]) -> list[str | tuple[str, str]]:
    """Texts, and pairs of texts as tuples.

    Args:
        operation: Its name in errors.
        texts: The argument to check.

    Raises:
        TypeError: if it is no iterable, or an item is neither a str nor a tuple or list of str.
        ValueError: if a pair has another number of texts, or a text is not valid Unicode.
    """
    _check_iterable(operation, texts, "a list of str, or of pairs of str", "texts")
    return [_checked_pair(one, f"{operation}: texts[{n}]") for n, one in enumerate(texts)]


def _checked_pair(text: object, place: str) -> str | tuple[str, str]:
    if isinstance(text, np.ndarray):
        text = tuple(text.tolist()) if text.ndim == 1 else text
    if not isinstance(text, tuple | list):
        if not isinstance(text, str):
            raise TypeError(f"{place} is {type(text).__name__}, expected str or a pair of str")
        return check_text(text, place)
    if text and all(isinstance(one, int) for one in text):
        raise TypeError(
            f"{place} is a list of int, expected str or a pair of str; model.encode takes ids"
        )
    if len(text) != 2:
        raise ValueError(f"{place} has {len(text)} parts, expected 2, or a str")
    return check_text(text[0], f"{place}[0]"), check_text(text[1], f"{place}[1]")


def _check_iterable(operation: str, texts: object, expected: str, name: str) -> None:
    if isinstance(texts, Mapping):
        hint = f"; its values are list({name}.values())"
    elif isinstance(texts, set | frozenset):
        hint = f"; it has no order, sorted({name}) has one"
    elif hasattr(texts, "columns"):
        # It would be an iterable of the names of its columns.
        hint = f"; one of its columns is {name}['name of the column']"
    elif (
        isinstance(texts, str | bytes | bytearray)
        or not isinstance(texts, Iterable)
        or getattr(texts, "ndim", 1) == 0
    ):
        hint = ""
    else:
        return
    kind = type(texts).__name__
    raise TypeError(f"{operation}: {name} is {kind}, expected {expected}{hint}")
