"""Packages of Office Open XML: parts by their content types."""

from __future__ import annotations

import html
import posixpath
import re
import urllib.parse

from pyattn.documents.markup import Token, tokens
from pyattn.documents.packages import Package

_TYPES = "[Content_Types].xml"


class OfficePackage(Package):
    """A package of Office Open XML.

    Args:
        data: The archive.
        format: Its format, for errors.
        main: A part of the content type of its main part.

    Raises:
        DocumentError: if it is no such package.
    """

    def __init__(self, data: bytes, format: str, *, main: str) -> None:
        super().__init__(data, format)
        if _TYPES not in self:
            raise self.archive.fail(f"there is no member {_TYPES}")
        self._types = self._read_types()
        if not any(main in kind for kind in self._types.values()):
            raise self.archive.fail(f"{_TYPES} names no part of the type {main}")

    def of_type(self, kinds: re.Pattern[str]) -> list[str]:
        """The parts whose content type matches, in the order of the archive."""
        return [
            name
            for name in self.archive.names()
            if kinds.search(self._types.get(name.casefold(), ""))
        ]

    def related(self, name: str, kind: str) -> list[str]:
        """The parts that a part refers to by relations whose type ends with a name."""
        folder, own = posixpath.split(name)
        relations = posixpath.join(folder, "_rels", f"{own}.rels")
        if relations not in self:
            return []
        found: list[str] = []
        text = self.text(relations).text
        for token in tokens(text, xml=True):
            values = _values(text, token)
            if not values.get("Type", "").endswith(f"/{kind}"):
                continue
            if values.get("TargetMode") == "External":
                continue  # never looked at
            target = urllib.parse.unquote(values.get("Target", ""))
            path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            if path in self:
                found.append(path)
        return found

    def _read_types(self) -> dict[str, str]:
        """The content type of each part, by its name in small letters."""
        text = self.text(_TYPES).text
        types: dict[str, str] = {}
        defaults: dict[str, str] = {}
        for token in tokens(text, xml=True):
            values = _values(text, token)
            kind = values.get("ContentType", "")
            if "PartName" in values:
                name = urllib.parse.unquote(values["PartName"]).lstrip("/")
                types[name.casefold()] = kind
            elif "Extension" in values:
                defaults[values["Extension"].casefold()] = kind
        for name in self.archive.names():
            folded = name.casefold()
            types.setdefault(folded, defaults.get(folded.rpartition(".")[2], ""))
        return types


def _values(text: str, token: Token) -> dict[str, str]:
    return {
        one.name: html.unescape(text[slice(*one.value)])
        for one in token.attributes
        if one.value is not None
    }
