"""Binary files that are read from front to back, with nothing taken on trust."""

from __future__ import annotations

from typing import NoReturn

from pyattn.errors import ModelError


class Cursor:
    """The bytes of a file, and the place in them that is read next.

    Args:
        file: Its name, for errors.
        content: Its bytes.
        kind: What the file should be, for the error of one that ends too soon.
    """

    def __init__(self, file: str, content: memoryview, kind: str) -> None:
        self.file = file
        self._content = content
        self._kind = kind
        self._place = 0

    @property
    def left(self) -> int:
        """Bytes that have not been read."""
        return len(self._content) - self._place

    def fail(self, problem: str) -> NoReturn:
        """Raises the error of a file that cannot be used."""
        raise ModelError(f"{self.file}: {problem}")

    def take(self, size: int, what: str) -> memoryview:
        """The next so many bytes."""
        if size > self.left:
            self.fail(
                f"{what} has {size} bytes, {self.left} are left at {self._place}: truncated, or "
                f"not {self._kind}"
            )
        self._place += size
        return self._content[self._place - size : self._place]

    def integer(self, size: int, what: str) -> int:
        """An unsigned integer of so many bytes."""
        return int.from_bytes(self.take(size, what), "little")

    def name(self, size: int, what: str) -> str:
        """A string of so many bytes, of which the last is 0; names are ASCII."""
        content = bytes(self.take(size, what))
        if not content or content.find(b"\0") != size - 1:
            self.fail(f"{what} is {content!r:.80}, expected a 0 at its end and nowhere else")
        try:
            return content[:-1].decode("ascii")
        except UnicodeDecodeError:
            self.fail(f"{what} is {content!r:.80}, expected ASCII")

    def check_at_end(self, last: str) -> None:
        """That nothing is left behind what should be the last.

        Raises:
            ModelError: if there is.
        """
        if self.left:
            self.fail(f"{self.left} bytes behind its last {last}: something was appended")
