"""A caller's choices for texts: the arguments `split`, `protect`, `glossary` and the like."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from pyattn.options import GenerationOptions
from pyattn.overrides import Overrides
from pyattn.text.glossary.terms import Glossaries, Glossary, chosen_glossary
from pyattn.text.protection.choice import Protect, Protection, chosen_protection
from pyattn.text.repeats import Cache
from pyattn.text_settings import NORMALIZATION_STEPS, TextSettings

# Where texts are cut: as serves the model, at every end of a sentence, not at all, or by a function
# that returns the sentences of a text, in order.
Split: TypeAlias = Literal["auto", "sentences", "never"] | Callable[[str], Sequence[str]]

# How odd input is put right (see `pyattn.text.normalization`): as serves the model, not at all, or
# by these steps.
Normalize: TypeAlias = Literal["auto", "never"] | Collection[str]

# What becomes of what is too long for the model: as serves the model, pieces whose translations are
# joined, as much as fits with a warning, or an error.
Truncate: TypeAlias = Literal["auto", "pieces"] | bool


class TextOverrides(Overrides, total=False):
    """Keyword arguments of a translator's methods: decoding options and choices for texts.

    `pyattn.Translator` has the meanings of the latter.
    """

    split: Split
    truncate: Truncate
    normalize: Normalize
    protect: Protect
    glossary: Glossaries
    guard: bool
    reuse: bool | Cache


@dataclasses.dataclass(frozen=True, kw_only=True)
class Treatment:
    """A caller's choices for texts.

    Attributes:
        split: Where texts are cut.
        truncate: What becomes of what is too long for the model.
        steps: The steps of normalization.
        protection: What comes back as it was.
        glossary: Terms and their translations; None without any.
        guard: Whether faulty translations are searched for again.
        reuse: Whether sentences that come again are searched for once, or a cache of them.
    """

    split: Split
    truncate: Truncate
    steps: frozenset[str]
    protection: Protection
    glossary: Glossary | None
    guard: bool
    reuse: bool | Cache


def checked_split(split: Split) -> Split:
    """Returns `split` if it is valid.

    Raises:
        TypeError: if it is neither a str nor a function.
        ValueError: if it is another str.
    """
    if callable(split):
        return split
    if not isinstance(split, str):
        raise TypeError(f"split is {type(split).__name__}, expected a str or a function")
    if split not in ("auto", "sentences", "never"):
        raise ValueError(f'split is {split!r}, expected "auto", "sentences", "never" or a function')
    return split


def checked_truncate(truncate: Truncate) -> Truncate:
    """Returns `truncate` if it is valid.

    Raises:
        TypeError: if it is neither a bool nor a str.
        ValueError: if it is another str.
    """
    expected = 'expected True, False, "auto" or "pieces"'
    if not isinstance(truncate, bool | str):
        raise TypeError(f"truncate is {type(truncate).__name__}, {expected}")
    if isinstance(truncate, str) and truncate not in ("auto", "pieces"):
        raise ValueError(f"truncate is {truncate!r}, {expected}")
    return truncate


def chosen_steps(normalize: Normalize, settings: TextSettings) -> frozenset[str]:
    """The steps that `normalize` stands for.

    Raises:
        TypeError: if it is neither a str nor names of steps.
        ValueError: if there is no such step.
    """
    if normalize == "auto":
        return frozenset(settings.normalize)
    if normalize == "never":
        return frozenset()
    expected = f'expected "auto", "never" or some of {", ".join(NORMALIZATION_STEPS)}'
    if isinstance(normalize, str):
        raise ValueError(f"normalize is {normalize!r}, {expected}")
    if not isinstance(normalize, Collection):
        raise TypeError(f"normalize is {type(normalize).__name__}, {expected}")
    for step in normalize:
        if step not in NORMALIZATION_STEPS:
            raise ValueError(f"normalize has {step!r}, {expected}")
    return frozenset(normalize)


def chosen_treatment(
    settings: TextSettings, overrides: Mapping[str, Any]
) -> tuple[Treatment, dict[str, Any]]:
    """A caller's choices for texts, checked, and the other overrides.

    Args:
        settings: The model's own.
        overrides: `TextOverrides`, or others.

    Raises:
        TypeError: if an argument has a wrong type.
        ValueError: if an argument has a wrong value.
    """
    rest = dict(overrides)
    split = checked_split(rest.pop("split", "auto"))
    truncate = checked_truncate(rest.pop("truncate", "auto"))
    steps = chosen_steps(rest.pop("normalize", "auto"), settings)
    protection = chosen_protection(rest.pop("protect", None), default=False)
    glossary = chosen_glossary(rest.pop("glossary", None))
    guard, reuse = rest.pop("guard", True), rest.pop("reuse", True)
    if not isinstance(guard, bool):
        raise TypeError(f"guard is {type(guard).__name__}, expected True or False")
    if not isinstance(reuse, bool | Cache):
        raise TypeError(f"reuse is {type(reuse).__name__}, expected True, False or a Cache")
    treatment = Treatment(
        split=split,
        truncate=truncate,
        steps=steps,
        protection=protection,
        glossary=glossary,
        guard=guard,
        reuse=reuse,
    )
    return treatment, rest


# Types of values that are the same as long as they are equal.
_SIMPLE = frozenset({bool, int, float, str, type(None)})


def replaced(options: GenerationOptions, overrides: Mapping[str, Any]) -> GenerationOptions:
    """`options.replace(**overrides)`, computed once for overrides that come again.

    Callers that ask for a text at a time have the same each time, and their check takes as long as
    the tokenizer does.
    """
    if all(type(value) in _SIMPLE for value in overrides.values()):
        # The types belong to the key: 1 and True are equal.
        return _replaced(options, tuple((n, type(v), v) for n, v in overrides.items()))
    return options.replace(**overrides)


@functools.lru_cache(256)
def _replaced(
    options: GenerationOptions, overrides: tuple[tuple[str, type, Any], ...]
) -> GenerationOptions:
    return options.replace(**{name: value for name, _, value in overrides})
