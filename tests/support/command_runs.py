"""Runs of the command in the test's own process, with a model that echoes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from pyattn.commands import main as cli
from pyattn.translator import Translator
from support.echo import Echo, Letters

Run: TypeAlias = Callable[..., tuple[int, bytes, str]]


class Loaded:
    """What was asked of `load`, and what it gave."""

    arguments: tuple[Any, dict[str, Any]]
    model: Echo


def use_echo(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """Makes the command, in this process, load a model that echoes."""
    seen = Loaded()

    def load(path: Any, **settings: Any) -> Translator:
        seen.arguments = (path, settings)
        seen.model = Echo()
        return Translator(seen.model, Letters())

    monkeypatch.setattr("pyattn.loading.load", load)
    return seen


def runner(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs the command in this process; gives exit code, output and errors."""

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            code = cli.main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsysbinary.readouterr()
        return code, captured.out, captured.err.decode()

    return run


def assert_fails(result: tuple[int, bytes, str], code: int, message: str) -> None:
    """Checks the exit code of a run, and that its errors are one line with a message."""
    assert result[0] == code
    assert message in result[2]
    assert result[2].count("\n") == 1
