"""Texts of DrawingML in any office document: charts, diagrams, and the properties of a document."""

from __future__ import annotations

import re

from pyattn.documents.elements import ElementsPart
from pyattn.documents.office_packages import OfficePackage
from pyattn.documents.office_parts import OfficePart
from pyattn.documents.office_runs import Vocabulary
from pyattn.documents.settings import DocumentSettings

_DRAWINGS = re.compile(r"drawingml\.(chart|diagramData)\+xml|diagramDrawing\+xml|drawing\+xml")
_PROPERTIES = re.compile(r"core-properties\+xml")

DRAWING = Vocabulary(
    paragraphs=frozenset({"p"}),
    unchecked=re.compile(r'\s(?:lang|altLang|dirty|err|smtClean|noProof|bmk|smtId)="[^"]*"'),
    preserves=False,
)


def add_drawings(package: OfficePackage, settings: DocumentSettings) -> None:
    """Adds the texts of charts, diagrams and drawings."""
    for name in package.of_type(_DRAWINGS):
        package.add(name, lambda text, label: OfficePart(text, label, settings, DRAWING))


def add_properties(package: OfficePackage, settings: DocumentSettings) -> None:
    """Adds the title and the description of a document, and sets its language."""
    for name in package.of_type(_PROPERTIES):
        package.add(
            name,
            lambda text, label: ElementsPart(
                text, label, settings, texts={"title", "subject", "description"}
            ),
        )
