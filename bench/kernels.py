r"""Measure the kernels one by one: pyattn on every level, NumPy and PyTorch, in turns.

    python bench/kernels.py --quick
    python bench/kernels.py --write bench/results/kernels --plot bench/results/kernels.svg

First the machine itself: what one core's instructions and caches can do at most (peaks.cc, compiled
here with the system's C++ compiler; once before and once after all else, and the better counts).
Then, for each shape, all contenders take turns (A B C, C B A, A B C, ...) on one core and one
thread. A turn calls once round to warm up and then for some milliseconds; a contender's figure is
the median over its turns, in CPU time: what other programs take of the core is not counted, what
they do to its caches is. All take float32 in and give float32 out, but for PyTorch's bfloat16,
which takes and gives bfloat16. Results are allocated by every call, as users see it.

A product is measured twice: on one matrix, which stays in the nearest cache that holds it, and
round so many equal matrices that none is left in L2 when its turn comes, as in a model. The column
"from" says where the weights are. A percentage is of the roof, min(peak, intensity * bandwidth):
the peak of the level's own instructions for the number type (for PyTorch and NumPy the machine's
best), the intensity over weights, input and output, each counted once. It is that of the best turn,
since peaks are those of the best trial; speeds are medians.

A step of decoding finds its tokens anywhere in memory; PyTorch and NumPy have theirs in rows, for a
step over bfloat16 PyTorch also in float32, which may be faster and then counts.

Linux only (it pins itself to a core). The plot wants matplotlib.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import math
import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import machine
import peaks
import roof
from kernel_report import markdown
from kernel_shapes import DTYPES, KERNELS, choose
from report import write

if TYPE_CHECKING:
    from kernel_cells import Calls, Cell

TURN_SECONDS = 2e-3
LEAST_ROUNDS = 3
WARM_SECONDS = 20e-3  # what takes longer needs no warming up

_ONE_THREAD = (
    *("PYATTN_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"),
    *("OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if that cannot be, 130 if interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    results: dict[str, Any] = {
        "command": _command(sys.argv[1:] if arguments is None else arguments),
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "versions": machine.versions(("pyattn", "numpy", "torch")),
    }
    os.sched_setaffinity(0, {options.core})
    for variable in _ONE_THREAD:
        os.environ[variable] = "1"
    try:
        _measure(options, results)
        if options.plot:
            from kernel_plot import plot

            plot(results, options.plot)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        print(f"kernels: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    report = markdown(results)
    print(report)
    if options.write:
        write(options.write, results, report)
    return 0


def _measure(options: argparse.Namespace, results: dict[str, Any]) -> None:
    """Adds everything that is measured to the results."""
    from pyattn import cpu_info

    known = [isa for isa in cpu_info().isas if isa != "reference"]
    isas = results["isas"] = options.isas or known
    if not set(isas) <= set(known):
        raise ValueError(f"--isas has {','.join(isas)}, expected some of {','.join(known)}")
    caches = roof.parse_caches(results["machine"]["caches"])
    results["load_before"] = machine.load()
    with peaks.compiled() as probe:
        _say("peaks")
        before = peaks.measure(probe, caches.probes(), options.trials)
        measured = _measure_cells(options, caches, results)
        _say("peaks again")
        after = peaks.measure(probe, caches.probes(), options.trials)
    results["load_after"] = machine.load()
    results["peaks"], results["bandwidth"] = (
        {name: max(first[name], second[name]) for name in first}
        for first, second in zip(before, after, strict=True)
    )
    results["drift"] = {
        name: round(after[part][name] / rate, 3)
        for part in (0, 1)
        for name, rate in before[part].items()
    }
    results["cells"] = [summary(cell, turns, results) for cell, turns in measured]


def _measure_cells(
    options: argparse.Namespace, caches: roof.Caches, results: dict[str, Any]
) -> list[tuple[Cell, dict[str, list[float]]]]:
    """Each cell and its contenders' turns; adds to the results what concerns them all."""
    # Here, since NumPy's and PyTorch's pools look at the environment when they are imported.
    from kernel_cells import Linear, groups, prepare_contenders

    prepare_contenders()
    begun, begun_cpu = time.perf_counter(), time.process_time()
    isas = results["isas"]
    (smallest,) = Linear(4, 4, "float32", (1,)).cells(isas, caches)
    results["call_us"] = {
        label: round(statistics.median(turns) * 1e6, 2)
        for label, turns in take_turns(smallest.calls, 0.1).items()
    }
    work = groups(choose(options))
    left = sum(group.count(caches) for group in work)
    measured = []
    for group in work:
        _say(f"{time.perf_counter() - begun:.0f} s, {left} cells to go, {group}")
        for cell in group.cells(isas, caches):
            share = (options.seconds - (time.perf_counter() - begun)) / left
            measured.append((cell, take_turns(cell.calls, share)))
            left -= 1
            cell.calls = {}  # so that a matrix is freed before the next one is made
        gc.collect()
    seconds = time.perf_counter() - begun
    results["seconds"] = round(seconds)
    results["cpu_share"] = round((time.process_time() - begun_cpu) / seconds, 2)
    return measured


def take_turns(calls: Mapping[str, Calls], seconds: float) -> dict[str, list[float]]:
    """The CPU seconds of a call in each turn of each contender, over about `seconds` in all."""
    begun = time.perf_counter()
    rounds = {}  # how often each contender goes round its calls in a turn
    for label, own in calls.items():
        once = _turn(own, 1, warm=True) * len(own)
        rounds[label] = max(1, math.ceil(TURN_SECONDS / once))
    turns: dict[str, list[float]] = {label: [] for label in calls}
    gc.disable()
    try:
        number = 0
        while number < LEAST_ROUNDS or time.perf_counter() - begun < seconds:
            for label in list(calls)[:: -1 if number % 2 else 1]:
                slow = turns[label] and turns[label][-1] * len(calls[label]) > WARM_SECONDS
                turns[label].append(_turn(calls[label], rounds[label], warm=not slow))
            number += 1
    finally:
        gc.enable()
    return turns


def _turn(calls: Sequence[Callable[[], Any]], rounds: int, *, warm: bool) -> float:
    if warm:
        for call in calls:
            call()
    begun = time.process_time()
    for _ in range(rounds):
        for call in calls:
            call()
    return (time.process_time() - begun) / (rounds * len(calls))


def summary(
    cell: Cell, turns: Mapping[str, Sequence[float]], limits: Mapping[str, Any]
) -> dict[str, Any]:
    """A cell's figures; `limits` has the machine's "peaks" and "bandwidth"."""
    contenders = {}
    moved = sum(cell.traffic.values())
    for label, seconds in turns.items():
        median, best = statistics.median(seconds), min(seconds)
        top = roof.roof(
            cell.work,
            cell.traffic,
            peak=roof.peak(limits["peaks"], *_arithmetic(label, cell.dtype)),
            bandwidth=limits["bandwidth"],
        )
        contenders[label] = {
            "median_us": round(median * 1e6, 3),
            "best_us": round(best * 1e6, 3),
            "turns": len(seconds),
            "gops": round(cell.work / median * 1e-9, 2),
            "gb_s": round(moved / median * 1e-9, 2),
            "roof": round(top, 1),
            "percent": round(100 * cell.work / best * 1e-9 / top, 1),
        }
    return {
        "kernel": cell.kernel,
        "dtype": cell.dtype,
        "shape": cell.shape,
        "memory": cell.memory,
        "work": cell.work,
        "traffic": dict(cell.traffic),
        "contenders": contenders,
    }


def _arithmetic(label: str, dtype: str) -> tuple[str, str | None]:
    """The number type that a contender computes in, and its level; None is all of the machine."""
    name, _, other = label.partition(" ")
    if name not in ("torch", "numpy"):
        return dtype, label
    return (other if other in DTYPES else dtype), None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _command(arguments: Sequence[str]) -> str:
    """The command line, with whole paths cut down to their last part."""
    short = [Path(a).name if a.startswith("/") else a for a in arguments]
    return shlex.join(["python", "bench/kernels.py", *short])


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    available = sorted(os.sched_getaffinity(0))
    if options.core is None:
        options.core = available[-1]  # interrupts like the first one
    if options.core not in available:
        parser.error(f"--core: this process may use {available}")
    for name, known in (("dtypes", DTYPES), ("kernels", KERNELS)):
        if not set(getattr(options, name)) <= set(known):
            parser.error(f"--{name}: expected some of {','.join(known)}")
    if min(options.rows or [1]) < 1 or any(min(shape) < 1 for shape in options.shapes or []):
        parser.error("--rows, --shapes: expected at least 1")
    if options.trials < 1:
        parser.error("--trials: expected at least 1")
    if options.seconds is None:
        options.seconds = {"quick": 30, "default": 400, "full": 3600}[options.sweep]


def _names(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _shapes(text: str) -> list[tuple[int, int]]:
    shapes = []
    for part in text.split(","):
        k, n = part.split("x")
        shapes.append((int(k), int(n)))
    return shapes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    sweep = parser.add_mutually_exclusive_group()
    for name, text in (("quick", "a few shapes, in a minute"), ("full", "all shapes, in hours")):
        sweep.add_argument(
            f"--{name}",
            dest="sweep",
            action="store_const",
            const=name,
            help=text,
            default="default",
        )
    add("--isas", type=_names, help="levels of instructions (default: all, but reference)")
    add("--dtypes", type=_names, default=list(DTYPES), help="number types of products")
    add("--kernels", type=_names, default=list(KERNELS), help=f"some of {','.join(KERNELS)}")
    add("--rows", type=_numbers, help="rows of products, instead of the sweep's")
    add("--shapes", type=_shapes, help="inputs x outputs of products, such as 512x2048,512x512")
    add("--seconds", type=float, help="for all shapes, as far as three turns each allow")
    add("--trials", type=int, default=64, help="of each peak, the best counts (default: 64)")
    add("--core", type=int, help="core to run on (default: the last one allowed)")
    add("--write", type=Path, help="write the results as JSON and Markdown, under this name")
    add("--plot", type=Path, help="draw the roof and all kernels under it into this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
