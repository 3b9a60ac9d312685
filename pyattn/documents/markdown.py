"""Markdown: CommonMark and GitHub's additions, edited in the document's own text."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pyattn.documents import html_names
from pyattn.documents.builder import SegmentBuilder
from pyattn.documents.document import Document
from pyattn.documents.front_matter import front_matter, quoted
from pyattn.documents.html import HtmlReader, escaped
from pyattn.documents.markdown_parser import is_markup, parsed, parser, span_of
from pyattn.documents.markdown_writer import InlineWriter, one_line
from pyattn.documents.model import Answer, Edit, Segment
from pyattn.documents.settings import DocumentSettings
from pyattn.results import Span

if TYPE_CHECKING:
    from markdown_it.token import Token

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
# What stands in front of the text of a block: the box of a task, the mark of an alert.
_HEAD = re.compile(r"\[[ xX]\][ \t]+|\[!\w+\][ \t]*(?:\n|$)")
# Attributes behind a heading: {#name .class}.
_ATTRIBUTES = re.compile(r"\{[#.:][^{}\n]*\}$")
# Commands of site generators, and names of emoji.
_COMMAND = re.compile(r"\{\{[^{}\n]*\}\}|\{%[^%{\n]*%\}|:[a-z0-9_+-]{1,40}:")
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]*)[^>]*?(/?)>\Z", re.DOTALL)
_TITLE = re.compile(r"""[ \t\n]("[^"\\]+"|'[^'\\]+'|\([^()\\]+\))[ \t\n]*\)\Z""")
_ESCAPED = re.compile(r"[\\`*_\[\]<>&~\"'()]")
_SPECIAL = re.compile(r"[\\`*_\[\]<>&~]")


class Lines:
    """The lines of a document, and those of a block among them."""

    def __init__(self, text: str) -> None:
        self.text = text
        spans = [match.span() for match in _LINE.finditer(text)]
        self.starts = [span[0] for span in spans]
        self.ends = [span[1] for span in spans]

    def line(self, number: int) -> str:
        """A line without its end."""
        return self.text[self.starts[number] : self.ends[number]].rstrip("\r\n")

    def places(self, first: int, content: str) -> list[tuple[int, int]] | None:
        """Where each line of a block's content begins, in the content and in the document.

        Args:
            first: The block's first line.
            content: What the parser takes for its content.

        Returns:
            None if the content is not found in the lines.
        """
        found: list[tuple[int, int]] = []
        offset = 0
        for number, part in enumerate(content.split("\n"), first):
            bare = part.strip()
            lead = len(part) - len(part.lstrip())
            if number >= len(self.starts):
                return None
            place = self.line(number).rfind(bare)
            if place < 0:
                return None
            found.append((offset + lead, self.starts[number] + place))
            offset += len(part) + 1
        return found


class MarkdownDocument(Document):
    """A Markdown file.

    Args:
        text: The document.
        settings: How to read it.
    """

    format = "markdown"

    def __init__(self, text: str, settings: DocumentSettings) -> None:
        super().__init__(text)
        self._md = parser()
        self._env: dict[str, Any] = {}
        self._writers: dict[Span, InlineWriter] = {}
        head, end = front_matter(text, settings.front_matter)
        self.segments += head
        self._settings = settings
        # The parser sees blank lines in place of the head.
        body = "\n" * len(re.findall(r"\r\n|\r|\n", text[:end])) + text[end:]
        self._lines = Lines(text)
        self._read(parsed(self._md, body, self._env))

    def _read(self, tokens: Sequence[Token]) -> None:
        row: tuple[int, int] | None = None
        for number, token in enumerate(tokens):
            if token.type == "html_block" and token.map:
                self._read_html(token, token.map[0])
            elif token.type == "tr_open" and token.map:
                row = token.map[0], 0
            elif token.type == "tr_close":
                row = None
            elif token.type == "inline" and token.content:
                before = tokens[number - 1].type if number else ""
                if row is not None:
                    row = self._read_cell(token, row)
                elif token.map:
                    places = self._lines.places(token.map[0], token.content)
                    self._add(token, places, heading=before == "heading_open")

    def _read_html(self, token: Token, first: int) -> None:
        """Reads a block of HTML, which may stand in a list or a quotation."""
        places = self._lines.places(first, token.content.rstrip("\n"))
        if not places:
            return
        reader = HtmlReader(self, self._settings, xml=False)
        last = first + len(places) - 1
        ends = [self._lines.ends[number] for number in range(first, last + 1)]
        spans = [(place, end) for (_, place), end in zip(places, ends, strict=True)]
        prefixes = [
            self.text[self._lines.starts[first + n] : span[0]] for n, span in enumerate(spans)
        ]
        if any(prefix.strip() for prefix in prefixes[1:]):
            reader.read(*spans)
        else:
            reader.read((spans[0][0], spans[-1][1]))

    def _read_cell(self, token: Token, row: tuple[int, int]) -> tuple[int, int]:
        """Reads a cell, and returns its line and where the next cell can begin."""
        line, begin = row
        raw = token.content.replace("|", "\\|")
        place = self._lines.line(line).find(raw, begin)
        if place < 0:
            return row
        begin = self._lines.starts[line] + place
        places = [(0, begin)]
        for number, sign in enumerate(re.finditer(r"\|", token.content)):
            # In the document the sign has a backslash in front.
            offset = sign.start()
            places += [(offset, begin + offset + number), (offset + 1, begin + offset + number + 2)]
        self._add(token, places, cell=True)
        return line, place + len(raw)

    def _add(
        self,
        token: Token,
        places: list[tuple[int, int]] | None,
        *,
        heading: bool = False,
        cell: bool = False,
    ) -> None:
        """Adds the segments of a block, if its text is found in its lines."""
        if places is None:
            return
        content = token.content
        head = _HEAD.match(content)
        begin = head.end() if head else 0
        tail = _ATTRIBUTES.search(content) if heading else None
        end = tail.start() if tail else len(content)
        reader = _InlineReader(self.text, content, places)
        reader.read(token.children or [], begin, end)
        self.segments += reader.inner
        for segment in reader.builder.build():
            segment.style = "cell" if cell else ("heading" if heading else "block")
            low, high = segment.place
            kinds = [kind for kind, place in reader.kinds if low <= place < high]
            self._writers[segment.place] = InlineWriter(
                self._md, self._env, segment, kinds, self._tail(places, segment)
            )
            self.segments.append(segment)

    def _tail(self, places: list[tuple[int, int]], segment: Segment) -> tuple[str, int]:
        """What is between the lines of a segment, and their width; the width is 0 for one line."""
        inside = [place for _, place in places if segment.place[0] < place <= segment.place[1]]
        if not inside:
            return "", 0
        second = inside[0]
        text = self.text
        begin = second
        while begin and text[begin - 1] not in "\r\n":
            begin -= 1
        stop = begin
        while stop and text[stop - 1] in "\r\n":
            stop -= 1
        index = bisect.bisect_right(self._lines.starts, segment.place[0]) - 1
        last = bisect.bisect_right(self._lines.starts, segment.place[1] - 1) - 1
        width = max(len(self._lines.line(number)) for number in range(index, last + 1))
        return text[stop:second], width

    def edits(self, segment: Segment, answer: Answer, raw: Callable[[Span], str]) -> list[Edit]:
        """The edit that puts a translation in place."""
        writer = self._writers.get(segment.place)
        if segment.style.startswith("front "):
            return [Edit(segment.place, quoted(answer.text, segment.style))]
        if writer is None or segment.inner:
            return super().edits(segment, answer, raw)
        begin = segment.place[0]
        line = self._lines.starts[bisect.bisect_right(self._lines.starts, begin) - 1]
        text = writer.written(self.fragments(segment, answer), raw, begin - line)
        return [Edit(segment.place, text)]

    def escaped(self, text: str, segment: Segment) -> str:
        """The text of an attribute of HTML, or of the title or the description of a link."""
        if "\n" not in segment.text:
            text = one_line(text)  # blank lines end paragraphs and blocks of HTML
        if segment.style in ("alt", "title"):
            return _ESCAPED.sub(r"\\\g<0>", text)
        return escaped(text, segment, lambda _: True)


class _InlineReader:
    """Gives a builder what is inside of a block.

    Attributes:
        builder: Makes the segments.
        inner: The segments in markup: descriptions of images, titles of links.
        kinds: The kind and the place of all markup.
    """

    def __init__(self, text: str, content: str, places: list[tuple[int, int]]) -> None:
        self._text = text
        self._content = content
        self._offsets = [offset for offset, _ in places]
        self._places = [place for _, place in places]
        self.builder = SegmentBuilder()
        self.inner: list[Segment] = []
        self.kinds: list[tuple[str, int]] = []
        self._copying = ""
        self._copy_begin = 0
        self._copied: list[str] = []

    def _place(self, offset: int) -> int:
        index = max(0, bisect.bisect_right(self._offsets, offset) - 1)
        return self._places[index] + max(0, offset - self._offsets[index])

    def _span(self, token: Token) -> Span:
        begin, end = span_of(token)
        return self._place(begin), self._place(end)

    def read(self, tokens: Sequence[Token], begin: int, end: int) -> None:
        """Reads the tokens of a block between two places of its content."""
        for number, token in enumerate(tokens):
            first, last = span_of(token)
            if last <= begin or first >= end:
                continue
            if is_markup(token):
                self.kinds.append((token.type, self._place(max(0, last - 1))))
            if token.type == "text":
                self._words(token, max(first, begin), min(last, end))
            elif self._copying:
                self._copy(token)
            else:
                self._markup(tokens, number)
        if self._copying:
            self.builder.empty((self._copy_begin, self._copy_begin))

    def _words(self, token: Token, first: int, last: int) -> None:
        if not token.content:
            return
        if self._copying:
            self._copied.append(token.content)
            return
        raw = self._content[first:last]
        place = first
        for command in _COMMAND.finditer(raw):
            start, stop = first + command.start(), first + command.end()
            if place < start:
                self.builder.text(self._content[place:start], self._both(place, start))
            self.builder.kept(command[0], self._both(start, stop))
            place = stop
        if place < last:
            self.builder.text(self._content[place:last], self._both(place, last))

    def _both(self, first: int, last: int) -> Span:
        return self._place(first), self._place(last)

    def _markup(self, tokens: Sequence[Token], number: int) -> None:
        token = tokens[number]
        begin, end = self._span(token)
        kind = token.type
        if kind == "text_special":
            self.builder.reference(token.content, (begin, end), self._text[begin:end])
            return
        if kind == "softbreak":
            self.builder.text(" ", (begin, end))
            return
        if kind in ("strong_open", "strong_close"):
            # One of the two letters of the mark is a token of its own without content.
            begin, end = (begin - 1, end) if kind == "strong_open" else (begin, end + 1)
        if kind == "hardbreak":
            self.builder.line_break((begin, end))
        elif kind == "code_inline":
            self.builder.kept(token.content, (begin, end))
        elif kind == "link_open" and token.markup == "autolink":
            self.builder.kept(self._text[begin + 1 : end - 1], (begin, end))
        elif kind == "html_inline":
            self._tag(token, begin, end)
        elif kind == "image":
            self.builder.empty((begin, end))
            self._image(token, begin, end)
        elif token.nesting > 0:
            self.builder.open(kind[:-5], (begin, end))
        elif token.nesting < 0 and begin < end:
            self.builder.close(kind[:-6], (begin, end))
            if kind == "link_close":
                self._title(begin, end)
        elif begin < end:
            self.builder.empty((begin, end))

    def _tag(self, token: Token, begin: int, end: int) -> None:
        tag = _TAG.match(token.content)
        name = tag[2].lower() if tag else ""
        if not tag or name in html_names.VOID or tag[3]:
            if name == "br":
                self.builder.line_break((begin, end))
            else:
                self.builder.empty((begin, end))
        elif tag[1]:
            self.builder.close(f"<{name}>", (begin, end))
        elif name in html_names.KEPT:
            self._copying, self._copy_begin, self._copied = name, begin, []
        else:
            self.builder.open(f"<{name}>", (begin, end))

    def _copy(self, token: Token) -> None:
        """Goes on with an element of HTML that is copied as a whole."""
        tag = _TAG.match(token.content) if token.type == "html_inline" else None
        if tag and tag[1] and tag[2].lower() == self._copying:
            self.builder.kept("".join(self._copied), (self._copy_begin, self._span(token)[1]))
            self._copying = ""
        else:
            self._copied.append(" " if token.type == "softbreak" else token.content)

    def _image(self, token: Token, begin: int, end: int) -> None:
        description = token.content
        if _is_plain(description) and self._text.startswith(description, begin + 2):
            self._inner((begin + 2, begin + 2 + len(description)), "alt")
        self._title(begin, end)

    def _title(self, begin: int, end: int) -> None:
        title = _TITLE.search(self._text[begin:end])
        if title and _is_plain(title[1][1:-1]):
            self._inner((begin + title.start(1) + 1, begin + title.end(1) - 1), "title")

    def _inner(self, place: Span, style: str) -> None:
        text = self._text[slice(*place)]
        if text == text.strip():
            self.inner.append(Segment(text, place, inner=True, style=style))


def _is_plain(text: str) -> bool:
    """Whether a text has letters, and is one line without markup."""
    return any(map(str.isalpha, text)) and not _SPECIAL.search(text) and "\n" not in text
