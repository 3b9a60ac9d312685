"""Sentences that come again are searched for once, and nobody can tell from the results."""

from __future__ import annotations

import asyncio
import gc
import itertools

import pytest

import pyattn
from pyattn.options import GenerationOptions
from pyattn.results import Hypothesis
from pyattn.text.repeats import Cache
from pyattn.translator import Translator
from support.echo import Echo, Letters


@pytest.fixture
def translator() -> Translator:
    return Translator(Echo(), Letters())


def calls(translator: Translator) -> list[list[str]]:
    return translator.model.calls  # type: ignore[attr-defined]


def test_equal_sentences_of_a_call_are_searched_for_once(translator: Translator) -> None:
    texts = ["one", "two", "one", "One", "two\none", ""]
    assert translator.translate(texts) == texts
    assert calls(translator) == [["one", "two", "One"]]


def test_it_can_be_switched_off(translator: Translator) -> None:
    assert translator.translate(["one", "one"], reuse=False) == ["one", "one"]
    assert calls(translator) == [["one", "one"]]


def test_calls_do_not_remember_one_another(translator: Translator) -> None:
    translator.translate("one")
    translator.translate("one")
    assert calls(translator) == [["one"], ["one"]]


def test_calls_that_share_a_cache_do(translator: Translator) -> None:
    cache = Cache()
    for _ in range(3):
        assert translator.translate(["one", "two"], reuse=cache) == ["one", "two"]
    assert translator.results(["two"], reuse=cache, scores=False)[0][0].text == "two"
    assert calls(translator)[0] == ["one", "two"]
    assert not any(calls(translator)[1:])
    assert len(cache) == 2


def test_other_options_are_another_search(translator: Translator) -> None:
    cache = Cache()
    translator.translate("one", reuse=cache)
    translator.translate("one", reuse=cache, beam_size=2)
    assert calls(translator) == [["one"], ["one"]]


def test_stream_remembers_what_came_before(translator: Translator) -> None:
    texts = [f"line {n % 7}" for n in range(5000)]
    assert list(translator.stream(texts)) == texts
    assert sorted(itertools.chain(*calls(translator))) == sorted(set(texts))
    assert list(translator.stream(["again"] * 3, reuse=False)) == ["again"] * 3
    assert sum(call.count("again") for call in calls(translator)) == 3


def test_memory_is_bounded(translator: Translator) -> None:
    cache = Cache(most=100)
    for n in range(200):
        translator.translate(f"sentence {n:03}", reuse=cache)
    assert 1 <= len(cache) < 10
    before = len(calls(translator))
    translator.translate("sentence 199", reuse=cache)
    assert not calls(translator)[before]
    translator.translate("sentence 000", reuse=cache)
    assert calls(translator)[-1] == ["sentence 000"]


def test_what_ran_out_of_time_is_not_remembered(translator: Translator) -> None:
    cache = Cache()
    translator.translate("one", reuse=cache, max_time=5)
    assert len(cache) == 0


def test_cache_is_of_one_translator(translator: Translator) -> None:
    cache = Cache()
    translator.translate("one", reuse=cache)
    other = Translator(Echo(), Letters())
    with pytest.raises(ValueError, match="cache of another translator"):
        other.translate("one", reuse=cache)
    with pytest.raises(TypeError, match="reuse is int, expected True, False or a Cache"):
        translator.translate("one", reuse=1)


def test_cache_does_not_keep_a_model() -> None:
    cache = Cache()
    one = Translator(Echo(), Letters())
    one.translate("one", reuse=cache)
    del one
    gc.collect()
    with pytest.raises(ValueError, match="cache of another translator"):
        cache.bind(object())


def test_results_are_not_shared_objects(translator: Translator) -> None:
    [[first], [second]] = translator.results(["one", "one"])
    first.tokens.clear()
    first.token_scores[:] = 7
    assert second.tokens
    assert not (second.token_scores == 7).any()


def identical(one: Hypothesis, two: Hypothesis) -> bool:
    return (
        one.tokens == two.tokens
        and one.score == two.score
        and one.token_scores.tobytes() == two.token_scores.tobytes()
    )


@pytest.mark.parametrize(
    "options",
    [
        GenerationOptions(beam_size=4),
        GenerationOptions(do_sample=True, num_hypotheses=3, seed=7),
        GenerationOptions(do_sample=True, beam_size=3, num_hypotheses=2, seed=7),
        GenerationOptions(num_hypotheses=3, return_alternatives=True),
    ],
    ids=["beam", "samples", "sampled beam", "alternatives"],
)
def test_included_model_has_the_same_bits_with_and_without(options: GenerationOptions) -> None:
    texts = ["I am hungry.", "Thank you.", "I am hungry. Thank you.", "I am hungry."]
    with pyattn.load(threads=1) as translator:
        found = translator.results(texts, options)
        apart = translator.results(texts, options, reuse=False)
    for ranked, wanted in zip(found, apart, strict=True):
        assert [one.text for one in ranked] == [one.text for one in wanted]
        assert all(map(identical, ranked, wanted))


def test_coroutines_share_a_cache() -> None:
    async def both(translator: Translator) -> list[str]:
        cache = Cache()
        texts = ["I am hungry."] * 3
        found = await translator.submit(texts, reuse=cache)
        again = await translator.submit(texts, reuse=cache)
        return [one[0].text for one in (*found, *again)]

    with pyattn.load(threads=1) as translator:
        assert set(asyncio.run(both(translator))) == {"Tengo hambre."}
