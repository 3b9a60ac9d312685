"""How texts are translated: the parts of each that the model sees, and the forms they take."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TypeAlias

from pyattn.options import GenerationOptions
from pyattn.results import Span
from pyattn.text.glossary.entries import Term
from pyattn.text.normalization import Normalized
from pyattn.text.protection.carried import Carried
from pyattn.text.protection.exactness import Exactness
from pyattn.text.protection.kinds import Kept

# The languages of a source and of its target; None where the model needs none.
Pair: TypeAlias = tuple[str | None, str | None]

# What the model sees of a part.
Form: TypeAlias = Normalized | Carried


@dataclasses.dataclass(slots=True)
class Part:
    """A part of a text that the model translates.

    Attributes:
        span: Its span in the text.
        kept: The protected parts inside of it, in characters of the text.
        form: The form that the model sees.
        others: Further forms, to be tried in order if protected parts or terms get lost.
        ids: The token ids of that form.
        options: The options of its search.
        terms: The glossary's terms inside of it, in characters of the text.
        unread: Number of characters behind it that the model does not see, as it has no room.
        spans: Of `ids` in the form, if they are not those that the tokenizer gives the form.
    """

    span: Span
    kept: tuple[Kept, ...]
    form: Form
    others: Iterator[Carried]
    ids: list[int] = dataclasses.field(default_factory=list)
    options: GenerationOptions | None = None
    terms: tuple[Term, ...] = ()
    unread: int = 0
    spans: list[Span] | None = None


@dataclasses.dataclass(slots=True)
class Plan:
    """How a text is translated. Characters in no part, mostly white space, are copied.

    Attributes:
        index: Index among the caller's texts.
        text: The text.
        head: Number of characters in front that name a language and are no text.
        pair: Its languages.
        translated: Whether it is translated, so that it and its translation have the same numbers
            and much the same length; or may be summarised, as by all models of whole texts.
        kept: Its protected parts, ascending; parts that belong together are one.
        exact: The protected parts, each by itself, and how often they are in the text.
        terms: The glossary's terms, ascending, in no protected part.
        whole: Protected parts and terms, ascending, in none of which the text is cut.
        mask: The text, as `pyattn.text.protection.edges.masked` makes it.
        parts: Its parts in order; empty if nothing is to be translated.
    """

    index: int
    text: str
    head: int
    pair: Pair
    translated: bool = True
    kept: list[Kept] = dataclasses.field(default_factory=list)
    exact: Exactness = dataclasses.field(default_factory=lambda: Exactness("", []))
    terms: list[Term] = dataclasses.field(default_factory=list)
    whole: list[Kept] = dataclasses.field(default_factory=list)
    mask: str = ""
    parts: list[Part] = dataclasses.field(default_factory=list)
