"""Decoding options at random: every one of them, alone and in company, and all with reason."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from pyattn.checkpoint import ModelConfig

Options = dict[str, Any]

# Low ids alone, so that rules about tokens meet some that are said, in any vocabulary.
_IDS = 13


class Mixer:
    """Draws options that fit a model and do not contradict each other."""

    def __init__(self, seed: int, config: ModelConfig) -> None:
        self._random = random.Random(seed)
        self._config = config

    def mixed(self) -> Options:
        """Some options."""
        options: Options = {
            "beam_size": self._random.choice([1, 1, 2, 3, 5]),
            "max_new_tokens": self._random.choice([1, 2, 5, 9, 12]),
        }
        for part in (self._target, self._rules, self._ranks, self._chance, self._returned):
            part(options)
        self._count(options)
        return options

    def _some(self, options: Options, share: float, **values: Callable[[], Any]) -> None:
        """Sets each with this probability."""
        for name, value in values.items():
            if self._random.random() < share:
                options[name] = value()

    def _target(self, options: Options) -> None:
        choice, most = self._random.choice, options["max_new_tokens"]
        self._some(
            options,
            0.25,
            max_length_factor=lambda: 0.6,
            min_new_tokens=lambda: self._random.randint(0, most),
            end_tokens=lambda: (self._config.end, *self._tokens(2)),
            force_end=lambda: True,
            forced_bos_token=lambda: self._random.randrange(_IDS),
        )
        self._some(options, 0.5, target_prefix=lambda: self._tokens(4))
        if "target_prefix" in options:
            self._some(
                options,
                0.3,
                prefix_bias_beta=lambda: choice([0.2, 0.5, 0.9]),
                end_behind_prefix=lambda: False,
                length_counts_prefix=lambda: True,
                return_prefix=lambda: False,
            )

    def _rules(self, options: Options) -> None:
        choice = self._random.choice
        self._some(
            options,
            0.25,
            suppress_tokens=lambda: self._tokens(3),
            begin_suppress_tokens=lambda: self._tokens(4),
            suppress_sequences=lambda: tuple(self._tokens(3) for _ in range(4)),
            sequence_bias=lambda: tuple(
                (self._tokens(3), self._random.uniform(-4, 4)) for _ in range(4)
            ),
            disable_unk=lambda: True,
            repetition_penalty=lambda: choice([0.7, 1.3]),
            encoder_repetition_penalty=lambda: choice([0.7, 1.5]),
            no_repeat_ngram_size=lambda: choice([1, 2, 3]),
            encoder_no_repeat_ngram_size=lambda: choice([1, 2]),
            history_counts_start=lambda: False,
            renormalize=lambda: True,
        )

    def _ranks(self, options: Options) -> None:
        choice = self._random.choice
        self._some(
            options,
            0.35,
            length_penalty=lambda: choice([0.0, 0.6, 2.0, -0.5]),
            patience=lambda: choice([0.5, 1.5, 2.0]),
            early_stopping=lambda: choice([True, "never", "best"]),
            coverage_penalty=lambda: choice([0.2, -0.3]),
        )

    def _chance(self, options: Options) -> None:
        choice = self._random.choice
        self._some(options, 0.35, do_sample=lambda: True)
        if "do_sample" in options:
            options["seed"] = self._random.randrange(2**64)
            self._some(
                options,
                0.35,
                temperature=lambda: choice([0.7, 1.5, 3.0]),
                top_k=lambda: choice([1, 3, 7, 40]),
                top_p=lambda: choice([0.3, 0.8, 0.95]),
                min_p=lambda: choice([0.01, 0.1, 0.5]),
            )

    def _returned(self, options: Options) -> None:
        self._some(
            options,
            0.25,
            return_end_token=lambda: True,
            alignment=lambda: True,
            scores=lambda: False,
        )
        if "prefix_bias_beta" not in options:
            self._some(options, 0.25, return_alternatives=lambda: True)
        if "alignment" in options or "coverage_penalty" in options:
            layer = self._config.decoder_layers - 1
            heads = self._config.stack("decoder").layer_cross_heads[layer]
            self._some(options, 0.5, alignment_heads=lambda: ((0, 0), (layer, heads - 1)))
        if "return_alternatives" in options:
            probabilities = [0.01, 0.05, 0.3]
            self._some(
                options,
                0.4,
                min_alternative_expansion_prob=lambda: self._random.choice(probabilities),
            )

    def _count(self, options: Options) -> None:
        """As many hypotheses as the search may have."""
        beam = options["beam_size"]
        most = math.floor(beam * options.get("patience", 1) + 0.5)
        if options.get("return_alternatives") or (beam == 1 and options.get("do_sample")):
            most = 5
        options["num_hypotheses"] = self._random.randint(1, most)

    def _tokens(self, most: int) -> tuple[int, ...]:
        return tuple(self._random.randrange(_IDS) for _ in range(self._random.randint(1, most)))
