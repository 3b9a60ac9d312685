"""What `pyattn bench` runs: the NumPy baseline and pyattn, in turn, on the same sentences.

Each contender lives in a process of its own, so that its peak memory is its own and the number of
threads of NumPy's matrix products, which is read once from the environment, can be set. One works
while the other waits, and rounds alternate, so that a machine that gets slower or faster meanwhile
does so for both. Both decode the same ids with the same options; their answers are compared.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import multiprocessing
import operator
import os
import pathlib
import signal
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

from pyattn import _core, reference
from pyattn.errors import ModelError
from pyattn.files import read_checkpoint
from pyattn.model import Model
from pyattn.running import precision
from pyattn.running.origin import SHIPPED_MODEL
from pyattn.running.precision import DTypes
from pyattn.text.tokenizers import load_tokenizer

SENTENCES = (
    "Good morning, everyone.",
    "Could you pass me the salt, please?",
    "I left my umbrella on the train again.",
    "She has been learning the piano since she was six.",
    "What time does the last bus leave?",
    "We are out of milk.",
    "My brother works in a small bakery near the station.",
    "The children were too tired to finish their dinner.",
    "It looks as if it is going to rain this afternoon.",
    "Never mind, it was not your fault.",
    "He told me that he would call as soon as he got home.",
    "How much did you pay for that bicycle?",
    "Please close the window before you go to bed.",
    "I have never seen so many stars in the sky.",
    "The doctor said that I should walk for half an hour every day.",
    "Where did you put the keys to the car?",
    "They painted the kitchen yellow last summer.",
    "If you had told me earlier, I would have waited for you.",
    "This soup needs a little more pepper.",
    "Our neighbours have two dogs and an old black cat.",
    "I do not know whether the library is open on Sundays.",
    "Thank you for helping me carry the boxes upstairs.",
    "The film was much better than I had expected.",
    "You should write the address down so that you do not forget it.",
    "He is looking for a cheaper flat closer to the university.",
    "Wait!",
    "My grandmother bakes bread every Friday, and the whole house smells of it.",
    "Nobody in the office knew how to repair the printer.",
    "Let us meet in front of the museum at a quarter past ten.",
    "The river was so cold that only two of us dared to swim.",
    "Why are you laughing?",
    "When the power went out, we lit some candles, sat on the floor and told each other stories.",
)

# Read by OpenBLAS, OpenMP and MKL, one of which does NumPy's matrix products, when it is imported.
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one contender did at one batch size.

    Attributes:
        contender: "numpy" or "pyattn".
        batch: Sentences that were given to it at once.
        seconds: What each round took, for all sentences.
        tokens: Tokens that it produced in a round, ends included.
        tokens_per_second: By the median round.
        ms_per_sentence: By the median round.
        speed_up: The baseline's median round, at this batch size, over this one's.
        peak_mib: The most memory that its process has had so far; None where that is not known.
    """

    contender: str
    batch: int
    seconds: tuple[float, ...]
    tokens: int
    tokens_per_second: float
    ms_per_sentence: float
    speed_up: float
    peak_mib: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """A benchmark's figures and what they depend on.

    Attributes:
        model: The model's folder.
        cpu: The processor's name.
        isa: The instruction set level that pyattn ran.
        dtype: What pyattn's weights were computed with; the baseline's are float32.
        threads: Threads of each contender.
        options: Decoding options that differ from the checkpoint's own.
        sentences: How many sentences were translated in a round.
        source_tokens: Their tokens.
        same_answers: For how many of them the contenders' tokens are the same, at every batch size.
        measurements: The baseline and pyattn, for each batch size.
    """

    model: str
    cpu: str
    isa: str
    dtype: str
    threads: int
    options: dict[str, Any]
    sentences: int
    source_tokens: int
    same_answers: int
    measurements: tuple[Measurement, ...]


def run(
    model: str | os.PathLike[str] | None = None,
    *,
    sentences: Sequence[str] | None = None,
    batches: Sequence[int] = (1, 32),
    rounds: int = 5,
    dtype: DTypes = "auto",
    threads: int | None = None,
    options: Mapping[str, Any] | None = None,
    source: str | None = None,
    target: str | None = None,
) -> Result:
    """Measure a model. Starts processes: a program that calls this needs a `__main__` guard.

    Args:
        model: The model's folder; the shipped one by default.
        sentences: What to translate; `SENTENCES` by default.
        batches: Numbers of sentences to translate at once.
        rounds: How often each contender translates all sentences, after one round to warm up.
        dtype: What pyattn computes with, as for `pyattn.load`.
        threads: Threads of each contender; by default as many as the process may use.
        options: Decoding options; the others are the checkpoint's, but greedy.
        source: The language of the sentences, for a model of several.
        target: The language to translate into, likewise.

    Raises:
        ModelError: if the model cannot be used.
        ValueError: if there is nothing to translate, an option is out of its range, or the model
            does not have a language, or has to be told one and is not.
        RuntimeError: if a contender's process fails.
    """
    folder = SHIPPED_MODEL if model is None else pathlib.Path(model)
    tokenizer = load_tokenizer(folder)
    if tokenizer is None:
        raise ModelError(f"{folder}: no tokenizer, which the benchmark's sentences need")
    search = {"beam_size": 1, **(options or {})}
    languages = tokenizer.languages
    source, target = languages.chosen(source, target, search.get("forced_bos_token"))
    first = languages.first_token(target)
    if first is not None:
        search["forced_bos_token"] = first
    texts = list(SENTENCES if sentences is None else sentences)
    sources = tokenizer.encode(texts, source=source, target=target)
    if not sources:
        raise ValueError("bench: there are no sentences to translate")
    # pyattn first: it knows how many threads the process may use.
    with (
        _Worker("pyattn", folder, dtype, threads) as pyattn,
        _Worker("numpy", folder, "float32", pyattn.facts["threads"]) as numpy,
    ):
        rows: list[Measurement] = []
        same = len(sources)
        for batch in batches:
            work = (sources, batch, search)
            warm = [worker.round(*work) for worker in (numpy, pyattn)]
            same = min(same, sum(map(operator.eq, warm[0].tokens, warm[1].tokens)))
            timed = [(numpy.round(*work), pyattn.round(*work)) for _ in range(rounds)]
            baseline, ours = zip(*timed, strict=True)
            rows.append(_measurement("numpy", batch, baseline, baseline))
            rows.append(_measurement("pyattn", batch, ours, baseline))
    return Result(
        model=str(folder),
        cpu=_core.cpu_model(),
        options=search,
        sentences=len(sources),
        source_tokens=sum(map(len, sources)),
        same_answers=same,
        measurements=tuple(rows),
        **pyattn.facts,
    )


def table(result: Result) -> str:
    """The figures as lines of text."""
    search = ", ".join(f"{name} {value}" for name, value in result.options.items())
    lines = [
        f"{result.model}: {result.sentences} sentences, {result.source_tokens} source tokens, "
        f"{search}",
        f"{result.cpu}, isa {result.isa}, {result.dtype}, threads {result.threads}; "
        f"median of {len(result.measurements[0].seconds)} rounds",
        "",
        f"{'':8}{'batch':>7}{'tokens/s':>12}{'ms/sentence':>14}{'speed-up':>11}{'peak MiB':>11}",
    ]
    for row in result.measurements:
        peak = "-" if row.peak_mib is None else f"{row.peak_mib:,.0f}"
        lines.append(
            f"{row.contender:8}{row.batch:>7}{row.tokens_per_second:>12,.0f}"
            f"{row.ms_per_sentence:>14.2f}{row.speed_up:>10.2f}x{peak:>11}"
        )
    lines += ["", f"same tokens for {result.same_answers} of {result.sentences} sentences"]
    return "\n".join(lines)


def to_json(result: Result) -> str:
    """The figures as JSON: the fields of `Result` and `Measurement`."""
    return json.dumps(dataclasses.asdict(result), indent=2) + "\n"


@dataclasses.dataclass(frozen=True)
class _Round:
    """What a worker reports of one pass: ids per sentence, and their number, ends included."""

    seconds: float
    tokens: list[list[int]]
    produced: int
    peak_mib: float | None


def _measurement(
    contender: str, batch: int, rounds: Sequence[_Round], baseline: Sequence[_Round]
) -> Measurement:
    seconds = statistics.median(each.seconds for each in rounds)
    last = rounds[-1]
    return Measurement(
        contender=contender,
        batch=batch,
        seconds=tuple(each.seconds for each in rounds),
        tokens=last.produced,
        tokens_per_second=last.produced / seconds,
        ms_per_sentence=1000 * seconds / len(last.tokens),
        speed_up=statistics.median(each.seconds for each in baseline) / seconds,
        peak_mib=last.peak_mib,
    )


class _Worker:
    """A contender in a process of its own, with its model loaded.

    Attributes:
        facts: The `isa`, `dtype` and `threads` of pyattn; nothing of NumPy.
    """

    def __init__(self, name: str, folder: pathlib.Path, dtype: DTypes, threads: int | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._name = name
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, name, folder, dtype, threads), daemon=True
        )
        with _inherited(threads):
            self._process.start()
        theirs.close()  # or its end would never be seen
        self.facts: dict[str, Any] = self._answer()

    def round(self, sources: list[list[int]], batch: int, search: dict[str, Any]) -> _Round:
        """Generate for all sources, `batch` at once."""
        answer: _Round = self._answer((sources, batch, search))
        return answer

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    def _answer(self, job: object = None) -> Any:
        """What the worker says to a job, or of itself once it is ready for one."""
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
    """The life of a worker: load, say so, and answer until it is terminated."""
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
    checkpoint = read_checkpoint(folder)
    if name == "numpy":
        return reference.Model(checkpoint), {}
    model = Model(checkpoint, dtype=dtype, threads=threads)
    config = model.config
    computed_in = precision.described(config, config.dtype, config.other_dtypes)
    return model, {"isa": config.isa, "dtype": computed_in, "threads": model.threads}


def _round(model: Any, sources: list[list[int]], batch: int, search: dict[str, Any]) -> _Round:
    start = time.perf_counter()
    found = [
        ranked[0]
        for first in range(0, len(sources), batch)
        for ranked in model.generate(sources[first : first + batch], **search)
    ]
    return _Round(
        seconds=time.perf_counter() - start,
        tokens=[list(best.tokens) for best in found],
        produced=sum(len(best.token_scores) for best in found),
        peak_mib=_peak_mib(),
    )


@contextlib.contextmanager
def _inherited(threads: int | None) -> Iterator[None]:
    """What a worker gets from this process: the number of threads, and deafness to Ctrl-C.

    Ctrl-C reaches every process of a terminal; this one alone answers it, and ends the others.
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


def _peak_mib() -> float | None:
    """The most memory that this process has had.

    Linux's ru_maxrss starts from what the parent had, so its own count is read where there is one.
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
