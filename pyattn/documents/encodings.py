"""Bytes of documents as text and back, so that unchanged text keeps its bytes."""

from __future__ import annotations

import codecs
import dataclasses
import re

from pyattn.errors import DocumentError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Valid UTF-8 sequences of more than one byte.
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH = re.compile(rb"[\x80-\xff]")
# Browsers and everybody else mean Windows-1252 by these names.
_WINDOWS = {"iso8859-1", "ascii"}


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A decoded document.

    Attributes:
        text: Its text, without a byte-order mark.
        encoding: Its encoding.
        mark: Its byte-order mark, or nothing.
    """

    text: str
    encoding: str
    mark: bytes

    def bytes(self, text: str) -> bytes:
        """A text in the document's encoding, or in UTF-8 without a mark if that cannot hold it."""
        try:
            return self.mark + text.encode(self.encoding)
        except UnicodeEncodeError:
            return text.encode("utf-8")

    def holds(self, text: str) -> bool:
        """Whether the encoding has all letters of a text."""
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True


def decoded(data: bytes, format: str, *, declared: str | None, encoding: str | None) -> Encoded:
    """The text of a document.

    A byte-order mark comes first, then `encoding`, then `declared`, then UTF-8. A document that is
    not UTF-8 and names no encoding is Windows-1252, unless it has so much valid UTF-8 that it must
    be broken UTF-8.

    Args:
        data: The document.
        format: Its format, for errors.
        declared: The encoding that the document names.
        encoding: The encoding that the caller names.

    Raises:
        DocumentError: if the bytes do not fit the encoding, or are no text.
    """
    mark, name = next((pair for pair in _MARKS if data.startswith(pair[0])), (b"", None))
    body = data[len(mark) :]
    chosen = name or encoding or declared or _guessed(body)
    try:
        chosen = codecs.lookup(chosen).name
    except (LookupError, ValueError):
        raise DocumentError(f"{format}: encoding is {chosen!r}, which is not known") from None
    try:
        text = body.decode(chosen)
    except UnicodeDecodeError as error:
        if not name and not encoding and chosen in _WINDOWS:
            return decoded(data, format, declared=None, encoding="windows-1252")
        place = error.start + len(mark)
        raise DocumentError(
            f"{format}: byte {place} is not valid {chosen}; name the right one as `encoding`"
        ) from None
    except Exception as error:  # codecs that are not for text, such as zip
        raise DocumentError(f"{format}: {chosen} is no encoding of text: {error}") from None
    if not isinstance(text, str):
        raise DocumentError(f"{format}: {chosen} is no encoding of text")
    _check_text(text, format)
    if not _round_trips(text, body, chosen):
        raise DocumentError(f"{format}: {chosen} does not keep the document's bytes")
    return Encoded(text, chosen, mark)


def _round_trips(text: str, body: bytes, encoding: str) -> bool:
    try:
        return text.encode(encoding) == body
    except (UnicodeError, LookupError):
        return False


def _check_text(text: str, format: str) -> None:
    place = text.find("\0")
    if place >= 0:
        raise DocumentError(f"{format}: character {place} is NUL, expected text")


def _guessed(body: bytes) -> str:
    """The encoding of bytes without a mark and a name."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        sequences = [match.span() for match in _SEQUENCE.finditer(body)]
        inside = sum(end - begin for begin, end in sequences)
        lone = len(_HIGH.findall(body)) - inside
        return "utf-8" if len(sequences) > lone else "windows-1252"
    if b"\0" in body:
        sample = body[: 1 << 12]
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        if len(body) % 2 == 0 and max(even, odd) > len(sample) // 4:
            return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"
