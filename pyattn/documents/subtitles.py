"""SubRip (SRT) and WebVTT."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from pyattn.documents.builder import SegmentBuilder
from pyattn.documents.cues import Cue, CueDocument
from pyattn.documents.html import feed
from pyattn.documents.model import Segment
from pyattn.results import Span

_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
_STAMP = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
_TIMES = re.compile(rf"[ \t]*{_STAMP}[ \t]*-->[ \t]*{_STAMP}")
_NUMBER = re.compile(r"[ \t]*\d+[ \t]*\Z")
_TAG = re.compile(r"<(/?)([A-Za-z]+)[^<>\n]{0,200}>|<[\d:.]{4,15}>|\{\\?[A-Za-z][^{}\n]{0,200}\}")
_DASH = re.compile(r"(?:<[^<>\n]{0,200}>|\{[^{}\n]{0,200}\})*[ \t]*[-–—‐][ \t]*")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class SubtitleDocument(CueDocument):
    """A file of SubRip or WebVTT: numbers, times, settings, notes and styles stay as they are.

    Args:
        text: The document.
        vtt: Whether it is WebVTT.

    Raises:
        DocumentError: if it has no cue, or WebVTT no header.
    """

    def __init__(self, text: str, *, vtt: bool) -> None:
        super().__init__(text)
        self.format = "vtt" if vtt else "srt"
        self._vtt = vtt
        if vtt and not text.startswith("WEBVTT"):
            raise self.fail(0, 'the file does not begin with "WEBVTT"')
        ends = re.search(r"\r\n|\r|\n", text)
        self.line_end = ends[0] if ends else "\n"
        payloads = list(_payloads(text))
        if not payloads and not vtt and text.strip():
            raise self.fail(0, "no line has times, as 00:00:01,000 --> 00:00:02,000")
        self.add([cue for times, lines in payloads for cue in self._cues(times, lines)])

    def _cues(self, times: tuple[int, int], lines: list[Span]) -> Iterator[Cue]:
        """The cue of some lines, or one for each speaker."""
        speakers: list[list[Span]] = []
        for line in lines:
            if not speakers or _DASH.match(self.text, *line):
                speakers.append([])
            speakers[-1].append(line)
        for own in speakers:
            dash = _DASH.match(self.text, *own[0])
            begin = dash.end() if dash else own[0][0]
            segment = self._segment((begin, own[-1][1]))
            if segment is not None:
                letters = [self._visible(line) for line in own]
                yield Cue(segment, times, max(letters), len(own), alone=len(speakers) > 1)

    def _segment(self, span: Span) -> Segment | None:
        """The text of a cue and its tags."""
        builder = SegmentBuilder()
        begin = span[0]
        for tag in _TAG.finditer(self.text, *span):
            self._feed(builder, (begin, tag.start()))
            begin = tag.end()
            if tag[2] is None:
                builder.empty(tag.span())
            elif tag[1]:
                builder.close(tag[2].lower(), tag.span())
            else:
                builder.open(tag[2].lower(), tag.span())
        self._feed(builder, (begin, span[1]))
        return next(builder.build(), None)

    def _feed(self, builder: SegmentBuilder, span: Span) -> None:
        if span[0] >= span[1]:
            return
        if self._vtt:
            feed(builder, self.text, span)
        else:
            builder.text(self.text[slice(*span)], span)

    def _visible(self, span: Span) -> int:
        """Letters of a line that are seen."""
        text = _TAG.sub("", self.text[slice(*span)])
        return len(html.unescape(text) if self._vtt else text)

    def escaped(self, text: str, segment: Segment) -> str:
        """A text with references in WebVTT; SubRip has none."""
        if "-->" in text:
            text = _TIMES.sub(lambda times: times[0].replace("-->", "\u2192"), text)
        special = {**(_ESCAPES if self._vtt else {}), **segment.written}
        return "".join(special.get(letter, letter) for letter in text)


def _payloads(text: str) -> Iterator[tuple[tuple[int, int], list[Span]]]:
    """The times of each cue, and its lines without their ends."""
    times: tuple[int, int] | None = None
    lines: list[Span] = []
    for match in _LINE.finditer(text):
        found = _TIMES.match(match[1]) if "-->" in match[1] else None
        if found or not match[1].strip():
            if times and found and lines and _NUMBER.match(text[slice(*lines[-1])]):
                lines.pop()  # the number of the next cue, without a blank line in front
            if times and lines:
                yield times, lines
            times, lines = (_times(found) if found else None), []
        elif times:
            lines.append(match.span(1))
        if not match[2]:
            break
    if times and lines:
        yield times, lines


def _times(found: re.Match[str]) -> tuple[int, int]:
    """Milliseconds of a line of times."""
    both = []
    for first in (1, 5):
        hours, minutes, seconds, rest = found.group(first, first + 1, first + 2, first + 3)
        whole = (int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)
        both.append(whole * 1000 + int(rest.ljust(3, "0")))
    return both[0], both[1]
