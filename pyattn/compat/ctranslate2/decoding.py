"""The arguments of a translation, as options of the search."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from pyattn.compat.ctranslate2.arguments import (
    check_sentences,
    check_tokens,
    checked,
    is_sequence,
)
from pyattn.compat.ctranslate2.sampling import next_seed
from pyattn.files.vocabulary import Vocabularies, Vocabulary
from pyattn.options import GenerationOptions

# Layer and head of the heads whose weights are an alignment; None for a model's last layer.
Heads: TypeAlias = tuple[tuple[int, int], ...] | None

# The core's largest share of a prefix that is only likely; CTranslate2 takes all that float32 holds
# below 1, of which there is one more.
_MOST_BIAS = 0.9999999

# The arguments of `generate_tokens` among those of `translate_batch`.
STREAMED = frozenset(
    {
        "disable_unk", "end_token", "max_decoding_length", "max_input_length",
        "min_decoding_length", "no_repeat_ngram_size", "repetition_penalty",
        "sampling_temperature", "sampling_topk", "sampling_topp", "suppress_sequences", "use_vmap",
    }
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoding:
    """The arguments of `translate_batch` that change results. `check` validates their values.

    Raises:
        TypeError: if an argument is not of its type.
    """

    beam_size: int = 2
    patience: float = 1
    num_hypotheses: int = 1
    length_penalty: float = 1
    coverage_penalty: float = 0
    repetition_penalty: float = 1
    no_repeat_ngram_size: int = 0
    disable_unk: bool = False
    suppress_sequences: Sequence[Sequence[str]] | None = None
    end_token: str | Sequence[str] | Sequence[int] | None = None
    return_end_token: bool = False
    prefix_bias_beta: float = 0
    max_input_length: int = 1024
    max_decoding_length: int = 256
    min_decoding_length: int = 1
    use_vmap: bool = False
    return_scores: bool = False
    return_logits_vocab: bool = False
    return_attention: bool = False
    return_alternatives: bool = False
    min_alternative_expansion_prob: float = 0
    sampling_topk: int = 1
    sampling_topp: float = 1
    sampling_temperature: float = 1
    replace_unknowns: bool = False

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = checked(field.name, getattr(self, field.name), str(field.type))
            object.__setattr__(self, field.name, value)
        if self.suppress_sequences is not None:
            check_sentences("suppress_sequences", self.suppress_sequences)
        self._ends()

    def check(self, target: Vocabulary, *, watched: bool) -> None:
        """What the values have to be, in the order in which CTranslate2 finds out.

        Args:
            target: Where the tokens among the arguments have to be.
            watched: Whether a callback wants to know every token.

        Raises:
            ValueError: if a token is not in the vocabulary, an argument is out of its range, or
                does not go with another.
        """
        self.suppressed_ids(target)
        self.end_ids(target)
        biased = float(np.float32(self.prefix_bias_beta))
        for wrong, message in (
            (self.beam_size <= 0, "The beam size must be > 0"),
            (self.patience <= 0, "The patience factor must be > 0"),
            (self.num_hypotheses <= 0, "The number of hypotheses must be > 0"),
            (
                not (self.return_alternatives or self.is_independent)
                and self.num_hypotheses > math.floor(self.beam_size * self.patience + 0.5),
                "The number of hypotheses cannot be greater than beam_size * patience",
            ),
            (
                self.min_decoding_length > self.max_decoding_length,
                "The minimum decoding length is greater than the maximum decoding length",
            ),
            (self.max_decoding_length <= 0, "The maximum decoding length must be > 0"),
            (self.repetition_penalty <= 0, "The repetition penalty must be > 0"),
            (biased >= 1, "The beta value in biased decoding must be < 1"),
            (
                biased > 0 and self.return_alternatives,
                "Biased decoding is not compatible with the return_alternatives mode",
            ),
            (
                self.return_alternatives and not 0 <= self.min_alternative_expansion_prob <= 1,
                "The minimum alternative expansion probability must be between 0 and 1",
            ),
            (
                watched and (self.beam_size != 1 or biased > 0),
                "The callback function is not compatible with beam_size > 1 or "
                "prefix_bias_beta > 0",
            ),
            (
                not 0 < self.sampling_topp <= 1,
                "The sampling_topp parameter must be between 0 and 1",
            ),
            (watched and self.return_alternatives, "The callback function is not for alternatives"),
            # Not negative by their types, in CTranslate2.
            (self.sampling_topk < 0, "The sampling_topk parameter must be >= 0"),
            (self.sampling_temperature < 0, "The sampling_temperature parameter must be >= 0"),
            (self.min_decoding_length < 0, "The minimum decoding length must be >= 0"),
            (self.max_input_length < 0, "The maximum input length must be >= 0"),
        ):
            if wrong:
                raise ValueError(message)

    @property
    def samples(self) -> bool:
        """Whether the search is by chance; a temperature of 0 leaves none."""
        return self.sampling_topk != 1 and self.sampling_temperature > 0

    @property
    def is_independent(self) -> bool:
        """Whether hypotheses are draws, though the temperature may leave nothing to chance."""
        return self.beam_size == 1 and self.sampling_topk != 1

    def is_copied(self, *, watched: bool) -> bool:
        """Whether hypotheses are searches of their own: they are watched, or all the same."""
        alone = self.beam_size == 1 and self.prefix_bias_beta == 0 and not self.return_alternatives
        return alone and (watched or not self.samples)

    def of_each_search(self, copies: int) -> Decoding:
        """How each search goes of `copies` in which a sentence's hypotheses are found."""
        if copies == 1 and self.beam_size > 1:
            return self
        # The patience of a beam of one is the core's error, and a biased one finds one hypothesis.
        one = copies > 1 or (self.prefix_bias_beta != 0 and not self.samples)
        return dataclasses.replace(
            self, patience=1, num_hypotheses=1 if one else self.num_hypotheses
        )

    @property
    def needs_alignment(self) -> bool:
        """Whether somebody asks where the model looked."""
        return self.return_attention or self.replace_unknowns or self.coverage_penalty != 0

    def is_done(self, prefix: Sequence[str]) -> bool:
        """Whether a target that begins with `prefix` may have no more."""
        return self.prefix_bias_beta <= 0 and len(prefix) >= self.max_decoding_length

    def options(
        self, vocabularies: Vocabularies, prefix: Sequence[str], heads: Heads
    ) -> GenerationOptions:
        """How to search for a target that begins with `prefix`; `heads` tell the alignment."""
        target = vocabularies.target
        # CTranslate2 counts a prefix that is certain, and this library only what is new.
        given = 0 if self.prefix_bias_beta > 0 else len(prefix)
        most = self.max_decoding_length - given
        settings: dict[str, Any] = {}
        if self.samples:
            settings = {
                "do_sample": True,
                "top_k": self.sampling_topk,
                "top_p": self.sampling_topp,
                "temperature": self.sampling_temperature,
                "seed": next_seed(),
            }
        if self.needs_alignment:
            settings |= {"alignment": True, "alignment_heads": heads}
        # Where nothing speaks for longer targets, the first to finish has won.
        first_wins = self.length_penalty == 0 and self.coverage_penalty == 0
        return GenerationOptions(
            beam_size=self.beam_size,
            num_hypotheses=self.num_hypotheses,
            patience=self.patience,
            early_stopping="best" if first_wins else True,
            max_new_tokens=most,
            # Alternatives count from where they begin.
            min_new_tokens=min(
                max(self.min_decoding_length - (0 if self.return_alternatives else given), 0), most
            ),
            end_tokens=tuple(self.end_ids(target)),
            return_end_token=self.return_end_token,
            length_penalty=self.length_penalty,
            length_counts_prefix=True,
            coverage_penalty=self.coverage_penalty,
            target_prefix=tuple(target.ids(prefix)),
            end_behind_prefix=False,
            prefix_bias_beta=min(max(self.prefix_bias_beta, 0), _MOST_BIAS),
            suppress_sequences=tuple(tokens for tokens in self.suppressed_ids(target) if tokens),
            disable_unk=self.disable_unk,
            repetition_penalty=self.repetition_penalty,
            no_repeat_ngram_size=self.no_repeat_ngram_size,
            history_counts_start=False,
            renormalize=True,
            return_alternatives=self.return_alternatives,
            scores=self.return_scores,
            min_alternative_expansion_prob=(
                self.min_alternative_expansion_prob if self.return_alternatives else 0
            ),
            **settings,
        )

    def suppressed_ids(self, target: Vocabulary) -> list[tuple[int, ...]]:
        """Ids of `suppress_sequences`.

        Raises:
            ValueError: if a token is not in the vocabulary.
        """
        sequences = check_sentences("suppress_sequences", self.suppress_sequences or ())
        return [tuple(_known(target, token) for token in tokens) for tokens in sequences]

    def end_ids(self, target: Vocabulary) -> list[int]:
        """What ends a target instead of what usually does; [] for that.

        Raises:
            ValueError: if one is not in the vocabulary.
        """
        return [end if isinstance(end, int) else _known(target, end) for end in self._ends()]

    def without_ends(self, vocabularies: Vocabularies, ids: list[int]) -> list[int]:
        """A target that was given, without the ends that it ends with, unless they are wanted."""
        target = vocabularies.target
        ends = self.end_ids(target) or [target.id_of(vocabularies.end)]
        while ids and ids[-1] in ends and not self.return_end_token:
            ids = ids[:-1]
        return ids

    def _ends(self) -> list[str] | list[int]:
        """Tokens or ids; raises TypeError if they are something else."""
        ends = self.end_token
        if ends is None or (isinstance(ends, str | bytes) and not ends):
            return []
        if isinstance(ends, str | bytes):
            return check_tokens("end_token", [ends])
        if is_sequence(ends) and all(isinstance(end, numbers.Integral) for end in ends):
            return [int(end) for end in ends]
        return check_tokens("end_token", ends)


def _known(vocabulary: Vocabulary, token: str) -> int:
    if token not in vocabulary:
        raise ValueError(f"Token {token} is not in the vocabulary")
    return vocabulary.id_of(token)
