"""Glossaries in files: TSV, CSV and TBX."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import io
import os
import pathlib
import xml.parsers.expat
from collections.abc import Iterator
from typing import Any, BinaryIO

from pyattn.errors import DocumentError
from pyattn.text.glossary.entries import Entry, checked_entry
from pyattn.text.languages import iso_639

# Bytes of a file; a hundred thousand terms take a few million.
_MOST_BYTES = 1 << 28
_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FORMATS = ("tsv", "csv", "tbx")
_HEADINGS = frozenset({("source", "target"), ("term", "translation")})


@dataclasses.dataclass
class Found:
    """What a file holds.

    Attributes:
        name: The file's name, for errors.
        source: The language of the terms, if known.
        target: The language of their translations, likewise.
        entries: Terms and translations.
        lines: The line of each term.
    """

    name: str
    source: str | None
    target: str | None
    entries: dict[str, str | None] = dataclasses.field(default_factory=dict)
    lines: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, term: str, translation: str, line: int) -> None:
        """Adds an entry.

        Raises:
            DocumentError: if it is not valid, or the term has another translation already.
        """
        try:
            entry = checked_entry(term, translation, f"{self.name}: line {line}")
        except ValueError as error:
            raise DocumentError(str(error)) from None
        known = self.entries.setdefault(entry.source, entry.target)
        if known != entry.target:
            raise DocumentError(
                f"{self.name}: line {line} has {_shown(entry)}, expected one translation, but line "
                f"{self.lines[entry.source]} has {known!r:.60}"
            )
        self.lines.setdefault(entry.source, line)


def read(
    path: str | os.PathLike[str],
    *,
    format: str | None,
    encoding: str | None,
    source: str | None,
    target: str | None,
) -> Found:
    """The entries of a file; the arguments are those of `Glossary.read`.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if there is no such format.
        DocumentError: if the file is no glossary.
    """
    file = pathlib.Path(path)
    kind = (format or file.suffix.removeprefix(".")).lower()
    if kind not in _FORMATS:
        raise ValueError(
            f"{file}: format is {kind!r}, expected one of {', '.join(_FORMATS)}, by its ending or "
            "as `format`"
        )
    with file.open("rb") as opened:
        data = _read(opened)
    if len(data) > _MOST_BYTES:
        raise DocumentError(f"{file}: is larger than {_MOST_BYTES >> 20} MiB, expected a glossary")
    found = Found(str(file), source, target)
    if kind == "tbx":
        _read_tbx(found, data)
    else:
        _read_table(found, _decoded(data, found.name, encoding), "\t" if kind == "tsv" else ",")
    return found


def _read(file: BinaryIO) -> bytes:
    """A file, but not more than a byte too many; one `read` takes memory for all it may find."""
    data = bytearray()
    while len(data) <= _MOST_BYTES and (chunk := file.read(_CHUNK)):
        data += chunk
    return bytes(data)


def _decoded(data: bytes, name: str, encoding: str | None) -> str:
    mark, chosen = next(((m, e) for m, e in _MARKS if data.startswith(m)), (b"", encoding))
    body = data[len(mark) :]
    try:
        text = body.decode(chosen or "utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise DocumentError(
            f"{name}: line {line} is not valid {chosen or 'UTF-8'}; save it as UTF-8, or pass its "
            "encoding"
        ) from None
    except LookupError:
        raise DocumentError(f"{name}: encoding is {chosen!r}, which is not known") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DocumentError(f"{name}: line {line} has a null character, expected text")
    return text


def _rows(text: str, name: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table and the lines on which they begin; a TSV has no quotes."""
    if separator == "\t":
        for number, content in enumerate(text.split("\n"), 1):
            yield number, content.removesuffix("\r").split("\t")
        return
    most = csv.field_size_limit()
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DocumentError(
                f"{name}: line {line} is not valid CSV ({error}); fields have {most} characters at "
                "most"
            ) from None
        yield line, row
        line = reader.line_num + 1


def _read_table(found: Found, text: str, separator: str) -> None:
    first = True
    for line, row in _rows(text, found.name, separator):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            if len(cells) > 1:
                raise DocumentError(f"{found.name}: line {line} has no term, expected one")
            continue
        heading, first = first and tuple(map(str.lower, cells[:2])) in _HEADINGS, False
        if heading:
            continue
        if len(cells) not in (2, 4):
            other = "commas" if separator == "\t" else "tabs"
            hint = f"; are its columns separated by {other}?" if len(cells) == 1 else ""
            columns = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            raise DocumentError(
                f"{found.name}: line {line} has {columns}, expected 2: a term and its translation, "
                f"which is empty if the term stays{hint}"
            )
        if len(cells) == 4:
            _check_pair(found, cells[2], cells[3], line)
        found.add(cells[0], cells[1], line)


def _check_pair(found: Found, source: str, target: str, line: int) -> None:
    """Checks the languages of a row against those of the file."""
    found.source, found.target = found.source or source, found.target or target
    if (iso_639(found.source), iso_639(found.target)) != (iso_639(source), iso_639(target)):
        raise DocumentError(
            f"{found.name}: line {line} is for {source}-{target}, expected one pair of languages, "
            f"here {found.source}-{found.target}"
        )


@dataclasses.dataclass
class _Concept:
    line: int
    # Terms and their lines, by language.
    terms: dict[str, list[tuple[str, int]]] = dataclasses.field(default_factory=dict)


class _TermBase:
    """Collects the concepts of a TBX file, of version 2 (martif) or 3 (tbx)."""

    def __init__(self, name: str) -> None:
        self.concepts: list[_Concept] = []
        self._name = name
        self._language = ""
        self._letters: list[str] | None = None
        self._first = True
        self._parser = xml.parsers.expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse

    def read(self, data: bytes) -> None:
        try:
            self._parser.Parse(data, True)
        except xml.parsers.expat.ExpatError as error:
            message = xml.parsers.expat.ErrorString(error.code)
            raise DocumentError(
                f"{self._name}: line {error.lineno} is not valid XML: {message}"
            ) from None

    def _refuse(self, *_: Any) -> None:
        raise DocumentError(
            f"{self._name}: line {self._parser.CurrentLineNumber} has a document type, which may "
            "define entities; expected TBX without one: remove it"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        line = self._parser.CurrentLineNumber
        if self._first and name not in ("martif", "tbx"):
            raise DocumentError(
                f"{self._name}: line {line} has the element {name!r:.60}, expected tbx or martif"
            )
        self._first = False
        if name in ("termEntry", "conceptEntry"):
            self.concepts.append(_Concept(line))
        elif name in ("langSet", "langSec"):
            self._language = attributes.get("xml:lang", "")
            if not self._language:
                raise DocumentError(f"{self._name}: line {line} has no xml:lang, expected one")
        elif name == "term":
            self._letters = []

    def _text(self, text: str) -> None:
        if self._letters is not None:
            self._letters.append(text)

    def _end(self, tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name in ("langSet", "langSec"):
            self._language = ""
        elif name == "term" and self._letters is not None:
            text, self._letters = "".join(self._letters), None
            if self.concepts and self._language:
                terms = self.concepts[-1].terms.setdefault(self._language, [])
                terms.append((text, self._parser.CurrentLineNumber))


def _read_tbx(found: Found, data: bytes) -> None:
    base = _TermBase(found.name)
    base.read(data)
    languages = list(dict.fromkeys(one for concept in base.concepts for one in concept.terms))
    if not languages:
        return
    if found.source is None or found.target is None:
        if len(languages) > 2:
            raise DocumentError(
                f"{found.name}: has the languages {', '.join(languages[:10])}, expected two, or "
                "`source` and `target`"
            )
        rest = [one for one in languages if not _is(one, found.source or found.target)]
        if found.source is None and found.target is None:
            found.source = rest.pop(0)
        if rest:
            found.source, found.target = found.source or rest[0], found.target or rest[0]
    for language in (found.source, found.target):
        if not any(_is(one, language) for one in languages):
            raise DocumentError(
                f"{found.name}: has no terms in {language!r}, expected some; it has "
                f"{', '.join(languages[:10])}"
            )
    for concept in base.concepts:
        targets = _of(concept, found.target)
        for term, line in _of(concept, found.source) if targets else ():
            # Of synonyms in other concepts the first counts.
            if " ".join(term.split()) not in found.entries:
                found.add(term, targets[0][0], line)


def _of(concept: _Concept, language: str | None) -> list[tuple[str, int]]:
    exact = concept.terms.get(language or "")
    if exact is not None:
        return exact
    return [pair for one, terms in concept.terms.items() if _is(one, language) for pair in terms]


def _is(one: str, language: str | None) -> bool:
    return language is not None and iso_639(one) == iso_639(language)


def _shown(entry: Entry) -> str:
    return f"{entry.source!r:.60} as {entry.target!r:.60}"
