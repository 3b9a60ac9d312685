"""Which tokens see all, as a caller or the model says."""

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from pyattn import reference
from pyattn._global_tokens import chosen_global_tokens
from pyattn.checkpoint import ModelConfig
from pyattn.files import read_checkpoint
from support.long_models import folder

CONFIG = ModelConfig(
    family="led", source_vocab=11, target_vocab=11, dim=6, encoder_layers=2, decoder_layers=1,
    encoder_heads=2, decoder_heads=3, encoder_ffn=8, decoder_ffn=10, max_positions=16,
    encoder_pattern="tokens", encoder_windows=(3, 3), global_first=True, global_ids=(7, 9),
)  # fmt: skip
SOURCES = [[5, 7, 6, 9], [7], [6, 6]]


def test_default_is_the_first_token_and_those_of_the_models_ids() -> None:
    assert chosen_global_tokens("encode", None, SOURCES, CONFIG) == [[0, 1, 3], [0], [0]]
    without = dataclasses.replace(CONFIG, global_first=False)
    assert chosen_global_tokens("encode", None, SOURCES, without) == [[1, 3], [0], []]


def test_positions_are_sorted_and_each_there_once() -> None:
    given: Any = [np.array([3, 1, 3]), (0, 0), []]
    assert chosen_global_tokens("encode", given, SOURCES, CONFIG) == [[1, 3], [0], []]


def test_models_of_other_patterns_have_none() -> None:
    windows = dataclasses.replace(CONFIG, encoder_pattern="windows")
    assert chosen_global_tokens("encode", None, SOURCES, windows) is None
    with pytest.raises(ValueError, match="generate: global_tokens are given, but the model has no"):
        chosen_global_tokens("generate", [[], [], []], SOURCES, windows)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ([[0], [0]], ValueError, "there are global_tokens for 2 sources, expected 3"),
        ([[0], [1], []], ValueError, "global_tokens 1 has 1, expected 0 to 0"),
        ([[0, -1], [0], []], ValueError, "global_tokens 0 has -1, expected 0 to 3"),
        ([[0], [0.5], []], TypeError, "global_tokens 1 is not a list of positions"),
        ([[0], "0", []], TypeError, "global_tokens 1 is not a list of positions"),
        ([0, 1, 2], TypeError, "global_tokens 0 is not a list of positions"),
        (3, TypeError, "global_tokens are int, expected a list of positions for each source"),
        ("012", TypeError, "global_tokens are str, expected a list of positions for each source"),
    ],
)
def test_other_positions_are_refused(given: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=re.escape(f"encode: {message}")):
        chosen_global_tokens("encode", given, SOURCES, CONFIG)


def test_reference_takes_them_in_every_call() -> None:
    model = reference.Model(read_checkpoint(folder("led")))
    sources, targets = [[5, 6, 7, 8, 9, 10], [11, 12]], [[13, 14], [15]]
    given = [[0, 4], [1]]

    def answers(tokens: list[list[int]] | None) -> list[list[Any]]:
        searched = model.generate(
            sources,
            global_tokens=tokens, max_new_tokens=3, num_hypotheses=2, beam_size=2, alignment=True,
        )  # fmt: skip
        alternatives = model.generate(
            sources,
            global_tokens=tokens, max_new_tokens=3, num_hypotheses=2, return_alternatives=True,
        )  # fmt: skip
        return [
            model.encode(sources, global_tokens=tokens),
            model.logits(sources, targets, global_tokens=tokens),
            model.score(sources, targets, global_tokens=tokens),
            model.align(sources, targets, global_tokens=tokens),
            *([one.score for one in found] for found in searched),
            *([one.alignment for one in found] for found in searched),
            *([one.score for one in found] for found in alternatives),
        ]

    # The default is the first token.
    for same, default, other in zip(
        answers([[0], [0]]), answers(None), answers(given), strict=True
    ):
        for one, two, three in zip(same, default, other, strict=True):
            np.testing.assert_array_equal(one, two)
            assert not np.array_equal(one, three)


def test_reference_gives_each_source_its_own() -> None:
    model = reference.Model(read_checkpoint(folder("led")))
    sources, given = [[5, 6, 7, 8, 9, 10], [11, 12], [13, 14, 15]], [[4], [], [0, 2]]
    together = model.generate(sources, global_tokens=given, max_new_tokens=4, beam_size=2)
    for source, tokens, [found, *_] in zip(sources, given, together, strict=True):
        [[alone, *_]] = model.generate(
            [source], global_tokens=[tokens], max_new_tokens=4, beam_size=2
        )
        assert found.tokens == alone.tokens
        assert found.score == pytest.approx(alone.score, abs=1e-5)
