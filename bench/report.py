"""The results of `end_to_end.py` as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def markdown(results: dict[str, Any]) -> str:
    """The whole report: how it was made, and two tables for each model."""
    about = results["machine"]
    work = f"{results['forced']} forced target tokens" if results["forced"] else "natural lengths"
    caches = ", ".join(f"{name} {size}" for name, size in about["caches"].items())
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lines = [
        "# End to end",
        "",
        f"float32, {'greedy' if results['beam'] == 1 else 'beam ' + str(results['beam'])}, {work}, "
        f"{results['date']}, load {results['load_before']} before and {results['load_after']} "
        "after.",
        "",
        f"    {results['command']}",
        "",
        f"- {about['cpu']}, {about['cores']} cores, {caches}",
        f"- {' '.join(about['flags'])}",
        f"- Python {about['python']}, {versions}",
    ]
    for model in results["models"]:
        lines += ["", *_model(model)]
    return "\n".join(lines)


def _model(model: dict[str, Any]) -> Iterable[str]:
    first, *others = model["detail"]
    yield f"## {model['model']} ({model['weights']} weights)"
    yield ""
    yield f"Target tokens/s: median of {model['rounds']} rounds (best). Factors: how much faster"
    yield f"{first} is, by the medians (by the best)."
    yield ""
    rows = []
    for cell in model["cells"]:
        row = [str(cell["threads"]), str(cell["batch"])]
        for figures in cell["contenders"].values():
            median, best = (figures[f"tokens_per_second_{name}"] for name in ("median", "best"))
            row.append(f"{median:.0f} ({best:.0f})")
        row += [
            f"{cell['faster_than'][label]['wall_median']:.2f} "
            f"({cell['faster_than'][label]['wall_best']:.2f})"
            for label in others
        ]
        rows.append(row)
    yield from table(["threads", "batch", first, *others, *(f"vs {o}" for o in others)], rows)
    yield ""
    yield "CPU seconds over wall seconds; peak memory; same output as " + first + ":"
    yield ""
    yield from table(*_workers(model))


def _workers(model: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """What each contender used, by threads."""
    threads = sorted({cell["threads"] for cell in model["cells"]})
    rows = []
    for label, detail in model["detail"].items():
        row = [label, detail]
        for count in threads:
            cells = [c["contenders"][label] for c in model["cells"] if c["threads"] == count]
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
