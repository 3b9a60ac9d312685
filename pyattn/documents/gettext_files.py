"""PO files and templates (POT) of gettext, edited in their own text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from pyattn.documents.document import Document
from pyattn.documents.model import Answer, Edit, Segment
from pyattn.documents.placeholders import placeholders
from pyattn.documents.plurals import numbers_of_forms, plural_forms
from pyattn.documents.settings import DocumentSettings
from pyattn.documents.wrapping import wrapped
from pyattn.results import Span

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_FIELD = re.compile(r'[ \t]*(msgctxt|msgid_plural|msgid|msgstr(?:\[\d{1,2}\])?)[ \t]*(?=")')
_STRING = re.compile(r'[ \t]*("(?:[^"\\\r\n]|\\.)*")[ \t]*\Z')
_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|(.))")
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_WRITTEN = {
    **{meant: f"\\{letter}" for letter, meant in _MEANT.items()},
    '"': '\\"',
    "\\": "\\\\",
}
_CHARSET = re.compile(r"charset=[\w.:-]+")
_WIDTH = 76


@dataclasses.dataclass
class _Entry:
    """A message.

    Attributes:
        begin: The place of its first line.
        flags: Its flags, and the place behind the "#," of their first line, or None.
        marks: The place where a line with flags goes: in front of the first keyword.
        fields: Value and place of each keyword's strings.
        lines: Number of lines of the source's string.
    """

    begin: int
    flags: list[str] = dataclasses.field(default_factory=list)
    flags_place: int | None = None
    marks: int | None = None
    fields: dict[str, tuple[str, Span]] = dataclasses.field(default_factory=dict)
    lines: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def forms(self) -> list[str]:
        """The keywords of its translations."""
        return [name for name in self.fields if name.startswith("msgstr")]


@dataclasses.dataclass(frozen=True)
class _Form:
    """How one translation of a message is written."""

    entry: _Entry
    keyword: str
    source: str
    value: str
    new: bool = False


class GettextDocument(Document):
    """A PO file.

    Messages without a translation and fuzzy ones are translated. A translation that equals its
    message stays blank, which means the same to programs.

    Args:
        text: The document.
        settings: How to read it.
        holds: Whether the document's encoding has all letters of a text.

    Raises:
        DocumentError: if a line is no part of a message.
    """

    format = "po"

    def __init__(
        self, text: str, settings: DocumentSettings, *, holds: Callable[[str], bool]
    ) -> None:
        super().__init__(text)
        self._settings = settings
        self._holds = holds
        self._forms: dict[int, _Form] = {}
        self._marked: set[int] = set()
        ends = re.search(r"\r\n|\r|\n", text)
        self._line_end = ends[0] if ends else "\n"
        entries = self._entries()
        self._rule = ""
        for entry in entries:
            if entry.fields.get("msgid", ("x",))[0] == "" and "msgctxt" not in entry.fields:
                self._read_header(entry)
                break
        for entry in entries:
            self._add(entry)

    def _entries(self) -> list[_Entry]:
        entries: list[_Entry] = []
        entry: _Entry | None = None
        keyword = ""
        for match in _LINE.finditer(self.text):
            line = match[0].rstrip("\r\n")
            begin = match.start()
            if not line.strip():
                entry, keyword = None, ""
            elif line.lstrip().startswith("#"):
                if entry is None or entry.fields:
                    entry, keyword = _Entry(begin), ""
                    entries.append(entry)
                self._read_comment(entry, line, begin)
            else:
                field = _FIELD.match(line)
                name = field[1] if field else ""
                starts = name in ("msgctxt", "msgid") and not (
                    entry and list(entry.fields) in ([], ["msgctxt"] if name == "msgid" else [])
                )
                if entry is None or starts:
                    entry = _Entry(begin)
                    entries.append(entry)
                keyword = self._read_string(entry, line, begin, field, keyword)
        return entries

    def _read_comment(self, entry: _Entry, line: str, begin: int) -> None:
        if line.startswith("#,"):
            entry.flags += [flag.strip() for flag in line[2:].split(",")]
            if entry.flags_place is None:
                entry.flags_place = begin + 2
        elif line.startswith("#|") and entry.marks is None:
            entry.marks = begin

    def _read_string(
        self, entry: _Entry, line: str, begin: int, field: re.Match[str] | None, keyword: str
    ) -> str:
        """Reads a line with a string, and returns its keyword."""
        start = field.end() if field else 0
        found = _STRING.match(line, start)
        name = field[1] if field else keyword
        if not found or not name or (field and name in entry.fields):
            raise self.fail(begin, "expected a keyword of a message and a string in quotes")
        if entry.marks is None:
            entry.marks = begin
        value = _unescaped(found[1][1:-1])
        place = begin + found.start(1), begin + found.end(1)
        if field:
            entry.fields[name] = value, place
            entry.lines[name] = 1
        else:
            before, span = entry.fields[name]
            entry.fields[name] = before + value, (span[0], place[1])
            entry.lines[name] += 1
        return name

    def _read_header(self, entry: _Entry) -> None:
        """Reads the plural forms, and fills in what a template leaves open."""
        if "msgstr" not in entry.fields:
            return
        value, (begin, end) = entry.fields["msgstr"]
        rule = re.search(r"^Plural-Forms:(.*)$", value, re.MULTILINE)
        self._rule = rule[1] if rule and numbers_of_forms(rule[1]) else ""
        target = self._settings.target
        if target and not self._rule:
            self._rule = plural_forms(target)
            if rule:
                self._fill(r"Plural-Forms:([^\"\\]*)", (begin, end), f" {self._rule}")
        if target:
            self._fill(r"\"Language:([ \t]*)\\n", (begin, end), f" {target}")
        self._fill(r"charset=(CHARSET)\b", (begin, end), "UTF-8")

    def _fill(self, pattern: str, span: Span, value: str) -> None:
        found = re.compile(pattern).search(self.text, *span)
        if found and found[1] != value:
            self.settled.append(Edit(found.span(1), value))

    def _add(self, entry: _Entry) -> None:
        """Adds the segments of a message that has no translation."""
        message = entry.fields.get("msgid", ("", (0, 0)))[0]
        forms = entry.forms
        fuzzy = "fuzzy" in entry.flags
        done = all(entry.fields[name][0] for name in forms) and not fuzzy
        if not message or not forms or (done and not self._settings.retranslate):
            return
        if "msgid_plural" not in entry.fields:
            self._add_form(entry, _Form(entry, forms[0], "msgid", message))
            return
        plural = entry.fields["msgid_plural"][0]
        numbers = numbers_of_forms(self._rule) or tuple((n,) for n in range(len(forms)))
        same = sorted(_names(message, entry.flags)) == sorted(_names(plural, entry.flags))
        for number, own in enumerate(numbers):
            single = own == (1,) or (1 in own and same and own != tuple(range(201)))
            keyword = f"msgstr[{number}]"
            new = keyword not in entry.fields
            value, source = (message, "msgid") if single else (plural, "msgid_plural")
            self._add_form(entry, _Form(entry, keyword, source, value, new))

    def _add_form(self, entry: _Entry, form: _Form) -> None:
        text = form.value.strip()
        last = entry.fields[entry.forms[-1]][1][1]
        place = (last, last) if form.new else entry.fields[form.keyword][1]
        has = not form.new and bool(entry.fields[form.keyword][0])
        kept = has and "fuzzy" not in entry.flags and not self._settings.retranslate
        if any(map(str.isalpha, text)) and not kept:
            protected = placeholders(text, entry.flags)
            segment = Segment(text, place, protected=protected)
            self._forms[id(segment)] = form
            self.segments.append(segment)

    def edits(self, segment: Segment, answer: Answer, raw: object) -> list[Edit]:
        """The edit of a translation, and the flag that it was not checked."""
        del raw
        form = self._forms[id(segment)]
        text = "".join(part for part in self.fragments(segment, answer) if isinstance(part, str))
        source = form.value
        head = source[: len(source) - len(source.lstrip())]
        tail = source[len(source.rstrip()) :]
        written = self._string(head + text.strip() + tail, form.entry.lines[form.source] > 1)
        if form.new:
            written = f"{self._line_end}{form.keyword} {written}"
        return [Edit(segment.place, written), *self._flag(form.entry)]

    def _flag(self, entry: _Entry) -> list[Edit]:
        """The edit that marks a message as fuzzy, or takes the mark away; once for each message."""
        if entry.begin in self._marked:
            return []
        self._marked.add(entry.begin)
        place = entry.flags_place
        fuzzy = "fuzzy" in entry.flags
        if self._settings.mark_fuzzy and not fuzzy:
            if place is not None:
                return [Edit((place, place), " fuzzy,")]
            before = entry.marks or entry.begin
            return [Edit((before, before), f"#, fuzzy{self._line_end}")]
        if fuzzy and not self._settings.mark_fuzzy and place is not None:
            found = re.compile(r" ?fuzzy,?|, ?fuzzy").search(self.text, place)
            if found and len(entry.flags) > 1:
                return [Edit(found.span(), "")]
            line = _LINE.match(self.text, place)
            assert line
            return [Edit((place - 2, line.end()), "")]
        return []

    def _string(self, value: str, several: bool) -> str:
        """A value in quotes; in several lines if its message is or line breaks are inside."""
        lines = re.findall(r"[^\n]*\n|[^\n]+", value) or [""]
        if several:
            lines = [part for line in lines for part in _wrapped(line)]
        strings = [f'"{_escaped(line)}"' for line in lines]
        if len(strings) == 1 and not several:
            return strings[0]
        return self._line_end.join(['""', *strings])

    def finish(self, written: str) -> str:
        """The document with the name of its new encoding, if it gets one."""
        if self._holds(written):
            return written
        return _CHARSET.sub("charset=UTF-8", written, count=1)


def _wrapped(line: str) -> list[str]:
    """A line in parts of a limited length, each with the space at its end."""
    parts = wrapped(line, _WIDTH)
    return [*(f"{part} " for part in parts[:-1]), parts[-1]]


def _names(text: str, flags: list[str]) -> list[str]:
    return [text[slice(*span)] for span in placeholders(text, flags)]


def _unescaped(text: str) -> str:
    def meant(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 8) & 255)
        if match[2]:
            return chr(int(match[2], 16))
        return _MEANT.get(match[3], match[3])

    return _ESCAPE.sub(meant, text)


def _escaped(text: str) -> str:
    return "".join(_WRITTEN.get(letter, letter) for letter in text)
