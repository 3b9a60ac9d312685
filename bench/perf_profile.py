"""Where a translation's time goes, by category: products, attention, norms and so on.

    python bench/perf_profile.py --sources dev.en --model opus-mt-layout \
        --dtypes int8,float32 --beam 1,4 --write bench/results/profile

Linux's perf samples the process that translates, after it has translated every batch once, while
it does so again and again for --seconds. Its event is cpu-clock, since virtual machines seldom have
hardware counters: a timer, so it sees where the program is and not why. Source lines, tokens and
random weights are those of end_to_end.py.

A function that the compiler has inlined counts as the one that it is in: the conversion of a
norm's output is the norm's. A product's epilogue is what comes between its sums and memory: scales,
bias, residual, conversion. "Python" is the interpreter, between two translations the benchmark's
too; "rest" is the C library's allocator and the kernel. Both weigh most where a translation takes
only milliseconds. The speed is that under perf, which is lower than end_to_end.py's.

The categories are told by the symbols, which an ordinary build strips. Install one that has them:

    pip install --config-settings=cmake.define.CMAKE_STRIP=/bin/true \
        --config-settings=install.strip=false .
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import machine
from contenders import Decoding
from end_to_end import read_lines, tokenize
from report import table
from shapes import model_files
from worker import Worker

# What a sample is in, by the first pattern that its function's name has. `plain_name` has taken off
# parameters and arguments of templates, which name the number type rather than the work.
CORE = (
    ("products", r"kernels::linear|pyattn::(linear|PackedLinear)"),
    ("products' epilogues", r"kernels::store_rows"),
    ("activations", r"kernels::activate|pyattn::activate"),
    ("attention", r"kernels::(attention|Attention|load_turned)|pyattn::attention"),
    ("norms", r"::(layer_|rms_)?norm$|::normal|LayerNorm|RmsNorm"),
    ("quantisation", r"::prepare$|row_to_"),
    ("vocabulary", r"log_sum_exp|top_k|max_of|best_tokens|Projection"),
    ("search and engine", r""),
)
ELSEWHERE = (
    ("memory copies", r"^_*mem(c.y|move|set)|copy_(to|from)_user|clear_page"),
    ("Python", r"^_?Py"),
    ("rest", r""),
)
CATEGORIES = [name for name, _ in (*CORE, *ELSEWHERE)]

# Of the core's samples; what its C library puts into any module has no name either.
MOST_NAMELESS = 0.05
FREQUENCY = 2000  # samples a second
ATTACH_SECONDS = 1.0


class Function(NamedTuple):
    """A line of perf's report."""

    samples: int
    module: str
    symbol: str


def parse(report: str) -> list[Function]:
    """The functions in what `perf report -F sample,dso,symbol -t ';'` prints."""
    found = []
    for line in report.splitlines():
        if line.strip() and not line.startswith("#"):
            samples, module, symbol = (part.strip() for part in line.split(";", 2))
            # "[.]" or "[k]" says whether it is the program's or the kernel's.
            found.append(Function(int(samples), module, re.sub(r"^\[\S\] ", "", symbol)))
    return found


def plain_name(symbol: str) -> str:
    """A C++ function's name without what stands in brackets, and without its type."""
    symbol = symbol.replace("(anonymous namespace)::", "")
    while (shorter := re.sub(r"<[^<>]*>|\([^()]*\)|\[[^\[\]]*\]", "", symbol)) != symbol:
        symbol = shorter
    return symbol.removesuffix(" const").strip().rpartition(" ")[2]


def category(function: Function) -> str:
    """The first of `CORE` or `ELSEWHERE` that the function's name has."""
    if function.module.startswith(("libpython", "python")):
        return "Python"
    rules = CORE if function.module.startswith("_core") else ELSEWHERE
    name = plain_name(function.symbol)
    return next(title for title, pattern in rules if re.search(pattern, name))


def shares(functions: Iterable[Function]) -> dict[str, float]:
    """The share of the samples that each category has, in the order of `CATEGORIES`.

    Raises:
        ValueError: if there are no samples, or the core has no symbols.
    """
    functions = list(functions)
    core = [function for function in functions if function.module.startswith("_core")]
    nameless = sum(f.samples for f in core if re.match(r"0x[0-9a-f]+$|PyInit_|_init$", f.symbol))
    if not core:
        raise ValueError("perf saw nothing of pyattn's core")
    if nameless > MOST_NAMELESS * sum(function.samples for function in core):
        raise ValueError(
            "pyattn's core has no symbols; install it with --config-settings="
            "cmake.define.CMAKE_STRIP=/bin/true --config-settings=install.strip=false"
        )
    counts = dict.fromkeys(CATEGORIES, 0)
    for function in functions:
        counts[category(function)] += function.samples
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile and print; 1 if that cannot be, 130 if interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if min(options.batches + options.beam + [options.forced, options.threads]) < 1:
        parser.error("--batches, --beam, --forced, --threads: expected at least 1")
    given = sys.argv[1:] if arguments is None else arguments
    short = [Path(text).name if text.startswith("/") else text for text in given]
    results: dict[str, Any] = {
        "command": shlex.join(["python", "bench/perf_profile.py", *short]),
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "versions": machine.versions(("pyattn",)),
        "forced": options.forced,
        "threads": options.threads,
        "models": [],
    }
    try:
        for folder in options.model:
            results["models"].append(_profile(folder, options))
    except (OSError, ValueError, RuntimeError) as error:
        print(f"perf_profile: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(markdown(results))
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.with_suffix(".md").write_text(markdown(results) + "\n", encoding="utf-8")
    return 0


def _profile(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        files, trained = model_files(folder, Path(scratch))
        sources = tokenize(folder, read_lines(options.sources, options.seed))
        if len(sources) < max(options.batches):
            raise ValueError(
                f"--sources has {len(sources)} sentences, expected {max(options.batches)} at least"
            )
        batches = [sources[:size] for size in options.batches]
        cores = sorted(os.sched_getaffinity(0))[: options.threads]
        cells = []
        for dtype in options.dtypes:
            worker = Worker(f"pyattn/{dtype}", files, cores, batches)
            for beam in options.beam:
                decoding = Decoding(beam, options.forced, options.forced)
                for number, batch in enumerate(batches):
                    functions, speed = _sample(
                        worker, number, decoding, options.seconds, Path(scratch, "perf.data")
                    )
                    cells.append(
                        {"dtype": dtype, "beam": beam, "batch": len(batch), "speed": speed}
                        | {"shares": shares(functions)}
                    )
            worker.close()
        return {
            "model": folder.name,
            "weights": "trained" if trained else "random",
            "detail": worker.detail,
            "cells": cells,
        }


def _sample(
    worker: Worker, batch: int, decoding: Decoding, seconds: float, data: Path
) -> tuple[list[Function], float]:
    """What perf saw of a batch translated for some seconds, and target tokens per second."""
    worker.turn(batch, decoding)
    tokens, spent = 0, 0.0
    with _recording(worker.pid, data):
        while spent < seconds:
            turn = worker.turn(batch, decoding)
            tokens += sum(map(len, turn.tokens))
            spent += turn.wall
    command = ["perf", "report", "-i", str(data), "--stdio", "--no-children", "--quiet"]
    command += ["-F", "sample,dso,symbol", "-t", ";"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"perf report: {done.stderr.strip()}")
    return parse(done.stdout), tokens / spent


@contextlib.contextmanager
def _recording(pid: int, data: Path) -> Iterator[None]:
    """Samples of a process, with all of its threads, go to a file meanwhile."""
    command = ["perf", "record", "-e", "cpu-clock", "-F", str(FREQUENCY), "-p", str(pid)]
    perf = subprocess.Popen(
        [*command, "-o", str(data)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        time.sleep(ATTACH_SECONDS)
        if perf.poll() is None:
            yield
    finally:
        ended_early = perf.poll() is not None
        perf.send_signal(signal.SIGINT)
        _, errors = perf.communicate()
    if ended_early:
        raise RuntimeError(f"perf record: {errors.strip()}")


def markdown(results: dict[str, Any]) -> str:
    """The report: how it was made, and a table for each model and number type."""
    about, versions = results["machine"], results["versions"]
    lines = [
        "# Where the time goes",
        "",
        f"{results['date']}, {results['forced']} forced target tokens, threads: "
        f"{results['threads']}; share of the samples of perf's event cpu-clock.",
        "",
        f"    {results['command']}",
        "",
        f"- {about['cpu']}, {about['cores']} cores",
        f"- {' '.join(about['flags'])}",
        f"- {', '.join(f'{name} {version}' for name, version in versions.items())}",
    ]
    for model in results["models"]:
        for dtype in dict.fromkeys(cell["dtype"] for cell in model["cells"]):
            cells = [cell for cell in model["cells"] if cell["dtype"] == dtype]
            head = [f"beam {cell['beam']}, batch {cell['batch']}" for cell in cells]
            rows = [
                [name, *(f"{cell['shares'][name]:.1%}" for cell in cells)] for name in CATEGORIES
            ]
            rows.append(["target tokens/s", *(f"{cell['speed']:.0f}" for cell in cells)])
            lines += ["", f"## {model['model']} ({model['weights']} weights), {dtype}", ""]
            lines += table(["", *head], rows)
    return "\n".join(lines)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", type=Path, action="append", required=True, help="as end_to_end.py has it")
    add("--sources", type=Path, required=True, help="sentences to translate, one a line")
    add(
        "--dtypes",
        type=lambda text: text.split(","),
        default=["int8", "float32"],
        help="number types (default: int8,float32)",
    )
    add("--batches", type=_numbers, default=[1, 8, 32], help="batch sizes (default: 1,8,32)")
    add("--beam", type=_numbers, default=[1, 4], help="beam sizes (default: 1,4)")
    add("--forced", type=int, default=24, help="target tokens of each sentence (default: 24)")
    add("--threads", type=int, default=1, help="threads (default: 1)")
    add("--seconds", type=float, default=4, help="of translating, for each cell (default: 4)")
    add("--seed", type=int, default=1, help="of the sentences drawn (default: 1)")
    add("--write", type=Path, help="write the tables as Markdown, under this name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
