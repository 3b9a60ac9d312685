"""Plots of bench/results, made of the JSON files when the site is built."""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from drawings.canvas import Canvas

RESULTS = pathlib.Path(__file__).parent.parent.parent / "bench" / "results"


def _read(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


class Bar(NamedTuple):
    """A bar: its name, its length, its colour, and what stands behind the number."""

    name: str
    value: float
    colour: str
    remark: str = ""


def _bars(groups: Sequence[tuple[str, Sequence[Bar]]], *, logarithmic: bool = False) -> str:
    """Horizontal bars in groups with headings."""
    bars = [bar for _, group in groups for bar in group]
    headings = sum(24 for heading, _ in groups if heading)
    canvas = Canvas(460, 12 + headings + 6 * len(groups) + 24 * len(bars))
    most = max(bar.value for bar in bars)
    least = min(bar.value for bar in bars) / 2

    def width(value: float) -> float:
        share = math.log(value / least) / math.log(most / least) if logarithmic else value / most
        return max(share * 190, 1)

    y = 6.0
    for heading, group in groups:
        if heading:
            canvas.text(4, y + 10, heading, anchor="start", kind="bold")
            y += 24
        for bar in group:
            canvas.text(156, y + 9, bar.name, anchor="end")
            canvas.box(162, y, width(bar.value), 18, bar.colour)
            figure = f"{bar.value:,.0f}" if bar.value >= 10 else f"{bar.value:.2g}"
            end = 168 + width(bar.value)
            canvas.text(end, y + 9, figure + bar.remark, anchor="start", kind="small")
            y += 24
        y += 6
    return canvas.svg()


_CONTENDERS = {
    "pyattn/int8": ("pyattn int8", "c1"),
    "ctranslate2/int8": ("CTranslate2 int8", "c2"),
    "pyattn/float32": ("pyattn float32", "c1"),
    "ctranslate2/float32": ("CTranslate2 float32", "c2"),
    "transformers": ("transformers float32", "c3"),
    "numpy": ("NumPy float32", "c6"),
}


def _speed(model: str, beam: int) -> str:
    """Target tokens a second, by batch."""
    [run] = [one for one in _read("end-to-end")["runs"] if one["model"] == model]
    groups = []
    for cell in run["cells"]:
        if cell["beam"] != beam or cell["batch"] > 32:
            continue
        bars = []
        for key, (name, colour) in _CONTENDERS.items():
            if figures := cell["contenders"].get(key):
                speed = figures["target_tokens"] / figures["wall_median"]
                bars.append(Bar(name, speed, colour))
        groups.append((f"batch {cell['batch']}", bars))
    return _bars(groups)


def speed_small() -> str:
    """The shipped model's shape, greedy."""
    return _speed("marian-en-es", 1)


def speed_large() -> str:
    """OPUS-MT's shape, greedy."""
    return _speed("opus-mt-layout", 1)


def speed_beam() -> str:
    """OPUS-MT's shape, beam 4."""
    return _speed("opus-mt-layout", 4)


def serving() -> str:
    """Sentences a second as programs call them."""
    rows = _read("serving")["models"][0]["rows"]
    groups = []
    for row in rows:
        if (row["dtype"], row["beam"]) != ("int8", 1):
            continue
        bars = []
        for name, figures in row["sentences_per_second"].items():
            label = name.replace("ctranslate2", "CTranslate2")
            bars.append(Bar(label, figures["median"], "c1" if name == "pyattn" else "c2"))
        groups.append((row["scenario"], bars))
    return _bars(groups)


def long_memory() -> str:
    """Memory above the weights, by length."""
    [run] = [
        one
        for one in _read("long-sources")["runs"]
        if one["shape"] == "led-base" and one["threads"] == 1
    ]
    groups = []
    for length in run["lengths"]:
        bars = []
        for name, colour in (("pyattn/auto", "c1"), ("transformers/float32", "c3")):
            figures = run["figures"][name][str(length)]
            bars.append(Bar(name, figures[2] / 2**20, colour))
        groups.append((f"{length:,} tokens", bars))
    return _bars(groups, logarithmic=True)


def divergence() -> str:
    """How far number types are from float32."""
    colours = {"bfloat16": "c2", "int8": "c3"}
    bars = []
    for row in _read("four-bits-quality")["models"][0]["rows"]:
        if row["kl"] == 0:
            continue
        [bleu] = [one["bleu"]["score"] for one in row["scores"] if one["beam"] == 4]
        name = row["dtype"].replace("calibrated: ", "calibrated ")
        colour = colours.get(row["dtype"], "c4")
        bars.append(Bar(name, row["kl"] * 1e6, colour, f"  BLEU {bleu:.1f}"))
    return _bars([("", bars)], logarithmic=True)


def quality() -> str:
    """BLEU of the included model by number type, with the error of its difference."""
    [model] = [one for one in _read("quality")["models"] if one["model"].endswith("en-es")]
    canvas = Canvas(660, 220)
    low, high = 43.2, 44.6
    for tick in (43.2, 43.6, 44.0, 44.4):
        x = 130 + (tick - low) / (high - low) * 480
        canvas.line([(x, 20), (x, 180)], "faint")
        canvas.text(x, 196, f"{tick:.1f}", kind="small")
    for n, row in enumerate(model["rows"]):
        [bleu] = [one["bleu"] for one in row["scores"] if one["beam"] == 4]
        x = 130 + (bleu["score"] - low) / (high - low) * 480
        error = bleu["error"] / (high - low) * 480
        y = 40 + n * 38
        canvas.text(120, y, row["dtype"], anchor="end")
        canvas.line([(x - error, y), (x + error, y)])
        canvas.dot(x, y, "c1", 6)
    canvas.text(370, 212, "BLEU, beam 4", kind="small")
    return canvas.svg()


def roofline() -> str:
    """Products against the ceilings of the machine."""
    found = _read("kernels")
    canvas = Canvas(660, 440)
    left, right, top, bottom = 70.0, 640.0, 20.0, 360.0
    low_x, high_x, low_y, high_y = 0.25, 2048.0, 4.0, 700.0

    def at(intensity: float, speed: float) -> tuple[float, float]:
        x = left + math.log(intensity / low_x) / math.log(high_x / low_x) * (right - left)
        y = bottom - math.log(speed / low_y) / math.log(high_y / low_y) * (bottom - top)
        return x, y

    for intensity in (0.25, 1, 4, 16, 64, 256, 1024):
        x, _ = at(intensity, low_y)
        canvas.line([(x, top), (x, bottom)], "faint")
        canvas.text(x, bottom + 14, f"{intensity:g}", kind="small")
    for speed in (4, 16, 64, 256):
        _, y = at(low_x, speed)
        canvas.line([(left, y), (right, y)], "faint")
        canvas.text(left - 8, y, f"{speed}", anchor="end", kind="small")
    canvas.text(
        (left + right) / 2, bottom + 34, "operations per byte read from its cache", kind="small"
    )
    canvas.text(left, 10, "G operations/s (a multiply-add is two)", anchor="start", kind="small")

    peaks = {
        "float32": ("avx512_float32", "c2"),
        "bfloat16": ("avx512_bf16_bfloat16", "c3"),
        "int8": ("avx512_vnni_int8", "c1"),
    }
    level = found["isas"][0]
    for name, (key, colour) in peaks.items():
        peak = found["peaks"][key]
        canvas.line([at(low_x, peak), at(high_x, peak)], "dashed")
        canvas.text(*at(0.3, peak * 0.86), f"peak of {name}", anchor="start", kind="small")
        for cell in found["cells"]:
            if cell["kernel"] != "linear" or cell["dtype"] != name:
                continue
            figures = cell["contenders"].get(level)
            traffic = cell["traffic"].get(cell["memory"], 0)
            if not figures or not traffic:
                continue
            intensity = min(max(cell["work"] / traffic, low_x), high_x)
            canvas.dot(*at(intensity, min(max(figures["gops"], low_y), high_y)), colour)
    for n, (name, (_, colour)) in enumerate(peaks.items()):
        canvas.dot(left + 120 + n * 120, 424, colour, 5)
        canvas.text(left + 132 + n * 120, 424, name, anchor="start", kind="small")
    return canvas.svg()
