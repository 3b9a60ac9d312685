"""Terms beside the protected parts and the sentences of a text."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence

from pyattn.results import Span
from pyattn.text.glossary.entries import Term
from pyattn.text.protection.kinds import Kept

_SIGN = re.compile(r"[^\w\s'’-]")  # noqa: RUF001 (the apostrophe is meant)


def overlaps(term: Term, parts: Sequence[Kept]) -> bool:
    """Whether a term has characters in one of some parts, which ascend."""
    number = bisect.bisect_left(parts, term.end, key=lambda part: part.begin) - 1
    return number >= 0 and parts[number].end > term.begin


def ends_inside(text: str, part: Kept) -> bool:
    """Whether a sentence might end inside of a part."""
    return bool(_SIGN.search(text, part.begin, part.end))


def terms_within(span: Span, terms: Sequence[Term]) -> list[Term]:
    """The terms inside of a span; they ascend."""
    first = bisect.bisect_left(terms, span[0], key=lambda term: term.begin)
    last = bisect.bisect_left(terms, span[1], key=lambda term: term.begin)
    return [term for term in terms[first:last] if term.end <= span[1]]
