"""Downloads of registries' models that break, stop and meet each other."""

from __future__ import annotations

import io
import pathlib
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import pyattn
from pyattn import ModelError
from pyattn.hub import fetching
from pyattn.hub.resolving import resolve
from support import processes
from support.hub_models import cache, large, translation
from support.hub_stub import Fault, Stub

pytestmark = pytest.mark.usefixtures("registries")


def test_transfer_that_breaks_is_resumed(stub: Stub, models: pathlib.Path) -> None:
    path = large(stub.add_firefox("en", "pt", models / "firefox"), stub)
    size = len(stub.answers[path].content)
    stub.faults[path] = Fault(times=2, cut=size // 4)
    assert translation("firefox:en-pt") == translation(str(models / "firefox"))
    assert stub.ranges == [f"bytes={size // 4}-", f"bytes={size // 2}-"]
    assert stub.sent[path] == size


def test_server_without_ranges_sends_the_file_again(stub: Stub, models: pathlib.Path) -> None:
    path = stub.add_argos("en", "es", (models / "en_es.argosmodel").read_bytes())
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


def test_server_that_does_not_answer_is_given_up(
    stub: Stub, models: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = large(stub.add_firefox("en", "pt", models / "firefox"), stub)
    monkeypatch.setattr(fetching, "_TIMEOUT", 0.05)
    stub.faults[path] = Fault(stall=1.0)
    with pytest.raises(ModelError, match=r"the connection broke .*timed out.*run it again later"):
        resolve("firefox:en-pt")


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


def test_threads_download_once(stub: Stub, models: pathlib.Path) -> None:
    paths = stub.add_firefox("en", "pt", models / "firefox")
    for path in paths:
        stub.faults[path] = Fault(slow=0.005)
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(resolve, ["firefox:en-pt"] * 4))) == 1
    assert [stub.paths().count(path) for path in paths] == [1] * len(paths)


@pytest.mark.parametrize("name", ["firefox:en-pt", "argos:en-es"])
def test_killed_process_leaves_no_half_model(name: str, stub: Stub, models: pathlib.Path) -> None:
    paths = [
        *stub.add_firefox("en", "pt", models / "firefox"),
        stub.add_argos("en", "es", (models / "en_es.argosmodel").read_bytes()),
    ]
    slow = large(paths[:-1], stub) if name.startswith("firefox") else paths[-1]
    stub.faults[slow] = Fault(times=1, slow=0.1)
    with processes.start(_RESOLVE, name, **environment(stub)) as process:
        partial: list[pathlib.Path] = []
        until = time.monotonic() + 60
        while not any(path.stat().st_size for path in partial) and time.monotonic() < until:
            time.sleep(0.01)
            if slow in stub.paths():  # the others are not slow, and may be whole already
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
