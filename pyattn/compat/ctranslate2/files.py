"""Lines of files through a translator, and iterables in batches."""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TextIO, TypeAlias

from pyattn.compat.ctranslate2.results import ExecutionStats, ScoringResult, TranslationResult

Tokenize: TypeAlias = Callable[[str], list[str]]
Detokenize: TypeAlias = Callable[[list[str]], str]


class Lines(NamedTuple):
    """A file, and what cuts its lines; None cuts at spaces."""

    path: str | os.PathLike[str]
    tokenize: Tokenize | None

    def read(self, stack: contextlib.ExitStack) -> Iterator[list[str]]:
        """The tokens of each line."""
        file = stack.enter_context(_opened(self.path, "r"))
        cut = self.tokenize or str.split
        return (cut(line.removesuffix("\n")) for line in file)


class UnevenError(ValueError):
    """One of two inputs is longer than the other."""


def pairs(first: Iterable[Any], second: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """What two iterables have in the same place.

    Raises:
        UnevenError: if one is longer than the other.
    """
    missing = object()
    for one, other in itertools.zip_longest(first, second, fillvalue=missing):
        if one is missing or other is missing:
            raise UnevenError("Input iterables do not have the same length")
        yield one, other


def in_order(
    items: Iterable[Any], start: Callable[[list[Any]], list[Any]], size: int, ahead: int
) -> Iterator[Any]:
    """Results of items that are started in batches, with some batches under way at a time."""
    under_way: collections.deque[list[Any]] = collections.deque()
    rest = iter(items)
    while True:
        while len(under_way) < ahead and (batch := list(itertools.islice(rest, size))):
            under_way.append(start(batch))
        if not under_way:
            return
        for result in under_way.popleft():
            yield result.result()


def translate(
    run: Callable[..., Iterable[TranslationResult]],
    sources: Lines,
    prefixes: Lines | None,
    output: str | os.PathLike[str],
    detokenize: Detokenize,
) -> ExecutionStats:
    """Writes the translations of a file's lines, a line for each hypothesis."""
    start = time.perf_counter()
    examples = tokens = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(_uneven_lines())
        before = None if prefixes is None else prefixes.read(stack)
        results = run(sources.read(stack), before)
        to = stack.enter_context(_opened(output, "w"))
        for result in results:
            examples += 1
            tokens += len(result.hypotheses[0])
            for n, hypothesis in enumerate(result.hypotheses):
                score = f"{result.scores[n]:.6g} ||| " if result.scores else ""
                to.write(f"{score}{detokenize(hypothesis)}\n")
    return ExecutionStats(tokens, examples, (time.perf_counter() - start) * 1000)


def score(
    run: Callable[..., Iterable[ScoringResult]],
    sources: Lines,
    targets: Lines,
    output: str | os.PathLike[str],
    detokenize: Detokenize,
    each_token: bool,
) -> ExecutionStats:
    """Writes the mean log-probability of each line's tokens, its end included."""
    start = time.perf_counter()
    examples = tokens = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(_uneven_lines())
        results = run(sources.read(stack), targets.read(stack))
        to = stack.enter_context(_opened(output, "w"))
        for result in results:
            examples += 1
            tokens += len(result.tokens)
            mean = sum(result.log_probs) / max(len(result.log_probs), 1)
            line = f"{mean:.6g} ||| {detokenize(result.tokens)}"
            if each_token:
                line += " ||| " + " ".join(f"{one:.6g}" for one in result.log_probs)
            to.write(f"{line}\n")
    return ExecutionStats(tokens, examples, (time.perf_counter() - start) * 1000)


@contextlib.contextmanager
def _uneven_lines() -> Iterator[None]:
    try:
        yield
    except UnevenError as error:
        raise RuntimeError("Input files do not have the same number of lines") from error


def _opened(path: str | os.PathLike[str], mode: str) -> TextIO:
    try:
        file: Any = pathlib.Path(path).open(mode, encoding="utf-8", newline="\n")  # noqa: SIM115 (closed by the stack)
    except OSError as error:
        raise RuntimeError(f"failed to open the file {path}: {error.strerror}") from error
    opened: TextIO = file
    return opened
