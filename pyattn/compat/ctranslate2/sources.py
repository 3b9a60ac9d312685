"""Sentences as the encoder reads them."""

from __future__ import annotations

from collections.abc import Sequence

from pyattn.files.vocabulary import Vocabularies


def is_empty(vocabularies: Vocabularies, tokens: Sequence[str]) -> bool:
    """Whether a sentence is nothing but what its caller put around it.

    That is a begin, an end, or an end and what stands behind it, which is a language in some
    models. More than these is a sentence: two ends are.
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
    # Where begin and end are the same token, a sentence of two may count as less than none.
    return content == 0


def source_ids(vocabularies: Vocabularies, tokens: Sequence[str], most: int) -> list[int]:
    """What the encoder reads for a sentence's tokens.

    Args:
        vocabularies: The model's.
        tokens: The sentence.
        most: Ids that are read; 0 for all. The end stays, and what stands behind it.
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
