"""Texts as they come: looked at one by one, and in windows where there may be no end to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

# A window has so many texts, and not more characters than a handful of long texts have.
_WINDOW_TEXTS = 256
_WINDOW_CHARACTERS = 1 << 16


def check_text(text: str, place: str) -> str:
    """A text, if it is one.

    Args:
        text: What should be a text.
        place: What to call it in an error.

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


def checked_texts(operation: str, texts: Iterable[str]) -> Iterator[str]:
    """The texts, each looked at when it is reached; the iterable itself is looked at now."""
    if isinstance(texts, Mapping):
        raise TypeError(
            f"{operation}: texts is {type(texts).__name__}, expected an iterable of str; "
            "its values are list(texts.values())"
        )
    if isinstance(texts, str | bytes | bytearray) or not isinstance(texts, Iterable):
        raise TypeError(
            f"{operation}: texts is {type(texts).__name__}, expected an iterable of str"
        )
    return (check_text(text, f"{operation}: texts[{index}]") for index, text in enumerate(texts))


def windows(texts: Iterator[str]) -> Iterator[list[str]]:
    """Lists of texts of bounded size; an error of `texts` comes after the texts before it."""
    window: list[str] = []
    characters = 0
    try:
        for text in texts:
            window.append(text)
            characters += len(text)
            if len(window) == _WINDOW_TEXTS or characters >= _WINDOW_CHARACTERS:
                yield window
                window, characters = [], 0
    except Exception:
        if window:
            yield window
        raise
    if window:
        yield window
