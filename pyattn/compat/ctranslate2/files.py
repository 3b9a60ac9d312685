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

from pyattn.compat.ctranslate2.arguments import FEWER_EXAMPLES
from pyattn.compat.ctranslate2.results import ExecutionStats, ScoringResult, TranslationResult

Tokenize: TypeAlias = Callable[[str], list[str]]
Detokenize: TypeAlias = Callable[[list[str]], str]
Pairs: TypeAlias = Iterable[tuple[Any, Any]]


class Lines(NamedTuple):
    """A file, and what cuts its lines; None cuts at spaces, and at nothing else."""

    path: str | os.PathLike[str]
    tokenize: Tokenize | None

    def read(self, stack: contextlib.ExitStack) -> Iterator[list[str]]:
        """The tokens of each line, of which a carriage return at its end is no part."""
        file = stack.enter_context(_opened(self.path, "r"))
        cut = self.tokenize or _at_spaces
        return (cut(line.removesuffix("\n").removesuffix("\r")) for line in file)


def _at_spaces(line: str) -> list[str]:
    return [token for token in line.split(" ") if token]


def alone(items: Iterable[Any]) -> Pairs:
    """What has nothing beside it."""
    return ((item, None) for item in items)


def pairs(first: Iterable[Any], second: Iterable[Any]) -> Pairs:
    """What two iterables have in the same place.

    Raises:
        ValueError: if one is longer than the other.
    """
    missing = object()
    for one, other in itertools.zip_longest(first, second, fillvalue=missing):
        if one is missing or other is missing:
            raise ValueError("Input iterables do not have the same length")
        yield one, other


def _beside(first: Iterable[Any], second: Iterable[Any]) -> Pairs:
    """The same of two files, of which the second may be longer, and a shorter one is its error."""
    others = iter(second)
    missing = object()
    for one in first:
        other = next(others, missing)
        if other is missing:
            raise RuntimeError(FEWER_EXAMPLES)
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
    run: Callable[[Pairs], Iterable[TranslationResult]],
    sources: Lines,
    prefixes: Lines | None,
    output: str | os.PathLike[str],
    detokenize: Detokenize,
) -> ExecutionStats:
    """Writes the translations of a file's lines, a line for each hypothesis."""
    start = time.perf_counter()
    examples = tokens = 0
    with contextlib.ExitStack() as stack:
        read = sources.read(stack)
        results = run(alone(read) if prefixes is None else _beside(read, prefixes.read(stack)))
        to = stack.enter_context(_opened(output, "w"))
        for result in results:
            examples += 1
            tokens += len(result.hypotheses[0])
            for n, hypothesis in enumerate(result.hypotheses):
                score = f"{result.scores[n]:.6g} ||| " if result.scores else ""
                to.write(f"{score}{detokenize(hypothesis)}\n")
    return ExecutionStats(tokens, examples, (time.perf_counter() - start) * 1000)


def score(
    run: Callable[[Pairs], Iterable[ScoringResult]],
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
        results = run(_beside(sources.read(stack), targets.read(stack)))
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


def _opened(path: str | os.PathLike[str], mode: str) -> TextIO:
    """A file of UTF-8, in which bytes that are none are unknown to the model and stay as they are.

    Raises:
        RuntimeError: if it cannot be opened.
    """
    try:
        file: Any = pathlib.Path(path).open(  # noqa: SIM115 (closed by the stack)
            mode, encoding="utf-8", errors="surrogateescape", newline="\n"
        )
    except OSError as error:
        raise RuntimeError(f"Failed to open file: {path}: {error.strerror}") from error
    opened: TextIO = file
    return opened
