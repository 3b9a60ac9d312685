"""DOCX: the text of the document, its headers, footers, notes and comments."""

from __future__ import annotations

import re

from pyattn.documents.drawing import add_drawings, add_properties
from pyattn.documents.office_packages import OfficePackage
from pyattn.documents.office_parts import OfficePart
from pyattn.documents.office_runs import Vocabulary
from pyattn.documents.settings import DocumentSettings

_PARTS = re.compile(
    r"(wordprocessingml\.(template|document|header|footer|footnotes|endnotes|comments|styles"
    r"|settings)|ms-word\.(document|template)).*\+xml"
)
_VOCABULARY = Vocabulary(
    paragraphs=frozenset({"p"}),
    unchecked=re.compile(r"<w:(?:lang|noProof|webHidden|rPrChange)\b[^>]*/>"),
)


def open_docx(data: bytes, settings: DocumentSettings) -> OfficePackage:
    """A DOCX file with its segments.

    Args:
        data: The file.
        settings: How to read it.

    Raises:
        DocumentError: if it is no such file, encrypted, broken or hostile.
    """
    package = OfficePackage(data, "docx", main="wordprocessingml.document")
    for name in package.of_type(_PARTS):
        package.add(name, lambda text, label: OfficePart(text, label, settings, _VOCABULARY))
    add_drawings(package, settings)
    add_properties(package, settings)
    return package
