"""Advanced SubStation Alpha (ASS, SSA)."""

from __future__ import annotations

import re

from pyattn.documents.builder import SegmentBuilder
from pyattn.documents.cues import Cue, CueDocument
from pyattn.documents.model import Segment
from pyattn.results import Span

_LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_SECTION = re.compile(r"\s*\[(.*)\]\s*\Z")
_TIME = re.compile(r"\s*(\d{1,3}):(\d{1,2}):(\d{1,2})[.:](\d{1,2})\s*\Z")
# Overrides in braces, line breaks, and spaces that do not break.
_MARK = re.compile(r"\{[^{}]*\}|\\[Nnh]")
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9][^{}]*\}")
_DASH = re.compile(r"[ \t]*[-–—‐][ \t]*")
_COLUMNS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"


class SubstationDocument(CueDocument):
    """A file of Advanced SubStation Alpha: only the texts of its dialogue change.

    Args:
        text: The document.

    Raises:
        DocumentError: if a line of dialogue has too few fields or no times.
    """

    format = "ass"
    line_end = "\\N"

    def __init__(self, text: str) -> None:
        super().__init__(text)
        columns = _names(_COLUMNS)
        section = ""
        cues: list[Cue] = []
        for match in _LINE.finditer(text):
            line = match[1]
            found = _SECTION.match(line)
            if found:
                section = found[1].strip().lower()
            elif section == "events" and line.lstrip().lower().startswith("format:"):
                columns = _names(line.partition(":")[2])
            elif section == "events" and line.lstrip().lower().startswith("dialogue:"):
                cues += self._cues(match.span(1), columns)
        self.add(cues)

    def _cues(self, line: Span, columns: list[str]) -> list[Cue]:
        """The cue of a line of dialogue, or one for each speaker."""
        begin = self.text.index(":", line[0]) + 1
        fields: dict[str, str] = {}
        for name in columns[:-1]:
            comma = self.text.find(",", begin, line[1])
            if comma < 0:
                raise self.fail(line[0], f"the dialogue has {len(fields) + 1} fields")
            fields[name] = self.text[begin:comma]
            begin = comma + 1
        times = self._time(fields, "start", line[0]), self._time(fields, "end", line[0])
        if _DRAWING.search(self.text, begin, line[1]):
            return []
        style = f"{fields.get('layer', '')}/{fields.get('style', '')}/{fields.get('name', '')}"
        return self._spoken((begin, line[1]), times, style)

    def _time(self, fields: dict[str, str], name: str, place: int) -> int:
        found = _TIME.match(fields.get(name, ""))
        if not found:
            raise self.fail(place, f"{name} is {fields.get(name)!r}, expected a time as 0:00:01.00")
        hours, minutes, seconds = (int(found[n]) for n in (1, 2, 3))
        return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int(found[4].ljust(2, "0")) * 10

    def _spoken(self, span: Span, times: tuple[int, int], style: str) -> list[Cue]:
        lines = [span]
        for mark in _MARK.finditer(self.text, *span):
            if mark[0] in ("\\N", "\\n"):
                lines[-1:] = [(lines[-1][0], mark.start()), (mark.end(), span[1])]
        speakers: list[list[Span]] = []
        for line in lines:
            if not speakers or _DASH.match(self.text, *line):
                speakers.append([])
            speakers[-1].append(line)
        cues = []
        for own in speakers:
            dash = _DASH.match(self.text, *own[0])
            segment = self._segment((dash.end() if dash else own[0][0], own[-1][1]))
            if segment is not None:
                letters = max(len(_MARK.sub("", self.text[slice(*line)])) for line in own)
                alone = len(speakers) > 1
                cues.append(Cue(segment, times, letters, len(own), alone=alone, style=style))
        return cues

    def _segment(self, span: Span) -> Segment | None:
        builder = SegmentBuilder()
        begin = span[0]
        for mark in _MARK.finditer(self.text, *span):
            if begin < mark.start():
                builder.text(self.text[begin : mark.start()], (begin, mark.start()))
            begin = mark.end()
            if mark[0] == "\\h":
                builder.reference("\u00a0", mark.span(), mark[0])
            elif mark[0][0] == "\\":
                builder.text(" ", mark.span())
            else:
                builder.empty(mark.span())
        if begin < span[1]:
            builder.text(self.text[begin : span[1]], (begin, span[1]))
        return next(builder.build(), None)

    def escaped(self, text: str, segment: Segment) -> str:
        """A text without braces, which would hide it."""
        text = text.replace("{", "(").replace("}", ")")
        return "".join(segment.written.get(letter, letter) for letter in text)


def _names(line: str) -> list[str]:
    return [name.strip().lower() for name in line.split(",")]
