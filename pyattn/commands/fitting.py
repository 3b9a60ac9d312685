"""Options of the command, as a translator takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyattn.pivot import Pivot
from pyattn.text.languages import iso_639
from pyattn.text.repeats import Cache


def fitted(translator: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options for texts without the languages that are a model's only ones anyway.

    Args:
        translator: A translator, or two of them as one.
        options: `source`, `target` and others.
    """
    own = dict(options)
    for side, end in zip(("source", "target"), ends(translator), strict=True):
        if options[side] is None or getattr(end.languages, f"{side}s"):
            continue
        only = getattr(end.settings, side)
        if only and iso_639(options[side]) == iso_639(only):
            own[side] = None
    return own


def with_cache(translator: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with which sentences that come again in another call are translated once, too.

    Args:
        translator: A translator; two of them as one have no common cache.
        options: Perhaps with `reuse`.
    """
    reuse = options.get("reuse", True)
    if reuse is True and not isinstance(translator, Pivot):
        reuse = Cache()
    return {**options, "reuse": reuse}


def ends(translator: Any) -> tuple[Any, Any]:
    """What takes the source, and what returns the target."""
    if isinstance(translator, Pivot):
        return translator.first, translator.second
    return translator, translator
