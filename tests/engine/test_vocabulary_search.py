"""Models translate the same with a vocabulary search, whenever it is made."""

import functools
import time

import numpy as np
import pytest

import pyattn
from pyattn.model import Model
from pyattn.running import search_setup
from pyattn.running.search_setup import checked_vocabulary_search
from support.lanes import slow

TEXTS = [
    "Tom is looking for his dog.",
    "The weather is nice today.",
    "Where is the nearest station?",
    "",
    "I have never seen such a thing in my whole life, and neither has my sister.",
]


@functools.cache
def without() -> pyattn.Translator:
    return pyattn.load(vocabulary_search=False, threads=1)


def tokens(model: Model, sources: list[list[int]], **options: object) -> list[list[int]]:
    settings = {"beam_size": 1, "num_hypotheses": 1, "scores": False, **options}
    return [found[0].tokens for found in model.generate(sources, **settings)]


@slow
@pytest.mark.parametrize("dtype", ["int8", "float32"])
@pytest.mark.parametrize("threads", [1, 2])
def test_translations_are_those_of_the_whole_product(dtype: str, threads: int) -> None:
    with (
        pyattn.load(dtype=dtype, vocabulary_search=False, threads=threads) as plain,
        pyattn.load(dtype=dtype, vocabulary_search=True, threads=threads) as searching,
    ):
        assert searching.model.nbytes > plain.model.nbytes
        sources = plain.tokenizer.encode(TEXTS * 8)
        rng = np.random.default_rng(0)
        sources += [[*rng.integers(5, 8000, 9).tolist(), 0] for _ in range(30)]
        for options in (
            {},
            {"repetition_penalty": 1.3},
            {"no_repeat_ngram_size": 2, "min_new_tokens": 5},
            {"suppress_tokens": (4, 10, 15)},
            {"sequence_bias": (((4,), 3.0), ((10,), -2.0))},
            {"target_prefix": (4, 10)},
            {"target_prefix": (4, 10), "prefix_bias_beta": 0.3},
        ):
            expected = tokens(plain.model, sources, **options)
            assert tokens(searching.model, sources, **options) == expected, options
            scored = searching.model.generate(
                sources, beam_size=1, num_hypotheses=1, scores=True, **options
            )
            assert [found[0].tokens for found in scored] == expected, options
        counts = searching.model._core.search_counts
        assert counts is not None
        assert counts[0] > 0


@slow
def test_auto_makes_a_search_of_the_first_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_setup, "_STATES_PER_DIM", 4)
    with pyattn.load(threads=1, vocabulary_search="auto") as translator:
        sources = translator.tokenizer.encode(TEXTS * 80)
        before = translator.model.nbytes
        expected = tokens(without().model, sources)
        assert tokens(translator.model, sources) == expected
        tokens(translator.model, sources[:1])  # begins to make it, if waiting has not
        deadline = time.monotonic() + 60
        while translator.model.nbytes == before and time.monotonic() < deadline:
            time.sleep(0.02)
        assert translator.model.nbytes > before
        assert tokens(translator.model, sources) == expected
        counts = translator.model._core.search_counts
        assert counts is not None
        assert counts[0] > 0


def test_a_stream_without_scores_has_none() -> None:
    [source] = without().tokenizer.encode(TEXTS[:1])
    decided = list(without().model.generate_stream(source, beam_size=1, scores=False))
    assert {one.score for one in decided} == {None}
    scored = list(without().model.generate_stream(source, beam_size=1))
    assert [one.token for one in scored] == [one.token for one in decided]
    assert all(one.score is not None and one.score <= 0 for one in scored)


def test_settings_that_mean_nothing_are_errors() -> None:
    for value in ("always", 1, None):
        with pytest.raises(ValueError, match="vocabulary_search"):
            checked_vocabulary_search(value)
