"""Translations as Markdown that parses to the structure of their source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pyattn.documents.markdown_parser import inline_tokens, is_markup
from pyattn.documents.model import Element, Fragment, Segment
from pyattn.documents.wrapping import wrapped
from pyattn.results import Span

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# A space at which a line may end; no text has this letter, which Unicode keeps for such uses.
_SPACE = "\ufdd0"
_SPECIAL = re.compile(r"[\\`*_\[\]<>&~!|]")
_LINE_BEGIN = re.compile(r"[\r\n][ \t>]*\Z")
_BREAK = re.compile(r"[ \t]*[\r\n\x85\u2028\u2029]\s*")
# What begins a block at the start of a line.
_AFTER = rf"(?=[\s\0{_SPACE}]|$)"
_BLOCK = re.compile(
    rf"#{{1,6}}{_AFTER}|[-+*]{_AFTER}|[>=|]|~~~|```|<|-{{2}}|[*_]{{3}}|\[(?=[^\]]*\]:)|:"
)
_ITEM = re.compile(rf"(\d{{1,9}})([.)]){_AFTER}")
_TAGS = {"**": "strong", "__": "strong", "*": "em", "_": "em", "~~": "del"}


class InlineWriter:
    """Writes the translations of one segment.

    Args:
        md: The parser, to check what is written.
        env: What the parser knows of the document.
        segment: The segment.
        kinds: The kinds of markup in it.
        tail: What is between its lines, and their width; 0 for a single line.
    """

    def __init__(
        self,
        md: MarkdownIt,
        env: dict[str, Any],
        segment: Segment,
        kinds: list[str],
        tail: tuple[str, int],
    ) -> None:
        self._md = md
        self._env = env
        self._segment = segment
        self._kinds = sorted(kinds)
        self._tail, self._width = tail
        pairs = [element for element in _all(segment.elements) if element.closing]
        self._openings = {element.markup for element in pairs}
        self._closings = {element.closing for element in pairs}

    def written(
        self, fragments: Sequence[Fragment], raw: Callable[[Span], str], indent: int
    ) -> str:
        """A translation as Markdown.

        Letters are escaped only if they would be markup, and marks of emphasis become tags if they
        would be none between the letters around them.

        Args:
            fragments: Texts and places of markup.
            raw: Markup at a place.
            indent: Letters before the segment on its line.
        """
        fragments = _trimmed(fragments)
        text = " ".join("".join(self._seen(part, raw) for part in fragments).split())
        for escape, tags in ((False, False), (True, False), (True, True)):
            made = ""
            for part in fragments:
                if not isinstance(part, str):
                    made += self._markup(part, raw, tags=tags)
                    continue
                seen = self._text(part, escape=escape)
                begins = _LINE_BEGIN.search(made)
                made += self._as_text(seen.lstrip(f"{_SPACE}\t")) if begins else seen
            if tags or self._is_sound(made, text):
                break
        if fragments and isinstance(fragments[0], str):
            made = self._as_text(made)
        return self._in_lines(made, indent)

    def _text(self, text: str, *, escape: bool) -> str:
        text = one_line(text)
        written = self._segment.written
        special = "\\|" if self._segment.style == "cell" else "|"
        letters = [
            written.get(letter) or (f"\\{letter}" if escape and _SPECIAL.match(letter) else letter)
            for letter in text
        ]
        return "".join(letters).replace("\\|", "|").replace("|", special).replace(" ", _SPACE)

    def _markup(self, span: Span, raw: Callable[[Span], str], *, tags: bool) -> str:
        markup = raw(span)
        if tags and markup in _TAGS:
            if span in self._openings:
                return f"<{_TAGS[markup]}>"
            if span in self._closings:
                return f"</{_TAGS[markup]}>"
        return markup

    def _seen(self, part: Fragment, raw: Callable[[Span], str]) -> str:
        """The text that a reader sees of a fragment, as far as the parser calls it text."""
        if isinstance(part, str):
            return part
        if part in self._openings or part in self._closings:
            return ""
        return _visible(inline_tokens(self._md, self._in_content(raw(part)), self._env))

    def _in_content(self, markup: str) -> str:
        """Markup as the parser sees it, without what begins the lines of its block."""
        return markup.replace(self._tail, "\n") if self._tail else markup

    def _is_sound(self, made: str, text: str) -> bool:
        """Whether the parser finds the markup and the text that are meant."""
        plain = made.replace(_SPACE, " ")
        tokens = inline_tokens(self._md, self._in_content(plain), self._env)
        kinds = sorted(token.type for token in tokens if is_markup(token))
        return kinds == self._kinds and " ".join(_visible(tokens).split()) == text

    def _as_text(self, made: str) -> str:
        """A text that does not begin a block."""
        if self._segment.style != "block":
            return made
        if _BLOCK.match(made):
            return f"\\{made}"
        return _ITEM.sub(r"\1\\\2", made, count=1) if _ITEM.match(made) else made

    def _in_lines(self, made: str, indent: int) -> str:
        """A text wrapped if its source was."""
        if self._segment.style == "heading" and made.endswith("#"):
            made = f"{made[:-1]}\\#"
        if not self._width:
            return made.replace(_SPACE, " ")
        following = len(self._tail.lstrip("\r\n"))
        sections = []
        for number, section in enumerate(made.split("\n")):
            words = section.replace(" ", "\0").replace(_SPACE, " ")
            first = following if number else indent
            lines = wrapped(words, self._width, first, following, may_begin=_may_begin)
            sections.append(self._tail.join(lines).replace("\0", " "))
        return "\n".join(sections)


def one_line(text: str) -> str:
    """A text with a space for all that ends a line, which might end its block."""
    return _BREAK.sub(" ", text)


def _trimmed(fragments: Sequence[Fragment]) -> list[Fragment]:
    """Fragments without the white space at both ends, which might begin a block of code."""
    found = list(fragments)
    if found and isinstance(found[0], str):
        found[0] = found[0].lstrip()
    if found and isinstance(found[-1], str):
        found[-1] = found[-1].rstrip()
    return found


def _may_begin(word: str) -> bool:
    """Whether a line may begin with a word without becoming another block."""
    return bool(word.strip("\0")) and not _BLOCK.match(word) and not _ITEM.match(word)


def _all(elements: list[Element]) -> Iterator[Element]:
    for element in elements:
        yield element
        yield from _all(element.children)


def _visible(tokens: Sequence[Token]) -> str:
    """The text of tokens, but for that of code and of addresses."""
    out = []
    address = False
    for token in tokens:
        if token.type in ("link_open", "link_close") and token.markup == "autolink":
            address = token.nesting > 0
        elif token.type in ("softbreak", "hardbreak"):
            out.append(" ")
        elif token.type in ("text", "text_special") and not address:
            out.append(token.content)
    return "".join(out)
