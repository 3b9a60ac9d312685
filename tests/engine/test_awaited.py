"""Searches that are awaited."""

import asyncio
import gc
import os
import threading

import pytest

from pyattn import Model
from support.inputs import checkpoint, sentences


@pytest.fixture
def model() -> Model:
    return Model(checkpoint("post"), threads=1)


def sources(model: Model, count: int) -> list[list[int]]:
    return sentences(5, model.config, count, 20)


def test_awaited_results_are_those_of_generate(model: Model) -> None:
    ids = sources(model, 20)

    async def all_of_them() -> list[list[int]]:
        found = await asyncio.gather(*(model.submit([source]) for source in ids))
        return [hypothesis.tokens for [[hypothesis]] in found]

    assert asyncio.run(all_of_them()) == [one.tokens for [one] in model.generate(ids)]


def test_what_is_done_already_can_be_awaited(model: Model) -> None:
    async def twice() -> None:
        generation = model.submit(sources(model, 2))
        assert await generation == generation.results()
        assert await generation == await generation

    asyncio.run(twice())


def test_awaiting_leaves_the_loop_to_others(model: Model) -> None:
    async def beside() -> int:
        turns = 0
        generation = asyncio.ensure_future(_awaited(model.submit(sources(model, 500))))
        while not generation.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert asyncio.run(beside()) > 100


async def _awaited(generation: object) -> object:
    return await generation  # type: ignore[misc]


def test_cancelled_task_cancels_its_search(model: Model) -> None:
    async def cancelled() -> None:
        generation = model.submit(sources(model, 5000), beam_size=8)
        task = asyncio.ensure_future(_awaited(generation))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not generation.done()
        with pytest.raises(ValueError, match="cancelled"):
            generation.results()

    asyncio.run(cancelled())


def test_error_of_a_search_is_raised_where_it_is_awaited() -> None:
    small = Model(checkpoint("post"), threads=1, cache_bytes=1)

    async def too_much() -> None:
        await small.submit(sources(small, 1))

    with pytest.raises(ValueError, match="cache_bytes"):
        asyncio.run(too_much())


def test_closing_the_model_wakes_who_awaits(model: Model) -> None:
    async def closed() -> None:
        generation = model.submit(sources(model, 5000), beam_size=8)
        task = asyncio.ensure_future(_awaited(generation))
        await asyncio.sleep(0.01)
        generation.cancel()
        model.close()
        with pytest.raises(ValueError, match="cancelled"):
            await asyncio.wait_for(task, 10)

    asyncio.run(closed())


def test_several_loops_are_woken_by_one_thread(model: Model) -> None:
    ids = sources(model, 3)
    expected = [one.tokens for [one] in model.generate(ids)]
    found: list[list[int]] = []

    async def each() -> None:
        for source in ids:
            found.append((await model.submit([source]))[0][0].tokens)

    threads = [threading.Thread(target=lambda: asyncio.run(each())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(expected * 4)
    assert sum(thread.name == "pyattn-waiter" for thread in threading.enumerate()) == 1


def test_loop_that_was_closed_is_not_woken(model: Model) -> None:
    async def left() -> None:
        task = asyncio.ensure_future(_awaited(model.submit(sources(model, 200))))
        await asyncio.sleep(0)
        assert not task.done()

    asyncio.run(left())
    gc.collect()
    asyncio.run(_awaited(model.submit(sources(model, 1))))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_awaits_with_a_thread_of_its_own(model: Model) -> None:
    ids = sources(model, 1)
    expected = asyncio.run(_awaited(model.submit(ids)))
    child = os.fork()
    if child == 0:
        found = asyncio.run(_awaited(model.submit(ids)))
        os._exit(0 if found[0][0].tokens == expected[0][0].tokens else 1)  # type: ignore[index]
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_awaiting_needs_a_running_loop(model: Model) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        model.submit(sources(model, 1)).__await__().send(None)
