"""`Glossary`: terms, and how they are found in a text."""

from __future__ import annotations

import os
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pyattn.text.glossary.entries import (
    Entry,
    Term,
    Word,
    cased,
    checked_entry,
    is_border,
    matches_case,
    stem_lengths,
    words,
)
from pyattn.text.languages import iso_639

# What the argument `glossary` may be.
Glossaries: TypeAlias = "Glossary | Mapping[str, str | None] | None"


class Glossary:
    """Terms of one pair of languages, and what their translations have to be.

    A term is found between word borders, the longest first, whatever its case; a term in capitals
    ("IT") only in capitals. Its translation takes over the case of what was found: with
    `{"bank": "banco"}`, "Bank" is "Banco" and "BANK" is "BANCO".

    A glossary does not change; any number of threads may share it, and it can be pickled.

    Args:
        entries: Terms and their translations. A term without a translation (None or "") stays as
            it is in the text.
        source: The language of the terms, such as "en"; None fits every translator.
        target: The language of their translations, likewise.
        strict: Whether every term that is found is in the translation, and as often. Otherwise a
            term is used only where the model uses it or it is clear which of its words to replace.
            Terms that are not used, or too often, are the warning "glossary".
        endings: Whether the last word of a term may have an ending of up to four letters more, in
            the text ("banks") as in the translation ("bancos").

    Raises:
        TypeError: if `entries` is no mapping of str to str or None.
        ValueError: if a term is empty or too long.
    """

    __slots__ = ("_by_words", "_entries", "_lengths", "endings", "source", "strict", "target")

    _entries: dict[str, str]
    _by_words: dict[tuple[str, ...], tuple[Entry, ...]]
    _lengths: dict[str, list[int]]
    source: str | None
    target: str | None
    strict: bool
    endings: bool

    def __init__(
        self,
        entries: Mapping[str, str | None],
        *,
        source: str | None = None,
        target: str | None = None,
        strict: bool = True,
        endings: bool = False,
    ) -> None:
        if not isinstance(entries, Mapping):
            kind = type(entries).__name__
            raise TypeError(f"glossary: entries is {kind}, expected a mapping of terms")
        checked: dict[str, str] = {}
        by_words: dict[tuple[str, ...], tuple[Entry, ...]] = {}
        lengths: dict[str, set[int]] = {}
        for term, translation in entries.items():
            entry = checked_entry(term, translation, f"glossary: {term!r:.60}")
            checked[entry.source] = entry.target
            key = tuple(word.folded for word in words(entry.source))
            by_words[key] = (*by_words.get(key, ()), entry)
            lengths.setdefault(key[0], set()).add(len(key))
        put = object.__setattr__
        put(self, "_entries", checked)
        put(self, "_by_words", by_words)
        put(self, "_lengths", {word: sorted(found)[::-1] for word, found in lengths.items()})
        for name, value in (("source", source), ("target", target)):
            put(self, name, value)
        put(self, "strict", bool(strict))
        put(self, "endings", bool(endings))

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,
        encoding: str | None = None,
        source: str | None = None,
        target: str | None = None,
        strict: bool = True,
        endings: bool = False,
    ) -> Glossary:
        """The glossary in a file.

        TSV and CSV have a term and its translation in each row; an empty translation keeps the
        term. A first row "source", "target" is a heading. A third and fourth column name the
        languages. In TBX, all terms of a concept in the language `source` get the concept's first
        term in `target`; the languages may be left out if there are only two.

        Args:
            path: The file.
            format: "tsv", "csv" or "tbx"; None decides by the name's ending.
            encoding: The encoding of TSV and CSV without a byte-order mark; None for UTF-8.
            source: As for the class.
            target: As for the class.
            strict: As for the class.
            endings: As for the class.

        Raises:
            OSError: if the file cannot be read.
            DocumentError: if it is no glossary; the message names the file and the line.
        """
        from pyattn.text.glossary.reading import read

        found = read(path, format=format, encoding=encoding, source=source, target=target)
        return cls(
            found.entries,
            source=found.source,
            target=found.target,
            strict=strict,
            endings=endings,
        )

    @property
    def entries(self) -> Mapping[str, str]:
        """Terms and their translations; "" for a term that stays as it is."""
        return types.MappingProxyType(self._entries)

    def terms(self, text: str) -> list[Term]:
        """The terms in a text, ascending; they do not overlap."""
        if not self._lengths:
            return []
        found: list[Term] = []
        tokens = words(text)
        number = 0
        while number < len(tokens):
            match = self._match(text, tokens, number)
            if match is None:
                number += 1
                continue
            entry, count = match
            begin, end = tokens[number].begin, tokens[number + count - 1].end
            found.append(
                Term(
                    begin,
                    end,
                    text=cased(entry, text[begin:end]),
                    plain=entry.target if entry.source == entry.source.lower() else "",
                    strict=self.strict,
                    endings=self.endings and bool(entry.target),
                )
            )
            number += count
        return found

    def check_languages(self, source: str | None, target: str | None) -> None:
        """Checks that texts are in the glossary's languages, where both are known.

        Raises:
            ValueError: if they are not.
        """
        for side, own, other in (("source", self.source, source), ("target", self.target, target)):
            if own is not None and other is not None and iso_639(own) != iso_639(other):
                raise ValueError(
                    f"glossary: {side} is {own!r}, expected {other!r}, as of the texts"
                )

    def into_any(self) -> Glossary:
        """The same terms, for translators into any language."""
        other = object.__new__(Glossary)
        for name in self.__slots__:
            object.__setattr__(other, name, getattr(self, name))
        object.__setattr__(other, "target", None)
        return other

    def _match(self, text: str, tokens: Sequence[Word], number: int) -> tuple[Entry, int] | None:
        """The longest entry that begins with a word, and how many words it has."""
        best: tuple[Entry, int] | None = None
        first = tokens[number].folded
        stems = stem_lengths(first) if self.endings else range(len(first), len(first) - 1, -1)
        for length in stems:
            for count in self._lengths.get(first[:length], ()):
                if best is not None and count <= best[1]:
                    break
                if length < len(first) and count > 1:
                    continue  # only a term's last word may have an ending
                entry = self._entry(text, tokens[number : number + count], count)
                if entry is not None:
                    best = (entry, count)
                    break
        return best

    def _entry(self, text: str, some: Sequence[Word], count: int) -> Entry | None:
        if len(some) < count or not is_border(text, some[0].begin):
            return None
        if not is_border(text, some[-1].end):
            return None
        found = text[some[0].begin : some[-1].end]
        *before, last = (word.folded for word in some)
        for length in stem_lengths(last) if self.endings else [len(last)]:
            entries = self._by_words.get((*before, last[:length]), ())
            possible = [entry for entry in entries if matches_case(entry, found)]
            if possible:
                return next((entry for entry in possible if entry.source == found), possible[0])
        return None

    def __len__(self) -> int:
        """Number of terms."""
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Glossary) and self._state() == other._state()

    def __hash__(self) -> int:
        return hash((len(self), self.source, self.target, self.strict, self.endings))

    def __repr__(self) -> str:
        pair = f", {self.source or '?'}-{self.target or '?'}" if self.source or self.target else ""
        return f"<pyattn.Glossary of {len(self)} terms{pair}>"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a glossary does not change: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a glossary does not change: {name} cannot be deleted")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, self._state()

    def _state(self) -> tuple[Any, ...]:
        return self._entries, self.source, self.target, self.strict, self.endings


def chosen_glossary(glossary: Glossaries) -> Glossary | None:
    """The argument `glossary` as a glossary.

    Raises:
        TypeError: if it is neither a glossary nor a mapping of terms.
        ValueError: if a term is empty or too long.
    """
    if glossary is None or isinstance(glossary, Glossary):
        return glossary
    if not isinstance(glossary, Mapping):
        hint = "; Glossary.read reads a file" if isinstance(glossary, str | os.PathLike) else ""
        raise TypeError(
            f"glossary is {type(glossary).__name__}, expected a Glossary or a mapping{hint}"
        )
    return Glossary(glossary)


def _rebuilt(
    entries: dict[str, str], source: str | None, target: str | None, strict: bool, endings: bool
) -> Glossary:
    return Glossary(entries, source=source, target=target, strict=strict, endings=endings)
