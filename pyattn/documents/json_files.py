"""JSON and ARB: the values that are texts, edited in the file's own text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from pyattn.documents.document import Document
from pyattn.documents.messages import message_segments
from pyattn.documents.model import Edit, Segment
from pyattn.documents.settings import DocumentSettings
from pyattn.results import Span

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]')
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u....|.)")
# One word with signs, digits or capitals inside: a name for programs, an address, a path, a date.
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAME = re.compile(r"[\w$@)][_/\\.:@#$=&?+]\w|[a-z][A-Z]|[#/.@_$]\w")
# Texts beside which all other keys of a subtree describe it.
_NOTES = "@"


class JsonDocument(Document):
    """A JSON file; or an ARB file, whose keys with an "@" are no texts.

    Args:
        text: The document.
        settings: How to read it.
        arb: Whether it is ARB.
        holds: Whether the document's encoding has all letters of a text.

    Raises:
        DocumentError: if it is not valid JSON.
    """

    def __init__(
        self,
        text: str,
        settings: DocumentSettings,
        *,
        arb: bool,
        holds: Callable[[str], bool],
    ) -> None:
        super().__init__(text)
        self.format = "arb" if arb else "json"
        self._holds = holds
        self._ascii = text.isascii() and bool(re.search(r"\\u(?!00[0-7])", text))
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            raise self.fail(error.pos, error.msg.lower()) from None
        except (RecursionError, ValueError) as error:
            raise self.fail(0, str(error)) from None
        for keys, span in _values(text):
            if arb and any(key.startswith(_NOTES) for key in keys):
                if keys == ["@@locale"] and settings.target:
                    self._set(span, settings.target)
                continue
            self._add(span)

    def _set(self, span: Span, value: str) -> None:
        if self.text[slice(*span)] != value:
            self.settled.append(Edit(span, value))

    def _add(self, span: Span) -> None:
        raw = self.text[slice(*span)]
        value = json.loads(f'"{raw}"', strict=False)
        if _SURROGATE.search(value):
            return  # no text, though JSON can write it
        is_word = not any(map(str.isspace, value))
        if (is_word and _NAME.search(value)) or not any(map(str.isalpha, value)):
            return
        self.segments += message_segments(value, _places(raw, span[0]))

    def escaped(self, text: str, segment: Segment) -> str:
        """A text as the content of a string; in ASCII if the file is."""
        del segment
        written = json.dumps(text, ensure_ascii=self._ascii)[1:-1]
        return written if self._holds(written) else json.dumps(text)[1:-1]


def _values(text: str) -> Iterator[tuple[list[str], Span]]:
    """The keys above each string that is a value, and the place of its content."""
    levels: list[str | None] = []
    keys: list[str] = []
    is_key = False
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "{[":
            levels.append("" if token == "{" else None)
            keys.append("")
            is_key = token == "{"
        elif token in "}]":
            levels.pop()
            keys.pop()
            is_key = False
        elif token == ",":
            is_key = bool(levels) and levels[-1] is not None
        elif token == ":":
            is_key = False
        elif is_key:
            keys[-1] = token[1:-1]
        else:
            yield [key for key in keys if key], (match.start() + 1, match.end() - 1)


def _places(raw: str, begin: int) -> list[int]:
    """The place of each letter of a string, and of its end."""
    places: list[int] = []
    place = 0
    for escape in _ESCAPE.finditer(raw):
        places.extend(range(begin + place, begin + escape.start()))
        places.append(begin + escape.start())
        place = escape.end()
    places.extend(range(begin + place, begin + len(raw) + 1))
    return places
