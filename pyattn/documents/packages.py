"""Documents that are zip archives: their parts, whose segments are translated together."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pyattn.documents.archive import Archive
from pyattn.documents.document import Document
from pyattn.documents.encodings import Encoded, decoded
from pyattn.documents.model import Answer, Segment
from pyattn.errors import DocumentError

_ENCODING = re.compile(rb"""<\?xml[^>]*\sencoding\s*=\s*["']([\w.:-]+)""")
_HEAD = 1 << 10
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")

# Makes a document of the text of a part, and of its name in errors.
Read = Callable[[Encoded, str], Document]


class Package:
    """A document that is a zip archive.

    Args:
        data: The archive.
        format: Its format, for errors.

    Raises:
        DocumentError: if it is no zip archive, or one that is not safe to read.
    """

    def __init__(self, data: bytes, format: str) -> None:
        _check_kind(data, format)
        self.format = format
        self.archive = Archive(data, format)
        self.segments: list[Segment] = []
        self._parts: list[tuple[str, Document, Encoded]] = []

    def __contains__(self, name: str) -> bool:
        return name in self.archive

    def text(self, name: str, *, doctype: bool = False) -> Encoded:
        """The text of a part of XML.

        Args:
            name: The part.
            doctype: Whether it may name a document type; entities it may define never.

        Raises:
            DocumentError: if there is no such part, or it is broken or has entities.
        """
        data = self.archive.read(name)
        found = _ENCODING.search(data[:_HEAD])
        declared = found[1].decode("ascii") if found else "utf-8"
        encoded = decoded(data, self.label(name), declared=declared, encoding=None)
        if "<!ENTITY" in encoded.text or (not doctype and "<!DOCTYPE" in encoded.text):
            raise DocumentError(f"{self.label(name)}: defines entities or a document type")
        return encoded

    def label(self, name: str) -> str:
        """A part's name in errors."""
        return f"{self.format}: {name:.200}"

    def add(self, name: str, read: Read, *, doctype: bool = False) -> None:
        """Adds the segments of a part.

        Args:
            name: The part.
            read: Makes a document of its text, and of its name in errors.
            doctype: As for `text`.
        """
        self.add_text(name, self.text(name, doctype=doctype), read)

    def add_text(
        self, name: str, encoded: Encoded, read: Callable[[Encoded, str], Document]
    ) -> None:
        """Adds the segments of a part whose text is known."""
        document = read(encoded, self.label(name))
        if document.segments or document.settled:
            self._parts.append((name, document, encoded))
            self.segments += document.segments

    def translated(self, answers: Sequence[Answer]) -> bytes:
        """The archive with translations of all segments.

        Raises:
            DocumentError: if a part cannot be written.
        """
        contents: dict[str, bytes] = {}
        place = 0
        for name, document, encoded in self._parts:
            count = len(document.segments)
            text = document.rendered(answers[place : place + count])
            place += count
            if text != document.text:
                contents[name] = encoded.bytes(text)
        return self.archive.replaced(contents)


def _check_kind(data: bytes, format: str) -> None:
    """Refuses what people take for such a document, with advice."""
    if data.startswith(_OLE):
        raise DocumentError(
            f"{format}: is encrypted, or in the old binary format of its program; open it there "
            f"and save it as .{format} without a password"
        )
    if data.startswith(b"%PDF"):
        raise DocumentError(
            f"{format}: is a PDF, which has no paragraphs to translate; convert it to text or docx "
            f"first"
        )
