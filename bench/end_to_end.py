r"""Compare translation speed: pyattn, its NumPy definition, transformers and CTranslate2, in turns.

    python bench/end_to_end.py --sources dev.en --model marian-en-es --model opus-mt-layout \
        --beam 1,4 --batches 1,8,32,64 --write bench/results/end-to-end

Every contender gets the same token ids (sentences drawn from --sources, cut by the model's own
tokenizer) and, unless --forced 0, has to produce the same number of target tokens, so the work is
the same and tokens/s are comparable. A contender is a program and a number type, and is compared
with those of the other programs that compute in the same. A model folder without weights is filled
with random ones (see shapes.py). With --add, a long measurement can be made in several runs.

How it is measured. Each contender lives in a process of its own, one for every number of threads,
pinned to that many cores. They take turns batch by batch (A B C D, D C B A, A B C D, ...), so that
a machine that gets slower does so for all; between turns there is a pause in which idle thread
pools go to sleep, and what they burn while others run is reported. Wall and CPU time are taken
around the program's own call; tokenizing, padding and unpacking stay outside. A figure is the
median, or the minimum, over the rounds of each batch's time, summed over the batches of the cell.

Before anything is measured, the contenders' greedy outputs are compared, at natural lengths where
the weights are real: wrong answers have no speed. Those in float32 have to agree; of the others the
share of equal sentences is stated, which on random weights, where every step is a near-tie, says
little (quality.py has what a number type costs). On a machine that others use too, look at the
column of CPU over wall seconds: far below the number of threads, the run is to be repeated, and
"cpu_*" in the JSON says more than the clock.

Linux only (it pins processes to cores).
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import random
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import machine
import sentencepiece
from cells import SLOW, Cell, Key, plan_cells, summary
from contenders import DEFAULT, Decoding, Ids, Label, convert
from report import earlier, markdown, write
from shapes import model_files
from worker import SETTLE_SECONDS, Turn, Worker

NATURAL_LIMIT = 100  # target tokens, where the end decides
CHECK_BATCH = 32
LEAST_AGREEMENT = 0.95  # of contenders in float32
LEAST_ROUNDS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if that cannot be or the contenders disagree, 130 if interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    runs = []
    about = {
        "machine": machine.describe(),
        "versions": machine.versions(("pyattn", "numpy", "torch", "transformers", "ctranslate2")),
        "runs": runs,
    }
    command = command_line("end_to_end.py", sys.argv[1:] if arguments is None else arguments)
    try:
        if options.add:
            runs += earlier(options.write.with_suffix(".json"), about)
        for folder in options.model:
            runs.append({"command": command} | _measure_model(folder, options))
    except (OSError, ValueError, RuntimeError) as error:
        print(f"end_to_end: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(markdown(about))
    if options.write:
        write(options.write, about, markdown(about))
    return 0


def _measure_model(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    load = machine.load()
    with tempfile.TemporaryDirectory() as scratch:
        files, trained = model_files(folder, Path(scratch))
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
            "date": datetime.date.today().isoformat(),
            "load_before": load,
            "load_after": machine.load(),
            "forced": options.forced,
            "model": folder.name,
            "weights": "trained" if trained else "random",
            "agreement": agreement,
            "rounds": max(len(taken) for taken in turns.values()),
            "seconds": round(seconds),
            "cells": [summary(cell, batches, turns) for cell in cells],
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


Workers = dict[tuple[int, str], Worker]


def _agreement(
    workers: Workers, options: argparse.Namespace, batches: range, decoding: Decoding
) -> dict[str, float]:
    """The share of sentences of which each contender says the same as the first in float32.

    Without one in float32, as the first.

    Raises:
        RuntimeError: if that is less than `LEAST_AGREEMENT` for another one in float32.
    """
    outputs = {}
    for label in options.contenders:
        worker = workers[options.threads[0], label]
        turns = [worker.turn(batch, decoding) for batch in batches]
        outputs[label] = [tokens for turn in turns for tokens in turn.tokens]
    exact = [label for label in options.contenders if Label.parse(label).dtype == "float32"]
    first = (exact or options.contenders)[0]
    agreement = {}
    for label in (label for label in options.contenders if label != first):
        pairs = list(zip(outputs[first], outputs[label], strict=True))
        agreement[label] = sum(ours == theirs for ours, theirs in pairs) / len(pairs)
        if label in exact and agreement[label] < LEAST_AGREEMENT:
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

    def turn(key: Key) -> Turn:
        threads, label, beam, batch = key
        decoding = Decoding(beam, options.forced, options.forced or NATURAL_LIMIT)
        return workers[threads, label].turn(batch, decoding)

    turns: dict[Key, list[Turn]] = {}
    for key in _order(cells, 1):  # to warm up; not counted
        turn(key)
    begun = time.perf_counter()
    for number in range(options.rounds):
        spent = time.perf_counter() - begun
        if number >= LEAST_ROUNDS and spent * (1 + 1 / number) > options.seconds:
            break
        _say(f"round {number + 1} of {options.rounds}, {spent:.0f} s")
        for key in _order(cells, -1 if number % 2 else 1):
            time.sleep(SETTLE_SECONDS)
            turns.setdefault(key, []).append(turn(key))
    return turns, time.perf_counter() - begun


def _order(cells: list[Cell], direction: int) -> Iterator[Key]:
    for cell in cells:
        for batch, label in itertools.product(cell.batches, cell.labels[::direction]):
            yield cell.threads, label, cell.beam, batch


def _by_worker(turns: dict[Key, list[Turn]]) -> dict[tuple[int, str], list[Turn]]:
    workers: dict[tuple[int, str], list[Turn]] = {}
    for key, taken in turns.items():
        workers.setdefault(key[:2], []).extend(taken)
    return workers


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def command_line(script: str, arguments: Sequence[str]) -> str:
    """A script's command line, with whole paths cut down to their last part."""
    short = [Path(a).name if a.startswith("/") else a for a in arguments]
    return shlex.join(["python", f"bench/{script}", *short])


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    available = sorted(os.sched_getaffinity(0))
    options.cores = options.cores or available
    if not set(options.cores) <= set(available):
        parser.error(f"--cores: this process may use {available}")
    if max(options.threads) > len(options.cores):
        parser.error(f"--threads: {max(options.threads)} threads need as many cores, to be pinned")
    try:
        for label in options.contenders:
            Label.parse(label)
    except ValueError as error:
        parser.error(f"--contenders: {error}")
    if options.add and not options.write:
        parser.error("--add: expected --write as well, which names the runs to add to")
    for name in ("rounds", "sentences", "check"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: expected at least 1")
    if min(options.threads + options.batches + options.beam) < 1 or options.forced < 0:
        parser.error("--threads, --batches, --beam: expected at least 1; --forced: at least 0")


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
        default=list(DEFAULT),
        help="programs, each with a number type; those of the first program are compared with the "
        "others; pyattn alone takes the type that it takes by default, and name:VARIABLE=value "
        f"runs one under an environment variable (default: {','.join(DEFAULT)})",
    )
    add("--threads", type=_numbers, default=[1, 2], help="threads (default: 1,2)")
    add("--batches", type=_numbers, default=[1, 8, 32], help="batch sizes (default: 1,8,32)")
    add(
        "--slow-batch",
        type=int,
        default=sys.maxsize,
        help=f"the largest batch that {' and '.join(SLOW)} take part in (default: any)",
    )
    add("--beam", type=_numbers, default=[1], help="beam sizes; 1 is greedy search (default: 1)")
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
    add("--add", action="store_true", help="add to what --write has already")
    return parser


if __name__ == "__main__":
    sys.exit(main())
