"""Parts of XML in which some elements are texts without markup, and some names of languages."""

from __future__ import annotations

from collections.abc import Collection

from pyattn.documents.encodings import Encoded
from pyattn.documents.markup import Token
from pyattn.documents.settings import DocumentSettings
from pyattn.documents.xml_parts import XmlPart, attribute_of, local


class ElementsPart(XmlPart):
    """A part with texts, such as the title of a book.

    Args:
        encoded: The text.
        label: The part's name in errors.
        settings: How to read it.
        texts: The local names of elements that are texts.
    """

    def __init__(
        self, encoded: Encoded, label: str, settings: DocumentSettings, *, texts: Collection[str]
    ) -> None:
        super().__init__(encoded, label, settings)
        wanted = {*texts, "language"}
        for group in self.groups(lambda name, _: local(name) in wanted, self._seen):
            inside = group.tokens[1 : group.last[0]]
            if len(inside) != 1 or inside[0].kind != "text":
                continue
            place = inside[0].span
            if local(group.tokens[0].name) != "language":
                self.add_text(place)
            elif settings.target is not None and self.is_source(self.text[slice(*place)].strip()):
                self.settle(place, settings.target)

    def _seen(self, token: Token) -> None:
        self.settle_language(attribute_of(token, "lang"))
