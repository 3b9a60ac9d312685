"""The arguments of a translation, as options of the search."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Sequence
from typing import Any, TypeAlias

from pyattn.compat.ctranslate2.sampling import next_seed
from pyattn.formats.vocabulary import Vocabularies, Vocabulary
from pyattn.options import GenerationOptions

# Layer and head of the heads whose weights are an alignment; None for a model's last layer.
Heads: TypeAlias = tuple[tuple[int, int], ...] | None

BATCH_TYPES = ("examples", "tokens")

# What an option of each type may be; a number may stand for a bool.
_KINDS: dict[str, tuple[type, ...]] = {
    "int": (numbers.Integral,),
    "float": (numbers.Real,),
    "bool": (numbers.Integral,),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoding:
    """What `translate_batch` may be told, with its defaults.

    Raises:
        TypeError: if an argument is not of its type.
        ValueError: if an argument is out of its range, or does not go with another.
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
            value = getattr(self, field.name)
            kinds = _KINDS.get(str(field.type))
            if kinds is not None and not isinstance(value, kinds):
                raise TypeError(f"{field.name}: expected {field.type}, got {value!r:.80}")
        if self.suppress_sequences is not None:
            check_tokens("suppress_sequences", self.suppress_sequences)
        for wrong, message in (
            (self.num_hypotheses <= 0, "The number of hypotheses must be > 0"),
            (self.beam_size <= 0, "The beam size must be > 0"),
            (self.patience <= 0, "The patience factor must be > 0"),
            (self.repetition_penalty <= 0, "The repetition penalty must be > 0"),
            (self.prefix_bias_beta >= 1, "The beta value in biased decoding must be < 1"),
            (self.sampling_topk < 0, "The sampling_topk parameter must be >= 0"),
            (self.sampling_temperature < 0, "The sampling_temperature parameter must be >= 0"),
            (
                not 0 < self.sampling_topp <= 1,
                "The sampling_topp parameter must be between 0 and 1",
            ),
            (
                self.return_alternatives and self.prefix_bias_beta > 0,
                "Biased decoding is not compatible with the return_alternatives mode",
            ),
            (
                not (self.return_alternatives or (self.samples and self.beam_size == 1))
                and self.num_hypotheses > math.floor(self.beam_size * self.patience + 0.5),
                "The number of hypotheses cannot be greater than beam_size * patience",
            ),
            (
                self.min_decoding_length > self.max_decoding_length,
                "The minimum decoding length is greater than the maximum decoding length",
            ),
            (self.max_decoding_length <= 0, "The maximum decoding length must be > 0"),
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
    def needs_alignment(self) -> bool:
        """Whether somebody asks where the model looked."""
        return self.return_attention or self.replace_unknowns or self.coverage_penalty != 0

    def is_done(self, prefix: Sequence[str]) -> bool:
        """Whether a target that begins with `prefix` may have no more."""
        return self.prefix_bias_beta <= 0 and len(prefix) >= self.max_decoding_length

    def truncated(self, ids: list[int], keeps_last: bool) -> list[int]:
        """A source of the allowed length, whose end the model wants to see all the same."""
        most = self.max_input_length
        if most <= 0 or len(ids) <= most:
            return ids
        return [*ids[: most - 1], ids[-1]] if keeps_last else ids[:most]

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
            prefix_bias_beta=max(self.prefix_bias_beta, 0),
            suppress_sequences=tuple(
                tuple(target.ids(tokens)) for tokens in self.suppress_sequences or () if tokens
            ),
            disable_unk=self.disable_unk,
            repetition_penalty=self.repetition_penalty,
            no_repeat_ngram_size=self.no_repeat_ngram_size,
            history_counts_start=False,
            renormalize=True,
            return_alternatives=self.return_alternatives,
            min_alternative_expansion_prob=self.min_alternative_expansion_prob,
            **settings,
        )

    def end_ids(self, target: Vocabulary) -> list[int]:
        """What ends a target instead of what usually does; [] for that.

        Raises:
            TypeError: if they are neither tokens nor ids.
            ValueError: if one is not in the vocabulary.
        """
        if self.end_token is None:
            return []
        ends = [self.end_token] if isinstance(self.end_token, str) else self.end_token
        if not isinstance(ends, Sequence) or not all(isinstance(end, str | int) for end in ends):
            raise TypeError(f"end_token: expected tokens or ids, got {self.end_token!r:.80}")
        return [end if isinstance(end, int) else _known(target, end) for end in ends]


def _known(vocabulary: Vocabulary, token: str) -> int:
    if token not in vocabulary:
        raise ValueError(f"Token {token} is not in the vocabulary")
    return vocabulary.id_of(token)


def check_batch_type(batch_type: str) -> None:
    """Raises ValueError unless it is one; it says what a batch size counts, which is not needed."""
    if batch_type not in BATCH_TYPES:
        raise ValueError(f"Invalid batch type: {batch_type}")


def check_tokens(what: str, sentences: Any) -> list[list[str]]:
    """Lists of tokens, or a TypeError that names the one that is something else.

    Args:
        what: What the sentences are, for the error.
        sentences: What the caller gave.
    """
    if isinstance(sentences, str) or not isinstance(sentences, Sequence):
        raise TypeError(f"{what}: expected a list of lists of tokens, got {sentences!r:.80}")
    for place, tokens in enumerate(sentences):
        listed = isinstance(tokens, Sequence) and not isinstance(tokens, str)
        if not listed or not all(isinstance(token, str) for token in tokens):
            raise TypeError(f"{what}[{place}]: expected a list of tokens, got {tokens!r:.80}")
    return [list(tokens) for tokens in sentences]
