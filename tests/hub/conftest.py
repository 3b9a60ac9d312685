"""A stub server, and an environment without anybody's caches, tokens and proxies."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import pytest

from pyattn.hub import fetching
from support.hub_stub import Stub

_PREFIXES = ("HF_", "HUGGINGFACE_", "PYATTN_", "ARGOS_", "TRANSFORMERS_")


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(_PREFIXES) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYATTN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetching, "_WAITS", (0.01, 0.01, 0.01))


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as running:
        yield running
