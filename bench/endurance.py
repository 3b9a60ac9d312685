r"""What an engine must bear: forks, interrupts, long runs, other threads; counted, not timed.

    python bench/endurance.py --sources dev.en --write bench/results/endurance.md

Each check runs in a process of its own and says what it counted; a line that begins with FAILED is
about something that must not be, and makes the status 1:

forks       children that are forked while other threads translate, and translate right
interrupts  SIGINT at random moments of every kind of call: how long until the call is left
bits        sentences whose tokens or scores differ by batch, order, threads or company
memory      a run of many sentences: peak against the budget; many calls: growth
live        what live tokens take, against the estimate

Linux only.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import machine

import pyattn
from pyattn import Model

Ids = list[list[int]]

# The longest that an interrupted call may go on; counted, as machines have other things to do.
LIMIT_SECONDS = 0.2
# What is no delay of the machine's any more.
_HANGS_SECONDS = 5.0
# Resident bytes beyond the budget for a step's rows, and growth of many calls.
_BESIDES = 16 << 20
_GROWTH = 0.02
# Of the estimate for live tokens.
_ESTIMATE = 0.25


def _judged(right: bool, line: str) -> str:
    return line if right else f"FAILED: {line}"


def load(options: argparse.Namespace, **settings: Any) -> tuple[Model, Ids]:
    """The model, and the lines of the sources that have something in them, as ids."""
    translator = pyattn.load(options.model, **settings)
    lines = options.sources.read_text("utf-8").splitlines()[: options.lines]
    return translator.model, [ids for ids in translator.tokenizer.encode(lines) if len(ids) > 1]


def bits(model: Model, sources: Ids, **options: Any) -> list[Any]:
    """What was found, to the last bit."""
    return [
        [(one.tokens, one.score, one.token_scores.tobytes()) for one in ranked]
        for ranked in model.generate(sources, **options)
    ]


def forks(options: argparse.Namespace) -> Iterator[str]:
    """Children of a process whose other threads are at work."""
    model, sources = load(options, threads=2)
    wanted = bits(model, sources[:40])
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            model.generate(sources[-40:])

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    right = 0
    for n in range(options.forks):
        time.sleep(random.Random(n).random() * 0.05)
        child = os.fork()
        if child == 0:
            os._exit(0 if bits(model, sources[:40]) == wanted else 1)
        right += _waited(child, 60) == 0
    over.set()
    for worker in workers:
        worker.join()
    yield _judged(
        right == options.forks, f"{right} of {options.forks} forked children translate right"
    )


def _waited(child: int, seconds: float) -> int | None:
    """The child's exit status; None, and no child, if it hangs."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return status
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def interrupts(options: argparse.Namespace) -> Iterator[str]:
    """SIGINT in the midst of calls."""
    # What a shell runs in the background ignores it, and so would this process.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    model, sources = load(options, threads=2)
    wanted = bits(model, sources[:5])
    most = (sources * 100)[:50_000]
    calls: dict[str, Callable[[], object]] = {
        "generate": lambda: model.generate(most),
        "generate, beam 4": lambda: model.generate(most, beam_size=4),
        "generate with a callback": lambda: model.generate(
            most, beam_size=1, on_token=lambda _: False
        ),
        "encode": lambda: model.encode(most),
        "score": lambda: model.score(most, most),
        "one sentence": lambda: [model.generate([source]) for source in most],
    }
    for name, call in calls.items():
        late = [_late(call, random.Random(n).uniform(0.05, 0.6)) for n in range(options.interrupts)]
        usable = bits(model, sources[:5]) == wanted
        yield _judged(
            usable and max(late) <= _HANGS_SECONDS,
            f"{name}: {sum(one <= LIMIT_SECONDS for one in late)} of {len(late)} within "
            f"{LIMIT_SECONDS * 1000:.0f} ms, the slowest {max(late) * 1000:.0f} ms; the next call "
            f"is {'right' if usable else 'WRONG'}",
        )


def _late(call: Callable[[], object], delay: float) -> float:
    """Seconds from the signal to the end of the call."""
    sent = 0.0

    def interrupt() -> None:
        nonlocal sent
        sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(delay, interrupt)
    timer.start()
    try:
        call()
    except KeyboardInterrupt:
        return time.perf_counter() - sent
    finally:
        timer.join()
    raise RuntimeError("the call ended before it could be interrupted")


def same_bits(options: argparse.Namespace) -> Iterator[str]:
    """Every sentence alone, and in all kinds of company."""
    for dtype in ("float32", "bfloat16", "int8"):
        for beam in (1, 4):
            differ = compared = 0
            model, sources = load(options, threads=1, dtype=dtype)
            search = {"beam_size": beam}
            alone = [bits(model, [source], **search)[0] for source in sources]
            for threads in (1, 2):
                model, _ = load(options, threads=threads, dtype=dtype)
                for size, company in ((2, False), (7, True), (32, False), (64, True)):
                    with _Company(model, sources if company else []):
                        differ += _differing(model, sources, alone, size, search)
                    compared += len(sources)
            yield _judged(
                differ == 0,
                f"{dtype}, beam {beam}: {differ} of {compared} differ ({len(sources)} sentences "
                "in shuffled batches of 2, 7, 32 and 64, on 1 and 2 threads, those of 7 and 64 "
                "beside 3 other threads)",
            )


def _differing(
    model: Model, sources: Ids, alone: list[Any], size: int, search: dict[str, Any]
) -> int:
    order = random.Random(size).sample(range(len(sources)), len(sources))
    wrong = 0
    for first in range(0, len(order), size):
        part = order[first : first + size]
        found = bits(model, [sources[n] for n in part], **search)
        wrong += sum(one != alone[n] for n, one in zip(part, found, strict=True))
    return wrong


class _Company:
    """Threads that translate something else in the meantime."""

    def __init__(self, model: Model, sources: Ids) -> None:
        self._over = threading.Event()
        self._errors: list[Exception] = []
        self._threads = [
            threading.Thread(target=self._work, args=(model, sources, n))
            for n in range(3 if sources else 0)
        ]

    def _work(self, model: Model, sources: Ids, seed: int) -> None:
        chance = random.Random(seed)
        try:
            while not self._over.is_set():
                model.generate(chance.choices(sources, k=1 + seed * 10), beam_size=1 + seed)
        except Exception as error:
            self._errors.append(error)

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise RuntimeError("a thread beside it failed") from self._errors[0]


def memory(options: argparse.Namespace) -> Iterator[str]:
    """A long run under a budget, then many short ones."""
    budget = 8 << 20
    model, sources = load(options, threads=1, cache_bytes=budget)
    # Results are Python's memory, so they are not kept; a step's rows are not of the budget.
    model.generate(sources[:2], beam_size=4)
    before = _resident()
    peak = max(
        _peak(model, [sources[i % len(sources)] for i in range(n, n + 250)], beam_size=4)
        for n in range(0, options.sentences, 250)
    )
    yield _judged(
        peak - before <= budget + _BESIDES,
        f"{options.sentences} sentences, beam 4, cache_bytes of {budget / 2**20:.0f} MiB: at "
        f"most {(peak - before) / 2**20:.1f} MiB more than for two sentences",
    )
    for source in sources[:500]:
        model.generate([source])
    before = _resident()
    for n in range(options.calls):
        model.generate([sources[n % len(sources)]])
    after = _resident()
    yield _judged(
        after <= before * (1 + _GROWTH),
        f"{options.calls} calls: resident memory {before / 2**20:.1f} MiB before, "
        f"{after / 2**20:.1f} MiB after ({(after / before - 1) * 100:+.2f} %)",
    )


def live_tokens(options: argparse.Namespace) -> Iterator[str]:
    """Long targets of many sentences at once: what their tokens keep, against the estimate."""
    rows = 512
    model, _ = load(options, threads=1, batch_rows=rows)
    end = model.config.end
    source = [5 + n % 1000 for n in range(200)]
    endless = {"beam_size": 1, "suppress_tokens": (end,)}
    model.generate([source] * rows, max_new_tokens=1, **endless)
    before = _resident()
    length = min(400, model.config.max_positions)
    peak = _peak(model, [source] * rows, max_new_tokens=length, **endless)
    # A step keeps the token that it is fed: the start, and all but the last of the target.
    tokens = rows * (200 + length)
    had = rows * (200 + 1)
    estimate = model.estimate_memory(tokens) - model.estimate_memory(had)
    yield _judged(
        peak - before <= estimate * (1 + _ESTIMATE),
        f"{tokens} live tokens after {had}: {(peak - before) / 2**20:.1f} MiB more, estimated "
        f"{estimate / 2**20:.1f} MiB",
    )


def _peak(model: Model, sources: Ids, **search: Any) -> int:
    """The most that was resident while sentences were translated."""
    generation = model.submit(sources, **search)
    peak = 0
    while not generation.done():
        peak = max(peak, _resident())
        time.sleep(0.002)
    return peak


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


CHECKS = {
    "forks": forks,
    "interrupts": interrupts,
    "bits": same_bits,
    "memory": memory,
    "live": live_tokens,
}


def _run(name: str, options: argparse.Namespace, lines: Any) -> None:
    for line in CHECKS[name](options):
        lines.put(line)


def main() -> int:
    """Run the checks that were asked for; 1 if one fails or does not come to its end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checks", nargs="*", default=list(CHECKS), metavar="CHECK")
    parser.add_argument("--sources", type=Path, required=True, help="lines of text to translate")
    parser.add_argument("--model", help="a model's folder; the shipped one by default")
    parser.add_argument("--lines", type=int, help="of the sources; all by default")
    parser.add_argument("--forks", type=int, default=50)
    parser.add_argument("--interrupts", type=int, default=100, help="for each kind of call")
    parser.add_argument("--sentences", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--write", type=Path, help="a file for the report")
    options = parser.parse_args()
    for name in options.checks:
        if name not in CHECKS:
            parser.error(f"{name} is none of {', '.join(CHECKS)}")
    about = machine.describe()
    report = [
        "# What the engine bears",
        "",
        f"`python bench/endurance.py {shlex.join(sys.argv[1:])}`",
        f"on {about['cpu']}, {about['cores']} cores; "
        + ", ".join(f"{k} {v}" for k, v in machine.versions(("pyattn", "numpy")).items()),
    ]
    failed = False
    context = multiprocessing.get_context("spawn")
    for name in options.checks:
        lines = context.Queue()
        process = context.Process(target=_run, args=(name, options, lines))
        process.start()
        process.join()
        failed |= process.exitcode != 0
        report += ["", f"## {name}", ""]
        while not lines.empty():
            report.append(f"- {lines.get()}")
            failed |= report[-1].startswith("- FAILED")
        if process.exitcode:
            report.append(f"- FAILED: {name} did not end well (exit code {process.exitcode})")
    text = "\n".join(report) + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
