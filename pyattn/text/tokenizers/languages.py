"""The languages of a model: their names, and the ids that stand for them."""

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
    """The languages that callers name to a model: of sources, of targets or of both.

    Attributes:
        sources: Names of source languages, with their ids; empty if the model needs none.
        targets: Names of target languages, with their ids; empty if there is only one.
        source: Default source language.
        target: Default target language.
        forced: Whether every target begins with the id of its language.
        required: Whether a model with several languages needs a name.
        head: Pattern of a target language at the head of a text: group 1 is the part to take off
            the text, group 2 the language's name. None if texts cannot name one.
        strict: Whether a head with an unknown name is an error, as for a model that would translate
            into an arbitrary language; if not, it is text.
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
        """The languages of a sentence, validated: the given names, else the defaults.

        Args:
            source: The source's language, if the caller names it.
            target: The target's language, likewise.
            forced: The id that the target will begin with, if that is certain.

        Raises:
            TypeError: if a name is not a str.
            ValueError: if there is no such language, the model has none to choose from, or a
                language that it needs is not given.
        """
        source = self.named("source", source)
        if target is None and self.forced and forced is not None:
            # An id of no language leaves the target without one.
            return source, next((n for n, ids in self.targets.items() if ids == (forced,)), None)
        return source, self.named("target", target)

    def named(self, side: Side, name: str | None) -> str | None:
        """The language of one side, likewise."""
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
        """The ids of a language; empty for None."""
        known = self.sources if side == "source" else self.targets
        return () if name is None else known[name]

    def first_token(self, target: str | None) -> int | None:
        """The id that targets in a language begin with; None if the model chooses it."""
        return self.ids("target", target)[0] if self.forced and target is not None else None

    def split(self, text: str, place: str, target: str | None = None) -> tuple[str | None, str]:
        """The target language in the head of a text, and the text behind the head.

        This is the only place that reads heads. Behind a head everything is text, also what looks
        like another head.

        Args:
            text: The text.
            place: Its name in errors.
            target: The language that the caller names, if any.

        Returns:
            The language in the head, else `target`; and the text behind the head, or the whole text
            if it has none.

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
