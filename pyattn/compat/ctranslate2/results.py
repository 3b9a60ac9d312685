"""Results of translators and generators."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from pyattn.compat.ctranslate2.pending import Pending

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, eq=False)
class TranslationResult:
    """The translations of a sentence, best first.

    Attributes:
        hypotheses: Their tokens.
        scores: Their scores, with `return_scores`.
        attention: For each, one row of weights over the source per token, with `return_attention`.
        logits: For each, the logits [vocabulary] of every step, with `return_logits_vocab`.
    """

    hypotheses: list[list[str]]
    scores: list[float] = dataclasses.field(default_factory=list)
    attention: list[list[list[float]]] = dataclasses.field(default_factory=list)
    logits: list[list[npt.NDArray[np.float32]]] = dataclasses.field(default_factory=list)

    def __len__(self) -> int:
        """How many hypotheses there are."""
        return len(self.hypotheses)

    def __getitem__(self, place: int) -> dict[str, Any]:
        """A hypothesis as the dict that it was in CTranslate2 1."""
        warnings.warn(
            "TranslationResult: its items are deprecated, use its attributes",
            DeprecationWarning,
            stacklevel=2,
        )
        item: dict[str, Any] = {"tokens": self.hypotheses[place]}
        if self.scores:
            item["score"] = self.scores[place]
        if self.attention:
            item["attention"] = self.attention[place]
        return item


@dataclasses.dataclass(frozen=True, eq=False)
class GenerationResult:
    """What follows a prompt, best first; with the prompt, if that is in the result.

    Attributes:
        sequences: Tokens.
        sequences_ids: Their ids.
        scores: Scores, with `return_scores`.
        logits: For each, the logits [vocabulary] of every step, with `return_logits_vocab`.
    """

    sequences: list[list[str]]
    sequences_ids: list[list[int]]
    scores: list[float] = dataclasses.field(default_factory=list)
    logits: list[list[npt.NDArray[np.float32]]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class ScoringResult:
    """The tokens of a target, its end included, and their log-probabilities."""

    tokens: list[str]
    log_probs: list[float]


@dataclasses.dataclass(frozen=True)
class GenerationStepResult:
    """A token as it was generated.

    Attributes:
        step: Its place in the target, where a prefix comes first.
        batch_id: Which of the sentences it belongs to.
        token_id: Its id.
        hypothesis_id: Which of the sentence's hypotheses it belongs to.
        token: The token itself.
        log_prob: Its log-probability, with `return_log_prob`.
        logits: None; those of a whole target come with its result.
        is_last: Whether the sentence ends with it.
    """

    step: int
    batch_id: int
    token_id: int
    hypothesis_id: int
    token: str
    log_prob: float | None
    logits: None
    is_last: bool


@dataclasses.dataclass(frozen=True)
class ExecutionStats:
    """Counts of a run over a file; tokens are those of the targets."""

    num_tokens: int
    num_examples: int
    total_time_in_ms: float


class _Asynchronous(Generic[Result]):
    """A result that may still have to come."""

    def __init__(self, pending: Pending[Result], sentence: int) -> None:
        self._pending = pending
        self._sentence = sentence

    def done(self) -> bool:
        """Whether the result is available."""
        return self._pending.is_done(self._sentence)

    def result(self) -> Result:
        """Waits for the result; raises the error of its work."""
        return self._pending.result(self._sentence)


class AsyncTranslationResult(_Asynchronous[TranslationResult]):
    """A translation that may still have to come."""


class AsyncGenerationResult(_Asynchronous[GenerationResult]):
    """A generation that may still have to come."""


class AsyncScoringResult(_Asynchronous[ScoringResult]):
    """Scores that may still have to come."""
