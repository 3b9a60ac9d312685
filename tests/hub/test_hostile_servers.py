"""Servers that refuse, that are something else, or that want to do harm; and full disks."""

from __future__ import annotations

import contextlib
import json
import pathlib
import random
import shutil
import sys
import urllib.request
from typing import Any

import pytest

from pyattn import ModelError
from pyattn.hub import fetching
from pyattn.hub.argos import ARGOS, _is_usable
from pyattn.hub.fetching import Fetcher
from pyattn.hub.firefox import FIREFOX
from pyattn.hub.names import RegistryName, parse
from pyattn.hub.registry import choose
from pyattn.hub.resolving import resolve
from pyattn.hub.settings import Settings
from support.hub_models import cache, translation
from support.hub_stub import RECORDS, Answer, Fault, Stub

pytestmark = pytest.mark.usefixtures("registries")


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (404, {}, r"no such file \(HTTP 404\); use another server \(endpoint or PYATTN_FIREFOX"),
        (403, {}, r"refuses access \(HTTP 403\)"),
        (429, {"Retry-After": "17"}, r"too many requests \(HTTP 429\); try again in 17 seconds"),
        (429, {}, "try again later"),
        (500, {}, r"HTTP 500 .*run it again later"),
        (302, {"Location": "ftp://127.0.0.1/x"}, "cannot reach|not allowed|HTTP 302"),
    ],
)
def test_refusal_is_one_sentence_with_a_remedy(
    status: int, headers: dict[str, str], said: str, stub: Stub
) -> None:
    stub.faults["/v1/"] = Fault(status=status, headers=headers)
    with pytest.raises(ModelError, match=said) as error:
        resolve("firefox:en-pt")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content", [b"<html>Log in</html>", b"[]", b"{}", b'"x"', b'{"data": 3}', b"[" * 100_000]
)
def test_answer_of_something_else_is_said_to_be(content: bytes, stub: Stub) -> None:
    stub.answers["/v1/"] = stub.answers[RECORDS] = Answer(content)
    with pytest.raises(ModelError, match=r"not JSON|not a list of Firefox's models"):
        resolve("firefox:en-pt")
    stub.answers["/index.json"] = Answer(content)
    if content != b"[]":
        with pytest.raises(ModelError, match=r"not JSON|not an index|no model"):
            resolve("argos:en-es")


JUNK: list[Any] = [
    None,
    0,
    -1,
    1e308,
    float("inf"),
    True,
    "",
    "../..",
    "\0",
    [],
    {},
    [[]],
    {"a": 1},
]


def odd(value: Any, draw: random.Random) -> Any:
    """A JSON value with some parts replaced or left out."""
    if draw.random() < 0.15:
        return draw.choice(JUNK)
    if isinstance(value, dict):
        return {
            key: odd(part, draw) if draw.random() < 0.4 else part
            for key, part in value.items()
            if draw.random() < 0.97
        }
    if isinstance(value, list):
        return [odd(part, draw) for part in value]
    return value


class Lists(Fetcher):
    """Reads lists from memory: the server's root and records, or an index."""

    def __init__(self, lists: list[Any]) -> None:
        super().__init__("")
        object.__setattr__(self, "lists", lists)

    def json(self, url: str) -> Any:
        return self.lists[0 if url.endswith("/v1/") else -1]  # type: ignore[attr-defined]


def test_odd_lists_are_used_or_refused(stub: Stub, models: pathlib.Path) -> None:
    stub.add_firefox("en", "es", models / "firefox")
    stub.add_argos("en", "es", b"x")
    served = {path: json.loads(stub.answers[path].content) for path in ("/v1/", RECORDS)}
    index = json.loads(stub.answers["/index.json"].content)
    used = 0
    for seed in range(3000):
        draw = random.Random(seed)
        for source, lists in ((FIREFOX, list(served.values())), (ARGOS, [index])):
            name = parse(f"{source.name}:en-es")
            assert isinstance(name, RegistryName)
            with contextlib.suppress(ModelError):
                packages = source.packages(Lists([odd(one, draw) for one in lists]), Settings())
                for package in choose(source, name, packages):
                    package.check()
                    used += 1
    assert used > 100


@pytest.mark.parametrize("name", ["../evil", "a/b", ".hidden", "", "x\0y", "a\\b"])
def test_name_that_is_a_path_is_refused(name: str, stub: Stub, models: pathlib.Path) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    listed = json.loads(stub.answers[RECORDS].content)
    listed["data"][0]["name"] = name
    stub.answers[RECORDS].content = json.dumps(listed).encode()
    with pytest.raises(ModelError, match="is no plain name"):
        resolve("firefox:en-pt")
    listed["data"][0]["name"] = "model.bin"
    for record in listed["data"]:
        record["version"] = name
    stub.answers[RECORDS].content = json.dumps(listed).encode()
    with pytest.raises(ModelError, match="is no plain name"):
        resolve("firefox:en-pt")


def test_package_with_files_elsewhere_is_refused(stub: Stub, models: pathlib.Path) -> None:
    good = (models / "en_es.argosmodel").read_bytes()
    stub.add_argos("en", "es", good.replace(b"/model/model.bin", b"/model/../../ev"))
    with pytest.raises(ModelError, match="what was downloaded is deleted"):
        resolve("argos:en-es")
    assert not list(cache().rglob("ev*"))
    assert not list(cache().rglob("*.argosmodel*"))


def test_damaged_package_is_no_model_and_not_kept(stub: Stub, models: pathlib.Path) -> None:
    content = bytearray((models / "en_es.argosmodel").read_bytes())
    content[len(content) // 2] ^= 1
    path = stub.add_argos("en", "es", bytes(content))
    with pytest.raises(ModelError, match="what was downloaded is deleted"):
        resolve("argos:en-es")
    stub.answers[path].content = (models / "en_es.argosmodel").read_bytes()
    assert translation("argos:en-es") == translation(str(models / "en_es.argosmodel"))


def test_index_over_https_is_not_left_for_http() -> None:
    assert [_is_usable("http://a/b", secure) for secure in (False, True)] == [True, False]
    assert _is_usable("https://a/b", True)
    assert not _is_usable("ipfs://Qm", False)
    handler = fetching._NoDowngrade()
    request = urllib.request.Request("https://a/b")
    with pytest.raises(ModelError, match="leads to http://a/c, which is not encrypted"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://a/c")


def test_full_disk_is_noticed_before(
    stub: Stub, models: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    usage = shutil.disk_usage(models)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ModelError, match="bytes are needed, and 10 are free; PYATTN_CACHE"):
        resolve("firefox:en-pt")


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such permissions")
def test_cache_that_cannot_be_written_is_named(
    stub: Stub, models: pathlib.Path, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PYATTN_CACHE", str(tmp_path / "file"))
    stub.add_firefox("en", "pt", models / "firefox")
    with pytest.raises(ModelError, match=r"firefox:en-pt: .*file: .*PYATTN_CACHE and cache_dir"):
        resolve("firefox:en-pt")
