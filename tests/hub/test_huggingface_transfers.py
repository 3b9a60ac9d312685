"""Downloads from Hugging Face that are refused, break, stop and meet each other."""

from __future__ import annotations

import errno
import pathlib
import signal
import time
from typing import Any

import pytest

import pyattn
from pyattn import ModelError
from pyattn.hub import problems
from pyattn.hub.names import HubName
from pyattn.hub.resolving import one_folder
from pyattn.hub.settings import Settings
from support import processes
from support.hub_models import folder
from support.hub_stub import Answer, Fault, Stub, as_json

hub = pytest.importorskip("huggingface_hub")

# Older versions look a commit up, keep no listings and do not continue.
needs_listings = pytest.mark.skipif(
    not hasattr(hub, "get_cached_repo_tree"), reason="needs a newer huggingface_hub"
)

NAME = "Helsinki-NLP/opus-mt-en-es"
NEEDED = {
    *("config.json", "generation_config.json", "vocab.json", "source.spm", "target.spm"),
    "model.safetensors",
}


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(status=403, headers={"X-Error-Code": "GatedRepo"}), r"wants terms to be accepted"),
        (Fault(status=401, headers={"X-Error-Code": "GatedRepo"}), r"HF_TOKEN"),
        (Fault(status=404, headers={"X-Error-Code": "RepoNotFound"}), r"no such model on http:"),
        (Fault(status=401), r"no such model on .*or a private one, for which you log in"),
        (
            Fault(
                status=401,
                headers={"X-Error-Message": "Invalid credentials in Authorization header"},
            ),
            r"does not accept the token; log in again",
        ),
        (Fault(status=404, headers={"X-Error-Code": "RevisionNotFound"}), r"no branch, tag or"),
        (Fault(status=403), r"refuses access; the token .* needs the right"),
        (Fault(status=429, headers={"Retry-After": "17"}), r"too many requests .*in 17 seconds"),
        (Fault(status=503), r"is out of order \(HTTP 503\); try again later, or HF_ENDPOINT"),
        (Fault(status=418), r"answers HTTP 418"),
    ],
)
def test_refusal_is_one_sentence_with_a_remedy(
    fault: Fault, said: str, stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    stub.add_repository(NAME, files)
    stub.faults[f"/api/models/{NAME}/revision/main"] = fault
    with pytest.raises(ModelError, match=said) as error:
        pyattn.load(NAME, **access)
    assert str(error.value).startswith(f"{NAME}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("place", ["revision/main", "tree"])
@pytest.mark.parametrize("content", [b"<html>Log in</html>", b"{}", b"[]", b"3", b'[{"path": 3}]'])
def test_answer_of_something_else_is_said_to_be(
    content: bytes, place: str, stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    commit = stub.add_repository(NAME, files)
    path = f"tree/{commit}" if place == "tree" else place
    stub.answers[f"/api/models/{NAME}/{path}"] = Answer(content)
    with pytest.raises(ModelError, match=r"does not answer as Hugging Face|no weights") as error:
        folder(NAME, access)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(NAME)


def test_unknown_name_has_near_ones(stub: Stub, access: dict[str, Any]) -> None:
    found = [{"id": name} for name in ("Helsinki-NLP/opus-mt-en-ru", NAME, "x/y")]
    stub.answers["/api/models"] = as_json(found)
    with pytest.raises(ModelError, match=rf"did you mean .*'{NAME}'"):
        folder("Helsinki-NLP/opus-mt-en-xx", access)


def test_server_that_is_down_is_named(access: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"no such folder .*http://127\.0\.0\.1:9 cannot be reach"):
        folder(NAME, access | {"endpoint": "http://127.0.0.1:9"})


class ReadError(Exception):
    """As the library's HTTP clients raise it."""

    __module__ = "httpx2"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space"), "no space is left in x; HF_HUB_CACHE"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "x/y"), "x: not a directory; HF_HUB"),
        (OSError(errno.EROFS, "Read-only file system"), "x: read-only file system; HF_HUB_CACHE"),
        (PermissionError("x"), "x cannot be written; HF_HUB_CACHE names another folder"),
        (ReadError("closed"), "the transfer broke off; try again, complete files are kept"),
        (
            ConnectionError("closed"),
            "cannot be reached (closed): check the network, or HF_ENDPOINT",
        ),
        (OSError("odd\nvery"), "odd; try again, or HF_ENDPOINT or endpoint= names a mirror"),
        (RuntimeError("odd\nvery"), "does not answer as Hugging Face does (RuntimeError: odd)"),
    ],
)
def test_other_failures_are_one_sentence_with_a_remedy(error: Exception, said: str) -> None:
    explained = problems.explained(error, HubName(repository=NAME), Settings(cache_dir="x"))
    assert said in str(explained)
    assert "\n" not in str(explained)


def test_token_is_sent(stub: Stub, files: dict[str, bytes], access: dict[str, Any]) -> None:
    stub.add_repository(NAME, files)
    folder(NAME, access, token="hf_secret")
    assert {head.get("Authorization", head.get("authorization")) for head in stub.headers} == {
        "Bearer hf_secret"
    }


# --- transfers that break, and several processes -------------------------------------------------

_LOAD = """
    import sys, pyattn
    from pyattn.hub.resolving import one_folder
    print(one_folder(sys.argv[1]))
    pyattn.load(sys.argv[1], threads=1).close()
"""


def environment(stub: Stub, place: pathlib.Path) -> dict[str, str]:
    return {"HF_ENDPOINT": stub.url, "HF_HOME": str(place), "NO_PROXY": "*"}


@needs_listings
def test_transfer_that_breaks_is_continued(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    commit = stub.add_repository(NAME, files)
    path = f"/{NAME}/resolve/{commit}/model.safetensors"
    stub.faults[path] = Fault(times=2, cut=len(files["model.safetensors"]) // 2)  # HEAD, GET
    place = folder(NAME, access)
    assert (place / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert stub.requests.count(("GET", path)) == 2


def test_wrong_checksum_is_never_a_model(
    stub: Stub, files: dict[str, bytes], access: dict[str, Any]
) -> None:
    commit = stub.add_repository(NAME, files)
    stub.faults[f"/{NAME}/resolve/{commit}/model.safetensors"] = Fault(flip=True)
    with pytest.raises(ModelError, match=r"model\.safetensors has sha256 .*damaged on the way"):
        folder(NAME, access)
    stub.faults.clear()
    place = folder(NAME, access)
    assert (place / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_two_processes_at_once_have_the_same_model(
    stub: Stub, files: dict[str, bytes], tmp_path: pathlib.Path
) -> None:
    commit = stub.add_repository(NAME, files)
    for name in NEEDED:
        stub.faults[f"/{NAME}/resolve/{commit}/{name}"] = Fault(slow=0.02)
    running = [processes.start(_LOAD, NAME, **environment(stub, tmp_path)) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert len({out for out, _ in outputs}) == 1


def test_killed_process_leaves_no_half_model(
    stub: Stub, files: dict[str, bytes], tmp_path: pathlib.Path
) -> None:
    commit = stub.add_repository(NAME, files)
    path = f"/{NAME}/resolve/{commit}/model.safetensors"
    stub.faults[path] = Fault(times=2, slow=1.0)
    with processes.start(_LOAD, NAME, **environment(stub, tmp_path)) as process:
        until = time.monotonic() + 60
        while not stub.sent[path] and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    only = Settings(cache_dir=tmp_path / "hub", local_files_only=True)
    with pytest.raises(ModelError, match=r"the cache lacks model\.safetensors"):
        one_folder(NAME, only)
    assert processes.output(_LOAD, NAME, **environment(stub, tmp_path))
    assert (one_folder(NAME, only) / "model.safetensors").read_bytes() == files["model.safetensors"]
