"""Biases and penalties of single tokens, by all options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pyattn.options import GenerationOptions
from pyattn.reference.arrays import Bools, Floats
from pyattn.reference.rules import Rules


def any_edits(options: GenerationOptions) -> bool:
    """Whether the distribution behind a target depends on its source or on its tokens."""
    return bool(
        options.repetition_penalty != 1
        or options.encoder_repetition_penalty != 1
        or options.no_repeat_ngram_size
        or options.encoder_no_repeat_ngram_size
        or options.sequence_bias
        or any(len(sequence) > 1 for sequence in options.suppress_sequences)
    )


class Edits:
    """A bias and a penalty for every token of the vocabulary, behind one target.

    Attributes:
        touched: [vocab], the tokens that an option concerns. They matter only for draws, in which
            they come first when probabilities are added up.
    """

    def __init__(self, vocab: int) -> None:
        self.touched: Bools = np.zeros(vocab, np.bool_)
        self._bias: Floats = np.zeros(vocab, np.float32)
        self._penalty: Floats = np.ones(vocab, np.float32)

    @classmethod
    def of(cls, rules: Rules, vocab: int, source: list[int], said: list[int]) -> Edits:
        """The edits of the options behind a target.

        Args:
            rules: The rules of all sentences.
            vocab: Number of tokens; a source may have others.
            source: The source's ids.
            said: The start or the prompt, the prefix and all new tokens.
        """
        options, edits = rules.options, cls(vocab)
        opening = len(source) if rules.start is None else 1
        history = said[0 if options.history_counts_start else opening :]
        edits.penalise(source, 1 / options.encoder_repetition_penalty)
        edits.penalise(history, options.repetition_penalty)
        for sequence, bias in options.sequence_bias:
            if ends_with(history, sequence[:-1]):
                edits.add(sequence[-1], bias)
        for sequence in options.suppress_sequences:
            if ends_with(history, sequence[:-1]):
                edits.add(sequence[-1], -np.inf)
        for token in completing(history, history, options.no_repeat_ngram_size):
            edits.add(token, -np.inf)
        for token in completing(source, history, options.encoder_no_repeat_ngram_size):
            edits.add(token, -np.inf)
        return edits

    def penalise(self, tokens: Iterable[int], penalty: float) -> None:
        """Makes each of the tokens, however often it comes, less likely (Keskar et al. 2019)."""
        if penalty != 1:
            for token in set(tokens):
                if token < len(self.touched):
                    self._penalty[token] *= np.float32(penalty)
                    self.touched[token] = True

    def add(self, token: int, bias: float) -> None:
        """Adds to a token's number; minus infinity forbids it."""
        if token < len(self.touched):
            self._bias[token] += np.float32(bias)
            self.touched[token] = True

    def __call__(self, x: Floats) -> Floats:
        """Logits or log-probabilities, [vocab], after biases and, behind them, penalties."""
        x = x + self._bias
        edited: Floats = np.where(x < 0, x * self._penalty, x / self._penalty)
        return edited


def ends_with(tokens: Sequence[int], ending: Sequence[int]) -> bool:
    """Whether the last tokens are these."""
    return len(tokens) >= len(ending) and tuple(tokens[len(tokens) - len(ending) :]) == tuple(
        ending
    )


def completing(text: Sequence[int], history: Sequence[int], size: int) -> set[int]:
    """The tokens that would make the last `size` tokens of the history an n-gram of the text."""
    if size == 0 or len(history) < size - 1:
        return set()
    begun = list(history[len(history) - (size - 1) :])
    grams = [list(text[at : at + size]) for at in range(len(text) - size + 1)]
    return {gram[-1] for gram in grams if gram[:-1] == begun}
