"""Models of Firefox's and Argos' registries, from a server on the loopback."""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import random
import shutil
import signal
import sys
import time
import urllib.request
from typing import Any

import pytest

import pyattn
from pyattn import ModelError
from pyattn.hub import fetching
from pyattn.hub.argos import ARGOS
from pyattn.hub.fetching import Fetcher
from pyattn.hub.firefox import FIREFOX, is_released
from pyattn.hub.names import RegistryName, parse
from pyattn.hub.registry import PIVOT, choose, version_key
from pyattn.hub.resolving import one_folder, resolve
from pyattn.hub.settings import Settings
from support import hub_models, processes
from support.hub_stub import RECORDS, Answer, Fault, Stub

TEXT = hub_models.SENTENCES[0]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    place = tmp_path_factory.mktemp("models")
    hub_models.firefox(place / "firefox")
    (place / "argos").mkdir()
    (place / "package").write_bytes(hub_models.argos(place / "argos"))
    shutil.copy(place / "package", place / "en_es.argosmodel")
    return place


@pytest.fixture(autouse=True)
def _served(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYATTN_FIREFOX_ENDPOINT", f"{stub.url}/v1")
    monkeypatch.setenv("ARGOS_PACKAGE_INDEX", f"{stub.url}/index.json")


def cache() -> pathlib.Path:
    return Settings().cache


def translation(name: str) -> str:
    with pyattn.load(name, threads=1) as translator:
        return translator.translate(TEXT, max_new_tokens=8)


def large(paths: list[str], stub: Stub) -> str:
    """The path of the largest file."""
    return max(paths, key=lambda path: len(stub.answers[path].content))


# --- cold and warm -------------------------------------------------------------------------------


def test_model_of_firefox_is_downloaded_once(stub: Stub, models: pathlib.Path) -> None:
    paths = stub.add_firefox("en", "pt", models / "firefox")
    wanted = translation(str(models / "firefox"))
    assert translation("firefox:en-pt") == wanted
    assert sorted(stub.paths()) == sorted(["/v1/", RECORDS, *paths])
    stub.forget()
    assert translation("firefox:en-pt") == wanted
    assert translation("Firefox:EN_PT") == wanted
    assert stub.requests == []


def test_package_of_argos_is_downloaded_once(stub: Stub, models: pathlib.Path) -> None:
    path = stub.add_argos("en", "es", (models / "package").read_bytes())
    wanted = translation(str(models / "en_es.argosmodel"))
    assert translation("argos:en-es") == wanted
    assert stub.paths() == ["/index.json", path]
    stub.forget()
    assert translation("argos:en-es") == wanted
    assert stub.requests == []


def test_files_lie_in_the_given_folder(
    stub: Stub, models: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    with pyattn.load("firefox:en-pt", threads=1, cache_dir=tmp_path / "mine"):
        pass
    assert (tmp_path / "mine" / "firefox" / "en-pt" / "1.0").is_dir()
    assert not cache().exists()


def test_endpoint_wins_over_the_variable(
    stub: Stub, models: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    monkeypatch.setenv("PYATTN_FIREFOX_ENDPOINT", "http://127.0.0.1:9/v1")
    for address in ("/v1", "/v1/", "", "/", RECORDS):
        pyattn.load("firefox:en-pt", threads=1, endpoint=f"{stub.url}{address}").close()
        shutil.rmtree(cache())
    stub.add_argos("en", "es", (models / "package").read_bytes())
    monkeypatch.setenv("ARGOS_PACKAGE_INDEX", "http://127.0.0.1:9/index.json")
    for address in ("", "/", "/index.json"):
        pyattn.load("argos:en-es", threads=1, endpoint=f"{stub.url}{address}").close()
        shutil.rmtree(cache())


# --- which model ---------------------------------------------------------------------------------


def test_newest_release_is_taken(stub: Stub, models: pathlib.Path) -> None:
    for version in ("1.9", "1.10", "2.0a1"):
        stub.add_firefox("en", "pt", models / "firefox", version)
    nightly = "env.channel == 'default' || env.channel == 'nightly'"
    stub.add_firefox("en", "pt", models / "firefox", "3.0", filter_expression=nightly)
    android = "env.appinfo.OS == 'Android'"
    stub.add_firefox("en", "pt", models / "firefox", "4.0", filter_expression=android)
    assert one_folder("firefox:en-pt").name == "1.10"
    assert one_folder("firefox:en-pt@1.9").name == "1.9"
    assert one_folder("firefox:en-pt", Settings(revision="1.9")).name == "1.9"
    with pytest.raises(ModelError, match=r"no such version, expected one of 1\.10, 1\.9, 2\.0a1"):
        resolve("firefox:en-pt@7")


def test_releases_are_above_all_others() -> None:
    wrong = ["2.0", "1.10", "1.9", "1.0", "2.0a2", "2.0a1"]
    assert sorted(wrong, key=version_key) == ["2.0a1", "2.0a2", "1.0", "1.9", "1.10", "2.0"]


@pytest.mark.parametrize(
    ("expression", "released"),
    [
        ("", True),
        ("env.version|versionCompare('121.a0') >= 0", True),
        ("env.channel == 'nightly'", False),
        ("env.channel in ['beta', 'release']", True),
        ("env.appinfo.OS == 'Android'", False),
        ("env.appinfo.OS != 'Android'", True),
    ],
)
def test_filter_of_a_released_firefox(expression: str, released: bool) -> None:
    assert is_released(expression) == released


def test_incomplete_record_is_no_model(stub: Stub, models: pathlib.Path) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    records = json.loads(stub.answers[RECORDS].content)["data"]
    newer = [
        record | {"version": "9.0"} for record in records if record["fileType"] not in ("vocab",)
    ]
    stub.answers[RECORDS].content = json.dumps({"data": [*records, *newer, {}, {"x": 1}]}).encode()
    assert one_folder("firefox:en-pt").name == "1.0"


def test_split_vocabularies_are_a_model(stub: Stub, tmp_path: pathlib.Path) -> None:
    folder = hub_models.firefox(tmp_path / "split", split=True)
    stub.add_firefox("en", "ja", folder)
    assert translation("firefox:en-ja") == translation(str(folder))


def test_pair_without_a_model_names_near_ones(stub: Stub, models: pathlib.Path) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    stub.add_argos("en", "es", (models / "package").read_bytes())
    with pytest.raises(ModelError, match=r"Firefox has no model .*'firefox:en-pt'\?"):
        resolve("firefox:en-pl")
    with pytest.raises(ModelError, match=r"Argos Translate has no model .*'argos:en-es'\?"):
        resolve("argos:en-zz")
    with pytest.raises(ModelError, match="no model for these languages"):
        resolve("firefox:en-en")


# --- two models as one ---------------------------------------------------------------------------


def test_pair_without_a_model_goes_through_english(stub: Stub, models: pathlib.Path) -> None:
    stub.add_firefox("es", PIVOT, models / "firefox")
    stub.add_firefox(PIVOT, "ru", models / "firefox")
    with pyattn.load("firefox:es-ru", threads=1) as pivot:
        assert isinstance(pivot, pyattn.Pivot)
        between = pivot.first.translate(TEXT, max_new_tokens=8)
        wanted = pivot.second.translate(between, max_new_tokens=8)
        assert pivot.translate(TEXT, max_new_tokens=8) == wanted
    stub.forget()
    pyattn.load("firefox:es-ru", threads=1).close()
    assert stub.requests == []
    with pytest.raises(ModelError, match="two models, firefox:es-en and firefox:en-ru, expected"):
        one_folder("firefox:es-ru")


def test_model_of_its_own_wins_over_two(stub: Stub, models: pathlib.Path) -> None:
    for pair in (("es", PIVOT), (PIVOT, "ru"), ("es", "ru")):
        stub.add_firefox(*pair, models / "firefox")
    [folder] = resolve("firefox:es-ru")
    assert folder.parent.name == "es-ru"


# --- offline -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["variable", "argument"])
def test_offline_uses_the_cache_alone(
    how: str, stub: Stub, models: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.add_firefox("en", "pt", models / "firefox")
    pyattn.load("firefox:en-pt", threads=1).close()
    stub.forget()
    if how == "variable":
        monkeypatch.setenv("PYATTN_OFFLINE", "1")
    only = True if how == "argument" else None
    pyattn.load("firefox:en-pt", threads=1, local_files_only=only).close()
    assert resolve("firefox:en-pt", Settings(local_files_only=only, update=True))
    reason = "PYATTN_OFFLINE is set" if how == "variable" else "local_files_only is True"
    with pytest.raises(ModelError, match=f"not in the cache .*{reason}.*`pyattn download firefox"):
        pyattn.load("firefox:en-de", threads=1, local_files_only=only)
    assert stub.requests == []


def test_server_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOS_PACKAGE_INDEX", "http://127.0.0.1:9/index.json")
    with pytest.raises(ModelError, match=r"cannot reach 127\.0\.0\.1:9 .*ARGOS_PACKAGE_INDEX"):
        resolve("argos:en-es")


# --- transfers that break ------------------------------------------------------------------------


def test_transfer_that_breaks_is_resumed(stub: Stub, models: pathlib.Path) -> None:
    path = large(stub.add_firefox("en", "pt", models / "firefox"), stub)
    size = len(stub.answers[path].content)
    stub.faults[path] = Fault(times=2, cut=size // 4)
    assert translation("firefox:en-pt") == translation(str(models / "firefox"))
    assert stub.ranges == [f"bytes={size // 4}-", f"bytes={size // 2}-"]
    assert stub.sent[path] == size


def test_server_without_ranges_sends_the_file_again(stub: Stub, models: pathlib.Path) -> None:
    path = stub.add_argos("en", "es", (models / "package").read_bytes())
    stub.faults[path] = Fault(times=1, cut=500)
    stub.answers[path].headers["X"] = "y"
    translated = translation("argos:en-es")
    shutil.rmtree(cache())
    stub.forget()
    stub.faults[path] = Fault(times=3, cut=500, without_ranges=True)
    assert translation("argos:en-es") == translated


def test_transfer_without_progress_ends(stub: Stub, models: pathlib.Path) -> None:
    path = large(stub.add_firefox("en", "pt", models / "firefox"), stub)
    stub.faults[path] = Fault(cut=0)
    with pytest.raises(ModelError, match="bytes are missing; run it again later, which continues"):
        resolve("firefox:en-pt")
    assert stub.paths().count(path) == 4
    assert not list(cache().glob("firefox/en-pt/1.0"))
    stub.faults.clear()
    assert resolve("firefox:en-pt")


def test_next_call_continues(stub: Stub, models: pathlib.Path) -> None:
    paths = stub.add_firefox("en", "pt", models / "firefox")
    path = large(paths, stub)
    size = len(stub.answers[path].content)
    stub.faults[path] = Fault(times=1, cut=1000)
    original = stub.answers.pop(path)
    with pytest.raises(ModelError, match="no such file"):
        resolve("firefox:en-pt")
    stub.answers[path] = original
    stub.faults[path] = Fault(times=1, cut=1000)
    assert resolve("firefox:en-pt")
    stub.forget()
    shutil.rmtree(cache() / "firefox" / "en-pt" / "1.0")
    partial = cache() / "firefox" / "en-pt" / "1.0.partial"
    partial.mkdir()
    name = next(p.name for p in (models / "firefox").iterdir() if p.stat().st_size == size)
    (partial / f"{name}.partial").write_bytes(original.content[:777])
    assert resolve("firefox:en-pt")
    assert stub.ranges == ["bytes=777-"]


def test_wrong_checksum_is_never_a_model(stub: Stub, models: pathlib.Path) -> None:
    path = large(stub.add_firefox("en", "pt", models / "firefox"), stub)
    stub.faults[path] = Fault(flip=True)
    with pytest.raises(ModelError, match=r"sha256 .*, expected .*damaged on the way"):
        resolve("firefox:en-pt")
    assert not list(cache().glob("firefox/en-pt/1.0"))
    assert not [file for file in cache().rglob("*.partial") if file.is_file()]
    stub.faults.clear()
    assert translation("firefox:en-pt") == translation(str(models / "firefox"))


def test_beginning_of_another_file_is_thrown_away(stub: Stub, models: pathlib.Path) -> None:
    path = large(stub.add_firefox("en", "pt", models / "firefox"), stub)
    content = stub.answers[path].content
    name = next(p.name for p in (models / "firefox").iterdir() if p.stat().st_size == len(content))
    partial = cache() / "firefox" / "en-pt" / "1.0.partial" / f"{name}.partial"
    for wrong in (b"w" * 100, b"w" * len(content), b"w" * (len(content) + 9)):
        partial.parent.mkdir(parents=True)
        partial.write_bytes(wrong)
        assert translation("firefox:en-pt") == translation(str(models / "firefox"))
        shutil.rmtree(cache())


def test_more_than_announced_is_refused(stub: Stub, models: pathlib.Path) -> None:
    path = large(stub.add_firefox("en", "pt", models / "firefox"), stub)
    stub.answers[path].content += b"more"
    with pytest.raises(ModelError, match=r"larger than the .* bytes that were announced"):
        resolve("firefox:en-pt")


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
    good = (models / "package").read_bytes()
    stub.add_argos("en", "es", good.replace(b"/model/model.bin", b"/model/../../ev"))
    with pytest.raises(ModelError, match="what was downloaded is deleted"):
        resolve("argos:en-es")
    assert not list(cache().rglob("ev*"))
    assert not list(cache().rglob("*.argosmodel*"))


def test_damaged_package_is_no_model_and_not_kept(stub: Stub, models: pathlib.Path) -> None:
    content = bytearray((models / "package").read_bytes())
    content[len(content) // 2] ^= 1
    path = stub.add_argos("en", "es", bytes(content))
    with pytest.raises(ModelError, match="what was downloaded is deleted"):
        resolve("argos:en-es")
    stub.answers[path].content = (models / "package").read_bytes()
    assert translation("argos:en-es") == translation(str(models / "en_es.argosmodel"))


def test_index_over_https_is_not_left_for_http() -> None:
    from pyattn.hub.argos import _is_usable

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


# --- several processes ---------------------------------------------------------------------------

_RESOLVE = """
    import sys
    from pyattn.hub.resolving import resolve
    print(resolve(sys.argv[1])[0])
"""


def environment(stub: Stub) -> dict[str, str]:
    return {
        "PYATTN_CACHE": str(cache()),
        "PYATTN_FIREFOX_ENDPOINT": f"{stub.url}/v1",
        "ARGOS_PACKAGE_INDEX": f"{stub.url}/index.json",
        "no_proxy": "*",
    }


def test_two_processes_download_once(stub: Stub, models: pathlib.Path) -> None:
    paths = stub.add_firefox("en", "pt", models / "firefox")
    for path in paths:
        stub.faults[path] = Fault(slow=0.01)
    running = [processes.start(_RESOLVE, "firefox:en-pt", **environment(stub)) for _ in range(3)]
    outputs = {process.communicate(timeout=60)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(outputs) == 1
    assert [stub.paths().count(path) for path in paths] == [1] * len(paths)


@pytest.mark.parametrize("name", ["firefox:en-pt", "argos:en-es"])
def test_killed_process_leaves_no_half_model(name: str, stub: Stub, models: pathlib.Path) -> None:
    paths = [
        *stub.add_firefox("en", "pt", models / "firefox"),
        stub.add_argos("en", "es", (models / "package").read_bytes()),
    ]
    slow = large(paths[:-1], stub) if name.startswith("firefox") else paths[-1]
    stub.faults[slow] = Fault(times=1, slow=0.1)
    with processes.start(_RESOLVE, name, **environment(stub)) as process:
        partial: list[pathlib.Path] = []
        until = time.monotonic() + 60
        while not any(path.stat().st_size for path in partial) and time.monotonic() < until:
            time.sleep(0.01)
            partial = [path for path in cache().rglob("*.partial") if path.is_file()]
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    folder = cache() / name.replace(":", "/")
    assert not (folder / "1.0").exists()
    stub.forget()
    assert resolve(name)
    assert stub.ranges  # it continued
    pyattn.load(name, threads=1).close()
    assert [path.name for path in folder.iterdir() if path.name != ".lock"] == ["1.0"]


# --- progress ------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("tqdm", [True, False])
def test_progress_is_drawn_on_a_terminal_alone(
    tqdm: bool,
    stub: Stub,
    models: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if tqdm:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    path = large(stub.add_firefox("en", "pt", models / "firefox"), stub)
    stub.faults[path] = Fault(times=1, cut=2000)
    for shown in (io.StringIO(), Terminal()):
        monkeypatch.setattr(sys, "stderr", shown)
        with caplog.at_level("INFO", "pyattn"):
            resolve("firefox:en-pt")
        assert ("model.esen" in shown.getvalue()) == shown.isatty()
        assert ("100%" in shown.getvalue()) == (shown.isatty() and tqdm)
        assert "downloading model.esen.intgemm.alphas.bin, 0.0 MB" in caplog.text
        shutil.rmtree(cache())
