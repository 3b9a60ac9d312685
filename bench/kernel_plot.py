"""The results of `kernels.py` as a roofline plot (Williams et al. 2009); wants matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import roof
from kernel_report import peers
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLORS = {"float32": "tab:blue", "bfloat16": "tab:green", "int8": "tab:red"}
_MARKERS = {
    **{"linear": "o", "feed_forward": "s", "attention": "^", "attention_step": "P"},
    **{"layer_norm": "D", "rms_norm": "v"},
}


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Draws the best level's cells under the roof, hollow and beside them PyTorch's fastest."""
    mpl.rcParams["svg.hashsalt"] = "kernels"  # so that equal results are equal files
    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log")
    isa = results["isas"][0]
    seen: set[tuple[str, str]] = set()
    intensities = [_draw_cell(axes, cell, isa, seen) for cell in results["cells"]]
    ends = (min(intensities) / 2, max(intensities) * 2)
    dtypes = sorted({cell["dtype"] for cell in results["cells"]})
    _draw_roof(axes, results, {d: roof.peak(results["peaks"], d, isa) for d in dtypes}, ends)
    axes.set(
        xlabel="operations per byte of weights, input and output",
        ylabel="10$^9$ operations per second",
        title=f"{isa} on {results['machine']['cpu']}, one thread; hollow: PyTorch",
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, metadata=metadata)


def _draw_cell(axes: Axes, cell: Mapping[str, Any], isa: str, seen: set[tuple[str, str]]) -> float:
    """Adds a cell's points, named once for each kernel and number type; its intensity."""
    kernel, dtype = key = cell["kernel"], cell["dtype"]
    intensity: float = cell["work"] / sum(cell["traffic"].values())
    style = {"color": _COLORS[dtype], "marker": _MARKERS[kernel], "linestyle": ""}
    label = None if key in seen else f"{kernel}, {dtype}"
    seen.add(key)
    ours = cell["contenders"][isa]["gops"]
    axes.plot([intensity], [ours], **style, markersize=5, label=label)
    theirs = [figures["gops"] for figures in peers(cell)]
    if theirs:
        axes.plot([intensity], [max(theirs)], **style, markersize=5, fillstyle="none", alpha=0.5)
    return intensity


def _draw_roof(
    axes: Axes,
    results: Mapping[str, Any],
    peaks: Mapping[str, float],
    ends: tuple[float, float],
) -> None:
    """A slope for each memory and a ceiling for each number type."""
    top = max(peaks.values())
    axes.set(xlim=ends, ylim=(None, 2 * top))
    axes.figure.draw_without_rendering()  # decides how steep a slope is, for its label
    for memory, bandwidth in results["bandwidth"].items():
        right = min(ends[1], top / bandwidth)
        line = [ends[0], right], [bandwidth * ends[0], bandwidth * right]
        axes.plot(*line, color="gray", linewidth=1)
        x, y = axes.transData.transform(np.transpose(line)).T
        axes.text(
            *(ends[0] * 1.1, bandwidth * ends[0] * 1.1),
            f"{memory} {bandwidth:.0f} GB/s",
            rotation=np.degrees(np.arctan2(np.diff(y), np.diff(x))).item(),
            **{"rotation_mode": "anchor", "fontsize": "small", "va": "bottom"},
        )
    for rate in sorted(set(peaks.values())):
        dtypes = [dtype for dtype, own in peaks.items() if own == rate]
        axes.axhline(rate, color=_COLORS[dtypes[0]], linewidth=1, linestyle="--")
        axes.text(
            *(ends[1] * 0.9, rate * 1.03),
            f"{', '.join(dtypes)}: {rate:.0f}",
            **{"fontsize": "small", "ha": "right"},
        )
