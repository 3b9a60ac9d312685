"""The formats of documents: their names, and the readers that know them."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Protocol

from pyattn.documents.document import Document
from pyattn.documents.encodings import Encoded, decoded
from pyattn.documents.model import Answer, Segment
from pyattn.documents.settings import DocumentSettings
from pyattn.errors import DocumentError

Read = Callable[[Encoded, DocumentSettings], Document]


class Opened(Protocol):
    """A document with its segments.

    Attributes:
        segments: What is translated.
    """

    segments: list[Segment]

    def translated(self, answers: Sequence[Answer]) -> bytes:
        """The document with the translation of each segment.

        Raises:
            DocumentError: if it cannot be written.
        """
        ...


Open = Callable[[bytes, DocumentSettings], Opened]


class TextFile:
    """A document that is one text.

    Args:
        document: Its text and its segments.
        encoded: Its encoding.
    """

    def __init__(self, document: Document, encoded: Encoded) -> None:
        self.segments = document.segments
        self._document = document
        self._encoded = encoded

    def translated(self, answers: Sequence[Answer]) -> bytes:
        """The document with the translation of each segment."""
        return self._encoded.bytes(self._document.rendered(answers))


def _text(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.text import TextDocument

    return TextDocument(document.text, wrap=settings.wrap)


def _lines(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.text import TextDocument

    del settings
    if document.text.startswith("%PDF-"):
        raise DocumentError("lines: is a PDF file; convert it to text first")
    return TextDocument(document.text, wrap=False)


def _html(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.html import HtmlDocument

    xml = document.text.lstrip().startswith("<?xml")
    return HtmlDocument(document.text, settings, xml=xml, holds=document.holds)


def _xhtml(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.html import HtmlDocument

    return HtmlDocument(document.text, settings, xml=True, holds=document.holds)


def _markdown(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.markdown import MarkdownDocument

    return MarkdownDocument(document.text, settings)


def _srt(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.subtitles import SubtitleDocument

    del settings
    return SubtitleDocument(document.text, vtt=False)


def _vtt(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.subtitles import SubtitleDocument

    del settings
    return SubtitleDocument(document.text, vtt=True)


def _po(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.gettext_files import GettextDocument

    return GettextDocument(document.text, settings, holds=document.holds)


def _ass(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.advanced_substation import SubstationDocument

    del settings
    return SubstationDocument(document.text)


def _json(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.json_files import JsonDocument

    return JsonDocument(document.text, settings, arb=False, holds=document.holds)


def _arb(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.json_files import JsonDocument

    return JsonDocument(document.text, settings, arb=True, holds=document.holds)


def _xliff(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.xliff import XliffDocument

    return XliffDocument(document.text, settings, holds=document.holds)


def _xml(document: Encoded, settings: DocumentSettings) -> Document:
    from pyattn.documents.android import AndroidDocument

    root = re.search(r"<([A-Za-z_][\w:.-]*)", document.text)
    if root and root[1].endswith("xliff"):
        return _xliff(document, settings)
    if root and root[1] != "resources":
        raise DocumentError(
            f"xml: the first element is <{root[1]:.60}>, expected <resources>, as in Android's "
            f"strings.xml, or <xliff>; for XHTML the format is xhtml"
        )
    return AndroidDocument(document.text, holds=document.holds)


def _docx(data: bytes, settings: DocumentSettings) -> Opened:
    from pyattn.documents.wordprocessing import open_docx

    return open_docx(data, settings)


def _opendocument(format: str) -> Open:
    def opened(data: bytes, settings: DocumentSettings) -> Opened:
        from pyattn.documents.opendocument import open_opendocument

        return open_opendocument(data, format, settings)

    return opened


def _epub(data: bytes, settings: DocumentSettings) -> Opened:
    from pyattn.documents.epub import open_epub

    return open_epub(data, settings)


def _xlsx(data: bytes, settings: DocumentSettings) -> Opened:
    from pyattn.documents.spreadsheet import open_xlsx

    return open_xlsx(data, settings)


def _pptx(data: bytes, settings: DocumentSettings) -> Opened:
    from pyattn.documents.presentation import open_pptx

    return open_pptx(data, settings)


@dataclasses.dataclass(frozen=True)
class Format:
    """A format of documents.

    Attributes:
        name: Its name in errors.
        read: Makes a document of decoded text.
        encoding: Matches the name of the encoding in its first bytes; None if it names none.
    """

    name: str
    read: Read
    encoding: re.Pattern[bytes] | None = None

    def open(self, data: bytes, settings: DocumentSettings) -> Opened:
        """Reads a document."""
        found = self.encoding.search(data[:_HEAD]) if self.encoding else None
        declared = found[found.lastindex or 0].decode("ascii", "replace") if found else None
        encoded = decoded(data, self.name, declared=declared, encoding=settings.encoding)
        return TextFile(self.read(encoded, settings), encoded)


_META = re.compile(
    rb"""<meta\s[^>]*charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml[^>]*\sencoding\s*=\s*["']([\w.:-]+)""",
    re.I,
)
_TEXT = Format("text", _text)
_HTML = Format("html", _html, _META)
_XHTML = Format("xhtml", _xhtml, _META)
# Templates have "CHARSET" in place of a name.
_PO = Format("po", _po, re.compile(rb"charset=(?!CHARSET)([\w.:-]+)"))
_ASS = Format("ass", _ass)
_XLIFF = Format("xliff", _xliff, _META)
_MARKDOWN = Format("markdown", _markdown)

_FORMATS = {
    "txt": _TEXT,
    "text": _TEXT,
    "lines": Format("lines", _lines),
    "html": _HTML,
    "htm": _HTML,
    "xhtml": _XHTML,
    "xht": _XHTML,
    "md": _MARKDOWN,
    "markdown": _MARKDOWN,
    "srt": Format("srt", _srt),
    "vtt": Format("vtt", _vtt),
    "ass": _ASS,
    "ssa": _ASS,
    "json": Format("json", _json),
    "arb": Format("arb", _arb),
    "xml": Format("xml", _xml, _META),
    "xlf": _XLIFF,
    "xliff": _XLIFF,
    "po": _PO,
    "pot": _PO,
}

# What is no text, so that a line of it means nothing.
_NO_TEXT = {
    *("7z", "doc", "gif", "gz", "jpeg", "jpg", "mp3", "mp4", "pdf", "png", "ppt", "rtf", "svg"),
    *("tar", "xls", "zip"),
}

# Documents that are zip archives.
_PACKAGES: dict[str, Open] = {
    "docx": _docx,
    "pptx": _pptx,
    "xlsx": _xlsx,
    "odt": _opendocument("odt"),
    "odp": _opendocument("odp"),
    "ods": _opendocument("ods"),
    "epub": _epub,
}

# What to do with formats that are not read, by the ends of their names.
_ADVICE = {
    "pdf": "convert PDF to text first",
    "doc": "save it as docx first",
    "xls": "save it as xlsx first",
    "ppt": "save it as pptx first",
    "rtf": "save it as docx or odt first",
}

# Where documents name their encoding.
_HEAD = 1 << 12


def format_names() -> list[str]:
    """The names of all formats, which are extensions of files without the dot."""
    return sorted([*_FORMATS, *_PACKAGES])


def format_of(path: pathlib.PurePath, fallback: str | None = None) -> str:
    """The format of a file by its extension.

    Args:
        path: The file.
        fallback: The format of files with another extension, unless these cannot be text.
    """
    name = path.suffix.removeprefix(".").lower()
    known = _FORMATS.keys() | _PACKAGES.keys() | _NO_TEXT
    return name if fallback is None or name in known else fallback


def read_document(data: bytes, format: str, settings: DocumentSettings) -> Opened:
    """A document with its segments.

    Args:
        data: The document.
        format: The name of its format.
        settings: How to read it.

    Raises:
        DocumentError: if there is no such format, or the document is broken.
        TypeError: if the document is not bytes, or its format no str.
    """
    if not isinstance(data, bytes | bytearray):
        raise TypeError(f"documents: data is {type(data).__name__}, expected bytes")
    if not isinstance(format, str):
        raise TypeError(f"documents: format is {type(format).__name__}, expected str")
    name = check_format(format)
    if name in _PACKAGES:
        return _PACKAGES[name](data, settings)
    return _FORMATS[name].open(data, settings)


def check_format(format: str) -> str:
    """The name of a format in small letters.

    Raises:
        DocumentError: if there is no such format.
    """
    name = format.lower().removeprefix(".")
    if name not in _PACKAGES and name not in _FORMATS:
        advice = next((f"; {text}" for end, text in _ADVICE.items() if name.endswith(end)), "")
        raise DocumentError(
            f"documents: format is {format!r}, expected one of {', '.join(format_names())}{advice}"
        )
    return name
