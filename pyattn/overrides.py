"""Names and types of keyword arguments, for editors and type checkers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict


class Overrides(TypedDict, total=False):
    """Fields of `GenerationOptions`, which has their meanings.

    A tuple there may be any sequence here.
    """

    beam_size: int
    num_hypotheses: int
    patience: float
    early_stopping: bool | Literal["never", "best"]
    max_new_tokens: int
    max_length_factor: float
    min_new_tokens: int
    end_tokens: Sequence[int]
    return_end_token: bool
    force_end: bool
    length_penalty: float
    length_counts_prefix: bool
    coverage_penalty: float
    target_prefix: Sequence[int]
    prefix_bias_beta: float
    return_prefix: bool
    end_behind_prefix: bool
    forced_bos_token: int | None
    suppress_tokens: Sequence[int]
    begin_suppress_tokens: Sequence[int]
    suppress_sequences: Sequence[Sequence[int]]
    sequence_bias: Sequence[tuple[Sequence[int], float]]
    disable_unk: bool
    repetition_penalty: float
    encoder_repetition_penalty: float
    no_repeat_ngram_size: int
    encoder_no_repeat_ngram_size: int
    history_counts_start: bool
    renormalize: bool
    do_sample: bool
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    seed: int
    return_alternatives: bool
    min_alternative_expansion_prob: float
    max_time: float | None
    scores: bool
    alignment: bool
    alignment_heads: Sequence[tuple[int, int]] | None


class Limits(TypedDict, total=False):
    """Arguments that `pyattn.load` passes to `pyattn.Model`, which has their meanings."""

    isa: str | None
    batch_tokens: int
    batch_rows: int
    cache_bytes: int | None
    vocabulary_search: bool | Literal["auto"]
