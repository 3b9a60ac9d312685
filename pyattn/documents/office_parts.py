"""Parts of Office Open XML: paragraphs of runs as segments, and translations as runs.

A paragraph has a base: the properties that most of its letters have. Runs with other properties are
markup in the segment. A translation is written as runs again: a new one begins where the properties
change, and nowhere else.
"""

from __future__ import annotations

import bisect
import collections
import dataclasses
from collections.abc import Callable

from pyattn.documents.builder import SegmentBuilder
from pyattn.documents.encodings import Encoded
from pyattn.documents.html import feed
from pyattn.documents.markup import Token
from pyattn.documents.model import Answer, Edit, Segment
from pyattn.documents.office_runs import Piece, Run, RunReader, Vocabulary
from pyattn.documents.settings import DocumentSettings
from pyattn.documents.xml_parts import Group, XmlPart, local
from pyattn.results import Span

Raw = Callable[[Span], str]

# Elements with an attribute that names a language: `lang` and `val`.
_PROPERTIES = frozenset({"rPr", "endParaRPr", "defRPr"})
_LANGUAGES = frozenset({"lang", "themeFontLang"})
# Elements whose attribute `descr` describes a picture.
_DESCRIBED = frozenset({"docPr", "cNvPr"})


@dataclasses.dataclass(frozen=True)
class Frame:
    """What is around the text of a segment.

    Attributes:
        base: A run with the properties of most letters.
        tag: The name of the elements with text.
        lead: White space in front of the segment, in the element of its first text.
        tail: White space behind it, in the element of its last one.
        begin: The run whose properties are already written in front of its place; None if none is.
        end: The run whose end tag is behind its place; None if none is.
    """

    base: Run
    tag: str
    lead: str
    tail: str
    begin: Run | None
    end: Run | None


class OfficePart(XmlPart):
    """A part of Office Open XML.

    Args:
        encoded: The text.
        label: The part's name in errors.
        settings: How to read it.
        vocabulary: Its elements.
        is_wanted: Whether a paragraph is translated, by its number and the tag around it.
    """

    def __init__(
        self,
        encoded: Encoded,
        label: str,
        settings: DocumentSettings,
        vocabulary: Vocabulary,
        is_wanted: Callable[[int, Token | None], bool] = lambda *_: True,
    ) -> None:
        super().__init__(encoded, label, settings)
        self.vocabulary = vocabulary
        self._reader = RunReader(self, vocabulary)
        self._frames: dict[int, Frame] = {}
        # What markup at a place is: the run that it opens, or "close", "inline", "outer" or "char".
        self._roles: dict[Span, Run | str] = {}
        names = vocabulary.paragraphs
        groups = self.groups(lambda name, _: local(name) in names, self._seen)
        for number, group in enumerate(groups):
            if is_wanted(number, group.parent):
                self._read(group, 0, 0)

    def _seen(self, token: Token) -> None:
        """Notes languages and descriptions in attributes."""
        name = local(token.name)
        for attribute in token.attributes:
            own = local(attribute.name)
            language = name in _PROPERTIES if own == "lang" else own == "val" and name in _LANGUAGES
            if language:
                self.settle_language(attribute)
            elif own == "descr" and name in _DESCRIBED and attribute.value:
                # One word is the name of a file, as programs put it there.
                words = self.text[slice(*attribute.value)].split()
                if len(words) > 1:
                    self.add_attribute(attribute)

    def _read(self, group: Group, paragraph: int, depth: int) -> None:
        """Adds the segments of a paragraph and of those inside."""
        self.check_depth(depth, group.tokens[paragraph].span[0])
        pieces, nested = self._reader.pieces(group, paragraph)
        texts = [piece for piece in pieces if piece.kind == "text"]
        letters: collections.Counter[str] = collections.Counter()
        for piece in texts:
            assert piece.run is not None
            letters[piece.run.key] += sum(map(str.isalnum, piece.text))
        if letters:
            key = letters.most_common(1)[0][0]
            runs = [piece.run for piece in texts if piece.run]
            self._add(pieces, texts, next(run for run in runs if run.key == key))
        for number in nested:
            self._read(group, number, depth + 1)

    def _add(self, pieces: list[Piece], texts: list[Piece], base: Run) -> None:
        builder = SegmentBuilder()
        self._feed(builder, pieces, base)
        for segment in builder.build():
            self._frames[id(segment)] = self._framed(segment, texts, base)
            self.segments.append(segment)

    def _feed(self, builder: SegmentBuilder, pieces: list[Piece], base: Run) -> None:
        """Gives a builder the pieces of a paragraph; runs that look the same are one."""
        opened: Run | None = None
        last: Span = (0, 0)

        def close() -> None:
            nonlocal opened
            if opened is not None:
                self._roles[last] = "close"
                builder.close("run", last)
            opened = None

        for number, piece in enumerate(pieces):
            run = piece.run
            if run is not None and piece.text.strip():
                if opened is not None and opened.key != run.key:
                    close()
                if opened is None and run.key != base.key:
                    opened, place = run, (piece.tag[0], piece.place[0])
                    self._roles[place] = run
                    builder.open("run", place)
                last = piece.place[1], piece.tag[1]
            elif opened is not None and _following_key(pieces, number) != opened.key:
                close()
            self._put(builder, piece)
        close()

    def _put(self, builder: SegmentBuilder, piece: Piece) -> None:
        if piece.kind == "text":
            if piece.place == piece.tag:
                builder.text(piece.text, piece.place)
            else:
                self._put_text(builder, piece.place)
            return
        self._roles[piece.place] = "inline" if piece.run is not None else "outer"
        if piece.kind == "open":
            builder.open("pair", piece.place)
        elif piece.kind == "close":
            builder.close("pair", piece.place)
        elif piece.kind == "kept":
            builder.kept(piece.text, piece.place)
        elif piece.kind in ("break", "tab"):
            builder.line_break(piece.place, firm=piece.kind == "tab")
        else:
            builder.empty(piece.place)

    def _put_text(self, builder: SegmentBuilder, place: Span) -> None:
        """Gives a builder a text, with the line breaks and escapes of cells as markup."""
        begin, end = place
        escapes = self.vocabulary.escapes
        for match in escapes.finditer(self.text, begin, end) if escapes else ():
            if begin < match.start():
                feed(builder, self.text, (begin, match.start()))
            self._roles[match.span()] = "char"
            if match[0].strip():
                builder.empty(match.span())
            else:
                builder.line_break(match.span())
            begin = match.end()
        if begin < end:
            feed(builder, self.text, (begin, end))

    def _framed(self, segment: Segment, texts: list[Piece], base: Run) -> Frame:
        """What is around a segment, whose place grows up to the borders of its first and last run.

        A segment that begins with a run of its own, a link or a field does so at a border.
        """
        begin, end = segment.place
        first = _text_at(texts, begin, after=False)
        last = _text_at(texts, end, after=True)
        lead = tail = ""
        outside: list[Run | None] = [None, None]
        if first is not None and first.run is not None:
            lead = _white(first.text) if first.place != first.tag else ""
            alone = first.tag[0] == first.run.content
            begin = first.run.begin if alone else first.tag[0]
            outside[0] = None if alone else first.run
        if last is not None and last.run is not None:
            tail = _white(last.text[::-1])[::-1] if last.place != last.tag else ""
            alone = last.tag[1] == last.run.end[0]
            end = last.run.end[1] if alone else last.tag[1]
            outside[1] = None if alone else last.run
        segment.place = begin, end
        prefix = self.text[texts[0].tag[0] + 1 : texts[0].tag[1]]
        name = "t" if texts[0].place == texts[0].tag else prefix.split(">")[0].split()[0]
        head = self.text[base.begin + 1 : base.content].split(">")[0].split()
        if name == "t" and head and ":" in head[0]:
            name = f"{head[0].rpartition(':')[0]}:t"
        return Frame(base, name, lead, tail, outside[0], outside[1])

    def edits(self, segment: Segment, answer: Answer, raw: Raw) -> list[Edit]:
        """The edits that put a translation in place."""
        frame = self._frames.get(id(segment))
        if frame is None:
            return super().edits(segment, answer, raw)
        writer = _RunWriter(frame, raw, preserves=self.vocabulary.preserves)
        writer.text(frame.lead)
        for fragment in self.fragments(segment, answer):
            if isinstance(fragment, str):
                writer.text(self.escaped(fragment, segment))
            else:
                writer.markup(fragment, self._roles[fragment])
        writer.text(frame.tail)
        return [Edit(segment.place, writer.finished())]


class _RunWriter:
    """Writes texts and markup as runs.

    Args:
        frame: What is around them.
        raw: Markup at a place of the part, with what is translated inside.
        preserves: Whether texts with white space at an end need xml:space.
    """

    def __init__(self, frame: Frame, raw: Raw, *, preserves: bool) -> None:
        self._frame = frame
        self._raw = raw
        self._preserves = preserves
        self._out: list[str] = []
        self._text: list[str] = []
        self._run = frame.begin
        self._wanted = frame.base

    def text(self, text: str) -> None:
        """Some text in the run that is wanted."""
        if text:
            self._enter(self._wanted)
            self._text.append(text)

    def markup(self, place: Span, role: Run | str) -> None:
        """Markup, in a run or outside of them."""
        if isinstance(role, Run):
            self._wanted = role
        elif role == "close":
            self._wanted = self._frame.base
        elif role == "char":
            self.text(self._raw(place))
        else:
            if role == "inline":
                self._enter(self._wanted)
                self._flush()
            else:
                self._leave()
            self._out.append(self._raw(place))

    def finished(self) -> str:
        """All that was written, in front of the end of the run that is behind it."""
        self._flush()
        if self._frame.end is None:
            self._leave()
        else:
            self._enter(self._frame.end)
        return "".join(self._out)

    def _enter(self, run: Run) -> None:
        if self._run is None or self._run.key != run.key:
            self._leave()
            self._out.append(self._raw((run.begin, run.content)))
            self._run = run

    def _leave(self) -> None:
        self._flush()
        if self._run is not None:
            self._out.append(self._raw(self._run.end))
            self._run = None

    def _flush(self) -> None:
        text = "".join(self._text)
        if text:
            spaced = self._preserves and text != text.strip(" \t\r\n")
            space = ' xml:space="preserve"' if spaced or "\n" in text else ""
            self._out.append(f"<{self._frame.tag}{space}>{text}</{self._frame.tag}>")
        self._text = []


def _following_key(pieces: list[Piece], number: int) -> str | None:
    """The properties of the next text, if nothing is before it that begins or ends a pair."""
    for piece in pieces[number:]:
        if piece.kind in ("open", "close"):
            return None
        if piece.run is not None and piece.text.strip():
            return piece.run.key
    return None


def _white(text: str) -> str:
    """The white space that a text begins with."""
    return text[: len(text) - len(text.lstrip(" \t\r\n\f"))]


def _text_at(texts: list[Piece], place: int, *, after: bool) -> Piece | None:
    """The text whose element a place is in, or ends if `after`; None if there is none."""
    begins = [piece.tag[0] for piece in texts]
    number = (bisect.bisect_left if after else bisect.bisect_right)(begins, place) - 1
    if number < 0:
        return None
    begin, end = texts[number].tag
    inside = begin < place <= end if after else begin <= place < end
    return texts[number] if inside else None
