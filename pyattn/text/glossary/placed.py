"""Terms that a first translator put into texts, for the second one of a pivot."""

from __future__ import annotations

from collections.abc import Sequence

from pyattn.results import Translation
from pyattn.text.glossary.entries import Term, lowered_first
from pyattn.text.glossary.terms import Glossary


class PlacedTerms(Glossary):
    """The terms that are in the translations of some texts already, which stay as they are.

    Args:
        glossary: What the terms are from.
        best: The translations.
    """

    __slots__ = ("_placed",)
    _placed: dict[str, list[Term]]

    def __init__(self, glossary: Glossary, best: Sequence[Translation]) -> None:
        super().__init__({}, target=glossary.target, strict=glossary.strict)
        known = set(glossary.entries.values())
        placed: dict[str, list[Term]] = {}
        for one in best:
            terms: list[Term] = []
            for use in one.terms:
                if use.target is None:
                    continue
                text = one.text[slice(*use.target)]
                # It may have a capital only because it begins a sentence.
                small = lowered_first(text)
                plain = small if small in known else ""
                terms.append(Term(*use.target, text, plain, glossary.strict, endings=False))
            if terms:
                placed[one.text] = sorted(terms, key=lambda term: term.begin)
        object.__setattr__(self, "_placed", placed)

    def terms(self, text: str) -> list[Term]:
        """The terms in one of the texts."""
        return self._placed.get(text, [])
