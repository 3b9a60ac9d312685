"""XLIFF 1.2 and 2.0: targets for sources that have none."""

from __future__ import annotations

from collections.abc import Callable

from pyattn.documents.builder import SegmentBuilder
from pyattn.documents.document import Document
from pyattn.documents.html import escaped, feed
from pyattn.documents.markup import Token
from pyattn.documents.model import Answer, Edit, Segment
from pyattn.documents.placeholders import placeholders
from pyattn.documents.settings import DocumentSettings
from pyattn.documents.xml_content import Node, Tree, ancestors, feed_content
from pyattn.results import Span

# Elements around text; all others stand for code.
_PAIRS = frozenset({"g", "mrk", "pc"})
# States of targets that nobody has seen to.
_OPEN_STATES = frozenset({"new", "needs-translation", "initial", ""})
# What these become, by the element that has the state: of 1.2 the target, of 2.0 the segment.
_DONE_STATES = {"target": "needs-review-translation", "segment": "translated"}
# The language of the targets, by the language of the sources.
_LANGUAGES = {"source-language": "target-language", "srcLang": "trgLang"}


class XliffDocument(Document):
    """A file of XLIFF 1.2 or 2.0.

    A target that equals its source is not written: tools show the source for it.

    Args:
        text: The document.
        settings: How to read it.
        holds: Whether the document's encoding has all letters of a text.

    Raises:
        DocumentError: if tags do not pair, or it is no XLIFF.
    """

    format = "xliff"

    def __init__(
        self, text: str, settings: DocumentSettings, *, holds: Callable[[str], bool]
    ) -> None:
        super().__init__(text)
        self._settings = settings
        self._holds = holds
        self._tree = tree = Tree(self)
        if tree.root().name != "xliff":
            raise self.fail(tree.root().tag.span[0], "the first element is not <xliff>")
        self._targets: dict[int, tuple[Span, str, str]] = {}
        self._states: dict[int, list[Edit]] = {}
        sources: dict[int, Node] = {}
        targets: dict[int, Node] = {}
        for node in tree.nodes:
            unit = node.parent
            if unit is not None and unit.name in ("trans-unit", "segment"):
                if node.name == "source":
                    sources[unit.first] = node
                elif node.name == "target":
                    targets[unit.first] = node
            self._set_language(node)
        for first, source in sources.items():
            self._add(source, targets.get(first))

    def _set_language(self, node: Node) -> None:
        target = self._settings.target
        for own, name in _LANGUAGES.items():
            if target is None or self._tree.attribute(node, own) is None:
                continue
            place = self._tree.place(node, name)
            if place is None:
                end = node.tag.span[1] - (2 if node.tag.closed else 1)
                self.settled.append(Edit((end, end), f' {name}="{target}"'))
            elif self.text[slice(*place)] != target:
                self.settled.append(Edit(place, target))

    def _add(self, source: Node, target: Node | None) -> None:
        tree = self._tree
        if any(tree.attribute(one, "translate") == "no" for one in ancestors(source)):
            return
        if target is not None and not self._settings.retranslate:
            place = tree.inside(target)
            state = tree.attribute(target, "state") or ""
            if self.text[slice(*place)].strip() and not (state and state in _OPEN_STATES):
                return
        builder = SegmentBuilder()
        feed_content(
            builder,
            tree.content(source),
            lambda span: feed(builder, self.text, span, xml=True),
            self._is_kept,
        )
        segments = list(builder.build())
        if len(segments) != 1:
            return
        [segment] = segments
        segment.protected = placeholders(segment.text)
        # What is in the source around the segment belongs to the target, too.
        begin, end = tree.inside(source)
        around = self.text[begin : segment.place[0]], self.text[segment.place[1] : end]
        states = [
            edit
            for node in (target, source.parent)
            if node is not None and (edit := self._state(node)) is not None
        ]
        segment.place, head, tail = self._target(source, target)
        # The tag of an empty target is written anew, with its state.
        inside = [edit for edit in states if segment.place[0] <= edit.span[0] < segment.place[1]]
        for edit in inside:
            raw = self.text[slice(*edit.span)]
            head = head.replace(f'"{raw}"', f'"{edit.text}"').replace(f"'{raw}'", f"'{edit.text}'")
        self._states[id(segment)] = [edit for edit in states if edit not in inside]
        self._targets[id(segment)] = segment.place, head + around[0], around[1] + tail
        self.segments.append(segment)

    def _state(self, node: Node) -> Edit | None:
        """The edit of a state that says that nobody has translated the text."""
        place = self._tree.place(node, "state")
        state = "" if place is None else self.text[slice(*place)]
        if place is None or not state or state not in _OPEN_STATES:
            return None
        done = _DONE_STATES.get(node.name)
        return None if done is None else Edit(place, done)

    def _target(self, source: Node, target: Node | None) -> tuple[Span, str, str]:
        """Where a target is written, and the tags around it."""
        tree = self._tree
        prefix = source.tag.name.rpartition(":")[0]
        name = f"{prefix}:target" if prefix else "target"
        if target is None:
            begin = source.tag.span[0]
            line = max(self.text.rfind("\n", 0, begin), self.text.rfind(">", 0, begin)) + 1
            indent = self.text[line:begin]
            ends = "\r\n" if self.text[line - 2 : line] == "\r\n" else "\n"
            space = ends + indent if self.text[line - 1] == "\n" and not indent.strip() else ""
            end = tree.tokens[source.last].span[1]
            return (end, end), f"{space}<{name}>", f"</{name}>"
        if target.empty:
            raw = self.text[slice(*target.tag.span)]
            return target.tag.span, raw[:-2].rstrip() + ">", f"</{name}>"
        return tree.inside(target), "", ""

    def _is_kept(self, token: Token) -> bool:
        name = token.name.rpartition(":")[2]
        fixed = any(
            a.name == "translate" and a.value and self.text[slice(*a.value)] == "no"
            for a in token.attributes
        )
        return name not in _PAIRS or fixed

    def edits(self, segment: Segment, answer: Answer, raw: Callable[[Span], str]) -> list[Edit]:
        """The edits that write a target and its state."""
        place, head, tail = self._targets[id(segment)]
        [edit] = super().edits(segment, answer, raw)
        return [Edit(place, head + edit.text + tail), *self._states[id(segment)]]

    def escaped(self, text: str, segment: Segment) -> str:
        """A text with references for what would be markup or has no place in the encoding."""
        return escaped(text, segment, self._holds)
