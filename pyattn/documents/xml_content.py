"""The content of elements of XML that hold one text, with markup in it."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable, Iterator, Sequence

from pyattn.documents.builder import SegmentBuilder
from pyattn.documents.document import Document
from pyattn.documents.markup import Token, tokens
from pyattn.results import Span


@dataclasses.dataclass(slots=True)
class Node:
    """An element, without its children.

    Attributes:
        name: Its name, without a prefix.
        tag: Its start tag.
        first: Index of its start tag.
        last: Index of its end tag, or of the start tag of an empty element.
        parent: The element around it.
    """

    name: str
    tag: Token
    first: int
    last: int
    parent: Node | None

    @property
    def empty(self) -> bool:
        """Whether it is one tag."""
        return self.first == self.last


class Tree:
    """The elements of a document, in the order of their start tags.

    Args:
        document: The document.

    Raises:
        DocumentError: if tags do not pair.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self.tokens = list(tokens(document.text, xml=True))
        self.nodes: list[Node] = []
        stack: list[Node] = []
        for number, token in enumerate(self.tokens):
            if token.kind == "start":
                parent = stack[-1] if stack else None
                node = Node(token.name.rpartition(":")[2], token, number, number, parent)
                self.nodes.append(node)
                if not token.closed:
                    stack.append(node)
            elif token.kind == "end":
                if not stack or stack[-1].tag.name != token.name:
                    raise document.fail(token.span[0], f"</{token.name:.60}> closes nothing")
                stack.pop().last = number
        if stack:
            raise document.fail(stack[-1].tag.span[0], f"<{stack[-1].tag.name:.60}> is not closed")

    def root(self) -> Node:
        """The outermost element.

        Raises:
            DocumentError: if there is none.
        """
        if not self.nodes:
            raise self._document.fail(0, "there is no element")
        return self.nodes[0]

    def attribute(self, node: Node, name: str) -> str | None:
        """The value of an attribute; None if the element does not have it."""
        span = self.place(node, name)
        return None if span is None else html.unescape(self._document.text[slice(*span)])

    def place(self, node: Node, name: str) -> Span | None:
        """The place of an attribute's value."""
        for attribute in node.tag.attributes:
            if attribute.name == name:
                return attribute.value
        return None

    def inside(self, node: Node) -> Span:
        """The place of an element's content."""
        begin = self.tokens[node.first].span[1]
        return begin, begin if node.empty else self.tokens[node.last].span[0]

    def content(self, node: Node) -> Sequence[Token]:
        """The parts of an element's content."""
        return self.tokens[node.first + 1 : node.last]


def ancestors(node: Node) -> Iterator[Node]:
    """An element and all around it."""
    one: Node | None = node
    while one is not None:
        yield one
        one = one.parent


def feed_content(
    builder: SegmentBuilder,
    content: Sequence[Token],
    feed: Callable[[Span], None],
    is_kept: Callable[[Token], bool],
) -> None:
    """Gives a builder the content of an element.

    Args:
        builder: The builder.
        content: The parts.
        feed: Gives the builder the text of a place.
        is_kept: Whether an element is copied as a whole.
    """
    number = 0
    while number < len(content):
        token = content[number]
        if token.kind in ("text", "raw"):
            feed(token.span)
        elif token.kind == "end":
            builder.close(token.name, token.span)
        elif token.kind == "start" and not token.closed and not is_kept(token):
            builder.open(token.name, token.span)
        else:
            begin = token.span[0]
            depth = int(token.kind == "start" and not token.closed)
            while depth and number + 1 < len(content):
                number += 1
                token = content[number]
                depth += (token.kind == "start" and not token.closed) - (token.kind == "end")
            builder.empty((begin, token.span[1]))
        number += 1
