"""What transformers answers, one sentence at a time: no padding, so nothing can depend on it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import transformers

Ids = Sequence[int]

# `GenerationOptions` by the names of transformers' GenerationConfig.
_NAMES = {
    "beam_size": "num_beams",
    "num_hypotheses": "num_return_sequences",
    "max_new_tokens": "max_new_tokens",
    "min_new_tokens": "min_new_tokens",
    "length_penalty": "length_penalty",
    "early_stopping": "early_stopping",
    "suppress_tokens": "suppress_tokens",
    "begin_suppress_tokens": "begin_suppress_tokens",
    "suppress_sequences": "bad_words_ids",
    "sequence_bias": "sequence_bias",
    "forced_bos_token": "forced_bos_token_id",
    "repetition_penalty": "repetition_penalty",
    "encoder_repetition_penalty": "encoder_repetition_penalty",
    "no_repeat_ngram_size": "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size": "encoder_no_repeat_ngram_size",
}
# A decision that this much on a score can turn is nearer than two correct float32
# implementations can be asked to agree on.
_JITTER = 1e-5
# Where float32 itself is off by more than a fifth of the tolerance of 1e-4, the rest would not do.
STEADY_ERROR = 2e-5
_JITTERED_COPIES = 4


@dataclasses.dataclass(frozen=True)
class Found:
    """One hypothesis: its ids without start and end, its score (beams only), whether it ended."""

    tokens: list[int]
    score: float | None
    ended: bool


@dataclasses.dataclass(frozen=True)
class Forced:
    """What follows each token of a given target."""

    source: list[int]
    target: list[int]
    log_probs: np.ndarray  # [len(target) + 1, vocab] float32
    rounding: float  # the largest distance from the same in float64
    attention: np.ndarray  # to the source, [layers, heads, len(target) + 1, source] float32


class Oracle:
    """A transformers model in float32, and a float64 twin that tells how far rounding goes."""

    def __init__(self, model: transformers.PreTrainedModel) -> None:
        self.model = model.eval()
        self.twin = copy.deepcopy(model).double()
        self._defaults = model.generation_config

    def force(self, source: Ids, target: Ids) -> Forced:
        """Feed a target."""
        ids = [self._defaults.decoder_start_token_id, *target]
        with torch.inference_mode():
            found, exact = (
                model(
                    **_inputs([source]),
                    decoder_input_ids=torch.tensor([ids]),
                    output_attentions=True,
                    use_cache=False,  # with a cache, FSMT lets positions see those behind them
                )
                for model in (self.model, self.twin)
            )
            values, others = (torch.log_softmax(out.logits[0], dim=-1) for out in (found, exact))
            attention = torch.cat(found.cross_attentions)
        rounding = float((values - others).abs().max())
        return Forced(list(source), list(target), values.numpy(), rounding, attention.numpy())

    def search(self, source: Ids, options: Mapping[str, Any] | None) -> list[Found]:
        """The hypotheses for `source`, best first; without options, the checkpoint's own."""
        return self._search(self.model, [source], options)

    def is_steady(
        self, source: Ids, options: Mapping[str, Any] | None, found: Sequence[Found]
    ) -> bool:
        """Whether float64, and scores that are off by up to 1e-5, lead to what was `found`."""
        exact = self._search(self.twin, [source], options)
        if _tokens(found) != _tokens(exact):
            return False
        for ours, theirs in zip(found, exact, strict=True):
            if ours.score is not None and abs(ours.score - theirs.score) > STEADY_ERROR:
                return False
        jittered = self._search(self.model, [source] * _JITTERED_COPIES, options, [_Jitter()])
        return _tokens(found) * _JITTERED_COPIES == _tokens(jittered)

    def _search(
        self,
        model: transformers.PreTrainedModel,
        sources: Sequence[Ids],
        options: Mapping[str, Any] | None,
        processors: Sequence[transformers.LogitsProcessor] = (),
    ) -> list[Found]:
        # generate() fills the gaps of a config that it is given from the model's, so that one goes.
        model.generation_config = config = self._config(options)
        start = [self._defaults.decoder_start_token_id, *(options or {}).get("target_prefix", ())]
        out = model.generate(
            **_inputs(sources),
            decoder_input_ids=torch.tensor([start] * len(sources)),
            logits_processor=transformers.LogitsProcessorList(processors),
            return_dict_in_generate=True,
            output_scores=True,
        )
        scores = (
            out.sequences_scores.tolist()
            if (config.num_beams or 1) > 1
            else [None] * len(out.sequences)
        )
        return [
            self._found(ids, score, config.eos_token_id)
            for ids, score in zip(out.sequences.tolist(), scores, strict=True)
        ]

    def _config(self, options: Mapping[str, Any] | None) -> transformers.GenerationConfig:
        if options is None:
            return copy.deepcopy(self._defaults)
        end = self._defaults.eos_token_id
        return transformers.GenerationConfig(
            decoder_start_token_id=self._defaults.decoder_start_token_id,
            pad_token_id=self._defaults.pad_token_id,
            eos_token_id=options.get("end_tokens", end),
            forced_eos_token_id=end if options.get("force_end") else None,
            **{_NAMES[name]: value for name, value in options.items() if name in _NAMES},
        )

    def _found(self, ids: list[int], score: float | None, ends: int | list[int]) -> Found:
        if score is not None and score < -1e8:
            raise ValueError("transformers found fewer hypotheses than it was asked for")
        start, *tokens = ids
        if start != self._defaults.decoder_start_token_id:
            raise ValueError(f"transformers' sequence starts with {start}")
        ends = [ends] if isinstance(ends, int) else ends
        places = [place for place, token in enumerate(tokens) if token in ends]
        ended = bool(places)
        tokens = tokens[: places[0]] if ended else tokens
        return Found(tokens, None if score is None else round(score, 6), ended)


class _Jitter(transformers.LogitsProcessor):
    def __init__(self) -> None:
        self._random = torch.Generator().manual_seed(1)

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        noise = torch.rand(scores.shape, generator=self._random, dtype=scores.dtype)
        return scores + _JITTER * (2 * noise - 1)


def _inputs(sources: Sequence[Ids]) -> dict[str, torch.Tensor]:
    ids = torch.tensor(sources)
    # All ones: left to itself, transformers takes a padding id within a source for padding.
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def _tokens(found: Sequence[Found]) -> list[tuple[list[int], bool]]:
    return [(hypothesis.tokens, hypothesis.ended) for hypothesis in found]
