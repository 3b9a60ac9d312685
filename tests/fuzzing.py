"""Mutated models of every format, and what reading them comes to.

    python tests/fuzzing.py --count 100000 --jobs 2

A mutated model is read, and run for three tokens if it still can be, of ids and of a text; or it is
described, or converted and the result run. Anything but a result or a `ModelError` is a finding,
and so are a converted model that is refused, more than a second of the processor, and more memory
than the files have, what a sound model reserves, and 64 MiB (not counted under a sanitizer, whose
own memory it would be). What was found is kept in a folder; the seed and the number of a case make
it again.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import pathlib
import queue
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from typing import Any

from pyattn.errors import ModelError
from support.fuzz_seeds import write_seeds
from support.mutations import files_of, mutate_model

SECONDS = 1.0
MEMORY = 64 << 20
# Address space of which most is never touched: a chunk for weights, and malloc's for a thread.
_RESERVED = 160 << 20
_HANG = 20  # seconds of the clock, on machines that have other things to do
WAYS = ("run", "describe", "convert")
DTYPES = ("float32", "bfloat16", "int8", "auto")
_TEXT = "a cat \xe9\U0001f600"
_LONGEST = 32  # tokens that the text may become
_LEAST_OF_PAIRS = 8  # more than any tokenizer puts around two texts
_IDS = [[0, 1, 2, 3, 9, 50, 1 << 20], []]


def use(path: pathlib.Path, way: str = "run", dtype: str = "float32") -> bool:
    """Reads a model and does something with it; False if it is refused as it should be.

    Args:
        path: The model.
        way: One of `WAYS`.
        dtype: What is computed with, one of `DTYPES`.
    """
    from pyattn.commands.conversion import convert
    from pyattn.commands.inspection import describe

    try:
        if way == "run":
            _run(path, dtype)
        elif way == "describe":
            describe(path, threads=1, dtype=dtype)
        else:
            convert(path, path.parent / "converted")
    except ModelError:
        return False
    if way == "convert":
        try:
            _run(path.parent / "converted", "float32")  # int8 cannot hold infinity
        except ModelError as error:
            raise AssertionError("what was converted is refused") from error
    return True


def _run(path: pathlib.Path, dtype: str) -> None:
    import pyattn

    with pyattn.load(path, threads=1, dtype=dtype, cache_bytes=1 << 20) as translator:
        if not isinstance(translator, pyattn.Translator):
            _encode(translator)
            return
        few = {"max_new_tokens": 3, "beam_size": 1}
        config = translator.model.config
        source = [min(2, config.source_vocab - 1)] * min(2, config.max_positions)
        try:
            translator.model.generate([source, [0]], **few)
            if config.max_positions >= _LONGEST:
                _translate(translator, **few)
        except ValueError as error:
            if "no token" not in str(error):  # is likelier than another, where weights are NaN
                raise


def _encode(encoder: Any) -> None:
    """The states of ids, and what an encoder makes of texts."""
    config = encoder.model.config
    encoder.model.encode([[min(2, config.source_vocab - 1)] * min(2, config.max_positions), [0]])
    try:
        longest = encoder.tokenizer.longest
    except ModelError:
        return
    texts = [_TEXT, "", *([("a cat", "a dog")] if longest >= _LEAST_OF_PAIRS else [])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of texts that are cut
        (encoder.embed if hasattr(encoder, "embed") else encoder.scores)(texts)


def _translate(translator: Any, **options: int) -> None:
    try:
        tokenizer = translator.tokenizer
    except ModelError:
        return
    tokenizer.decode(_IDS)
    languages = tokenizer.languages
    source, target = (next(iter(known), None) for known in (languages.sources, languages.targets))
    translator.translate(_TEXT, source=source, target=target, **options)


class Case:
    """A mutated model: the `number`-th of those of a seed."""

    def __init__(self, seeds: list[pathlib.Path], seed: int, number: int) -> None:
        self._pick = random.Random(f"{seed}/{number}")
        self._seeds = seeds
        self.source = self._pick.choice(seeds)
        self.dtype = DTYPES[number % len(DTYPES)]
        self.way = self._pick.choices(WAYS, (6, 1, 1))[0]

    def write(self, folder: pathlib.Path) -> pathlib.Path:
        """Writes it into an empty folder."""
        path = folder / self.source.name
        if self.source.is_dir():
            shutil.copytree(self.source, path)
        else:
            shutil.copy(self.source, path)
        if self._pick.random() < 0.05:
            self._swap(path)
        else:
            mutate_model(path, self._pick)
        return path

    def _swap(self, path: pathlib.Path) -> None:
        """Puts a file of another model, sound in itself, into the place of one."""
        file = self._pick.choice(files_of(path))
        others = [other for seed in self._seeds for other in files_of(seed)]
        shutil.copy(self._pick.choice([one for one in others if one.suffix == file.suffix]), file)


class _TooSlow(BaseException):
    """Not an Exception, which somebody might take for a reason to refuse."""


def size(path: pathlib.Path) -> int:
    """The bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in files_of(path) if not file.is_symlink())


def _address_space() -> int:
    return int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def check(case: Case, folder: pathlib.Path, *, limit_memory: bool) -> tuple[str, str, float]:
    """What came of a case ("read", "refused" or a finding), the error, and seconds used."""
    folder.mkdir()
    path = case.write(folder)
    before = time.process_time()
    outcome, error = "read", ""
    signal.alarm(_HANG)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    if limit_memory:
        most = _address_space() + size(path) + _RESERVED + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
    try:
        outcome = "read" if use(path, case.way, case.dtype) else "refused"
    except _TooSlow:
        outcome, error = "HANG", traceback.format_exc()
    except MemoryError:
        outcome, error = "MEMORY", traceback.format_exc()
    except Exception:
        outcome, error = "ERROR", traceback.format_exc()
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
    seconds = time.process_time() - before
    if outcome in ("read", "refused") and seconds > SECONDS:
        outcome, error = "SLOW", f"{seconds:.1f} s"
    return outcome, error, seconds


def _hang(*_: Any) -> None:
    raise _TooSlow


def _work(
    seeds: list[pathlib.Path], seed: int, numbers: range, limit_memory: bool, results: Any
) -> None:
    """A process that takes its share of the cases; a crash leaves the number that it was at."""
    signal.signal(signal.SIGALRM, _hang)
    for source in seeds:
        use(source)  # so that what is imported and kept for ever is there
    for number in numbers:
        with tempfile.TemporaryDirectory() as place:
            case = Case(seeds, seed, number)
            results.put((number, case.source.name, "begun", "", 0.0))
            outcome = check(case, pathlib.Path(place) / "model", limit_memory=limit_memory)
            results.put((number, case.source.name, *outcome))


class Fuzzing:
    """Cases on several processes, and what came of them.

    Args:
        seeds: The sound models.
        options: Of the command line.
    """

    def __init__(self, seeds: list[pathlib.Path], options: argparse.Namespace) -> None:
        self._seeds = seeds
        self._options = options
        self._context = multiprocessing.get_context("spawn")
        self._results = self._context.Queue()
        self._at: dict[int, tuple[int, str]] = {}  # what each process is at
        self._slowest = (0.0, -1)
        self.counts: dict[str, collections.Counter[str]] = {}
        self.findings = 0

    def run(self) -> None:
        """Runs all cases; a process that crashes is followed by another behind its case."""
        jobs, first = self._options.jobs, self._options.first
        workers = {n: self._start(first + n) for n in range(jobs)}
        while workers:
            try:
                self._take(*self._results.get(timeout=1))
                continue
            except queue.Empty:
                pass
            for n, process in list(workers.items()):
                if process.is_alive():
                    continue
                del workers[n]
                if process.exitcode:
                    number, source = self._at[n]
                    self._take(number, source, "CRASH", f"exit code {process.exitcode}", 0.0)
                    workers[n] = self._start(number + jobs)

    def _start(self, first: int) -> Any:
        options = self._options
        numbers = range(first, options.first + options.count, options.jobs)
        limited = not options.no_memory_limit
        arguments = (self._seeds, options.seed, numbers, limited, self._results)
        process = self._context.Process(target=_work, args=arguments)
        process.start()
        return process

    def _take(self, number: int, source: str, outcome: str, error: str, seconds: float) -> None:
        if outcome == "begun":
            self._at[(number - self._options.first) % self._options.jobs] = (number, source)
            return
        self.counts.setdefault(source, collections.Counter())[outcome] += 1
        self._slowest = max(self._slowest, (seconds, number))
        if outcome.isupper():
            self.findings += 1
            case = Case(self._seeds, self._options.seed, number)
            print(
                f"case {number}, {source}, {case.way}, {case.dtype}: {outcome}\n{error}", flush=True
            )
            folder = self._options.keep / str(number)
            if not folder.exists():
                folder.mkdir(parents=True)
                case.write(folder)

    def __str__(self) -> str:
        """A line for each sound model, and one for all."""
        lines = []
        for source, outcomes in sorted(self.counts.items()):
            listed = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
            lines.append(f"{source:40} {listed}")
        total = sum(sum(outcomes.values()) for outcomes in self.counts.values())
        seconds, number = self._slowest
        lines.append(
            f"{total} cases, {self.findings} findings; the slowest, {number}, took {seconds:.2f} s"
        )
        return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Mutate models of every format and read them.")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=pathlib.Path, default=pathlib.Path("fuzz-findings"))
    parser.add_argument("--no-memory-limit", action="store_true", help="for sanitizers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        fuzzing = Fuzzing(write_seeds(pathlib.Path(place)), options)
        fuzzing.run()
    print(fuzzing)
    return 1 if fuzzing.findings else 0


if __name__ == "__main__":
    sys.exit(main())
