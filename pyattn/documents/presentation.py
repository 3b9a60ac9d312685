"""PPTX: the texts of slides, of their notes and comments."""

from __future__ import annotations

import re

from pyattn.documents.drawing import DRAWING, add_drawings, add_properties
from pyattn.documents.elements import ElementsPart
from pyattn.documents.office_packages import OfficePackage
from pyattn.documents.office_parts import OfficePart
from pyattn.documents.settings import DocumentSettings

# Layouts and masters hold what authors see in empty places, and no slide shows it.
_SLIDES = re.compile(r"presentationml\.(slide|notesSlide)\+xml|ms-powerpoint\.comments\+xml")
_COMMENTS = re.compile(r"presentationml\.comments\+xml")


def open_pptx(data: bytes, settings: DocumentSettings) -> OfficePackage:
    """A PPTX file with its segments.

    Args:
        data: The file.
        settings: How to read it.

    Raises:
        DocumentError: if it is no such file, encrypted, broken or hostile.
    """
    package = OfficePackage(data, "pptx", main="presentationml.")
    for name in package.of_type(_SLIDES):
        package.add(name, lambda text, label: OfficePart(text, label, settings, DRAWING))
    for name in package.of_type(_COMMENTS):
        package.add(name, lambda text, label: ElementsPart(text, label, settings, texts={"text"}))
    add_drawings(package, settings)
    add_properties(package, settings)
    return package
