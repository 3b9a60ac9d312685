"""The cells of `end_to_end.py`'s tables: what is to be measured in each, and what came out."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from contenders import Ids, Label
from worker import Turn

SLOW = ("numpy", "transformers")

Key = tuple[int, str, int, int]  # threads, label, beam, batch


@dataclasses.dataclass(frozen=True)
class Cell:
    """A number of threads, a beam and a batch size, and the batches to translate."""

    threads: int
    beam: int
    batch: int
    batches: range  # numbers among the workers' batches
    labels: tuple[str, ...]  # who takes part


def plan_cells(sources: Ids, options: argparse.Namespace) -> tuple[list[Cell], list[Ids]]:
    """The cells of a model's table, and the batches that their numbers stand for.

    A cell has as many batches as hold `sentences` sentences, one at least. All start with the
    first source, so that small batches translate a part of what large ones do.

    Raises:
        ValueError: if there are too few sources.
    """
    batches: list[Ids] = []
    ranges = {}
    for size in options.batches:
        count = -(-options.sentences // size)
        first = len(batches)
        batches += [sources[n * size : (n + 1) * size] for n in range(count)]
        ranges[size] = range(first, len(batches))
    needed = max(options.check, *(-(-options.sentences // size) * size for size in ranges))
    if len(sources) < needed:
        raise ValueError(f"--sources has {len(sources)} sentences, expected {needed} at least")
    cells = itertools.product(options.threads, options.beam, options.batches)
    return [
        Cell(threads, beam, size, ranges[size], _taking_part(size, options))
        for threads, beam, size in cells
    ], batches


def _taking_part(batch: int, options: argparse.Namespace) -> tuple[str, ...]:
    return tuple(
        label
        for label in options.contenders
        if batch <= options.slow_batch or Label.parse(label).program not in SLOW
    )


def summary(cell: Cell, batches: list[Ids], turns: dict[Key, list[Turn]]) -> dict[str, Any]:
    """A cell's figures, and by what factor some contenders are faster than others."""
    contenders = {}
    for label in cell.labels:
        taken = [turns[cell.threads, label, cell.beam, batch] for batch in cell.batches]
        tokens = sum(len(ids) for rounds in taken for ids in rounds[0].tokens)
        figures: dict[str, Any] = {"target_tokens": tokens}
        for clock in ("wall", "cpu"):
            for name, pick in (("median", statistics.median), ("best", min)):
                seconds = sum(pick([getattr(turn, clock) for turn in rounds]) for rounds in taken)
                figures[f"{clock}_{name}"] = round(seconds, 6)
        for name in ("median", "best"):
            figures[f"tokens_per_second_{name}"] = round(tokens / figures[f"wall_{name}"], 1)
        contenders[label] = figures
    return {
        "threads": cell.threads,
        "beam": cell.beam,
        "batch": cell.batch,
        "sentences": sum(len(batches[batch]) for batch in cell.batches),
        "source_tokens": sum(len(ids) for batch in cell.batches for ids in batches[batch]),
        "contenders": contenders,
        "faster_than": [
            {"ours": ours, "theirs": theirs}
            | {
                figure: round(contenders[theirs][figure] / contenders[ours][figure], 3)
                for figure in ("wall_median", "wall_best", "cpu_median", "cpu_best")
            }
            for ours, theirs in compared(cell.labels)
        ],
    }


def compared(labels: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Who is compared with whom.

    Each number type of the first contender's program with every other program's same type, or with
    all of its types if it has not the same. The same program and type under another environment is
    compared with the first of that kind.
    """
    parts = {label: Label.parse(label) for label in labels}
    program = parts[labels[0]].program
    first: dict[str, str] = {}  # by number type
    for label in (label for label in labels if parts[label].program == program):
        dtype = parts[label].dtype
        if first.setdefault(dtype, label) != label:
            yield first[dtype], label
            continue
        for other in dict.fromkeys(part.program for part in parts.values()):
            theirs = [text for text in labels if parts[text].program == other != program]
            same = [text for text in theirs if parts[text].dtype == dtype]
            yield from ((label, text) for text in same or theirs)
