"""The encoder's input for a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from pyattn.files.vocabulary import Vocabularies


def is_empty(vocabularies: Vocabularies, tokens: Sequence[str]) -> bool:
    """Whether a sentence has no content besides the special tokens of its caller.

    These are a begin, an end, or an end and one token behind it, which is a language in some
    models. More special tokens, such as two ends, count as content.
    """
    content = len(tokens)
    if content == 1:
        return tokens[0] in (vocabularies.begin, vocabularies.end)
    if content > 1:
        content -= tokens[0] == vocabularies.begin
        if tokens[-1] == vocabularies.end:
            content -= 1
        elif tokens[-2] == vocabularies.end:
            content -= 2
    # If begin and end are the same token, the count of a sentence of two may be negative.
    return content == 0


def source_ids(vocabularies: Vocabularies, tokens: Sequence[str], most: int) -> list[int]:
    """The encoder's ids for a sentence's tokens.

    Args:
        vocabularies: The model's vocabularies.
        tokens: The sentence.
        most: Most ids to read; 0 for all. The end, and a token behind it, are kept.
    """
    ids = vocabularies.source_ids(tokens)
    if most <= 0 or len(ids) <= most:
        return ids
    end = vocabularies.source.id_of(vocabularies.end)
    if ids[-1] == end:
        return [*ids[: most - 1], end]
    if ids[-2] == end and most >= 2:
        return [*ids[: most - 2], *ids[-2:]]
    return ids[:most]
