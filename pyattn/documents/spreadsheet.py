"""XLSX: the texts of cells, and comments; never formulas, names or numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyattn.documents.drawing import add_drawings, add_properties
from pyattn.documents.elements import ElementsPart
from pyattn.documents.encodings import Encoded
from pyattn.documents.markup import tokens
from pyattn.documents.office_packages import OfficePackage
from pyattn.documents.office_parts import OfficePart
from pyattn.documents.office_runs import Vocabulary
from pyattn.documents.settings import DocumentSettings
from pyattn.documents.xml_parts import XmlPart, local

_SHEETS = re.compile(r"spreadsheetml\.worksheet\+xml")
_STRINGS = re.compile(r"spreadsheetml\.sharedStrings\+xml")
_COMMENTS = re.compile(r"spreadsheetml\.comments\+xml")
_THREADS = re.compile(r"ms-excel\.threadedcomments\+xml")
_INLINE = re.compile(r"<(?:\w+:)?is[\s/>]")
_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})$")
_RANGE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})(?::([A-Z]{1,3})([0-9]{1,7}))?$")

_VOCABULARY = Vocabulary(
    paragraphs=frozenset({"si", "is", "text"}),
    unchecked=re.compile(r"(?!)"),
    escapes=re.compile(r"\r?\n|_x[0-9A-Fa-f]{4}_"),
)


def open_xlsx(data: bytes, settings: DocumentSettings) -> OfficePackage:
    """A XLSX file with its segments.

    The heads of tables stay as they are: formulas and the tables themselves name them. Texts that
    stand in a sheet with tables, and not among the shared ones, stay too.

    Args:
        data: The file.
        settings: How to read it.

    Raises:
        DocumentError: if it is no such file, encrypted, broken or hostile.
    """
    package = OfficePackage(data, "xlsx", main="sheet.main+xml")
    if not package.of_type(_SHEETS):
        raise package.archive.fail("there is no sheet")

    def read(text: Encoded, label: str) -> OfficePart:
        return OfficePart(text, label, settings, _VOCABULARY)

    fixed: set[int] = set()
    for name in package.of_type(_SHEETS):
        sheet = package.text(name)
        heads = list(_heads(package, name, settings))
        if heads:
            part = XmlPart(sheet, package.label(name), settings)
            fixed.update(_strings_in(part, heads))
        elif _INLINE.search(sheet.text):
            package.add_text(name, sheet, read)
    for name in package.of_type(_STRINGS):
        package.add(
            name,
            lambda text, label: OfficePart(
                text, label, settings, _VOCABULARY, lambda number, _: number not in fixed
            ),
        )
    for name in package.of_type(_COMMENTS):
        package.add(name, read)
    for name in package.of_type(_THREADS):
        package.add(name, lambda text, label: ElementsPart(text, label, settings, texts={"text"}))
    add_drawings(package, settings)
    add_properties(package, settings)
    return package


def _heads(
    package: OfficePackage, sheet: str, settings: DocumentSettings
) -> Iterator[tuple[int, int, int]]:
    """The heads of the tables in a sheet: row, first and last column."""
    for name in package.related(sheet, "table"):
        part = XmlPart(package.text(name), package.label(name), settings)
        for token in tokens(part.text, xml=True):
            if token.kind == "start" and local(token.name) == "table":
                found = _RANGE.match(part.value(token, "ref") or "")
                if found and part.value(token, "headerRowCount") != "0":
                    yield int(found[2]), _column(found[1]), _column(found[3] or found[1])
                break


def _strings_in(part: XmlPart, heads: list[tuple[int, int, int]]) -> Iterator[int]:
    """The shared strings of some rows of cells."""
    wanted = False
    value = False
    for token in tokens(part.text, xml=True):
        name = local(token.name)
        if token.kind == "start" and name == "c":
            found = _CELL.match(part.value(token, "r") or "")
            wanted = part.value(token, "t") == "s" and found is not None
            if found and wanted:
                row, column = int(found[2]), _column(found[1])
                wanted = any(row == one and low <= column <= high for one, low, high in heads)
        elif token.kind == "start" or token.kind == "end":
            value = token.kind == "start" and name == "v"
        elif token.kind == "text" and wanted and value:
            number = part.text[slice(*token.span)].strip()
            if number.isdecimal() and len(number) < 10:
                yield int(number)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
