"""Texts of Android apps: strings.xml."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from pyattn.documents.builder import SegmentBuilder
from pyattn.documents.document import Document
from pyattn.documents.html import feed
from pyattn.documents.markup import Token
from pyattn.documents.model import Segment
from pyattn.documents.placeholders import placeholders
from pyattn.documents.xml_content import Node, Tree, ancestors, feed_content
from pyattn.results import Span

_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|[^\r\n])")
_MEANT = {"n": "\n", "t": "\t"}
_WRITTEN = {
    "'": "\\'",
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
}


class AndroidDocument(Document):
    """The texts of an Android app; names, references and what is not translatable stay.

    Args:
        text: The document.
        holds: Whether the document's encoding has all letters of a text.

    Raises:
        DocumentError: if tags do not pair.
    """

    format = "xml"

    def __init__(self, text: str, *, holds: Callable[[str], bool]) -> None:
        super().__init__(text)
        self._holds = holds
        self._tree = tree = Tree(self)
        for node in tree.nodes:
            lists = node.parent is not None and node.parent.name in ("string-array", "plurals")
            if node.name == "string" or (node.name == "item" and lists):
                fixed = any(
                    tree.attribute(one, "translatable") == "false" for one in ancestors(node)
                )
                if not fixed:
                    self._add(node)

    def _add(self, node: Node) -> None:
        begin, end = self._tree.inside(node)
        raw = self.text[begin:end]
        if raw.strip().startswith(("@", "?")):
            return  # a reference to another text
        builder = SegmentBuilder()
        content = self._tree.content(node)
        feed_content(builder, content, lambda span: self._feed(builder, span), _is_kept)
        for segment in builder.build():
            segment.protected = placeholders(segment.text, ["c-format"])
            self.segments.append(segment)

    def _feed(self, builder: SegmentBuilder, span: Span) -> None:
        begin, end = span
        for mark in re.compile(rf'{_ESCAPE.pattern}|"').finditer(self.text, begin, end):
            feed(builder, self.text, (begin, mark.start()), xml=True)
            begin = mark.end()
            if mark[0] == '"':  # keeps white space, and is not shown
                builder.empty(mark.span())
            elif mark[0] == "\\n":
                builder.line_break(mark.span(), firm=True)
            elif mark[0][1] == "u":
                builder.reference(chr(int(mark[0][2:], 16)), mark.span(), mark[0])
            else:
                meant = _MEANT.get(mark[0][1], mark[0][1])
                builder.reference(meant, mark.span(), mark[0])
        feed(builder, self.text, (begin, end), xml=True)

    def escaped(self, text: str, segment: Segment) -> str:
        """A text with the escapes of Android and of XML."""
        special = {**_WRITTEN, **segment.written}
        written = "".join(special.get(letter, letter) for letter in text)
        if self._holds(written):
            return written
        return "".join(letter if self._holds(letter) else f"&#{ord(letter)};" for letter in written)


def _is_kept(token: Token) -> bool:
    """Whether an element in a text is not translated."""
    return html.unescape(token.name) == "xliff:g"
