"""The languages of a model by their names, and the ids that ask for them."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from pyattn.files.reading import bare

Side = Literal["source", "target"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Languages:
    """The languages that a model has to be told, of sources, of targets or of both.

    Attributes:
        sources: Names of the languages that a source may be in, with the ids that say so; empty if
            the model finds out by itself.
        targets: Names of the languages that it may be translated into, with the ids that ask for
            them; empty if there is but one.
        source: The source's language where nobody names one.
        target: The target's.
        forced: Whether the id of its language is the first of every target.
        required: Whether a model with several has to be told one.
        head: What asks for a target at the head of a text: a pattern whose first group is what is
            taken off the text, and whose second is the language's name. None if texts cannot ask.
        strict: Whether a head with another name is an error, as of a model that would answer in
            some language or other; if not, it is text.
    """

    sources: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    targets: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    source: str | None = None
    target: str | None = None
    forced: bool = False
    required: bool = True
    head: re.Pattern[str] | None = None
    strict: bool = True

    def chosen(
        self, source: str | None, target: str | None, forced: int | None = None
    ) -> tuple[str | None, str | None]:
        """The languages of a sentence, checked: those that are named, or else the model's own.

        Args:
            source: The source's language, if the caller names it.
            target: The target's.
            forced: The id that the target is known to begin with, if it is.

        Raises:
            TypeError: if a name is not a str.
            ValueError: if there is no such language, if the model has none to choose from, or if it
                has to be told and is not.
        """
        source = self.named("source", source)
        if target is None and self.forced and forced is not None:
            # Where it is the id of no language, it is no matter of languages.
            return source, next((n for n, ids in self.targets.items() if ids == (forced,)), None)
        return source, self.named("target", target)

    def named(self, side: Side, name: str | None) -> str | None:
        """One of the two, likewise."""
        known = self.sources if side == "source" else self.targets
        if name is None:
            name = self.source if side == "source" else self.target
            if name is None and known and self.required:
                raise ValueError(
                    f"{side} is not given, expected one of the model's {len(known)} languages, "
                    f"such as {_listed(known)}"
                )
            return name
        if not isinstance(name, str):
            raise TypeError(f"{side} is {type(name).__name__}, expected the name of a language")
        if not known:
            raise ValueError(f"{side} is {bare(name)}, but {self._why_none(side)}")
        if name not in known:
            raise ValueError(
                f"{side} is {bare(name)}, which the model does not have; "
                f"{self._nearest(side, name)}"
            )
        return name

    def ids(self, side: Side, name: str | None) -> tuple[int, ...]:
        """What says that a source is, or a target shall be, in a language; nothing for none."""
        known = self.sources if side == "source" else self.targets
        return () if name is None else known[name]

    def first_token(self, target: str | None) -> int | None:
        """The id that targets in a language begin with; None if the model decides that."""
        return self.ids("target", target)[0] if self.forced and target is not None else None

    def split(self, text: str, place: str, target: str | None = None) -> tuple[str | None, str]:
        """The target language that the head of a text names, and what follows the head.

        Only here are heads read. What follows one is text, even if it looks like another head.

        Args:
            text: The text.
            place: What to call it in an error.
            target: The language that the caller names, if any.

        Returns:
            The language of the head, or else `target`; and the text behind the head, which is the
            text itself if it has none.

        Raises:
            ValueError: if the model does not have the language of the head, or it is not `target`.
        """
        match = self.head.match(text) if self.head is not None and self.targets else None
        if match is None or not (self.strict or match[2] in self.targets):
            return target, text
        name = match[2]
        if name not in self.targets:
            raise ValueError(
                f"{place} asks for {bare(match[1])}, which the model does not have; "
                f"{self._nearest('target', name)}"
            )
        if target not in (None, name):
            raise ValueError(f"{place} asks for {name}, but target is {target}")
        return name, text[match.end(1) :]

    def _why_none(self, side: Side) -> str:
        other = self.targets if side == "source" else self.sources
        if other:
            return f"this model takes no {side} language"
        return "this model has no languages to choose from: leave it out"

    def _nearest(self, side: Side, name: str) -> str:
        known = list(self.sources if side == "source" else self.targets)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0)
        return f"the nearest of its {len(known)} languages are {_listed(near)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(bare(name) for name in list(names)[:3])
