"""Names that are near a name that leads nowhere."""

from __future__ import annotations

import difflib
import pathlib
import re
from collections.abc import Iterable

# Begins of the names of well-known models, and whose repositories they are.
_OWNERS = {
    "opus-mt": "Helsinki-NLP",
    "nllb-": "facebook",
    "m2m100": "facebook",
    "mbart": "facebook",
    "bart-": "facebook",
    "wmt19-": "facebook",
    "small100": "alirezamsh",
    "madlad400": "google",
    "mt5": "google",
    "umt5": "google",
    "byt5": "google",
    "flan-t5": "google",
    "pegasus": "google",
    "led-": "allenai",
    "primera": "allenai",
    "longformer": "allenai",
    "long-t5": "google",
    "bigbird": "google",
    "t5gemma": "google",
    "t5-": "google-t5",
}
_MOST = 3
# What would be the name of the included model.
INCLUDED_NAME = "firefox:en-es"


def near_names(text: str) -> list[str]:
    """Names that the writer of a text may have meant, likely ones first."""
    plain = text.strip().strip("/").rsplit("/", 1)[-1]
    owners = [owner for begin, owner in _OWNERS.items() if plain.lower().startswith(begin)]
    if owners:
        return [f"{owners[0]}/{plain}"]
    pair = re.fullmatch(r"([a-z]{2,3})(?:[-_>]+|2| to )([a-z]{2,3})", plain, re.IGNORECASE)
    if pair is None:
        return []
    codes = f"{pair[1]}-{pair[2]}".lower()
    return [f"firefox:{codes}", f"argos:{codes}", f"Helsinki-NLP/opus-mt-{codes}"]


def near_paths(text: str) -> list[str]:
    """Files and folders whose name is similar to that of a path."""
    path = pathlib.Path(text)
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return []
    return [str(path.parent / name) for name in closest(path.name, names)]


def closest(text: str, names: Iterable[str]) -> list[str]:
    """The names most similar to a text, whatever their case."""
    known = {name.lower(): name for name in names}
    found = difflib.get_close_matches(text.lower(), known, n=_MOST, cutoff=0.7)
    return [known[name] for name in found]


def did_you_mean(names: list[str]) -> str:
    """A question for the end of an error; empty if there are no names."""
    if not names:
        return ""
    *others, last = map(repr, names)
    return f"; did you mean {', '.join(others)} or {last}?" if others else f"; did you mean {last}?"
