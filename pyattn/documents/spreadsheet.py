"""XLSX: the texts of cells, and comments; never formulas, names or numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pyattn.documents.drawing import add_drawings, add_properties
from pyattn.documents.elements import ElementsPart
from pyattn.documents.encodings import Encoded
from pyattn.documents.markup import Token, tokens
from pyattn.documents.office_packages import OfficePackage
from pyattn.documents.office_parts import OfficePart
from pyattn.documents.office_runs import Vocabulary
from pyattn.documents.settings import DocumentSettings
from pyattn.documents.xml_parts import XmlPart, local

# The head of a table: row, first and last column.
Head = tuple[int, int, int]

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

    The heads of tables stay as they are: formulas and the tables themselves name them.

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
        fixed |= _add_sheet(package, name, settings)
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


def _add_sheet(package: OfficePackage, name: str, settings: DocumentSettings) -> set[int]:
    """Adds the texts that stand in a sheet itself; the shared strings that are heads in it."""
    sheet = package.text(name)
    heads = list(_heads(package, name, settings))
    part = XmlPart(sheet, package.label(name), settings)

    def is_wanted(_: int, cell: Token | None) -> bool:
        return cell is None or not _is_in(part, cell, heads)

    if _INLINE.search(sheet.text):
        package.add_text(
            name,
            sheet,
            lambda text, label: OfficePart(text, label, settings, _VOCABULARY, is_wanted),
        )
    return set(_strings_in(part, heads)) if heads else set()


def _heads(package: OfficePackage, sheet: str, settings: DocumentSettings) -> Iterator[Head]:
    """The heads of the tables in a sheet."""
    for name in package.related(sheet, "table"):
        part = XmlPart(package.text(name), package.label(name), settings)
        for token in tokens(part.text, xml=True):
            if token.kind == "start" and local(token.name) == "table":
                found = _RANGE.match(part.value(token, "ref") or "")
                if found and part.value(token, "headerRowCount") != "0":
                    yield int(found[2]), _column(found[1]), _column(found[3] or found[1])
                break


def _strings_in(part: XmlPart, heads: list[Head]) -> Iterator[int]:
    """The shared strings of some rows of cells."""
    wanted = False
    value = False
    for token in tokens(part.text, xml=True):
        name = local(token.name)
        if token.kind == "start" and name == "c":
            wanted = part.value(token, "t") == "s" and _is_in(part, token, heads)
        elif token.kind == "start" or token.kind == "end":
            value = token.kind == "start" and name == "v"
        elif token.kind == "text" and wanted and value:
            number = part.text[slice(*token.span)].strip()
            if number.isdecimal() and len(number) < 10:
                yield int(number)


def _is_in(part: XmlPart, cell: Token, heads: list[Head]) -> bool:
    """Whether a cell is in the head of a table."""
    found = _CELL.match(part.value(cell, "r") or "")
    if found is None:
        return False
    row, column = int(found[2]), _column(found[1])
    return any(row == one and low <= column <= high for one, low, high in heads)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
