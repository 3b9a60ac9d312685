"""Random HTML with unique words and elements, and what a parser of the standard library sees."""

from __future__ import annotations

import dataclasses
import html.parser
import itertools
import random
import string
from collections.abc import Iterator

INLINE = ["b", "i", "em", "strong", "a", "u", "span", "small", "q", "cite"]
VOID = {"img", "br", "wbr", "meta", "input", "hr", "link"}


def words() -> Iterator[str]:
    for letters in itertools.product(string.ascii_lowercase, repeat=4):
        yield "".join(letters)


@dataclasses.dataclass
class Nesting:
    """A paragraph of random inline markup.

    Attributes:
        html: The paragraph.
        words: The words of each element, by its id; elements without words too.
    """

    html: str
    words: dict[str, list[str]]


class NestingMaker:
    """Makes paragraphs.

    Args:
        seed: Of the random numbers.
        most: Words that an element has at most.
    """

    def __init__(self, seed: int, most: int = 4) -> None:
        self._random = random.Random(seed)
        self._most = most
        self._words = words()
        self._ids = itertools.count()
        self._found: dict[str, list[str]] = {}

    def paragraph(self) -> Nesting:
        self._found = {}
        body, _ = self._children(0, self._random.randint(2, 6))
        return Nesting(f"<p>{next(self._words)} {body}</p>", self._found)

    def _children(self, depth: int, count: int) -> tuple[str, list[str]]:
        parts: list[str] = []
        inside: list[str] = []
        for _ in range(count):
            chance = self._random.random()
            if chance < 0.45 or depth > 3:
                word = next(self._words)
                parts.append(word)
                inside.append(word)
            elif chance < 0.9:
                markup, own = self._element(depth)
                parts.append(markup)
                inside += own
            else:
                name = f"n{next(self._ids)}"
                self._found[name] = []
                parts.append(f'<img id="{name}">')
        return " ".join(parts), inside

    def _element(self, depth: int) -> tuple[str, list[str]]:
        tag, name = self._random.choice(INLINE), f"n{next(self._ids)}"
        count = self._random.randint(1, self._most)
        body, own = self._children(depth + 1, count)
        self._found[name] = own
        return f'<{tag} id="{name}">{body}</{tag}>', own


class Outline(html.parser.HTMLParser):
    """What a page consists of.

    Attributes:
        words: The words inside each element that has an id.
        nested: Whether every end tag closes the element that was opened last.
        tags: All start tags with their attributes, sorted.
        text: All text.
    """

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: dict[str, list[str]] = {}
        self.nested = True
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        self._open: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()
        self.nested &= not self._open
        self.tags.sort(key=repr)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))
        name = dict(attrs).get("id")
        if name is not None:
            assert name not in self.words, f"{name} is there twice"
            self.words[name] = []
        if tag not in VOID:
            self._open.append((tag, name))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop()[0] != tag:
            self.nested = False

    def handle_data(self, data: str) -> None:
        self.text += data
        for _, name in self._open:
            if name is not None:
                self.words[name] += data.split()
