"""A contender in a process of its own.

That gives a program its own thread pool, its own environment and a peak memory that is its own. It
is asked for one batch at a time and waits in between, so that the contenders can take turns from
batch to batch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from contenders import CONTENDERS, Contender, Decoding, Files, Ids, Label

# Two kinds of pool linger after their work: OpenMP's (Intel's for 200 ms unless told otherwise,
# GNU's for some 20 ms) and OpenBLAS's (about 30 ms). They must not spin into the next contender's
# turn, yet going to sleep at once would slow them in their own. So all may linger for 20 to 30 ms,
# and between two turns the benchmark pauses for longer than that.
SETTLE_SECONDS = 0.05
_LINGER = {"KMP_BLOCKTIME": "20"}
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclasses.dataclass(frozen=True)
class Turn:
    """One batch, once.

    Attributes:
        wall: Seconds by the clock.
        cpu: Seconds of all the process's threads.
        idle: CPU seconds that the process took between its last turn and this one.
        tokens: What came out.
    """

    wall: float
    cpu: float
    idle: float
    tokens: Ids


class Worker:
    """A contender in a process of its own, pinned to some cores.

    Args:
        label: Its program, number type and environment, as `Label` reads them.
        files: The model.
        cores: The cores to run on, one thread each.
        batches: What it will be asked to translate.

    Raises:
        RuntimeError: if it does not start; the message has its last words.
    """

    def __init__(
        self, label: str, files: Files, cores: Sequence[int], batches: Sequence[Ids]
    ) -> None:
        self.label = label
        program, dtype, variable = Label.parse(label)
        variables = of_pools(len(cores))
        if variable:
            variables.update([variable.split("=", 1)])
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, program, dtype, files, list(cores), batches), daemon=True
        )
        with environment(variables):
            self._process.start()
        theirs.close()
        self.detail: str = self._receive()

    @property
    def pid(self) -> int:
        """The process, for a profiler."""
        assert self._process.pid is not None
        return self._process.pid

    def turn(self, batch: int, decoding: Decoding, callers: int = 0) -> Turn:
        """Translate one of the batches.

        Args:
            batch: Its number.
            decoding: How.
            callers: Threads that ask for one of its sentences at a time; 0 asks for all at once.
        """
        self._connection.send((batch, decoding, callers))
        return self._receive()

    def close(self) -> float:
        """End the process; the most memory that it ever had, in MiB."""
        self._connection.send(None)
        peak = self._receive()
        self._process.join()
        return peak

    def _receive(self) -> Any:
        try:
            answer = self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(
                f"{self.label}: ended with exit code {self._process.exitcode}"
            ) from None
        if isinstance(answer, BaseException):
            raise RuntimeError(f"{self.label}: {answer}") from answer
        return answer


def of_pools(threads: int) -> dict[str, str]:
    """Environment variables for the thread pools of a process."""
    return dict.fromkeys(_THREAD_VARIABLES, str(threads)) | _LINGER


@contextlib.contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(
    connection: Connection,
    program: str,
    dtype: str,
    files: Files,
    cores: list[int],
    batches: Sequence[Ids],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    os.sched_setaffinity(0, cores)
    try:
        contender: Contender = CONTENDERS[program](files, len(cores), dtype)
        prepared = [contender.prepare(batch) for batch in batches]
        connection.send(contender.detail)
        rested = time.process_time()
        while (order := connection.recv()) is not None:
            batch, decoding, callers = order
            begun, cpu = time.perf_counter(), time.process_time()
            found = _run(contender, prepared[batch], decoding, callers)
            wall, done = time.perf_counter() - begun, time.process_time()
            connection.send(Turn(wall, done - cpu, cpu - rested, contender.tokens(found)))
            rested = time.process_time()
        connection.send(peak_mib())
    except EOFError:  # the parent is gone
        pass
    except Exception as error:
        traceback.print_exc()
        connection.send(RuntimeError(f"{type(error).__name__}: {error}"))


def _run(contender: Contender, prepared: Any, decoding: Decoding, callers: int) -> Any:
    if callers == 0:
        return contender.run(prepared, decoding)
    found: list[Any] = [None] * len(prepared)
    waiting = iter(range(len(prepared)))

    def work() -> None:
        for n in waiting:  # each number goes to one thread: there is the GIL
            [found[n]] = contender.run([prepared[n]], decoding)

    threads = [threading.Thread(target=work) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def peak_mib() -> float:
    """The most memory that this process ever had."""
    # Not getrusage: its maximum includes the parent's at the fork.
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmHWM")
