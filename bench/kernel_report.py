"""The results of `kernels.py` as Markdown."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from report import table

WORST = 10
ENOUGH = 80  # percent of the roof

Cell = Mapping[str, Any]


def markdown(results: Mapping[str, Any]) -> str:
    """The whole report: how it was made, the comparison, the machine, the gaps, every cell."""
    about = results["machine"]
    caches = ", ".join(f"{name} {size}" for name, size in about["caches"].items())
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    calls = ", ".join(f"{label} {spent:.1f}" for label, spent in results["call_us"].items())
    best = results["isas"][0]
    lines = [
        "# Kernels",
        "",
        f"One thread on one core, {results['date']}, {results['seconds']} s with "
        f"{results['cpu_share']:.0%} of the core's time, load {results['load_before']} before and "
        f"{results['load_after']} after.",
        "",
        f"    {results['command']}",
        "",
        "How it is measured stands at the top of `bench/kernels.py`.",
        "",
        f"- {about['cpu']}, {about['cores']} cores, {caches}",
        f"- {' '.join(about['flags'])}",
        f"- Python {about['python']}, {versions}",
        f"- a call on 1 x 4 -> 4, all of it overhead, us: {calls}",
        "",
        *_comparison(results["cells"], best),
        *_shares(results),
        *_limits(results),
        *_slower(results["cells"], best),
    ]
    for isa in results["isas"]:
        lines += _low(results["cells"], isa)
    lines += [
        "Every shape: 10^9 operations/s (percent of the roof of what each computes with).",
        "",
    ]
    for (kernel, dtype), cells in by_kernel(results["cells"]):
        lines += [f"## {kernel}, {dtype}", "", *_cells(best, cells), ""]
    return "\n".join(lines[:-1])


def by_kernel(cells: Iterable[Cell]) -> Iterator[tuple[tuple[str, str], list[Cell]]]:
    """The cells of each kernel and number type."""

    def key(cell: Cell) -> tuple[str, str]:
        return cell["kernel"], cell["dtype"]

    for name, group in itertools.groupby(sorted(cells, key=key), key=key):
        yield name, list(group)


def peers(cell: Cell) -> list[Mapping[str, Any]]:
    """The figures of PyTorch's contenders in the cell's own number type, or in a longer one."""
    return [
        figures
        for label, figures in cell["contenders"].items()
        if label.startswith("torch") and label != "torch bfloat16"
    ]


def versus_torch(cell: Cell, isa: str) -> float | None:
    """By what factor a level is faster than PyTorch's fastest in the same number type."""
    times = [figures["median_us"] for figures in peers(cell)]
    return min(times) / cell["contenders"][isa]["median_us"] if times else None


def _comparison(cells: Sequence[Cell], isa: str) -> Iterator[str]:
    """The best level against PyTorch, by kernel and number type."""
    rows = []
    for (kernel, dtype), own in by_kernel(cells):
        ratios = [(ratio, cell) for cell in own if (ratio := versus_torch(cell, isa))]
        if not ratios:
            continue
        ratios.sort(key=lambda pair: pair[0])
        mean = statistics.geometric_mean(ratio for ratio, _ in ratios)
        ends = [f"{r:.2f} ({c['shape']}, {c['memory']})" for r, c in (ratios[0], ratios[-1])]
        behind = sum(ratio < 1 for ratio, _ in ratios)
        rows.append([kernel, dtype, f"**{mean:.2f}**", *ends, f"{behind} of {len(ratios)}"])
    if rows:
        yield f"How much faster pyattn ({isa}) is than PyTorch's fastest in the same number type:"
        yield ""
        yield from table(["kernel", "dtype", "geometric mean", "least", "most", "slower"], rows)
        yield ""


def _shares(results: Mapping[str, Any]) -> Iterator[str]:
    """How much of the roof each level reaches."""
    yield "Percent of the roof, the median of all shapes (the least):"
    yield ""
    rows = []
    for (kernel, dtype), cells in by_kernel(results["cells"]):
        row = [kernel, dtype]
        for isa in results["isas"]:
            shares = [cell["contenders"][isa]["percent"] for cell in cells]
            row.append(f"{statistics.median(shares):.0f} ({min(shares):.0f})")
        rows.append(row)
    yield from table(["kernel", "dtype", *results["isas"]], rows)
    yield ""


def _limits(results: Mapping[str, Any]) -> Iterator[str]:
    yield "What the core can do at most: 10^9 operations/s with operands in registers, and GB/s"
    yield "read; and what was measured after all else over what was before:"
    yield ""
    rows = [
        [name, f"{rate:.4g}", f"{results['drift'][name]:.2f}"]
        for name, rate in (*results["peaks"].items(), *results["bandwidth"].items())
    ]
    yield from table(["limit", "best", "after / before"], rows)
    yield ""


_WHERE = ("kernel", "dtype", "shape", "from")


def _where(cell: Cell) -> list[str]:
    return [cell[name] for name in ("kernel", "dtype", "shape", "memory")]


def _slower(cells: Sequence[Cell], isa: str) -> Iterator[str]:
    """Where PyTorch wins by most."""
    slower = [(ratio, cell) for cell in cells if (ratio := versus_torch(cell, isa) or 1) < 1]
    if slower:
        slower.sort(key=lambda pair: pair[0])
        yield f"Slower than PyTorch in {len(slower)} of {len(cells)}; the worst:"
        yield ""
        rows = [[f"{ratio:.2f}", *_where(cell)] for ratio, cell in slower[:WORST]]
        yield from table(["factor", *_WHERE], rows)
        yield ""


def _low(cells: Sequence[Cell], isa: str) -> Iterator[str]:
    """Where a level is farthest below its roof."""
    low = [(cell["contenders"][isa]["percent"], cell) for cell in cells]
    low = sorted((gap for gap in low if gap[0] < ENOUGH), key=lambda gap: gap[0])
    if low:
        yield f"{isa}: below {ENOUGH} % of the roof in {len(low)} of {len(cells)}; the worst:"
        yield ""
        rows = [
            [f"{percent:.0f} %", f"{cell['contenders'][isa]['gops']:.1f}", *_where(cell)]
            for percent, cell in low[:WORST]
        ]
        yield from table(["of the roof", "G/s", *_WHERE], rows)
        yield ""


def _cells(isa: str, cells: Sequence[Cell]) -> Iterator[str]:
    """A line for each cell: everyone's 10^9 operations/s and percent of the roof."""
    rows = []
    for cell in cells:
        ours, ratio = cell["contenders"][isa], versus_torch(cell, isa)
        rows.append(
            [
                *(cell["shape"], cell["memory"]),
                *(f"{ours['median_us']:.1f}", f"{ours['gb_s']:.1f}", f"{ours['roof']:.0f}"),
                *(f"{f['gops']:.1f} ({f['percent']:.0f} %)" for f in cell["contenders"].values()),
                "" if ratio is None else f"{ratio:.2f}",
            ]
        )
    head = ["shape", "from", f"{isa}, us", "GB/s", "roof", *cells[0]["contenders"], "vs torch"]
    yield from table(head, rows)
