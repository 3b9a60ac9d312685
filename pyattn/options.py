"""Every decoding option, in one frozen dataclass that is validated when it is made."""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pyattn._foreign import unknown_option

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """How a target is searched for.

    Tokens are ids of the model's target vocabulary. New tokens are those behind `target_prefix`.

    Attributes:
        beam_size: Hypotheses kept at each step; 1 is greedy search, or independent samples.
        num_hypotheses: Hypotheses to return, best first; at most `beam_size` * `patience`, except
            for independent samples and alternatives.
        patience: A beam search stops at `beam_size` * `patience` finished hypotheses (Kasai et al.
            2022).
        early_stopping: When a beam search ends. True: with `beam_size` * `patience` finished
            hypotheses. False: once the best live hypothesis, at its present length, cannot beat the
            worst of that many. "never": once it cannot at any length (these three are
            transformers'). "best": once a finished hypothesis was the best of its step and there
            are `num_hypotheses`, which loses nothing while `length_penalty` and `coverage_penalty`
            are 0 (CTranslate2 does so then).
        max_new_tokens: Most new tokens of a target, its end included.
        max_length_factor: Most new tokens of a target for each token of its source, the source's
            end included (Marian's max-length-factor); 0 for no such limit.
        min_new_tokens: The end is not allowed before this many new tokens.
        end_tokens: Tokens that end a target; empty for the model's own.
        return_end_token: Whether the end is among a hypothesis's tokens.
        force_end: Whether the last token that `max_new_tokens` and `max_length_factor` permit can
            only be the end, the first of `end_tokens` (transformers' `forced_eos_token_id`), so
            that every target is finished.
        length_penalty: Hypotheses are ranked by log-probability / length ** length_penalty; the
            length counts the end.
        length_counts_prefix: Whether that length also counts the prefix (CTranslate2).
        coverage_penalty: Above 0, ranks hypotheses lower that leave parts of the source without
            attention: the weight of the sum of log(min(c, 1)) over the source's tokens, c being a
            token's total attention from `alignment_heads` (Wu et al. 2016).
        target_prefix: Tokens that a target begins with; they are fed in one pass.
        prefix_bias_beta: At 0 the prefix is certain. Above 0 and below 1 it is likely: while a
            target follows it, this share of the probability goes to its next token and the rest to
            the model's distribution.
        return_prefix: Whether a certain prefix is among a hypothesis's tokens, with scores of 0.
        end_behind_prefix: Whether a beam search may end right behind a certain prefix where the end
            is not the likeliest token. False: such an end is dropped, and its place in the beam
            stays empty for a step (CTranslate2).
        forced_bos_token: The first new token, with a score of 0; None if the model chooses it.
        suppress_tokens: Tokens that are never chosen.
        begin_suppress_tokens: Tokens that are not chosen first, or behind `forced_bos_token`.
        suppress_sequences: Lists of tokens that never appear in sequence (transformers'
            `bad_words_ids`).
        sequence_bias: Pairs of a list of tokens and a bias, which is added to the logit of the
            list's last token behind the others.
        disable_unk: Whether the model's unknown token is never chosen.
        repetition_penalty: Above 1, makes tokens less likely that are in the target already:
            positive logits are divided by it, negative ones multiplied (Keskar et al. 2019).
        encoder_repetition_penalty: Above 1, makes tokens of the source more likely, in the same
            way.
        no_repeat_ngram_size: No n-gram of this size appears twice; 0 for no such rule.
        encoder_no_repeat_ngram_size: No n-gram of this size of the source appears; 0 likewise.
        history_counts_start: Whether the start token, or the prompt of a decoder alone, counts
            (transformers) or not (CTranslate2) for `suppress_sequences`, `sequence_bias`,
            `repetition_penalty` and n-grams.
        renormalize: How biases, penalties and bans affect other tokens. False: not at all, all
            others keep the model's log-probabilities; a beam search changes log-probabilities
            (transformers). True: they change logits, and the probabilities of all tokens that
            remain add up to 1 (CTranslate2).
        do_sample: Whether tokens are drawn at random. With a `beam_size` of 1 each hypothesis is an
            independent sample. A wider beam search draws the continuations of a step without
            replacement, by the softmax of their scores so far / `temperature`; the best of those
            drawn are kept, and those drawn among the first `beam_size` may end the target
            (transformers' beam sampling; Kool et al. 2019). Sampling does not change scores.
        temperature: Divides logits, or scores in a beam search, before a draw.
        top_k: Draws are from this many best tokens; 0 for all. In a beam search, `top_k`, `top_p`
            and `min_p` apply to the continuations of each hypothesis, and leave at least one token
            more than there are `end_tokens`.
        top_p: Draws are from the fewest best tokens whose probabilities add up to this (Holtzman et
            al. 2020), among those that `top_k` leaves.
        min_p: Draws are from tokens with at least this share of the best token's probability.
        seed: From 0 to 2**64 - 1. A random number depends on the seed, the source's ids, the step
            and the number of the hypothesis (in a beam search, of the draw; for alternatives, also
            on their first token), and on nothing else: not on the batch, other sentences or
            threads. So equal sentences have equal samples; for different ones, raise
            `num_hypotheses` or change the seed.
        return_alternatives: Whether hypotheses begin with the `num_hypotheses` likeliest first
            tokens behind the prefix, in this order, each completed by a search of its own. A score
            is the first token's plus the score of its continuation.
        min_alternative_expansion_prob: Least probability of an alternative's first token.
        max_time: Seconds from the call until a search returns what it has; None for no limit. A
            sentence that has not begun by then has an empty target.
        scores: Whether targets have scores. If False, greedy search leaves `score` None and
            `token_scores` empty; other searches rank by scores and return them anyway.
        alignment: Whether targets have the attention of their tokens to the source.
        alignment_heads: Heads whose attention is averaged for it: pairs of a decoder layer and a
            head, both from 0. None is the checkpoint's choice, or all heads of the last layer.

    Raises:
        ValueError: if a value is out of its range; the message names the option.
    """

    beam_size: int = 1
    num_hypotheses: int = 1
    patience: float = 1.0
    early_stopping: bool | Literal["never", "best"] = False
    max_new_tokens: int = 256
    max_length_factor: float = 0.0
    min_new_tokens: int = 0
    end_tokens: tuple[int, ...] = ()
    return_end_token: bool = False
    force_end: bool = False
    length_penalty: float = 1.0
    length_counts_prefix: bool = False
    coverage_penalty: float = 0.0
    target_prefix: tuple[int, ...] = ()
    prefix_bias_beta: float = 0.0
    return_prefix: bool = True
    end_behind_prefix: bool = True
    forced_bos_token: int | None = None
    suppress_tokens: tuple[int, ...] = ()
    begin_suppress_tokens: tuple[int, ...] = ()
    suppress_sequences: tuple[tuple[int, ...], ...] = ()
    sequence_bias: tuple[tuple[tuple[int, ...], float], ...] = ()
    disable_unk: bool = False
    repetition_penalty: float = 1.0
    encoder_repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    encoder_no_repeat_ngram_size: int = 0
    history_counts_start: bool = True
    renormalize: bool = False
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    seed: int = 0
    return_alternatives: bool = False
    min_alternative_expansion_prob: float = 0.0
    max_time: float | None = None
    scores: bool = True
    alignment: bool = False
    alignment_heads: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        for name, low, high in _INTEGERS:
            _set(self, name, checked_integer(name, getattr(self, name), low, high))
        for name, low_number, high_number in _NUMBERS:
            _set(self, name, _number(name, getattr(self, name), low_number, high_number))
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name}: expected True or False, got {getattr(self, name)!r}")
        for name in _TOKENS:
            _set(self, name, _tokens(name, getattr(self, name)))
        if len(self.end_tokens) > MAX_ENDS:
            raise ValueError(f"end_tokens: expected at most {MAX_ENDS}, got {len(self.end_tokens)}")
        _set(self, "suppress_sequences", _sequences("suppress_sequences", self.suppress_sequences))
        _set(self, "sequence_bias", _biases("sequence_bias", self.sequence_bias))
        if self.early_stopping not in (True, False, "never", "best"):
            raise ValueError(
                'early_stopping: expected True, False, "never" or "best", '
                f"got {self.early_stopping!r}"
            )
        if self.forced_bos_token is not None:
            token = checked_integer("forced_bos_token", self.forced_bos_token, 0, _MOST)
            _set(self, "forced_bos_token", token)
        if self.max_time is not None:
            seconds = _number("max_time", self.max_time)
            if seconds < 0:
                raise ValueError(f"max_time: expected 0 or more seconds, got {self.max_time!r}")
            _set(self, "max_time", seconds)
        if self.alignment_heads is not None:
            _set(self, "alignment_heads", checked_heads(self.alignment_heads))
        self._check_together()

    def _check_together(self) -> None:
        """Options that contradict others."""
        many = self.return_alternatives or (self.do_sample and self.beam_size == 1)
        most = _finished(self.beam_size, self.patience)
        if not many and self.num_hypotheses > most:
            patience = "" if self.patience == 1 else f" and patience {self.patience}"
            raise ValueError(
                f"num_hypotheses: expected at most {most} with beam_size {self.beam_size}"
                f"{patience}, got {self.num_hypotheses}"
            )
        if self.min_new_tokens > self.max_new_tokens:
            raise ValueError(
                f"min_new_tokens: expected at most max_new_tokens, {self.max_new_tokens}, "
                f"got {self.min_new_tokens}"
            )
        if self.prefix_bias_beta > 0 and self.return_alternatives:
            raise ValueError(
                f"prefix_bias_beta: expected 0 with return_alternatives, got "
                f"{self.prefix_bias_beta}"
            )

    def __new__(cls, *_: Any, **options: Any) -> Self:
        """An object without values; refuses options that do not exist, and names similar ones."""
        if not options.keys() <= _names():
            known = _names()
            raise TypeError(unknown_option(min(options.keys() - known), known))
        return super().__new__(cls)

    @property
    def certain_prefix(self) -> int:
        """Number of prefix tokens that are certain, and fed before the search begins."""
        return len(self.target_prefix) if self.prefix_bias_beta == 0 else 0

    def replace(self, **overrides: Any) -> GenerationOptions:
        """A copy with some options changed.

        An inherited value gives way to an override: `num_hypotheses` to the most that `beam_size`
        yields, `min_new_tokens` to `max_new_tokens`. Overrides that contradict each other are an
        error. `do_sample` alone sets `beam_size` to 1: independent samples.

        Raises:
            TypeError: if an option does not exist.
            ValueError: if a value is out of its range.
        """
        if not overrides:
            return self
        known = _names()
        if not overrides.keys() <= known:
            raise TypeError(unknown_option(min(overrides.keys() - known), known))
        if overrides.get("do_sample") is True:
            overrides.setdefault("beam_size", 1)
        new = {name: getattr(self, name) for name in known} | overrides
        beam, longest = new["beam_size"], new["max_new_tokens"]
        if (
            "beam_size" in overrides
            and "num_hypotheses" not in overrides
            and isinstance(beam, int)
            and not (new["return_alternatives"] or (new["do_sample"] and beam == 1))
        ):
            most = max(_finished(max(beam, 1), _number("patience", new["patience"])), 1)
            overrides["num_hypotheses"] = min(self.num_hypotheses, most)
        if (
            "max_new_tokens" in overrides
            and "min_new_tokens" not in overrides
            and isinstance(longest, int)
        ):
            overrides["min_new_tokens"] = min(self.min_new_tokens, longest)
        return dataclasses.replace(self, **overrides)


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(GenerationOptions))


def option_range(name: str) -> tuple[float, float] | None:
    """The least and the greatest value of an option that is a number; None for all others."""
    return next(((low, high) for one, low, high in (*_INTEGERS, *_NUMBERS) if one == name), None)


# Quality falls long before a beam is this wide, so a wider one is a mistake.
MAX_BEAM = 256

# A beam examines one more continuation of each row per end token.
MAX_ENDS = 64

_MOST = 2**31 - 1
_INTEGERS = (
    ("beam_size", 1, MAX_BEAM),
    ("num_hypotheses", 1, MAX_BEAM),
    ("max_new_tokens", 1, _MOST),
    ("min_new_tokens", 0, _MOST),
    ("no_repeat_ngram_size", 0, _MOST),
    ("encoder_no_repeat_ngram_size", 0, _MOST),
    ("top_k", 0, _MOST),
    ("seed", 0, 2**64 - 1),
)
# Beyond its range a penalty is a mistake, or runs out of float32.
_NUMBERS = (
    ("patience", 1e-3, 1e3),
    ("max_length_factor", 0.0, 1e6),
    ("length_penalty", -math.inf, math.inf),
    ("coverage_penalty", -1e3, 1e3),
    ("prefix_bias_beta", 0.0, 0.9999999),
    ("repetition_penalty", 1e-3, 1e3),
    ("encoder_repetition_penalty", 1e-3, 1e3),
    ("temperature", 1e-3, 1e3),
    ("top_p", 1e-6, 1.0),
    ("min_p", 0.0, 1.0),
    ("min_alternative_expansion_prob", 0.0, 1.0),
)
_FLAGS = (
    "return_end_token",
    "force_end",
    "length_counts_prefix",
    "return_prefix",
    "end_behind_prefix",
    "disable_unk",
    "history_counts_start",
    "renormalize",
    "scores",
    "alignment",
    "do_sample",
    "return_alternatives",
)
_TOKENS = ("end_tokens", "target_prefix", "suppress_tokens", "begin_suppress_tokens")


def _finished(beam_size: int, patience: float) -> int:
    """Most finished hypotheses of a beam search."""
    return math.floor(beam_size * patience + 0.5)


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


def _number(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    try:
        # True and "1" are numbers to float, and mistakes here.
        number = float(value if not isinstance(value, bool | str | bytes) else "")
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}: expected a number, got {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")
    if not low <= number <= high:
        raise ValueError(f"{name}: expected {low:g} to {high:.7g}, got {value!r}")
    return number


def _tokens(name: str, value: Any) -> tuple[int, ...]:
    try:
        return tuple(operator.index(token) for token in value)
    except TypeError:
        raise ValueError(f"{name}: expected token ids, got {value!r}") from None


def _sequences(name: str, value: Any) -> tuple[tuple[int, ...], ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{name}: expected lists of token ids, got {value!r}")
    sequences = tuple(_tokens(name, sequence) for sequence in value)
    if not all(sequences):
        raise ValueError(f"{name}: expected lists of token ids, got an empty one")
    return sequences


def _biases(name: str, value: Any) -> tuple[tuple[tuple[int, ...], float], ...]:
    try:
        pairs = [(sequence, bias) for sequence, bias in value]
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}: expected pairs of token ids and a number, got {value!r}"
        ) from None
    sequences = _sequences(name, [sequence for sequence, _ in pairs])
    biases = [_number(name, bias, -_MOST_BIAS, _MOST_BIAS) for _, bias in pairs]
    return tuple(zip(sequences, biases, strict=True))


# Far beyond any logit, far below the largest float32.
_MOST_BIAS = 1e30
