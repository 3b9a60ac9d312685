r"""What four bits gain in speed: pyattn in int8 and int4, and CTranslate2 in int8, in turns.

    taskset -c 1 python bench/four_bits.py --model opus-mt-layout --ctranslate2 opus-mt-ct2 \
        --batches 1,8,32 --seconds 60 --write bench/results/four-bits

All have the same ids, drawn at random, of sources of 24 tokens, and produce 24 tokens, greedily, on
one thread, in one process. They take turns (A B C, C B A, ...); a figure is the median of them.
"int4" has the product of the vocabulary in int8, as `dtype="int4"` does, "all int4" has none.
`bench/quality.py --converted` measures what they cost.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import machine
import numpy as np
from report import write

import pyattn

TOKENS = 24
LEAST_ROUNDS = 3
# From 5 on ids are pieces of any model.
FIRST_ID = 5

DTYPES: dict[str, Any] = {"int8": "int8", "int4": "int4", "all int4": {"*": "int4"}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    batches = [int(size) for size in options.batches.split(",")]
    models = {
        name: pyattn.load(options.model, dtype=dtype, threads=1).model
        for name, dtype in DTYPES.items()
    }
    runs: dict[str, Callable[[list[list[int]]], object]] = {
        name: _pyattn(model) for name, model in models.items()
    }
    if options.ctranslate2 is not None:
        runs["CTranslate2 int8"] = _ctranslate2(options.ctranslate2, options.model)
    results = {
        "command": shlex.join(["python", "bench/four_bits.py", *given]),
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "versions": machine.versions(("pyattn", "numpy", "ctranslate2")),
        "model": options.model.name,
        "bytes": {name: model.nbytes for name, model in models.items()},
        "seconds": {
            size: _measured(runs, _sources(models["int8"], size), options.seconds / len(batches))
            for size in batches
        },
    }
    print(markdown(results))
    if options.write:
        write(options.write, results, markdown(results))
    return 0


def _sources(model: pyattn.Model, count: int) -> list[list[int]]:
    random = np.random.default_rng(count)
    ids = random.integers(FIRST_ID, model.config.source_vocab - 1, (count, TOKENS)).tolist()
    return [[*row, model.config.end] for row in ids]


def _pyattn(model: pyattn.Model) -> Callable[[list[list[int]]], object]:
    def run(sources: list[list[int]]) -> object:
        return model.generate(
            sources, beam_size=1, num_hypotheses=1, min_new_tokens=TOKENS, max_new_tokens=TOKENS
        )

    return run


def _ctranslate2(folder: Path, model: Path) -> Callable[[list[list[int]]], object]:
    import ctranslate2

    translator = ctranslate2.Translator(
        str(folder), device="cpu", compute_type="int8", intra_threads=1, inter_threads=1
    )
    ids = json.loads((model / "vocab.json").read_text("utf-8"))
    pieces = {number: piece for piece, number in ids.items()}

    def run(sources: list[list[int]]) -> object:
        return translator.translate_batch(
            [[pieces[number] for number in source] for source in sources],
            beam_size=1,
            min_decoding_length=TOKENS,
            max_decoding_length=TOKENS,
        )

    return run


def _measured(
    runs: dict[str, Callable[[list[list[int]]], object]], sources: list[list[int]], budget: float
) -> dict[str, float]:
    """Median seconds of each."""
    for run in runs.values():
        run(sources)
    taken: dict[str, list[float]] = {name: [] for name in runs}
    order, begin = list(runs), time.perf_counter()
    rounds = 0
    while rounds < LEAST_ROUNDS or time.perf_counter() - begin < budget:
        for name in order:
            start = time.perf_counter()
            runs[name](sources)
            taken[name].append(time.perf_counter() - start)
        order.reverse()
        rounds += 1
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def markdown(results: dict[str, Any]) -> str:
    """The report: how it was made, and a row for each contender."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    sizes = list(results["seconds"])
    lines = [
        "# Speed of four bits",
        "",
        f"{results['model']}, {results['date']}: milliseconds of a batch of sentences (in brackets "
        "how many times as fast as int8), greedy, one core; `bench/four_bits.py` says how.",
        "",
        f"    {results['command']}",
        "",
        f"- {results['machine']['cpu']}, Python {results['machine']['python']}, {versions}",
        "",
        f"| | MiB | {' | '.join(f'batch {size}' for size in sizes)} |",
        f"| --- | --- | {' | '.join('---' for _ in sizes)} |",
    ]
    for name in results["seconds"][sizes[0]]:
        size = results["bytes"].get(name)
        cells = [name, "" if size is None else f"{size / 2**20:.1f}"]
        for batch in sizes:
            seconds = results["seconds"][batch]
            cells.append(f"{seconds[name] * 1e3:.1f} ({seconds['int8'] / seconds[name]:.2f})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="a folder with weights")
    parser.add_argument("--ctranslate2", type=Path, help="the same model in CTranslate2's layout")
    parser.add_argument("--batches", default="1,8,32")
    parser.add_argument("--seconds", type=float, default=60, help="to measure for")
    parser.add_argument("--write", type=Path, help="also into this file, .json and .md")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
