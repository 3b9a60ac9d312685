"""The formats of documents: their names, and the readers that know them."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable

from pyattn.documents.encodings import Encoded, decoded
from pyattn.documents.model import Document
from pyattn.documents.settings import DocumentSettings
from pyattn.errors import DocumentError

Read = Callable[[Encoded, DocumentSettings], Document]


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
    *("7z", "doc", "docx", "epub", "gif", "gz", "jpeg", "jpg", "mp3", "mp4", "odp", "ods", "odt"),
    *("pdf", "png", "ppt", "pptx", "rtf", "svg", "tar", "xls", "xlsx", "zip"),
}

# Where documents name their encoding.
_HEAD = 1 << 12


def format_names() -> list[str]:
    """The names of all formats, which are extensions of files without the dot."""
    return sorted(_FORMATS)


def format_of(path: pathlib.PurePath, fallback: str | None = None) -> str:
    """The format of a file by its extension.

    Args:
        path: The file.
        fallback: The format of files with another extension, unless these cannot be text.
    """
    name = path.suffix.removeprefix(".").lower()
    return name if fallback is None or name in _FORMATS or name in _NO_TEXT else fallback


def read_document(data: bytes, format: str, settings: DocumentSettings) -> tuple[Document, Encoded]:
    """A document with its segments.

    Args:
        data: The document.
        format: The name of its format.
        settings: How to read it.

    Raises:
        DocumentError: if there is no such format, or the document is broken.
    """
    kind = _FORMATS.get(format.lower().removeprefix("."))
    if kind is None:
        advice = "; convert PDF to text first" if format.lower().endswith("pdf") else ""
        raise DocumentError(
            f"documents: format is {format!r}, expected one of {', '.join(format_names())}{advice}"
        )
    found = kind.encoding.search(data[:_HEAD]) if kind.encoding else None
    declared = found[found.lastindex or 0].decode("ascii", "replace") if found else None
    encoded = decoded(data, kind.name, declared=declared, encoding=settings.encoding)
    return kind.read(encoded, settings), encoded
