"""A contender of `pyattn bench`: a process that has loaded its model and computes rounds."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

from pyattn import reference
from pyattn.commands.benchmark_work import Work, model_of
from pyattn.model import Model
from pyattn.pruning import Kept
from pyattn.running import precision
from pyattn.running.precision import DTypes

# Read by OpenBLAS, OpenMP and MKL, one of which does NumPy's matrix products, when it is imported.
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclasses.dataclass(frozen=True)
class Round:
    """A worker's report on one pass.

    Attributes:
        seconds: Time of the pass.
        prompt_seconds: Time of a search for one token of each prompt; None if there are none.
        answers: For each source its target's ids; of an encoder alone the mean of its tokens'
            states, [dim].
        produced: Number of the targets' tokens, ends included; of an encoder alone the sources'.
        peak_mib: Peak memory of the process so far; None if unknown.
    """

    seconds: float
    prompt_seconds: float | None
    answers: list[list[int]] | list[npt.NDArray[np.float32]]
    produced: int
    peak_mib: float | None


class Worker:
    """A contender in a process of its own, with its model loaded.

    Attributes:
        facts: Of pyattn its `isa`, `dtype` and `threads`, and what a pruned model has `kept`;
            nothing of NumPy.
    """

    def __init__(self, name: str, folder: pathlib.Path, dtype: DTypes, threads: int | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._name = name
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, name, folder, dtype, threads), daemon=True
        )
        with inherited(threads):
            self._process.start()
        theirs.close()  # or this process would never see the worker's end of the pipe close
        self.facts: dict[str, Any] = self._answer()

    def round(self, work: Work, batch: int) -> Round:
        """Compute all sources, `batch` at once."""
        answer: Round = self._answer((work, batch))
        return answer

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    def _answer(self, job: object = None) -> Any:
        """The worker's result of a job; or its facts, once it is ready for jobs."""
        try:
            if job is not None:
                self._pipe.send(job)
            answer = self._pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            raise RuntimeError(
                f"bench: the process of {self._name} ended with exit code {self._process.exitcode}"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer


def _work(
    pipe: Connection, name: str, folder: pathlib.Path, dtype: DTypes, threads: int | None
) -> None:
    """A worker's loop: load, report, and run jobs until it is terminated."""
    try:
        model, facts = _contender(name, folder, dtype, threads)
        pipe.send(facts)
        while True:
            pipe.send(_round(model, *pipe.recv()))
    except (EOFError, ConnectionError):  # the parent is gone
        return
    except Exception as error:
        pipe.send(error)


def _contender(
    name: str, folder: pathlib.Path, dtype: DTypes, threads: int | None
) -> tuple[Any, dict[str, Any]]:
    _, checkpoint = model_of(folder)
    if name == "numpy":
        return reference.Model(checkpoint), {}
    model = Model(checkpoint, dtype=dtype, threads=threads)
    config, kept = model.config, Kept.of(checkpoint.config)
    return model, {
        "isa": config.isa,
        "dtype": precision.described(config, config.dtype, config.other_dtypes),
        "threads": model.threads,
        "kept": None if kept is None else str(kept),
    }


def _round(model: Any, work: Work, batch: int) -> Round:
    if work.kind == "encoder":
        return _encoded(model, work, batch)
    one_token = {"max_new_tokens": 1, "min_new_tokens": 1}
    first = _generated(model, work, batch, one_token)[0] if work.kind == "decoder" else None
    seconds, found = _generated(model, work, batch, {})
    return Round(
        seconds=seconds,
        prompt_seconds=first,
        answers=[list(best.tokens) for best in found],
        produced=sum(len(best.token_scores) for best in found),
        peak_mib=peak_mib(),
    )


def _generated(
    model: Any, work: Work, batch: int, options: dict[str, int]
) -> tuple[float, list[Any]]:
    """The seconds of a search, and the best hypothesis of each source."""
    search = {**work.search, **options}
    start = time.perf_counter()
    found = [
        ranked[0]
        for first in range(0, len(work.sources), batch)
        for ranked in model.generate(work.sources[first : first + batch], **search)
    ]
    return time.perf_counter() - start, found


def _encoded(model: Any, work: Work, batch: int) -> Round:
    start = time.perf_counter()
    states = [
        rows
        for first in range(0, len(work.sources), batch)
        for rows in model.encode(
            work.sources[first : first + batch],
            None if work.types is None else work.types[first : first + batch],
        )
    ]
    seconds = time.perf_counter() - start
    return Round(
        seconds=seconds,
        prompt_seconds=None,
        answers=[rows.mean(axis=0) for rows in states],
        produced=sum(map(len, work.sources)),
        peak_mib=peak_mib(),
    )


@contextlib.contextmanager
def inherited(threads: int | None) -> Iterator[None]:
    """Settings that a worker inherits: the number of threads, and ignoring Ctrl-C.

    Ctrl-C reaches every process of a terminal; only this process handles it, and ends the others.
    """
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    if threads is not None:
        os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main else None
    try:
        yield
    finally:
        if in_main:
            signal.signal(signal.SIGINT, handler)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def peak_mib() -> float | None:
    """Peak memory of this process.

    Linux's ru_maxrss starts from the parent's peak, so the count of /proc is preferred.
    """
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
