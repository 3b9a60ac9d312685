"""Log-probabilities of given targets."""

from __future__ import annotations

from pyattn.compat.ctranslate2.handle import Loaded
from pyattn.compat.ctranslate2.results import ScoringResult
from pyattn.compat.ctranslate2.sources import source_ids


def scored(
    loaded: Loaded,
    sources: list[list[str]],
    targets: list[list[str]],
    *,
    most: int,
    offset: int,
) -> list[ScoringResult]:
    """The targets' tokens, their ends included, with their log-probabilities.

    Args:
        loaded: The model.
        sources: Tokens of each sentence.
        targets: Tokens of its target.
        most: Tokens of a source and of a target, with their ends, that count; 0 for all.
        offset: Tokens of the targets to leave out of the results.
    """
    vocabularies = loaded.vocabularies
    ids = [source_ids(vocabularies, tokens, most) for tokens in sources]
    # The end counts as a token of the target.
    wanted = [vocabularies.target.ids(tokens)[: most - 1 if most else None] for tokens in targets]
    chosen = [n for n, source in enumerate(ids) if source]
    found = loaded.model.score([ids[n] for n in chosen], [wanted[n] for n in chosen])
    scores = dict(zip(chosen, found, strict=True))
    results = []
    for n, target in enumerate(wanted):
        tokens = [*vocabularies.target_tokens(target), vocabularies.end]
        if n in scores:
            results.append(ScoringResult(tokens[offset:], scores[n][offset:].tolist()))
        else:  # there is nothing for the model to read
            results.append(ScoringResult(tokens, [0.0] * len(tokens)))
    return results
