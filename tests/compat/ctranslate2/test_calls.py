"""Calls of pyattn.compat.ctranslate2 that return before they are done, or tell tokens."""

from __future__ import annotations

import collections
import contextlib
import inspect
import os
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pyattn.compat import ctranslate2
from support import compat_models, processes

SOURCES = [list("dcbej"), list("icc"), list("hkie"), list("g")]
Step = ctranslate2.GenerationStepResult


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> ctranslate2.Translator:
    folder = compat_models.folder(tmp_path_factory.mktemp("compat") / "bare", "bare")
    return ctranslate2.Translator(folder, compute_type="float32", intra_threads=1)


def targets(results: list[Any]) -> list[list[list[str]]]:
    return [result.hypotheses for result in results]


# --- asynchronous results ---


def test_asynchronous_translations_are_those_of_a_call_that_waits(
    translator: ctranslate2.Translator,
) -> None:
    later = translator.translate_batch(SOURCES, asynchronous=True)
    assert all(isinstance(one, ctranslate2.AsyncTranslationResult) for one in later)
    assert targets([one.result() for one in later]) == targets(translator.translate_batch(SOURCES))
    assert all(one.done() for one in later)
    assert later[0].result().hypotheses == later[0].result().hypotheses


def test_asynchronous_scores_are_those_of_a_call_that_waits(
    translator: ctranslate2.Translator,
) -> None:
    later = translator.score_batch(SOURCES, SOURCES, asynchronous=True)
    assert all(isinstance(one, ctranslate2.AsyncScoringResult) for one in later)
    assert [one.result() for one in later] == translator.score_batch(SOURCES, SOURCES)
    assert all(one.done() for one in later)


def test_asynchronous_result_raises_what_went_wrong(translator: ctranslate2.Translator) -> None:
    # Every target has to begin with what it may not say.
    every = [[token] for token in translator.vocabularies.target.tokens]
    [later] = translator.translate_batch([["a"]], suppress_sequences=every, asynchronous=True)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"."):
            later.result()
    assert later.done()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_size": 0}, "The beam size must be > 0"),
        ({"end_token": "zzz"}, "Token zzz is not in the vocabulary"),
        ({"max_decoding_length": 3, "min_decoding_length": 4}, "is greater than the maximum"),
        ({"callback": print}, "The callback function is not compatible with beam_size > 1"),
    ],
)
def test_wrong_values_of_an_asynchronous_call_are_raised_by_its_results(
    translator: ctranslate2.Translator, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        translator.translate_batch(SOURCES, **options)
    later = translator.translate_batch(SOURCES, **options, asynchronous=True)
    assert len(later) == len(SOURCES)
    for one in [*later, later[0]]:
        with pytest.raises(ValueError, match=message):
            one.result()
        assert one.done()


def test_wrong_types_of_an_asynchronous_call_are_raised_at_once(
    translator: ctranslate2.Translator,
) -> None:
    for options in ({"beam_size": "2"}, {"suppress_sequences": "a"}, {"no_such_option": 1}):
        with pytest.raises(TypeError):
            translator.translate_batch(SOURCES, asynchronous=True, **options)
    with pytest.raises(RuntimeError, match="less examples"):
        translator.translate_batch(SOURCES, [["a"]], asynchronous=True)


# --- calls that are under way ---


@contextlib.contextmanager
def under_way(translator: ctranslate2.Translator, **options: Any) -> Iterator[list[Any]]:
    """A call that can't be done before the context ends."""
    begun, end = threading.Event(), threading.Event()

    def wait(_: Step) -> None:
        begun.set()
        assert end.wait(60)

    try:
        yield translator.translate_batch(
            SOURCES, beam_size=1, callback=wait, asynchronous=True, **options
        )
    finally:
        end.set()
        assert begun.wait(60)


def test_call_is_active_until_it_is_done(translator: ctranslate2.Translator) -> None:
    assert translator.num_active_batches == 0
    with under_way(translator) as later, under_way(translator):
        assert not later[0].done()
        assert translator.num_active_batches == 2
        assert translator.num_queued_batches == 0
        assert len(translator.translate_batch(SOURCES)) == len(SOURCES)
        assert translator.num_active_batches == 2
    for one in later:
        one.result()
    assert translator.num_active_batches <= 1


def test_waiting_call_is_active_for_others(translator: ctranslate2.Translator) -> None:
    before = translator.num_active_batches  # results that other tests have let go of may last
    seen = []
    translator.translate_batch(
        [["g"]], beam_size=1, callback=lambda _: seen.append(translator.num_active_batches)
    )
    assert 1 <= min(seen) <= max(seen) <= before + 1
    _wait_until(lambda: translator.num_active_batches == 0)


def test_model_in_use_is_not_unloaded(translator: ctranslate2.Translator) -> None:
    wanted = targets(translator.translate_batch(SOURCES, beam_size=1))
    with under_way(translator) as later:
        translator.unload_model()
        assert translator.model_is_loaded
    assert targets([one.result() for one in later]) == wanted
    unloading = lambda _: translator.unload_model()  # noqa: E731 (a callback)
    found = translator.translate_batch(SOURCES, beam_size=1, callback=unloading)
    assert targets(found) == wanted
    assert translator.model_is_loaded
    translator.unload_model()
    assert not translator.model_is_loaded
    translator.load_model()
    assert targets(translator.translate_batch(SOURCES, beam_size=1)) == wanted


def test_model_is_in_use_while_logits_may_be_wanted(translator: ctranslate2.Translator) -> None:
    options = {"beam_size": 1, "return_logits_vocab": True}
    wanted = translator.translate_batch(SOURCES, **options)
    later = translator.translate_batch(SOURCES, asynchronous=True, **options)
    while not all(one.done() for one in later):
        time.sleep(0.001)
    translator.unload_model()
    for one, other in zip(later, wanted, strict=True):
        np.testing.assert_array_equal(one.result().logits[0], other.logits[0])
    del later, one
    translator.unload_model()
    assert not translator.model_is_loaded
    translator.load_model()


FORK = """
    import os, sys, threading
    from pyattn.compat import ctranslate2

    translator = ctranslate2.Translator(sys.argv[1], intra_threads=1)
    forked = threading.Event()
    held = threading.Event()

    def hold():
        with translator._lock:
            held.set()
            forked.wait()

    threading.Thread(target=hold).start()
    held.wait()
    child = os.fork()
    if child == 0:
        [found] = translator.translate_batch([["g"]])
        os.write(1, " ".join(found.hypotheses[0]).encode())
        os._exit(0)
    forked.set()
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_waits_for_no_thread_of_its_parent(
    translator: ctranslate2.Translator, tmp_path: pathlib.Path
) -> None:
    [wanted] = translator.translate_batch([["g"]])
    found = processes.output(FORK, str(compat_models.folder(tmp_path / "bare", "bare")))
    assert found.decode().split() == wanted.hypotheses[0]


def test_call_that_nobody_waits_for_keeps_no_model(translator: ctranslate2.Translator) -> None:
    translator.translate_batch(SOURCES * 20, max_decoding_length=250, asynchronous=True)
    assert translator.num_active_batches == 0
    translator.unload_model()
    assert not translator.model_is_loaded
    translator.load_model()


# --- callbacks ---


def test_asynchronous_callback_is_called_by_another_thread(
    translator: ctranslate2.Translator,
) -> None:
    threads, steps = set(), []

    def call(step: Step) -> bool:
        threads.add(threading.get_ident())
        steps.append(step)
        return step.step == 1

    later = translator.translate_batch(SOURCES, beam_size=1, callback=call, asynchronous=True)
    found = targets([one.result() for one in later])
    assert threading.get_ident() not in threads
    steps.clear()
    assert found == targets(translator.translate_batch(SOURCES, beam_size=1, callback=call))
    assert {step.batch_id for step in steps} == set(range(len(SOURCES)))
    assert all(len(tokens) <= 2 for [tokens] in found)


def test_error_of_a_callback_is_that_of_the_call(translator: ctranslate2.Translator) -> None:
    def fail(_: Step) -> bool:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        translator.translate_batch(SOURCES, beam_size=1, callback=fail)
    for one in translator.translate_batch(SOURCES, beam_size=1, callback=fail, asynchronous=True):
        for _ in range(2):
            with pytest.raises(KeyError, match="mine"):
                one.result()


@pytest.mark.parametrize("prefix", [None, ["f", "d"]])
def test_callback_hears_of_each_hypothesis(
    translator: ctranslate2.Translator, prefix: list[str] | None
) -> None:
    heard: dict[tuple[int, int], list[Step]] = collections.defaultdict(list)
    found = translator.translate_batch(
        SOURCES,
        None if prefix is None else [prefix] * len(SOURCES),
        beam_size=1,
        num_hypotheses=3,
        sampling_topk=0,
        max_decoding_length=8,
        return_scores=True,
        callback=lambda step: heard[step.batch_id, step.hypothesis_id].append(step),
    )
    assert set(heard) == {(n, h) for n in range(len(SOURCES)) for h in range(3)}
    for n, result in enumerate(found):
        assert result.scores == sorted(result.scores, reverse=True)
        told = []
        for h in range(3):
            steps = heard[n, h]
            assert [step.step for step in steps] == list(range(len(steps)))
            assert [step.is_last for step in steps] == [False] * (len(steps) - 1) + [True]
            score = sum(step.log_prob or 0 for step in steps) / len(steps)
            tokens = [step.token for step in steps if step.token != "</s>"]
            told.append((round(score, 4), tokens))
        hypotheses = zip(result.scores, result.hypotheses, strict=True)
        assert sorted(told) == sorted((round(score, 4), tokens) for score, tokens in hypotheses)


def test_callback_ends_a_hypothesis_and_no_other(translator: ctranslate2.Translator) -> None:
    options: dict[str, Any] = {
        "beam_size": 1, "num_hypotheses": 4, "sampling_topk": 0, "max_decoding_length": 8,
        "min_decoding_length": 8,
    }  # fmt: skip
    ctranslate2.set_random_seed(5)
    whole = translator.translate_batch(SOURCES, callback=lambda _: False, **options)
    ctranslate2.set_random_seed(5)
    stopped = translator.translate_batch(
        SOURCES, callback=lambda step: step.hypothesis_id == 2 and step.step == 3, **options
    )
    for before, after in zip(targets(whole), targets(stopped), strict=True):
        assert [len(tokens) for tokens in before] == [8] * 4
        assert sorted(map(len, after)) == [4, 8, 8, 8]
        [short] = [tokens for tokens in after if len(tokens) == 4]
        rest = [tokens for tokens in after if len(tokens) == 8]
        [ended] = [tokens for tokens in before if tokens not in rest]
        assert ended[:4] == short


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_callback_ends_a_prefix_of_full_length(
    translator: ctranslate2.Translator, stop: int
) -> None:
    seen = []

    def call(step: Step) -> bool:
        seen.append((step.step, step.token, step.is_last))
        return step.step == stop

    [found] = translator.translate_batch(
        [["g"]], [["f", "d", "b"]], beam_size=1, max_decoding_length=3, callback=call,
        return_scores=True,
    )  # fmt: skip
    assert found.hypotheses == [["f", "d", "b"][: stop + 1]]
    assert found.scores == [0]
    assert seen == [(0, "f", False), (1, "d", False), (2, "b", True)][: stop + 1]


# --- draws ---


def test_without_a_temperature_all_hypotheses_are_the_best(
    translator: ctranslate2.Translator,
) -> None:
    best = targets(translator.translate_batch(SOURCES, beam_size=1))
    found = translator.translate_batch(
        SOURCES, beam_size=1, num_hypotheses=3, sampling_topk=0, sampling_temperature=0
    )
    assert targets(found) == [[tokens] * 3 for [tokens] in best]


@pytest.mark.parametrize("beam_size", [1, 2])
def test_same_sentence_in_a_call_is_drawn_anew(
    translator: ctranslate2.Translator, beam_size: int
) -> None:
    def drawn() -> list[Any]:
        found = translator.translate_batch(
            [["g"]] * 12, beam_size=beam_size, sampling_topk=0, sampling_temperature=2,
            max_decoding_length=8,
        )  # fmt: skip
        return targets(found)

    ctranslate2.set_random_seed(9)
    first = drawn()
    assert len({tuple(tokens) for [tokens] in first}) > 6
    ctranslate2.set_random_seed(9)
    assert drawn() == first


# --- generators ---


@pytest.mark.parametrize("method", ["generate_tokens", "translate_iterable", "score_iterable"])
def test_generators_fail_with_their_first_item(
    translator: ctranslate2.Translator, method: str
) -> None:
    calls = {
        "generate_tokens": ((["g"],), {"max_decoding_length": 1, "min_decoding_length": 2}),
        "translate_iterable": (([["g"]],), {"beam_size": 0}),
        "score_iterable": (([["g"]], [["f"]]), {"max_input_length": -1}),
    }
    arguments, options = calls[method]
    results = getattr(translator, method)(*arguments, **options)
    assert inspect.isgenerator(results)
    with pytest.raises(ValueError, match=r"length|size"):
        next(results)


@pytest.mark.parametrize("method", ["translate_iterable", "score_iterable"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"max_batch_size": 0}, "max_batch_size must be >= 1"), ({"batch_type": "words"}, "words")],
)
def test_generators_refuse_batches_that_are_none(
    translator: ctranslate2.Translator, method: str, wrong: dict[str, Any], message: str
) -> None:
    results = getattr(translator, method)(iter(SOURCES), iter(SOURCES), **wrong)
    with pytest.raises(ValueError, match=message):
        next(results)


@pytest.mark.parametrize("name", ["beam_size", "return_attention", "no_such_option"])
def test_tokens_have_fewer_options(translator: ctranslate2.Translator, name: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        translator.generate_tokens(["g"], **{name: 1})


def _wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never became so")
