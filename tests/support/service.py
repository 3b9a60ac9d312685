"""A service for tests: the application in this process, or `pyattn serve` in another."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.testclient import TestClient

import pyattn
from pyattn.serving import app


@functools.cache
def translator() -> pyattn.Translator:
    """The included model."""
    return pyattn.load(threads=1)


@contextlib.contextmanager
def client(models: Mapping[str, Any] | None = None, **settings: Any) -> Iterator[TestClient]:
    """A client of the application in this process."""
    chosen = {"en-es": translator()} if models is None else models
    with TestClient(app(chosen, **settings)) as found:
        yield found


@contextlib.contextmanager
def process(
    *arguments: str, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[str], list[str]]]:
    """`pyattn serve` on a free port: its address, the process, and the lines that it logs."""
    command = [sys.executable, "-m", "pyattn", "serve", "--port", "0", "--threads", "1", *arguments]
    running = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    assert running.stderr is not None
    lines: list[str] = []
    address = ""
    try:
        for line in running.stderr:
            lines.append(line)
            if found := re.search(r"serving at (http://\S+)", line):
                address = found[1]
                break
        assert address, "".join(lines)
        reader = threading.Thread(target=lambda: lines.extend(running.stderr or ()), daemon=True)
        reader.start()
        yield address, running, lines
    finally:
        running.kill()
        running.wait()
        running.stderr.close()


def ended(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`pyattn serve` with arguments that end it at once."""
    command = [sys.executable, "-m", "pyattn", "serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
