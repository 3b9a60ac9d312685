"""The parts of a proof: what each runs, for how long, and how its results are read."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
_BENCH = ROOT / "bench"
# The counts of a full run of the endurance, which its time is a share of.
_ENDURANCE_SECONDS = 3600
_ENDURANCE = {"forks": 50, "interrupts": 100, "sentences": 10_000, "calls": 10_000, "lines": 1000}
_LEAST_OF_ENDURANCE = {"forks": 5, "interrupts": 3, "sentences": 250, "calls": 500, "lines": 60}


@dataclasses.dataclass(frozen=True)
class Setting:
    """What the commands of all parts depend on.

    Attributes:
        folder: Where results are kept.
        seed: Of what is mutated.
        jobs: Processes.
        sources: A file with a sentence a line.
    """

    folder: Path
    seed: int
    jobs: int
    sources: Path


@dataclasses.dataclass
class Found:
    """What the files of a part say.

    Attributes:
        lines: What ran, with counts.
        findings: What went wrong, each with a source, an outcome and an error.
        complete: Whether the part came to its end.
        cases: Cases, tests or requests.
    """

    lines: list[str] = dataclasses.field(default_factory=list)
    findings: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    complete: bool = True
    cases: int = 0


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the proof.

    Attributes:
        name: As the command line has it.
        title: What it shows.
        share: Of the whole time; 0 for a build, which takes what it takes.
        command: The command for a number of seconds.
        read: Reads the results, from the part's file.
        needs: The part without which it cannot run.
    """

    name: str
    title: str
    share: float
    command: Callable[[Setting, float, Path], list[str]]
    read: Callable[[Path], Found]
    needs: str | None = None


def _fuzzing(setting: Setting, subject: str, seconds: float, result: Path) -> list[str]:
    keep = setting.folder / "findings" / result.stem
    arguments = ["--seconds", f"{seconds:.0f}", "--seed", str(setting.seed)]
    arguments += ["--jobs", str(setting.jobs), "--keep", str(keep), "--json", str(result)]
    return [str(ROOT / "tests" / "fuzzing.py"), subject, *arguments]


def _fuzz(subject: str) -> Callable[[Setting, float, Path], list[str]]:
    return lambda setting, seconds, result: [
        sys.executable,
        *_fuzzing(setting, subject, seconds, result),
    ]


def _sanitized(*command: str) -> list[str]:
    return ["bash", str(ROOT / ".ci" / "sanitize"), *command]


def _sanitized_tests(setting: Setting, seconds: float, result: Path) -> list[str]:
    more = ["-n", str(setting.jobs), "-m", "", "-p", "support.shares"]
    more += ["-o", "faulthandler_timeout=900"]
    times = ["--seconds", f"{seconds:.0f}", "--record", str(result)]
    path = f"PYTHONPATH={ROOT / 'tests'}"
    return _sanitized("--run", "env", path, "python", "-m", "pytest", *more, *times, "tests")


def _sanitized_fuzz(setting: Setting, seconds: float, result: Path) -> list[str]:
    command = _fuzzing(setting, "models", seconds, result)
    return _sanitized("--run", "python", *command, "--no-memory-limit")


def _endurance(setting: Setting, seconds: float, result: Path) -> list[str]:
    share = min(1.0, seconds / _ENDURANCE_SECONDS)
    counts = {
        name: str(max(_LEAST_OF_ENDURANCE[name], round(most * share)))
        for name, most in _ENDURANCE.items()
    }
    options = [part for name, count in counts.items() for part in (f"--{name}", count)]
    files = ["--sources", str(setting.sources), "--write", str(result)]
    return [sys.executable, str(_BENCH / "endurance.py"), *files, *options]


def _soak(setting: Setting, seconds: float, result: Path) -> list[str]:
    times = ["--overload", f"{seconds * 0.2:.0f}", "--soak", f"{seconds * 0.6:.0f}"]
    files = ["--sources", str(setting.sources), "--write", str(result)]
    return [sys.executable, str(_BENCH / "overload.py"), *files, *times]


def _bulk(setting: Setting, seconds: float, result: Path) -> list[str]:
    # About so many records a second, of which most were met before.
    most = max(1000, min(1_000_000, round(seconds * 100 / 1000) * 1000))
    records = ["--records", str(most // 10), str(most)]
    files = ["--sources", str(setting.sources), "--write", str(result)]
    return [sys.executable, str(_BENCH / "bulk_memory.py"), *files, *records]


def read_fuzzing(path: Path) -> Found:
    """The counts of a fuzzer, by the first word of its sound inputs' names."""
    record = json.loads(path.read_text("utf-8"))
    groups: dict[str, dict[str, int]] = {}
    for source, outcomes in record["counts"].items():
        group = groups.setdefault(re.split(r"[-.]", source)[0] if "-" in source else source, {})
        for outcome, count in outcomes.items():
            group[outcome] = group.get(outcome, 0) + count
    lines = [
        f"{group}: " + ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(some.items()))
        for group, some in sorted(groups.items())
    ]
    slowest = record["slowest"]
    lines.append(f"the slowest case, {slowest['case']}, took {slowest['seconds']:.2f} s")
    return Found(lines, record["findings"], record["cases"] > 0, record["cases"])


def read_tests(path: Path) -> Found:
    """The counts of pytest."""
    record = json.loads(path.read_text("utf-8"))
    counts = record["counts"]
    ran = counts.get("passed", 0) + counts.get("failed", 0)
    total = sum(counts.values())
    listed = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())
    return Found(
        [f"{ran:,} of {total:,} tests ran: {listed}"], record["findings"], record["complete"], ran
    )


def read_lines(path: Path) -> Found:
    """The lines of a list in Markdown; those that begin with FAILED are findings."""
    lines = [line[2:] for line in path.read_text("utf-8").splitlines() if line.startswith("- ")]
    wrong = _wrong([line[8:] for line in lines if line.startswith("FAILED: ")])
    return Found(lines, wrong, bool(lines), len(lines))


def _wrong(faults: list[str]) -> list[dict[str, Any]]:
    return [{"source": "", "outcome": "FAILED", "error": fault} for fault in faults]


def read_soak(path: Path) -> Found:
    """What `overload.py` counted."""
    results = json.loads(path.with_suffix(".json").read_text("utf-8"))
    lines = []
    for name, cell in results["cells"].items():
        statuses = ", ".join(f"{count:,} of {status}" for status, count in cell["statuses"].items())
        first, last, most = cell["memory"]
        lines.append(
            f"{name}, {cell['seconds']:.0f} s: {statuses}; memory {first:.1f} MB first, "
            f"{last:.1f} last, {most:.1f} at most"
        )
    wrong = _wrong(results["faults"])
    cases = sum(sum(cell["statuses"].values()) for cell in results["cells"].values())
    return Found(lines, wrong, True, cases)


def read_bulk(path: Path) -> Found:
    """What `bulk_memory.py` measured."""
    results = json.loads(path.with_suffix(".json").read_text("utf-8"))
    lines = [
        f"{cell['records']:,} records of {cell['file']}: all there, at most {cell['peak']} MB"
        for cell in results["cells"]
    ]
    wrong = _wrong(results["faults"])
    return Found(lines, wrong, True, sum(cell["records"] for cell in results["cells"]))


def read_log(path: Path) -> Found:
    """A program that ends well or not, which its status says."""
    del path
    return Found(cases=1)


PARTS = (
    Part("models", "Mutated models of every layout", 0.14, _fuzz("models"), read_fuzzing),
    Part("documents", "Mutated documents of every format", 0.14, _fuzz("documents"), read_fuzzing),
    Part("inputs", "Mutated glossaries and records", 0.03, _fuzz("inputs"), read_fuzzing),
    Part("requests", "Mutated requests to the service", 0.05, _fuzz("requests"), read_fuzzing),
    Part(
        "sanitizers",
        "Build with AddressSanitizer and UBSan; the C++ test programs",
        0.0,
        lambda *_: _sanitized("--build"),
        read_log,
    ),
    Part(
        "tests",
        "The whole tree of tests under both",
        0.38,
        _sanitized_tests,
        read_tests,
        needs="sanitizers",
    ),
    Part(
        "sanitized-models",
        "Mutated models under both",
        0.08,
        _sanitized_fuzz,
        read_fuzzing,
        needs="sanitizers",
    ),
    Part(
        "threads",
        "The engine under ThreadSanitizer",
        0.0,
        lambda *_: ["bash", str(ROOT / ".ci" / "tsan")],
        read_log,
    ),
    Part("endurance", "Forks, interrupts, bits, memory", 0.1, _endurance, read_lines),
    Part("soak", "The service: ten times its load, then a long run", 0.05, _soak, read_soak),
    Part("bulk", "Files of records: all there, in bounded memory", 0.03, _bulk, read_bulk),
)
