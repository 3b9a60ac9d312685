"""Every decoding option, in one frozen dataclass that is validated when it is made."""

from __future__ import annotations

import dataclasses
import math
import operator
from typing import Any, Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """How a target is searched for.

    Attributes:
        beam_size: Hypotheses that live side by side; 1 is greedy search.
        num_hypotheses: Hypotheses to return, best first; at most `beam_size`.
        max_new_tokens: The most tokens a target may have, its end token included.
        min_new_tokens: The end token is not allowed before this many tokens stand.
        length_penalty: A hypothesis is ranked by its log-probability / length ** length_penalty,
            its length counting the end token.
        early_stopping: When a beam search ends. True: with `beam_size` finished hypotheses.
            False: once the best live one, at its present length, no longer beats the worst finished
            one. "never": once it could not beat it at any length (the three of transformers).
        suppress_tokens: Ids that are never produced.
        force_end: Whether the token at `max_new_tokens` can only be the end (transformers'
            `forced_eos_token_id`), so that every target is a finished one.
        max_time: Seconds after which a search ends with what it has, counted from the call; None
            for no limit. A sentence whose turn has not come by then has an empty target.
        alignment: Whether targets come with the attention that their tokens paid to the source's.
        alignment_heads: The heads whose attention that is, averaged: pairs of a decoder layer and
            a head, both from 0. None is all heads of the last layer.

    Raises:
        ValueError: if a value is out of its range; the message names the option.
    """

    beam_size: int = 1
    num_hypotheses: int = 1
    max_new_tokens: int = 256
    min_new_tokens: int = 0
    length_penalty: float = 1.0
    early_stopping: bool | Literal["never"] = False
    suppress_tokens: tuple[int, ...] = ()
    force_end: bool = False
    max_time: float | None = None
    alignment: bool = False
    alignment_heads: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        for name, low, high in (
            ("beam_size", 1, MAX_BEAM),
            ("num_hypotheses", 1, MAX_BEAM),
            ("max_new_tokens", 1, 2**31 - 1),
            ("min_new_tokens", 0, 2**31 - 1),
        ):
            _set(self, name, checked_integer(name, getattr(self, name), low, high))
        if self.num_hypotheses > self.beam_size:
            raise ValueError(
                f"num_hypotheses: a beam_size of {self.beam_size} yields no {self.num_hypotheses}"
            )
        if self.min_new_tokens > self.max_new_tokens:
            raise ValueError(
                f"min_new_tokens: {self.min_new_tokens} is above max_new_tokens, "
                f"{self.max_new_tokens}"
            )
        _set(self, "length_penalty", _number("length_penalty", self.length_penalty))
        if self.early_stopping not in (True, False, "never"):
            raise ValueError(
                f'early_stopping: expected True, False or "never", got {self.early_stopping!r}'
            )
        try:
            suppressed = tuple(operator.index(token) for token in self.suppress_tokens)
        except TypeError:
            raise ValueError(
                f"suppress_tokens: expected token ids, got {self.suppress_tokens!r}"
            ) from None
        _set(self, "suppress_tokens", suppressed)
        for name in ("force_end", "alignment"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name}: expected True or False, got {getattr(self, name)!r}")
        if self.alignment_heads is not None:
            _set(self, "alignment_heads", checked_heads(self.alignment_heads))
        if self.max_time is not None:
            seconds = _number("max_time", self.max_time)
            if seconds < 0:
                raise ValueError(f"max_time: expected 0 or more seconds, got {self.max_time!r}")
            _set(self, "max_time", seconds)

    def replace(self, **overrides: Any) -> GenerationOptions:
        """These options with some of them changed.

        A `beam_size` below `num_hypotheses` or a `max_new_tokens` below `min_new_tokens` that was
        inherited lowers the inherited value; one that was asked for is an error.

        Raises:
            TypeError: if an option does not exist.
            ValueError: if a value is out of its range.
        """
        known = {field.name for field in dataclasses.fields(self)}
        unknown = sorted(set(overrides) - known)
        if unknown:
            raise TypeError(
                f"unknown option {unknown[0]!r}; the options are {', '.join(sorted(known))}"
            )
        for wide, narrow in (("beam_size", "num_hypotheses"), ("max_new_tokens", "min_new_tokens")):
            bound = overrides.get(wide)
            if isinstance(bound, int) and narrow not in overrides and bound < getattr(self, narrow):
                overrides[narrow] = max(bound, 1) if narrow == "num_hypotheses" else bound
        return dataclasses.replace(self, **overrides)


# A beam wider than this is a mistake rather than a wish: quality falls long before it.
MAX_BEAM = 256


def _set(options: GenerationOptions, name: str, value: Any) -> None:
    object.__setattr__(options, name, value)


def checked_integer(name: str, value: Any, low: int, high: int) -> int:
    """`value` as an int in [low, high]; anything else is a ValueError that names it."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name}: expected an integer, got {value!r}") from None
    if isinstance(value, bool) or not low <= number <= high:
        raise ValueError(f"{name}: expected {low} to {high}, got {value!r}")
    return number


def checked_heads(heads: Any) -> tuple[tuple[int, int], ...]:
    """`heads` as pairs of a layer and a head; anything else is a ValueError."""
    try:
        pairs = [(layer, head) for layer, head in heads]
    except (TypeError, ValueError):
        pairs = []
    if not pairs:
        raise ValueError(f"alignment_heads: expected pairs of a layer and a head, got {heads!r}")
    return tuple(
        (
            checked_integer("alignment_heads", layer, 0, 2**31 - 1),
            checked_integer("alignment_heads", head, 0, 2**31 - 1),
        )
        for layer, head in pairs
    )


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected a number, got {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")
    return number
