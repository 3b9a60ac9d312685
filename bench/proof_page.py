"""The results of a proof as a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from report import table

_MOST_FINDINGS = 20
_LAST_LINES = 12
_EXPLAINED = {
    "passed": "passed",
    "failed": "**failed**",
    "unfinished": "**did not finish**",
    "not run": "not run",
}


def page(results: dict[str, Any]) -> str:
    """The page.

    Args:
        results: The record of `proof.py`.
    """
    return "\n".join([*_heading(results), *_summary(results), *_details(results)])


def minutes(seconds: float) -> str:
    """A duration, such as "3.4 min"."""
    return f"{seconds / 60:.1f} min"


def _heading(results: dict[str, Any]) -> Iterator[str]:
    about = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    yield "# Proof"
    yield ""
    yield "What the readers, the core and the service bear: mutated inputs, sanitizers, long runs."
    yield ""
    yield f"    {results['command']}"
    yield ""
    yield f"- {results['date']}, revision {results['versions'].get('revision', 'unknown')}"
    size = f"{about['cores']} cores, {about['memory_gib']} GiB"
    yield f"- {about['cpu']}, {size}, Linux {about['kernel']}"
    yield f"- {' '.join(about['flags'])}; levels {', '.join(results['levels'])}"
    yield f"- Python {about['python']}, {versions}, {results['compiler']}"
    yield f"- seed {results['seed']}, {results['jobs']} processes"
    took = sum(part.get("took", 0.0) for part in results["parts"])
    yield (
        f"- {results['minutes']:g} minutes were to be shared, besides builds; all parts together "
        f"took {minutes(took)}"
    )
    yield ""


def _summary(results: dict[str, Any]) -> Iterator[str]:
    rows = []
    for part in results["parts"]:
        ran = part["status"] != "not run"
        rows.append(
            [
                f"{part['title']} (`{part['name']}`)",
                _EXPLAINED[part["status"]],
                f"{part['cases']:,}" if ran else "",
                str(len(part["findings"])) if ran else "",
                minutes(part["asked"]) if part["asked"] else "",
                minutes(part["took"]) if ran else "",
            ]
        )
    yield from table(["part", "", "cases", "findings", "time for it", "took"], rows)


def _details(results: dict[str, Any]) -> Iterator[str]:
    for part in results["parts"]:
        yield ""
        yield f"## {part['title']}"
        yield ""
        if part["status"] == "not run":
            yield f"Not run{': ' + part['why'] if part.get('why') else ''}."
            continue
        yield f"    {part['command']}"
        yield ""
        if part.get("kept"):
            identity = part["identity"]
            yield (
                f"Of an earlier run, {part['date']}, of revision {identity['revision']}, seed "
                f"{identity['seed']}, {identity['minutes']:g} minutes to share."
            )
            yield ""
        for line in part["lines"]:
            yield f"- {line}"
        if part["status"] == "unfinished":
            yield f"- did not finish: {part['why']}"
        elif part["status"] == "failed" and part.get("why"):
            yield f"- {part['why']}"
        yield from _findings(part)


def _findings(part: dict[str, Any]) -> Iterator[str]:
    found = part["findings"]
    if found:
        yield ""
        shown = f"; the first {_MOST_FINDINGS}" if len(found) > _MOST_FINDINGS else ""
        yield f"{len(found)} findings{shown}:"
        yield ""
        for one in found[:_MOST_FINDINGS]:
            case = f"case {one['case']}, " if "case" in one else ""
            last = one["error"].strip().splitlines()[-1:] or [""]
            yield f"- {case}{one['source']} {one['outcome']}: `{last[0][:300]}`"
    if part["status"] in ("failed", "unfinished") and not found:
        yield ""
        yield "The end of its log:"
        yield ""
        for line in part["log"].splitlines()[-_LAST_LINES:]:
            yield f"    {line[:200]}".rstrip()
