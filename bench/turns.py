"""Programs that take turns, each in a process of its own, at calls whose arguments are sent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

import machine
from report import earlier

# Of [sources][ids], a beam and a number of target tokens.
Search: TypeAlias = Callable[[list[list[int]], int, int], None]
# Makes a program's search for a number of threads.
Make: TypeAlias = Callable[..., Search]
Call: TypeAlias = tuple[list[Any], int, int]
_WARM: Call = ([[5, 2]], 1, 2)


def measure(
    makes: Mapping[str, Callable[[int], Search]],
    calls: Sequence[Sequence[Call]],
    *,
    threads: int,
    rounds: int,
    warm: Call = _WARM,
    clock: Callable[[], float] = time.perf_counter,
) -> list[dict[str, list[float]]]:
    """For each list of calls, by program the least seconds of each of them.

    Args:
        makes: By its name what makes a program, in a process of its own that is pinned to as many
            cores as it has threads.
        calls: Lists of calls. In each round the programs make a call one after the other.
        threads: Of each program.
        rounds: How often.
        warm: A call in front of all others, which does not count.
        clock: What seconds are read from; `time.process_time` leaves out other programs' time.
    """
    context = multiprocessing.get_context("spawn")
    links: dict[str, Connection] = {}
    workers = []
    for name, make in makes.items():
        here, there = context.Pipe()
        worker = context.Process(target=_serve, args=(there, make, threads, warm, clock))
        worker.start()
        there.close()
        here.recv()
        links[name] = here
        workers.append(worker)
    found = []
    for together in calls:
        seconds: dict[str, list[float]] = {name: [] for name in links}
        for call in together:
            times: dict[str, list[float]] = {name: [] for name in links}
            for _ in range(rounds):
                for name, link in links.items():
                    link.send(call)
                    times[name].append(link.recv())
                    print(len(call[0]), *call[1:], name, times[name][-1], file=sys.stderr)
            for name in links:
                seconds[name].append(min(times[name]))
        found.append(seconds)
    for link in links.values():
        link.close()
    for worker in workers:
        worker.join()
    return found


def record(path: Path | None, **facts: Any) -> dict[str, Any]:
    """What a page keeps: these facts, machine, versions, and the runs that `path` has so far."""
    packages = ("pyattn", "numpy", "ctranslate2", "torch", "transformers")
    kept = {**facts, "machine": machine.describe(), "versions": machine.versions(packages)}
    runs = earlier(path.with_suffix(".json"), kept, "--write") if path else []
    return {**kept, "runs": [*runs]}


def rows(seconds: Mapping[str, list[float]], target: int, against: str) -> Iterator[str]:
    """The ends of a table's rows, by program: name, first token, step, all, times as fast.

    Args:
        seconds: By program those of a search for one token, and of the whole.
        target: Tokens of the whole.
        against: The program that the last column compares with.
    """
    for program, (first, whole) in seconds.items():
        step = 1000 * (whole - first) / (target - 1)
        times = seconds[against][1] / whole
        yield f"{program} | {first:.3f} | {step:.1f} | {whole:.3f} | {times:.2f} |"


def sizes(text: str) -> list[tuple[int, int]]:
    """Pairs of numbers, such as "1x1,8x4"."""
    pairs = [one.split("x") for one in text.split(",")]
    return [(int(first), int(second)) for first, second in pairs]


def _serve(
    link: Connection,
    make: Callable[[int], Search],
    threads: int,
    warm: Call,
    clock: Callable[[], float],
) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["OMP_NUM_THREADS"] = str(threads)
    search = make(threads)
    search(*warm)
    link.send(None)
    with contextlib.suppress(EOFError):
        while True:
            arguments = link.recv()
            started = clock()
            search(*arguments)
            link.send(clock() - started)
