"""A stub server, and an environment without anybody's caches, tokens and proxies."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from pyattn.hub import fetching
from support import hub_models
from support.hub_stub import Stub

# Without it, huggingface_hub asks huggingface.co for a list of agents. It is read at import.
QUIET = {"HF_HUB_DISABLE_TELEMETRY": "1"}
os.environ.update(QUIET)

_PREFIXES = ("HF_", "HUGGINGFACE_", "PYATTN_", "ARGOS_", "TRANSFORMERS_")


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(_PREFIXES) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYATTN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetching, "_WAITS", (0.01, 0.01, 0.01))


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as running:
        yield running


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with a model of Firefox's, a folder, and a package of Argos', en_es.argosmodel."""
    place = tmp_path_factory.mktemp("models")
    hub_models.firefox(place / "firefox")
    (place / "argos").mkdir()
    (place / "en_es.argosmodel").write_bytes(hub_models.argos(place / "argos"))
    return place


@pytest.fixture
def registries(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stub stands for both registries."""
    monkeypatch.setenv("PYATTN_FIREFOX_ENDPOINT", f"{stub.url}/v1")
    monkeypatch.setenv("ARGOS_PACKAGE_INDEX", f"{stub.url}/index.json")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A repository as they are published: one model in many forms."""
    place = tmp_path_factory.mktemp("opus")
    pickled = {"pytorch_model.bin": hub_models.pickled(place / "pickled")}
    return hub_models.opus(place / "model") | pickled | hub_models.FOREIGN


@pytest.fixture
def access(stub: Stub, tmp_path: pathlib.Path) -> dict[str, Any]:
    """Arguments that make the stub Hugging Face."""
    return {"endpoint": stub.url, "cache_dir": tmp_path / "hub"}
