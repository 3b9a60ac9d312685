"""The rules for targets that options set, whatever the model predicts."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from pyattn.model_config import ModelConfig
from pyattn.options import GenerationOptions
from pyattn.reference.arrays import Bools, Floats, Ints


@dataclasses.dataclass(frozen=True, eq=False)
class Begun:
    """The first new token of each sentence's target, if it is known before the search begins.

    The tokens behind it are ranked as if they were the whole target.
    """

    tokens: Ints  # [sentences]
    scores: Floats  # [sentences]


@dataclasses.dataclass(frozen=True, eq=False)
class Rules:
    """The options of a search over some sentences, which all have the same.

    A length counts the new tokens of a target: those behind its certain prefix.

    Attributes:
        options: The options (`pyattn.options`).
        start: The token before the first; None if a source is a prompt, which its target goes on
            with.
        ends: The tokens that end a target.
        sources: The ids of the sentences.
        positions: The most tokens of prompt and target together; None if there are no prompts.
        begun: The first new token of each target; None if it is not known.
    """

    options: GenerationOptions
    start: int | None
    ends: tuple[int, ...]
    sources: Sequence[Ints]
    positions: int | None = None
    begun: Begun | None = None

    @classmethod
    def of(cls, options: GenerationOptions, config: ModelConfig, sources: list[Ints]) -> Rules:
        """The rules for targets of a model.

        Raises:
            ValueError: if an option does not fit the vocabulary or the positions.
        """
        _check_fit(options, config)
        ends = options.end_tokens or (config.end,)
        if "encoder" in config.stacks:
            return cls(options, config.start, ends, sources)
        return cls(options, None, ends, sources, config.max_positions)

    def only(self, sentences: Ints) -> Rules:
        """The rules for these sentences, in this order."""
        begun = self.begun
        if begun is not None:
            begun = Begun(begun.tokens[sentences], begun.scores[sentences])
        sources = [self.sources[sentence] for sentence in sentences]
        return dataclasses.replace(self, sources=sources, begun=begun)

    @property
    def first(self) -> int:
        """How many new tokens stand before the search begins."""
        return 0 if self.begun is None else 1

    @functools.cached_property
    def limits(self) -> Ints:
        """The most new tokens that each sentence's target may have, [sentences]."""
        options = self.options
        limits = np.full(len(self.sources), options.max_new_tokens)
        factor = np.float32(options.max_length_factor)  # as the core has it
        if factor > 0:
            lengths = np.array([len(source) for source in self.sources])
            limits = np.minimum(limits, np.maximum(np.ceil(np.float64(factor) * lengths), 1))
        if self.positions is not None:
            prompts = np.array([len(source) for source in self.sources], np.int64)
            limits = np.minimum(limits, self.positions - prompts - options.certain_prefix)
        return limits.astype(np.int64)

    @property
    def certain(self) -> list[int]:
        """The tokens of targets that are fed before a search begins."""
        return [*self.options.target_prefix[: self.options.certain_prefix]]

    def opening(self, sentence: int) -> list[int]:
        """All that is fed before it: the start or the prompt, and the certain tokens."""
        first = self.sources[sentence].tolist() if self.start is None else [self.start]
        return [*first, *self.certain]

    def drawn_for(self, sentence: int) -> list[int]:
        """The ids that a sentence's random numbers depend on."""
        begun = [] if self.begun is None else [int(self.begun.tokens[sentence])]
        return [*self.sources[sentence].tolist(), *begun]

    def forbidden(self, length: int) -> list[int]:
        """The tokens that are banned behind every target of this length."""
        options = self.options
        tokens = list(options.suppress_tokens)
        tokens += [sequence[0] for sequence in options.suppress_sequences if len(sequence) == 1]
        if length < options.min_new_tokens:
            tokens += self.ends
        if length == (0 if options.forced_bos_token is None else 1):
            tokens += options.begin_suppress_tokens
        return tokens

    def forced(self, length: int, limits: Ints) -> Ints:
        """The token that is certain to follow each row; -1 is none."""
        bos, ends = self.options.forced_bos_token, self.forces_end(length + 1, limits)
        other = -1 if bos is None or length > 0 else bos
        return np.where(ends, self.ends[0], other)

    def forces_end(self, length: int, limits: Ints) -> Bools:
        """Whether the last of so many tokens can only be an end."""
        forces: Bools = self.options.force_end & (limits == length)
        return forces

    def is_end(self, ids: Ints) -> Bools:
        """Which of the tokens end a target."""
        ends: Bools = np.isin(ids, self.ends) if len(self.ends) > 1 else ids == self.ends[0]
        return ends

    def ended(self, ids: Ints, length: int, limits: Ints) -> Bools:
        """Whether a target that has so many tokens, the last of them these, is over."""
        ended: Bools = self.is_end(ids) | (length == limits)
        return ended

    def rank(self, totals: Floats, length: int | Ints) -> Floats:
        """The rank of hypotheses: totals / length ** length_penalty."""
        if self.begun is not None:
            length = length - self.first
        elif self.options.length_counts_prefix:
            length = length + self.options.certain_prefix
        length = np.maximum(length, 1)
        with np.errstate(all="ignore"):  # a penalty may be so large that the power is none
            power = np.float32(np.float64(length) ** self.options.length_penalty)
            ranks: Floats = totals / power
        return ranks


def _check_fit(options: GenerationOptions, config: ModelConfig) -> None:
    named = {
        "target_prefix": options.target_prefix,
        "end_tokens": options.end_tokens,
        "suppress_tokens": options.suppress_tokens,
        "begin_suppress_tokens": options.begin_suppress_tokens,
        "suppress_sequences": sum(options.suppress_sequences, ()),
        "sequence_bias": sum((tokens for tokens, _ in options.sequence_bias), ()),
        "forced_bos_token": () if options.forced_bos_token is None else (options.forced_bos_token,),
    }
    for name, tokens in named.items():
        for token in tokens:
            if not 0 <= token < config.target_vocab:
                raise ValueError(
                    f"generate: {name} has id {token}, expected 0 to {config.target_vocab - 1}"
                )
    fed = options.certain_prefix
    if options.max_new_tokens + fed > config.max_positions:
        behind = f" behind a target_prefix of {fed}" if fed else ""
        raise ValueError(
            f"generate: max_new_tokens is {options.max_new_tokens}{behind}, "
            f"expected at most the model's {config.max_positions} positions"
        )
