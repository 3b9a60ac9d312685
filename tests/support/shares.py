"""A pytest plugin: as many of the tests as a time allows, of every file some, and a record of it.

    PYTHONPATH=tests pytest -p support.shares --seconds 3600 --record tests.json

Every eighth test of each file comes first, in the order of the files, then the next eighth. What is
not reached in time counts as such, neither as passed nor as skipped.
"""

from __future__ import annotations

import collections
import json
import pathlib
import time
from typing import Any

import pytest

_ROUNDS = 8
_OVER = "the time is over"
_LONGEST_ERROR = 4000
# Between two records of a run that has not ended.
_PAUSE = 10.0


class Shares:
    """Orders the tests, ends them in time and counts.

    Args:
        seconds: After which no test is begun.
        record: The file for the counts; None in the processes that run tests for another.
    """

    def __init__(self, seconds: float, record: pathlib.Path | None) -> None:
        self._seconds = seconds
        self._record = record
        self._until = float("inf")
        self._written = 0.0
        self._counts: collections.Counter[str] = collections.Counter()
        self._findings: list[dict[str, str]] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Orders the tests by rounds, and begins to count the time."""
        numbers: collections.Counter[str] = collections.Counter()
        rounds: list[list[pytest.Item]] = [[] for _ in range(_ROUNDS)]
        for item in items:
            file = str(item.path)
            rounds[numbers[file] % _ROUNDS].append(item)
            numbers[file] += 1
        items[:] = [item for some in rounds for item in some]
        self._until = time.time() + self._seconds

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Leaves out what is not begun in time."""
        if time.time() > self._until:
            pytest.skip(_OVER)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counts a test."""
        if self._record is None:
            return
        if report.failed:
            self._counts["failed"] += 1
            text = report.longreprtext or report.when or ""
            found = {"source": report.nodeid, "outcome": "FAILED", "error": text[-_LONGEST_ERROR:]}
            self._findings.append(found)
        elif report.skipped:
            self._counts["not reached" if _OVER in str(report.longrepr) else "skipped"] += 1
        elif report.when == "call":
            self._counts["passed"] += 1
        if time.time() > self._written + _PAUSE:
            self._write(complete=False)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Writes the record; one of a run that was interrupted is not complete."""
        self._write(complete=exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED))

    def _write(self, *, complete: bool) -> None:
        if self._record is None:
            return
        self._written = time.time()
        found = {"complete": complete, "counts": dict(sorted(self._counts.items()))}
        content = json.dumps(found | {"findings": self._findings}, indent=1)
        self._record.write_text(content + "\n", encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The time and the record."""
    parser.addoption("--seconds", type=float, default=float("inf"))
    parser.addoption("--record", type=pathlib.Path)


def pytest_configure(config: Any) -> None:
    """Begins to count, in this process alone."""
    record = None if hasattr(config, "workerinput") else config.getoption("--record")
    config.pluginmanager.register(Shares(config.getoption("--seconds"), record), "shares")
