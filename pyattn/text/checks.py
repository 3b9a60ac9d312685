"""Checks of texts that callers pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


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
    operation: str, texts: Iterable[str], expected: str = "an iterable of str"
) -> Iterator[str]:
    """The texts, each checked when it is reached; the iterable itself is checked now.

    Args:
        operation: Its name in errors.
        texts: The argument to check.
        expected: What the operation accepts, in errors.
    """
    if isinstance(texts, Mapping):
        raise TypeError(
            f"{operation}: texts is {type(texts).__name__}, expected {expected}; "
            "its values are list(texts.values())"
        )
    if isinstance(texts, str | bytes | bytearray) or not isinstance(texts, Iterable):
        raise TypeError(f"{operation}: texts is {type(texts).__name__}, expected {expected}")
    return (check_text(text, f"{operation}: texts[{index}]") for index, text in enumerate(texts))
