"""How documents are read and written."""

from __future__ import annotations

import dataclasses

from pyattn.text.languages import iso_639

_RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class DocumentSettings:
    """How documents are read and written.

    Attributes:
        source_language: The language of the documents, such as "en"; None for the translator's.
        target_language: The language of the translations; None for the translator's.
        encoding: The encoding of documents that have no byte-order mark; None for the one that the
            document names, or else UTF-8 or Windows-1252.
        wrap: Whether consecutive lines of a plain text belong together; None decides for each
            paragraph.
        retranslate: Whether entries of catalogs (PO, XLIFF) that have a translation get a new one.
        mark_fuzzy: Whether new translations in a PO file are marked as fuzzy.
        front_matter: Keys at the head of a Markdown file whose values are translated.
        keep: Elements of HTML and XHTML whose content is not translated, in addition to `code` and
            the like.
        blocks: Elements that begin and end a segment, in addition to `p` and the like.
        inline: Elements that are inside of text although HTML has them as blocks.
    """

    source_language: str | None = None
    target_language: str | None = None
    encoding: str | None = None
    wrap: bool | None = None
    retranslate: bool = False
    mark_fuzzy: bool = True
    front_matter: tuple[str, ...] = ("title", "subtitle", "description", "summary", "excerpt")
    keep: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for setting in ("keep", "blocks", "inline"):
            names = getattr(self, setting)
            if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
                raise TypeError(f"{setting} is {names!r:.60}, expected a list of names of elements")
            object.__setattr__(self, setting, tuple(names))

    @property
    def source(self) -> str | None:
        """The code of the documents' language, as in the attribute `lang`; None if not known."""
        return None if self.source_language is None else iso_639(self.source_language)

    @property
    def target(self) -> str | None:
        """The code of the translations' language; None if not known."""
        return None if self.target_language is None else iso_639(self.target_language)


def is_right_to_left(language: str) -> bool:
    """Whether a language is written from right to left."""
    return iso_639(language) in _RIGHT_TO_LEFT
