r"""Compare translation speed: pyattn, its NumPy definition, transformers and CTranslate2, in turns.

    python bench/end_to_end.py --sources dev.en --model marian-en-es --model opus-mt-layout \
        --write bench/results/end-to-end

Every contender gets the same token ids (sentences drawn from --sources, cut by the model's own
tokenizer) and, unless --forced 0, has to produce the same number of target tokens, so the work is
the same and tokens/s are comparable. All compute in float32. A model folder without weights is
filled with random ones (see shapes.py).

How it is measured. Each contender lives in a process of its own, one for every number of threads,
pinned to that many cores. They take turns batch by batch (A B C D, D C B A, A B C D, ...), so that
a machine that gets slower does so for all; between turns there is a pause in which idle thread
pools go to sleep, and what they burn while others run is reported. Wall and CPU time are taken
around the program's own call; tokenizing, padding and unpacking stay outside. A figure is the
median, or the minimum, over the rounds of each batch's time, summed over the batches of the cell.

Before anything is measured, the contenders' greedy outputs are compared, at natural lengths where
the weights are real: wrong answers have no speed. On a machine that others use too, look at the
column of CPU over wall seconds: far below the number of threads, the run is to be repeated, and
"cpu_*" in the JSON says more than the clock.

Linux only (it pins processes to cores).
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import itertools
import json
import os
import random
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import machine
import sentencepiece
import shapes
from contenders import CONTENDERS, SETTLE_SECONDS, Decoding, Files, Ids, Turn, Worker, convert
from report import markdown

NATURAL_LIMIT = 100  # target tokens, where the end decides
CHECK_BATCH = 32
LEAST_AGREEMENT = 0.95
LEAST_ROUNDS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if that cannot be or the contenders disagree, 130 if interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    results = {
        "command": _command(sys.argv[1:] if arguments is None else arguments),
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "versions": machine.versions(("pyattn", "numpy", "torch", "transformers", "ctranslate2")),
        "load_before": machine.load(),
        "beam": options.beam,
        "forced": options.forced,
        "models": [],
    }
    try:
        for folder in options.model:
            results["models"].append(_measure_model(folder, options))
    except (OSError, ValueError, RuntimeError) as error:
        print(f"end_to_end: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    results["load_after"] = machine.load()
    print(markdown(results))
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        for suffix, text in ((".json", json.dumps(results, indent=1)), (".md", markdown(results))):
            options.write.with_suffix(suffix).write_text(text + "\n", encoding="utf-8")
    return 0


@dataclasses.dataclass(frozen=True)
class Cell:
    """One line of the table: a number of threads, a batch size, and the batches to translate."""

    threads: int
    batch: int
    batches: range  # numbers among the workers' batches


def _measure_model(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        files = Files(folder, Path(scratch, "ctranslate2"))
        trained = any((folder / name).exists() for name in shapes.WEIGHT_FILES)
        if not trained:
            files = files._replace(checkpoint=Path(scratch, "checkpoint"))
            shapes.fill(folder, files.checkpoint, seed=1)
        if any(label.startswith("ctranslate2") for label in options.contenders):
            convert(files)
        sources = tokenize(folder, read_lines(options.sources, options.seed))
        cells, batches = plan_cells(sources, options)
        checks = [sources[n : n + CHECK_BATCH] for n in range(0, options.check, CHECK_BATCH)]
        workers = {}
        for threads, label in itertools.product(options.threads, options.contenders):
            _say(f"{folder.name}: starting {label} with {threads} threads")
            cores = options.cores[:threads]
            workers[threads, label] = Worker(label, files, cores, batches + checks)

        # Random weights never end a sentence.
        natural = Decoding(1, 0, NATURAL_LIMIT) if trained else Decoding(1, 24, 24)
        numbers = range(len(batches), len(batches) + len(checks))
        agreement = _agreement(workers, options, numbers, natural)
        _say(f"{folder.name}: agreement {agreement}")
        turns, seconds = _take_turns(workers, cells, options)
        idle = {
            f"{label}, {threads}": sum(turn.idle for turn in taken) / seconds
            for (threads, label), taken in _by_worker(turns).items()
        }
        return {
            "model": folder.name,
            "weights": "trained" if trained else "random",
            "agreement": agreement,
            "rounds": max(len(taken) for taken in turns.values()),
            "seconds": round(seconds),
            "cells": [_summary(cell, batches, turns, options.contenders) for cell in cells],
            "idle_cpu": {worker: round(share, 4) for worker, share in idle.items()},
            "detail": {
                label: workers[options.threads[0], label].detail for label in options.contenders
            },
            "peak_mib": {
                f"{label}, {threads}": round(worker.close())
                for (threads, label), worker in workers.items()
            },
        }


def read_lines(path: Path, seed: int) -> list[str]:
    """The file's lines in a seeded random order, without blank ones."""
    lines = [line for line in path.read_text("utf-8").split("\n") if line.strip()]
    random.Random(seed).shuffle(lines)
    return lines


def tokenize(folder: Path, lines: list[str]) -> Ids:
    """What MarianTokenizer makes of lines: SentencePiece's pieces, by vocab.json, and the end."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    ids = json.loads((folder / "vocab.json").read_text("utf-8"))
    unknown, end = ids["<unk>"], ids["</s>"]
    return [
        [ids.get(piece, unknown) for piece in line] + [end]
        for line in pieces.encode(lines, out_type=str)
    ]


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
    cells = itertools.product(options.threads, options.batches)
    return [Cell(threads, size, ranges[size]) for threads, size in cells], batches


Key = tuple[int, str, int]  # threads, label, batch
Workers = dict[tuple[int, str], Worker]


def _agreement(
    workers: Workers, options: argparse.Namespace, batches: range, decoding: Decoding
) -> dict[str, float]:
    """The share of sentences of which each contender says the same as the first.

    Raises:
        RuntimeError: if that is less than `LEAST_AGREEMENT` for one of them.
    """
    outputs = {}
    for label in options.contenders:
        worker = workers[options.threads[0], label]
        turns = [worker.turn(batch, decoding) for batch in batches]
        outputs[label] = [tokens for turn in turns for tokens in turn.tokens]
    first, *others = options.contenders
    agreement = {}
    for label in others:
        pairs = list(zip(outputs[first], outputs[label], strict=True))
        agreement[label] = sum(ours == theirs for ours, theirs in pairs) / len(pairs)
        if agreement[label] < LEAST_AGREEMENT:
            ours, theirs = next(pair for pair in pairs if pair[0] != pair[1])
            raise RuntimeError(
                f"{label} agrees with {first} on {agreement[label]:.0%} of the sentences, expected "
                f"{LEAST_AGREEMENT:.0%}; on one, {first} says {ours}, {label} {theirs}"
            )
    return agreement


def _take_turns(
    workers: Workers, cells: list[Cell], options: argparse.Namespace
) -> tuple[dict[Key, list[Turn]], float]:
    """Every contender on every batch, round after round, and the seconds that it took."""
    decoding = Decoding(options.beam, options.forced, options.forced or NATURAL_LIMIT)
    turns: dict[Key, list[Turn]] = {}
    for key in _order(cells, options.contenders):  # to warm up; not counted
        workers[key[:2]].turn(key[2], decoding)
    begun = time.perf_counter()
    for number in range(options.rounds):
        spent = time.perf_counter() - begun
        if number >= LEAST_ROUNDS and spent * (1 + 1 / number) > options.seconds:
            break
        _say(f"round {number + 1} of {options.rounds}, {spent:.0f} s")
        for key in _order(cells, options.contenders[:: -1 if number % 2 else 1]):
            time.sleep(SETTLE_SECONDS)
            turns.setdefault(key, []).append(workers[key[:2]].turn(key[2], decoding))
    return turns, time.perf_counter() - begun


def _order(cells: list[Cell], labels: Sequence[str]) -> Iterator[Key]:
    for cell in cells:
        for batch, label in itertools.product(cell.batches, labels):
            yield cell.threads, label, batch


def _by_worker(turns: dict[Key, list[Turn]]) -> dict[tuple[int, str], list[Turn]]:
    workers: dict[tuple[int, str], list[Turn]] = {}
    for key, taken in turns.items():
        workers.setdefault(key[:2], []).extend(taken)
    return workers


def _summary(
    cell: Cell, batches: list[Ids], turns: dict[Key, list[Turn]], labels: Sequence[str]
) -> dict[str, Any]:
    """A cell's figures, and by what factor the first contender is faster than the others."""
    contenders = {}
    for label in labels:
        taken = [turns[cell.threads, label, batch] for batch in cell.batches]
        tokens = sum(len(ids) for rounds in taken for ids in rounds[0].tokens)
        figures: dict[str, Any] = {"target_tokens": tokens}
        for clock in ("wall", "cpu"):
            for name, pick in (("median", statistics.median), ("best", min)):
                seconds = sum(pick([getattr(turn, clock) for turn in rounds]) for rounds in taken)
                figures[f"{clock}_{name}"] = round(seconds, 6)
        for name in ("median", "best"):
            figures[f"tokens_per_second_{name}"] = round(tokens / figures[f"wall_{name}"], 1)
        contenders[label] = figures
    first, *others = labels
    return {
        "threads": cell.threads,
        "batch": cell.batch,
        "sentences": sum(len(batches[batch]) for batch in cell.batches),
        "source_tokens": sum(len(ids) for batch in cell.batches for ids in batches[batch]),
        "contenders": contenders,
        "faster_than": {
            label: {
                figure: round(contenders[label][figure] / contenders[first][figure], 3)
                for figure in ("wall_median", "wall_best", "cpu_median", "cpu_best")
            }
            for label in others
        },
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _command(arguments: Sequence[str]) -> str:
    """The command line, with whole paths cut down to their last part."""
    short = [Path(a).name if a.startswith("/") else a for a in arguments]
    return shlex.join(["python", "bench/end_to_end.py", *short])


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    available = sorted(os.sched_getaffinity(0))
    options.cores = options.cores or available
    if not set(options.cores) <= set(available):
        parser.error(f"--cores: this process may use {available}")
    if max(options.threads) > len(options.cores):
        parser.error(f"--threads: {max(options.threads)} threads need as many cores, to be pinned")
    for label in options.contenders:
        name, colon, variable = label.partition(":")
        if name not in CONTENDERS or (colon and "=" not in variable):
            parser.error(f"--contenders: {label!r} is none of {', '.join(CONTENDERS)}")
    for name in ("rounds", "beam", "sentences", "check"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: expected at least 1")
    if min(options.threads + options.batches) < 1 or options.forced < 0:
        parser.error("--threads, --batches: expected at least 1; --forced: at least 0")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--model",
        type=Path,
        action="append",
        required=True,
        help="Marian folder as transformers writes it, with or without weights; may be repeated",
    )
    add("--sources", type=Path, required=True, help="sentences to translate, one a line")
    add(
        "--contenders",
        type=lambda text: text.split(","),
        default=list(CONTENDERS),
        help="names, the first of which is compared with the others; name:VARIABLE=value runs one "
        f"under an environment variable (default: {','.join(CONTENDERS)})",
    )
    add("--threads", type=_numbers, default=[1, 2], help="threads (default: 1,2)")
    add("--batches", type=_numbers, default=[1, 8, 32], help="batch sizes (default: 1,8,32)")
    add("--beam", type=int, default=1, help="beam size; 1 is greedy search (default: 1)")
    add(
        "--forced",
        type=int,
        default=24,
        help="target tokens that each sentence has to get; 0 lets it end by itself (default: 24)",
    )
    add("--rounds", type=int, default=20, help="rounds at most (default: 20)")
    add(
        "--seconds",
        type=float,
        default=300,
        help=f"start no round that would end later, per model, after {LEAST_ROUNDS} (default: 300)",
    )
    add("--sentences", type=int, default=4, help="a cell has as many at least (default: 4)")
    add("--check", type=int, default=96, help="sentences to compare outputs on (default: 96)")
    add("--seed", type=int, default=1, help="of the sentences drawn (default: 1)")
    add("--cores", type=_numbers, help="cores to use, in this order (default: all allowed)")
    add("--write", type=Path, help="write the results as JSON and Markdown, under this name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
