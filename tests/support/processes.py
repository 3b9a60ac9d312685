"""Pythons of their own, for what is set once per process."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

from support.paths import TESTS


def start(code: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """A Python that runs the code, with this one's path and none of pyattn's settings."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYATTN_")}
    inherited["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=inherited | environment,
        # Not the root: Python looks in the current folder first, and finds no compiled module.
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def output(code: str, *arguments: str, **environment: str) -> bytes:
    """What the code writes; it must end well, and soon."""
    with start(code, *arguments, **environment) as process:
        try:
            out, errors = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"hangs:\n{process.communicate()[1].decode()}") from None
    assert process.returncode == 0, errors.decode()
    return out
