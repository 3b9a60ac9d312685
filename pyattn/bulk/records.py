"""Lines of JSON objects and plain lines: their texts, and what is written for each."""

from __future__ import annotations

import dataclasses
import gzip
import itertools
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

# Lines and bytes of a group: what is translated, written and, after a crash, done again at once.
_GROUP_LINES = 2048
_GROUP_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Group:
    """Lines that become one part.

    Attributes:
        first: The number of the first line, from 1 on.
        lines: With their ends.
    """

    first: int
    lines: Sequence[bytes]

    @property
    def content(self) -> bytes:
        """The lines as they were."""
        return b"".join(self.lines)


class Records:
    """A file of lines, plain or compressed.

    Args:
        path: The file; one whose name ends in .gz is compressed.
        compressed: Whether the output is.
        column: The key of the text in each object; None for lines that are texts.
        output: The key to add.
    """

    def __init__(self, path: Path, column: str | None, output: str, *, compressed: bool) -> None:
        self.path = path
        self._compressed = compressed
        self._column = column
        self._output = output

    def groups(self) -> Iterator[Group]:
        """All lines, in order.

        Raises:
            ValueError: if the file is damaged.
        """
        opener = gzip.open if self.path.suffix == ".gz" else open
        first = 1
        try:
            with cast(BinaryIO, opener(self.path, "rb")) as file:
                while lines := file.readlines(_GROUP_BYTES):
                    for begin in range(0, len(lines), _GROUP_LINES):
                        group = lines[begin : begin + _GROUP_LINES]
                        yield Group(first, group)
                        first += len(group)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{self.path}: is no complete gzip file: {error}") from None

    def joined(self, parts: Sequence[Path], file: BinaryIO) -> None:
        """Write the file that all parts are."""
        for part in parts:
            file.write(part.read_bytes())

    def texts(self, group: Group) -> list[str | None]:
        """The text of each line; None where there is nothing to translate.

        Raises:
            ValueError: if a line cannot be used; the message has its number.
        """
        return [self._text(line, n) for n, line in enumerate(group.lines, group.first)]

    def written(self, group: Group, found: Sequence[str | None]) -> bytes:
        """The lines of a group with their translations.

        A JSON object stays the text that it was, up to the new key at its end.
        """
        pairs = zip(group.lines, found, strict=True)
        made = b"".join(self._extended(line, one) for line, one in pairs)
        # A file may consist of several compressed ones. The time would differ between runs.
        return gzip.compress(made, 6, mtime=0) if self._compressed else made

    def _extended(self, line: bytes, found: str | None) -> bytes:
        if self._column is None:
            return b"%s\n" % " ".join((found or "").splitlines()).encode()
        body = line.rstrip()
        if not body:
            return line
        key = json.dumps(self._output, ensure_ascii=False)
        value = json.dumps(found, ensure_ascii=False)
        head, end = body[:-1].rstrip(), line[len(body) :]
        return b"%s, %s: %s}%s" % (head, key.encode(), value.encode(), end)

    def _text(self, line: bytes, number: int) -> str | None:
        try:
            decoded = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise self._wrong(number, f"is not valid UTF-8 at byte {error.start + 1}") from None
        if self._column is None:
            return decoded.removesuffix("\n").removesuffix("\r")
        return self._of_object(decoded, number) if line.strip() else None

    def _of_object(self, line: str, number: int) -> str | None:
        try:
            # Numbers are of no interest, and may be longer than Python converts.
            found = json.loads(line, parse_int=bool, parse_float=bool)
        except (ValueError, RecursionError) as error:
            raise self._wrong(number, f"is no JSON: {error}") from None
        if not isinstance(found, dict):
            raise self._wrong(number, "is no JSON object")
        if self._column not in found:
            keys = ", ".join(itertools.islice(map(repr, found), 8)) or "none"
            raise self._wrong(number, f"has no key {self._column!r}, its keys are {keys}")
        if self._output in found:
            raise self._wrong(
                number, f"has a key {self._output!r} already; --output-column chooses another"
            )
        return self._checked(found[self._column], number)

    def _checked(self, text: Any, number: int) -> str | None:
        if text is None:
            return None
        if not isinstance(text, str):
            raise self._wrong(number, f"has no text as {self._column!r}")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise self._wrong(number, f"has half a surrogate pair in {self._column!r}") from None
        return text

    def _wrong(self, number: int, why: str) -> ValueError:
        return ValueError(f"{self.path}: line {number} {why}")
