"""Many requests on one model: one batch, a budget of memory, and ends before the end."""

from __future__ import annotations

import dataclasses
import gc
import os
import pathlib
import random
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

from pyattn import GenerationOptions, Model
from pyattn.results import DecidedToken, Hypothesis
from support import processes
from support.inputs import checkpoint, sentences

# A search that ends with its length alone.
ENDLESS: dict[str, Any] = {"suppress_tokens": (0,), "max_new_tokens": 200}


def model(name: str = "post", **settings: Any) -> Model:
    return Model(checkpoint(name), dtype="float32", **{"threads": 1, **settings})


def long_model(**settings: Any) -> Model:
    """One that may say so much that it takes seconds, which no caller is late by."""
    plain = checkpoint("post")
    config = dataclasses.replace(plain.config, max_positions=60_000)
    return Model(dataclasses.replace(plain, config=config), dtype="float32", threads=1, **settings)


def bits(found: list[list[Hypothesis]]) -> list[Any]:
    return [
        [(one.tokens, one.score, one.token_scores.tobytes(), one.finish_reason) for one in ranked]
        for ranked in found
    ]


def in_threads(count: int, work: Any) -> None:
    errors = []

    def guarded(n: int) -> None:
        try:
            work(n)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


# --- one batch ---


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_sentence_has_the_same_bits_among_those_of_other_threads(dtype: str, threads: int) -> None:
    with Model(checkpoint("post"), dtype=dtype, threads=threads, batch_rows=16) as shared:
        chosen = sentences(3, shared.config, 48, 20)
        options = [GenerationOptions(beam_size=1 + n % 4, max_new_tokens=30) for n in range(48)]
        alone = [
            shared.generate([source], one) for source, one in zip(chosen, options, strict=True)
        ]

        def work(n: int) -> None:
            order = random.Random(n).sample(range(48), 48)
            for size in (1, 2, 7, 48):
                for first in range(0, 16, size):
                    part = order[first : first + size]
                    found = shared.generate([chosen[i] for i in part], [options[i] for i in part])
                    assert bits(found) == bits([alone[i][0] for i in part])
            with pytest.raises(ValueError, match="source 1 is empty"):
                shared.generate([[1], []])

        in_threads(6, work)


def test_sentences_have_options_of_their_own() -> None:
    with model() as shared:
        [source] = sentences(5, shared.config, 1, 12)
        each = [
            GenerationOptions(beam_size=4, num_hypotheses=3, max_new_tokens=20),
            GenerationOptions(max_new_tokens=3),
            GenerationOptions(max_new_tokens=20, suppress_tokens=(5, 6, 7)),
            GenerationOptions(beam_size=2, min_new_tokens=9, max_new_tokens=20),
        ]
        together = shared.generate([source] * 4, each)
        assert bits(together) == [bits(shared.generate([source], one))[0] for one in each]
        lower = shared.generate([source] * 4, each, max_new_tokens=2, num_hypotheses=1)
        assert all(len(ranked) == 1 and len(ranked[0].token_scores) <= 2 for ranked in lower)
        with pytest.raises(ValueError, match="options: there are 4, expected 3"):
            shared.generate([source] * 3, each)
        with pytest.raises(TypeError, match="options: expected GenerationOptions, got int"):
            shared.generate([source] * 2, [each[0], 1])


def test_short_request_does_not_wait_for_a_long_one() -> None:
    with model(batch_rows=8) as shared:
        long = shared.submit([[1, 2, 3]] * 5_000, **ENDLESS)
        while long.count_done == 0:
            time.sleep(0.001)
        [[short]] = shared.generate([[4, 5]], max_new_tokens=3, suppress_tokens=(0,))
        [memory] = shared.encode([[4, 5]])
        [scores] = shared.score([[4, 5]], [[6]])
        assert len(short.tokens) == 3
        assert memory.shape[0] == scores.shape[0] == 2
        assert not long.done()
        long.cancel()


def test_new_request_takes_the_one_row_that_is_free() -> None:
    # Of eight rows; who has had a turn waits for two of them.
    with long_model(batch_rows=8) as shared:
        long = shared.submit(
            [[1, 2, 3]] * 7, watched=True, beam_size=1, **ENDLESS | {"max_new_tokens": 20_000}
        )
        next(long.tokens())
        short = shared.submit([[4, 5]] * 2, max_new_tokens=3)
        assert len(short.result(1)) == len(short.result(0)) == 1
        assert long.count_done == 0
        long.cancel()


def test_nothing_is_asked_and_nothing_found() -> None:
    with model() as shared:
        assert shared.generate([]) == []
        assert shared.submit([]).done()
        assert list(shared.submit([], watched=True, beam_size=1).tokens()) == []


# --- memory ---


def test_small_budget_changes_no_result() -> None:
    with model() as roomy:
        chosen = sentences(7, roomy.config, 40, 20)
        options = {"beam_size": 3, "max_new_tokens": 40}
        wanted = bits(roomy.generate(chosen, **options))
        per_token = roomy.estimate_memory(10**6) // 10**6
    # Room for a few of forty, and too little for what some of them turn out to need together.
    for tokens in (150, 300):
        with model(cache_bytes=tokens * per_token) as tight:
            assert bits(tight.generate(chosen, **options)) == wanted


def test_watched_sentence_that_starts_again_says_nothing_twice() -> None:
    with model() as roomy:
        per_token = roomy.estimate_memory(10**6) // 10**6
    with model(cache_bytes=80 * per_token) as tight:
        generation = tight.submit(
            [[1, 2, 3]] * 3, watched=True, beam_size=1, **ENDLESS | {"max_new_tokens": 50}
        )
        said: dict[int, list[DecidedToken]] = {0: [], 1: [], 2: []}
        for token in generation.tokens():
            said[token.sentence].append(token)
        for n, tokens in said.items():
            assert [token.step for token in tokens] == list(range(50))
            assert [token.token for token in tokens] == generation.result(n)[0].tokens
            assert [token.last for token in tokens] == [False] * 49 + [True]


def test_sentence_beyond_the_budget_is_refused_alone() -> None:
    with model() as roomy:
        per_token = roomy.estimate_memory(10**6) // 10**6
    with model(cache_bytes=60 * per_token) as tight:
        beside = tight.submit([[1, 2, 3]] * 20, max_new_tokens=30, **{"suppress_tokens": (0,)})
        with pytest.raises(ValueError, match="has room for 60 tokens, which is too few for one"):
            tight.generate([[1] * 100])
        with pytest.raises(ValueError, match="raise cache_bytes"):
            tight.generate([[1] * 10], beam_size=4, **ENDLESS)
        assert [len(best.tokens) for [best] in beside.results()] == [30] * 20
        assert len(tight.generate([[1, 2]], max_new_tokens=3)) == 1


@pytest.mark.skipif(
    sys.platform != "linux" or "asan" in os.environ.get("LD_PRELOAD", ""),
    reason="needs a limit to the address space, which AddressSanitizer fills",
)
def test_memory_that_the_encoder_lacks_is_an_error_of_its_request_alone() -> None:
    code = """
        import dataclasses, pathlib, resource
        from support.inputs import checkpoint
        from pyattn import Model

        plain = checkpoint("post")
        config = dataclasses.replace(plain.config, max_positions=60_000)
        with Model(dataclasses.replace(plain, config=config), dtype="float32", threads=1) as model:
            [wanted] = model.generate([[1, 2, 3]], max_new_tokens=5)
            pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
            soft, hard = resource.getrlimit(resource.RLIMIT_AS)
            # The encoder's input and output alone take 18 MiB.
            resource.setrlimit(
                resource.RLIMIT_AS, (pages * resource.getpagesize() + (8 << 20), hard)
            )
            large = model.submit([[1] * 59_000])
            try:
                large.result(0)
            except MemoryError:
                print("MemoryError")
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
            [found] = model.generate([[1, 2, 3]], max_new_tokens=5)
            print(found[0].tokens == wanted[0].tokens)
        """
    assert processes.output(code).split() == [b"MemoryError", b"True"]


@pytest.mark.parametrize("name", ["batch_tokens", "batch_rows", "cache_bytes"])
@pytest.mark.parametrize("value", [0, -1, 2**70, 1.5, "all", True])
def test_limit_out_of_range_is_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected"):
        model(**{name: value})


# --- tokens as they are decided ---


def test_stream_is_the_search() -> None:
    with model() as shared:
        for source in sentences(9, shared.config, 5, 20):
            [[whole]] = shared.generate([source], max_new_tokens=30)
            tokens = list(shared.generate_stream(source, max_new_tokens=30))
            ended = whole.finish_reason == "eos"
            assert [token.token for token in tokens] == whole.tokens + [0] * ended
            assert [token.score for token in tokens] == whole.token_scores.tolist()
            assert [token.step for token in tokens] == list(range(len(tokens)))
            assert [token.last for token in tokens] == [False] * (len(tokens) - 1) + [True]


def test_stream_checks_at_once() -> None:
    with model() as shared:
        with pytest.raises(ValueError, match="beam_size: tokens are decided one by one"):
            shared.generate_stream([1], beam_size=2)
        with pytest.raises(ValueError, match="source 0 is empty"):
            shared.generate_stream([])
        with pytest.raises(TypeError, match="unknown option 'beams'"):
            shared.generate_stream([1], beams=2)


def test_stream_that_is_dropped_ends() -> None:
    with model(batch_rows=1) as shared:
        stream = shared.generate_stream([1, 2], **ENDLESS)
        assert next(stream).step == 0
        del stream
        # There is one row: without an end of the other this one would not come to its turn soon.
        assert len(shared.generate([[1, 2]], max_new_tokens=2)) == 1


def test_callback_that_says_so_ends_a_sentence() -> None:
    with model() as shared:
        seen: list[tuple[int, int]] = []

        def enough(token: DecidedToken) -> bool:
            seen.append((token.sentence, token.step))
            return token.sentence == 1 and token.step == 4

        [first], [second] = shared.generate([[1, 2], [3, 4]], on_token=enough, **ENDLESS)
        [[whole]] = shared.generate([[3, 4]], **ENDLESS)
        assert len(first.tokens) == 200
        assert (second.tokens, second.finish_reason) == (whole.tokens[:5], "timeout")
        assert second.token_scores.tolist() == whole.token_scores[:5].tolist()
        assert second.score == pytest.approx(whole.token_scores[:5].mean(), rel=1e-6)
        assert [step for sentence, step in seen if sentence == 1] == [0, 1, 2, 3, 4]
        with pytest.raises(TypeError, match="on_token: expected a callable, got 3"):
            shared.generate([[1]], on_token=3)


def test_stopped_sentence_is_searched_no_further() -> None:
    options = [GenerationOptions(suppress_tokens=(0,), max_new_tokens=n) for n in (20_000, 25_000)]
    with long_model() as shared:
        generation = shared.submit([[1, 2]] * 2, options, watched=True)
        next(generation.tokens())
        generation.stop(1, 1)
        [found] = generation.result(1)
        assert len(found.tokens) == 1
        assert not generation.is_done(0)
        generation.cancel()


def test_error_of_a_callback_ends_the_call() -> None:
    with model() as shared:

        def fail(token: DecidedToken) -> None:
            raise RuntimeError(f"at {token.step}")

        with pytest.raises(RuntimeError, match="at 0"):
            shared.generate([[1, 2]] * 1000, on_token=fail, **ENDLESS)
        assert len(shared.generate([[1, 2]], max_new_tokens=2)) == 1


# --- ends ---


def test_time_that_is_over_leaves_what_there_is() -> None:
    with model() as shared:
        # None of them comes to its turn; and an empty target is a target.
        for beam_size in (1, 3):
            [[none]] = shared.generate([[1, 2]], max_time=0, beam_size=beam_size)
            assert (none.tokens, none.score, none.finish_reason) == ([], 0, "timeout")
        sources = [[1, 2, 3]] * 3_000
        for beam_size in (1, 3):
            found = shared.generate(sources, max_time=0.3, beam_size=beam_size, **ENDLESS)
            reasons = {best.finish_reason for [best] in found}
            assert "timeout" in reasons
            assert reasons <= {"timeout", "length"}
            lengths = {len(best.tokens) for [best] in found if best.finish_reason == "timeout"}
            assert max(lengths) < 200
        [[late]] = shared.generate([[1, 2]], max_time=1e300, max_new_tokens=5)
        assert late.finish_reason in ("eos", "length")


def test_generation_that_is_dropped_is_cancelled() -> None:
    with model(batch_rows=4) as shared:
        for _ in range(3):
            dropped = shared.submit([[1, 2, 3]] * 100_000, **ENDLESS)
            del dropped
        assert len(shared.generate([[1, 2]], max_new_tokens=2)) == 1


def test_who_waits_hears_that_all_was_cancelled() -> None:
    with model(batch_rows=4) as shared:
        generation = shared.submit([[1, 2, 3]] * 100_000, **ENDLESS)
        heard: list[str] = []

        def wait(n: int) -> None:
            try:
                generation.result(-1 - n)
            except ValueError as error:
                heard.append(str(error))

        waiting = [threading.Thread(target=wait, args=(n,)) for n in range(3)]
        for thread in waiting:
            thread.start()
        time.sleep(0.05)
        generation.cancel()
        for thread in waiting:
            thread.join()
        assert heard == ["generate: the request was cancelled before this was done"] * 3
        assert generation.is_done(99_999)
        with pytest.raises(ValueError, match="was cancelled"):
            generation.results()


def test_results_come_one_by_one_and_again() -> None:
    with model() as shared:
        chosen = sentences(11, shared.config, 10, 20)
        generation = shared.submit(chosen, max_new_tokens=20)
        assert len(generation) == 10
        while not all(generation.is_done(n) for n in range(10)):
            time.sleep(0.001)
        found = [generation.result(n) for n in reversed(range(10))]
        assert generation.done()
        assert generation.count_done == 10
        assert generation.results() == found[::-1]
        assert bits(generation.results()) == bits(shared.generate(chosen, max_new_tokens=20))
        assert generation.result(-1) == found[0]
        with pytest.raises(IndexError):
            generation.result(10)


def test_result_may_be_asked_for_from_many_threads() -> None:
    with model() as shared:
        chosen = sentences(17, shared.config, 30, 20)
        wanted = bits(shared.generate(chosen, max_new_tokens=20))
        for _ in range(10):
            generation = shared.submit(chosen, max_new_tokens=20)
            found: list[Any] = [None] * 6

            def work(n: int, generation: Any = generation, found: Any = found) -> None:
                order = random.Random(n).sample(range(30), 30)
                results = {i: generation.result(i) for i in order}
                found[n] = bits([results[i] for i in range(30)])

            in_threads(6, work)
            assert found == [wanted] * 6


def test_closed_model_finishes_what_was_submitted() -> None:
    shared = model()
    chosen = sentences(13, shared.config, 50, 20)
    wanted = bits(shared.generate(chosen, max_new_tokens=20))
    generation = shared.submit(chosen, max_new_tokens=20)
    shared.close()
    assert bits(generation.results()) == wanted


def test_request_may_outlive_its_model(tmp_path: pathlib.Path) -> None:
    made = checkpoint("post")
    # Arrays of a mapped file need the GIL when they go.
    tensors = {}
    for name, values in made.tensors.items():
        tensors[name] = np.memmap(tmp_path / name, np.float32, "w+", shape=values.shape)
        tensors[name][...] = values
    shared = Model(dataclasses.replace(made, tensors=tensors), dtype="float32", threads=1)
    generation = shared.submit([[3, 4, 5]], max_new_tokens=20)
    shared.close()
    # The request is now the last to hold the engine, and with it the arrays that it reads.
    tensors.clear()
    del shared
    gc.collect()
    assert len(generation.results()) == 1
    del generation
    gc.collect()
