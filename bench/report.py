"""Results as files, and those of `end_to_end.py` as Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any


def markdown(results: dict[str, Any]) -> str:
    """The whole report: how it was made, and for each run its tables."""
    lines = [
        *heading("End to end", results),
        "Columns are beam sizes (1 is greedy) and batch sizes. A speed is target tokens/s: the",
        "median of the rounds (the best). A factor is how much faster the first is than the",
        "second, by the medians (by the best). A contender agrees where it says the same as the",
        "first in float32; on random weights, where each step is a near-tie, only float32 can.",
    ]
    for run in results["runs"]:
        lines += ["", *_run(run)]
    return "\n".join(lines)


def write(path: Path, results: dict[str, Any], text: str) -> None:
    """Writes results as JSON, and as the text beside it, under one name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".json", json.dumps(results, indent=1)), (".md", text)):
        path.with_suffix(suffix).write_text(content.rstrip("\n") + "\n", encoding="utf-8")


def earlier(path: Path, about: dict[str, Any], option: str = "--add") -> list[dict[str, Any]]:
    """The runs in a file of results, if it is there; `about` has what they are to have in common.

    `option` is the one that asked for them.

    Raises:
        ValueError: if they were made elsewhere, or with other versions.
    """
    if not path.exists():
        return []
    found = json.loads(path.read_text("utf-8"))
    for name in ("machine", "versions"):
        if found[name] != about[name]:
            raise ValueError(
                f"{option}: {path.name} has {name} {found[name]}, expected {about[name]}"
            )
    return found["runs"]


def heading(title: str, results: dict[str, Any]) -> Iterable[str]:
    """The title, and what a measurement was made on."""
    about = results["machine"]
    caches = ", ".join(f"{name} {size}" for name, size in about["caches"].items())
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    yield f"# {title}"
    yield ""
    yield f"- {about['cpu']}, {about['cores']} cores, {caches}"
    yield f"- {' '.join(about['flags'])}"
    yield f"- Python {about['python']}, {versions}"
    yield ""


def origin(results: dict[str, Any]) -> Iterable[str]:
    """The command and, in one line, what it ran on; for reports of one table."""
    about = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    yield ""
    yield f"    {results['command']}"
    yield ""
    yield f"- {about['cpu']}, Python {about['python']}, {versions}"
    yield ""


def _run(run: dict[str, Any]) -> Iterable[str]:
    work = f"{run['forced']} forced target tokens" if run["forced"] else "natural lengths"
    yield f"## {run['model']} ({run['weights']} weights)"
    yield ""
    yield f"{run['date']}, {work}, {run['rounds']} rounds, load {run['load_before']} before and"
    yield f"{run['load_after']} after."
    yield ""
    yield f"    {run['command']}"
    for threads in sorted({cell["threads"] for cell in run["cells"]}):
        cells = [cell for cell in run["cells"] if cell["threads"] == threads]
        head = [f"beam {cell['beam']}, batch {cell['batch']}" for cell in cells]
        title = f"{threads} thread{'s' * (threads > 1)}"
        yield ""
        yield from table([f"tokens/s, {title}", *head], _rows(run["detail"], cells, _speed))
        pairs = {(p["ours"], p["theirs"]): None for cell in cells for p in cell["faster_than"]}
        if pairs:
            yield ""
            yield from table([f"factor, {title}", *head], _rows(pairs, cells, _factor))
    yield ""
    yield "CPU seconds over wall seconds, peak memory:"
    yield ""
    yield from table(*_workers(run))


def _rows(
    keys: Iterable[Any], cells: Sequence[dict[str, Any]], figure: Callable[[Any, Any], str]
) -> list[list[str]]:
    names = {key: key if isinstance(key, str) else " : ".join(key) for key in keys}
    return [[name, *(figure(cell, key) for cell in cells)] for key, name in names.items()]


def _speed(cell: dict[str, Any], label: str) -> str:
    if label not in cell["contenders"]:
        return "-"
    median, best = (
        cell["contenders"][label][f"tokens_per_second_{name}"] for name in ("median", "best")
    )
    return f"{median:.0f} ({best:.0f})"


def _factor(cell: dict[str, Any], pair: tuple[str, str]) -> str:
    for found in cell["faster_than"]:
        if (found["ours"], found["theirs"]) == pair:
            return f"{found['wall_median']:.2f} ({found['wall_best']:.2f})"
    return "-"


def _workers(model: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """What each contender used, by threads."""
    threads = sorted({cell["threads"] for cell in model["cells"]})
    rows = []
    for label, detail in model["detail"].items():
        row = [label, detail]
        for count in threads:
            cells = [
                cell["contenders"][label]
                for cell in model["cells"]
                if cell["threads"] == count and label in cell["contenders"]
            ]
            if not cells:
                row += ["-", "-"]
                continue
            cpu, wall = (sum(c[f"{clock}_median"] for c in cells) for clock in ("cpu", "wall"))
            row.append(f"{cpu / wall:.2f}, {model['peak_mib'][f'{label}, {count}']} MiB")
            row.append(f"{model['idle_cpu'][f'{label}, {count}']:.2%}")
        share = model["agreement"].get(label)
        rows.append([*row, "" if share is None else f"{share:.1%}"])
    head = [
        title
        for count in threads
        for title in (f"{count} thread{'s' * (count > 1)}", "CPU while others run")
    ]
    return ["contender", "runs on", *head, "agrees"], rows


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """The lines of a Markdown table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---' for _ in head)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
