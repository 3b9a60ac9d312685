"""Texts and lines in; lines, or JSON objects with all that is known of them, out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyattn.commands.channels import one_line
from pyattn.commands.fitting import fitted, with_cache
from pyattn.results import Translation


def plain_lines(
    translator: Any, groups: Iterator[list[str]], options: Mapping[str, Any]
) -> Iterator[list[str]]:
    """The translations of groups of texts, as lines without line breaks inside.

    Args:
        translator: A translator.
        groups: Texts that are translated together.
        options: Arguments of its method `translate`.
    """
    options = with_cache(translator, fitted(translator, options))
    for texts in groups:
        yield [one_line(text) for text in translator.translate(texts, **options)]


def json_lines(
    translator: Any, groups: Iterator[list[str]], options: Mapping[str, Any]
) -> Iterator[list[str]]:
    """The translations of groups of texts, as JSON objects without line breaks inside.

    Args:
        translator: A translator.
        groups: Texts that are translated together.
        options: Arguments of its method `results`.
    """
    options = with_cache(translator, fitted(translator, options))
    for texts in groups:
        found = translator.results(texts, **options)
        yield [_json(text, ranked) for text, ranked in zip(texts, found, strict=True)]


def _json(source: str, ranked: Sequence[Translation]) -> str:
    best, *others = (_facts(one) for one in ranked)
    return json.dumps({"source": source, **best, "alternatives": others}, ensure_ascii=False)


def _facts(one: Translation) -> dict[str, Any]:
    # JSON has no infinity, which is the score of what has probability 0.
    score = one.score if one.score is not None and math.isfinite(one.score) else None
    return {
        "translation": one.text,
        "score": score,
        "finish_reason": one.finish_reason,
        "warnings": list(one.warnings),
    }
