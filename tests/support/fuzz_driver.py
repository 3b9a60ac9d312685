"""Mutated inputs on several processes: what came of each, within limits of time and memory.

A subject knows the cases; the driver runs them in processes, of which one that crashes leaves the
number that it was at and is followed by another.
"""

from __future__ import annotations

import collections
import dataclasses
import multiprocessing
import pathlib
import resource
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from multiprocessing import connection
from typing import Any, Protocol, cast

SECONDS = 1.0
MEMORY = 64 << 20
# Address space of which most is never touched: a chunk for weights, and malloc's for a thread.
_RESERVED = 160 << 20
# A case hangs after so many ticks of the clock. Machines have other things to do, and ticks of a
# process that is stopped for a while come as one.
_TICK = 10.0
_TICKS = 3
# Characters of an error that a record keeps.
_LONGEST_ERROR = 4000


class Case(Protocol):
    """A mutated input.

    Attributes:
        source: The name of the sound input that it was.
        about: What is done with it.
        seconds: Processor time that it may take.
    """

    source: str
    about: str
    seconds: float

    def write(self, folder: pathlib.Path) -> pathlib.Path:
        """Writes it into an empty folder."""
        ...

    def use(self, path: pathlib.Path) -> bool:
        """Uses it; False if it is refused as it should be."""
        ...


class Subject(Protocol):
    """What is fuzzed; goes to other processes."""

    def prepare(self) -> None:
        """Uses sound inputs, so that what is imported and kept for ever is there."""
        ...

    def close(self) -> None:
        """Ends what `prepare` began, so that the process can end."""
        ...

    def case(self, seed: int, number: int) -> Case:
        """The `number`-th case of a seed, the same each time."""
        ...


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which cases run, and where.

    Attributes:
        count: How many cases at most.
        seconds: After which no case is begun; None for no limit.
        seed: Of the cases.
        first: The number of the first case.
        jobs: Processes.
        keep: Where findings are kept.
        limit_memory: Whether the address space is limited, which a sanitizer does not bear.
    """

    count: int
    seconds: float | None
    seed: int
    first: int
    jobs: int
    keep: pathlib.Path
    limit_memory: bool


class _TooSlow(BaseException):
    """Not an Exception, which somebody might take for a reason to refuse."""


def size(path: pathlib.Path) -> int:
    """The bytes of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


def _address_space() -> int:
    return int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


class _Clock:
    """Raises `_TooSlow` in a case that hangs."""

    def __init__(self) -> None:
        self._ticks = 0
        signal.signal(signal.SIGALRM, self._tick)

    def start(self) -> None:
        self._ticks = 0
        signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _tick(self, *_: Any) -> None:
        self._ticks += 1
        if self._ticks >= _TICKS:
            raise _TooSlow


def check(
    case: Case, folder: pathlib.Path, clock: _Clock, *, limit_memory: bool
) -> tuple[str, str, float]:
    """What came of a case ("read", "refused" or a finding), the error, and seconds used."""
    folder.mkdir()
    path = case.write(folder)
    before = time.process_time()
    outcome, error = "read", ""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    clock.start()
    if limit_memory:
        most = _address_space() + size(path) + _RESERVED + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
    try:
        outcome = "read" if case.use(path) else "refused"
    except _TooSlow:
        outcome, error = "HANG", traceback.format_exc()
    except MemoryError:
        outcome, error = "MEMORY", traceback.format_exc()
    except Exception:
        outcome, error = "ERROR", traceback.format_exc()
    finally:
        clock.stop()
        resource.setrlimit(resource.RLIMIT_AS, limits)
    seconds = time.process_time() - before
    if outcome in ("read", "refused") and seconds > case.seconds:
        outcome, error = "SLOW", f"{seconds:.1f} s, expected at most {case.seconds:.1f}"
    return outcome, error, seconds


def _work(subject: Subject, plan: Plan, numbers: range, seconds: float, results: Any) -> None:
    """A process that takes its share of the cases, and names each before it runs."""
    clock = _Clock()
    warnings.simplefilter("ignore")  # of what models state and nobody needs
    subject.prepare()
    until = time.time() + seconds
    for number in numbers:
        if time.time() > until:
            break
        with tempfile.TemporaryDirectory() as place:
            case = subject.case(plan.seed, number)
            results.send((number, case.source, None))
            folder = pathlib.Path(place) / "case"
            found = check(case, folder, clock, limit_memory=plan.limit_memory)
            results.send((number, case.source, found))
    subject.close()


@dataclasses.dataclass
class _Worker:
    """A process, what it sends, and the case that it is at."""

    process: Any
    results: Any
    number: int = -1
    source: str = "sound inputs"


class Fuzzing:
    """Cases on several processes, and what came of them.

    Args:
        subject: What is fuzzed.
        plan: Which cases run, and where.
    """

    def __init__(self, subject: Subject, plan: Plan) -> None:
        self._subject = subject
        self._plan = plan
        self._context = multiprocessing.get_context("spawn")
        self._began = 0.0  # when the first case did
        self._slowest = (0.0, -1)
        self.counts: dict[str, collections.Counter[str]] = {}
        self.findings: list[dict[str, Any]] = []

    def run(self) -> None:
        """Runs all cases; a process that crashes is followed by another behind its case."""
        plan = self._plan
        started = [self._start(plan.first + n) for n in range(min(plan.jobs, plan.count))]
        workers = {worker.results.fileno(): worker for worker in started}
        while workers:
            for ready in connection.wait(list(workers)):
                worker = workers[cast(int, ready)]
                try:
                    worker.number, worker.source, found = worker.results.recv()
                except (EOFError, OSError):
                    del workers[worker.results.fileno()]
                    if (following := self._ended(worker)) is not None:
                        workers[following.results.fileno()] = following
                    continue
                self._began = self._began or time.time()
                if found is not None:
                    self._take(worker.number, worker.source, *found)

    def _start(self, first: int, gone: float = 0.0) -> _Worker:
        plan = self._plan
        seconds = float("inf") if plan.seconds is None else plan.seconds - gone
        numbers = range(first, plan.first + plan.count, plan.jobs)
        ours, theirs = self._context.Pipe(duplex=False)
        arguments = (self._subject, plan, numbers, seconds, theirs)
        process = self._context.Process(target=_work, args=arguments)
        process.start()
        theirs.close()  # so that the end of the process is an end of what it sends
        return _Worker(process, ours)

    def _ended(self, worker: _Worker) -> _Worker | None:
        """Takes note of a crash; what goes on behind it."""
        worker.process.join()
        code = worker.process.exitcode
        if not code:
            return None
        self._take(worker.number, worker.source, "CRASH", f"exit code {code}", 0.0)
        if worker.number < 0:  # it is the sound inputs that crash
            return None
        return self._start(worker.number + self._plan.jobs, time.time() - self._began)

    def _take(self, number: int, source: str, outcome: str, error: str, seconds: float) -> None:
        self.counts.setdefault(source, collections.Counter())[outcome] += 1
        self._slowest = max(self._slowest, (seconds, number))
        if not outcome.isupper():
            return
        found = {"case": number, "source": source, "outcome": outcome}
        found["error"] = error[-_LONGEST_ERROR:]
        self.findings.append(found)
        print(f"case {number}, {source}: {outcome}\n{error}", flush=True)
        if number >= 0:
            self._keep(number)

    def _keep(self, number: int) -> None:
        folder = self._plan.keep / str(number)
        if not folder.exists():
            folder.mkdir(parents=True)
            self._subject.case(self._plan.seed, number).write(folder)

    @property
    def total(self) -> int:
        """The number of cases that ran."""
        return sum(sum(outcomes.values()) for outcomes in self.counts.values())

    def record(self) -> dict[str, Any]:
        """The counts and findings, for a file."""
        seconds, number = self._slowest
        return {
            "seed": self._plan.seed,
            "cases": self.total,
            "counts": {source: dict(sorted(found.items())) for source, found in self._sorted()},
            "slowest": {"case": number, "seconds": round(seconds, 3)},
            "findings": self.findings,
        }

    def __str__(self) -> str:
        """A line for each sound input, and one for all."""
        lines = []
        for source, outcomes in self._sorted():
            listed = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
            lines.append(f"{source:40} {listed}")
        seconds, number = self._slowest
        lines.append(
            f"{self.total} cases of seed {self._plan.seed}, {len(self.findings)} findings; the "
            f"slowest, {number}, took {seconds:.2f} s"
        )
        return "\n".join(lines)

    def _sorted(self) -> Iterator[tuple[str, collections.Counter[str]]]:
        return iter(sorted(self.counts.items()))
