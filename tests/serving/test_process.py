"""`pyattn serve` as a process: signals, half requests, odd arguments."""

import asyncio
import concurrent.futures
import contextlib
import http.client
import json
import re
import shlex
import signal
import socket
import sys
import time
import urllib.parse
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from pyattn import documents
from pyattn.serving import running
from support import service
from support.lanes import slow
from support.paths import ROOT

# The client that Starlette's tests need on this Python.
httpx = pytest.importorskip("httpx2" if sys.version_info >= (3, 11) else "httpx")

# No sentence comes twice: such are translated once.
_LONG = " ".join(f"The cat sat on {n} mats and looked at {n} birds." for n in range(2, 150))
_FIELDS = json.dumps({"q": "I am hungry.", "source": "en", "target": "es"})


def ask(address: str, fields: str = _FIELDS) -> tuple[int, bytes]:
    place = urllib.parse.urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"{place.path}/translate", fields, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_sigterm_loses_nothing_that_was_accepted() -> None:
    with service.process() as (address, process, lines):
        assert ask(address) == (200, b'{"translatedText":"Tengo hambre."}')
        fields = json.dumps({"q": _LONG, "source": "en", "target": "es", "guard": False})
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(ask, address, fields) for _ in range(4)]
            while not any('"route"' in line for line in lines):
                time.sleep(0.01)
            time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            assert [one.result()[0] for one in asked] == [200] * 4
        assert process.wait(30) == 0


def posted(address: str, path: str, **fields: Any) -> Any:
    """What a service answers to a form, over a connection of its own."""
    with httpx.Client() as client:
        file = fields.pop("file", None)
        files = None if file is None else {"file": file}
        return client.post(f"{address}{path}", data=fields, files=files, timeout=60)


def test_documents_that_were_accepted_are_fetched_after_sigterm() -> None:
    data = f"<p>{_LONG[:3000]}</p>".encode()
    expected = documents.translate(data, "html", service.translator(), guard=False)
    with service.process("--grace", "60") as (address, process, lines):
        assert ask(address)[0] == 200
        file = ("a.html", data)
        languages = {"source": "en", "target": "es", "guard": "false", "file": file}
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = posted(address, "/v2/document", target_lang="ES", source_lang="EN", file=file)
            job = sent.json()
            waiting = pool.submit(posted, address, "/translate_file", **languages)
            while metric(address, "pyattn_queue_files") < 2 and not waiting.done():
                time.sleep(0.01)
            place, key = f"/v2/document/{job['document_id']}", job["document_key"]
            process.send_signal(signal.SIGTERM)
            while ask(address)[0] == 200:
                time.sleep(0.01)
            assert ask(address)[0] == 503
            assert posted(address, "/v2/document", target_lang="ES", file=file).status_code == 503
            state = {"status": "queued"}
            while state["status"] in ("queued", "translating"):
                answer = posted(address, place, document_key=key)
                assert answer.status_code == 200
                state = answer.json()
            assert state["status"] == "done"
            result = posted(address, f"{place}/result", document_key=key)
            assert (result.status_code, result.content) == (
                200,
                documents.translate(data, "html", service.translator()),
            )
            found = httpx.get(waiting.result().json()["translatedFileUrl"])
            assert (found.status_code, found.content) == (200, expected)
        assert process.wait(5) == 0
        assert "Traceback" not in "".join(lines)


@slow
def test_a_document_holds_up_the_end_no_longer_than_it_may() -> None:
    with service.process("--grace", "1") as (address, process, lines):
        data = "".join(f"<p>{_LONG.replace('mats', f'mats {n}')}</p>" for n in range(99)).encode()
        file = ("a.html", data)
        sent = posted(address, "/v2/document", target_lang="ES", source_lang="EN", file=file)
        assert sent.status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert "Traceback" not in "".join(lines)


def test_half_requests_do_not_hold_up_others() -> None:
    with service.process("--set", "body_seconds=1") as (address, process, _):
        place = urllib.parse.urlsplit(address)
        halves = []
        for start in (
            b"",
            b"POST /translate HTTP/1.1\r\nHost: x\r\n",
            b"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
            b"POST /translate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
            b"\x16\x03\x01\x02\x00",
            b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000,
        ):
            half = socket.create_connection((place.hostname or "", place.port or 0))
            half.sendall(start)
            halves.append(half)
        assert ask(address)[0] == 200
        for half in halves:
            half.settimeout(20)
            # It is answered with an error, or closed.
            received = b""
            try:
                while part := half.recv(65536):
                    received += part
            except ConnectionError:
                pass
            assert received == b"" or received.split()[1] in (b"400", b"408", b"431"), received
            half.close()
        assert ask(address)[0] == 200
        assert process.poll() is None


def test_a_head_without_end_is_closed_at_a_size() -> None:
    with service.process() as (address, _, _):
        place = urllib.parse.urlsplit(address)
        with socket.create_connection((place.hostname or "", place.port or 0)) as endless:
            # Long before the time that a head may take.
            endless.settimeout(10)
            with contextlib.suppress(ConnectionError):
                endless.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 500_000)
                received = endless.recv(65536)
                assert received == b"" or received.split()[1] in (b"400", b"431")


def test_a_signal_drains_the_service_before_its_server() -> None:
    with service.client() as client:
        app = client.app
        server = running._Server(uvicorn.Config(app), app.service, None)  # type: ignore[attr-defined]
        server.handle_exit(signal.SIGTERM, None)
        assert server.should_exit
        assert client.post("/translate", content=_FIELDS).status_code == 503


def test_the_port_is_open_until_documents_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(running, "time", SimpleNamespace(monotonic=lambda: now[0]))
    for left in (True, False):
        expecting = SimpleNamespace(drain=lambda: None, expects=True)
        config = uvicorn.Config("", timeout_graceful_shutdown=30)
        server = running._Server(config, expecting, None)
        assert not asyncio.run(server.on_tick(1))
        server.handle_exit(signal.SIGTERM, None)
        now[0] += 20
        assert not asyncio.run(server.on_tick(2))
        expecting.expects = left
        now[0] += 10 if left else 1
        assert asyncio.run(server.on_tick(3))
        # Requests that are under way get what is left.
        assert config.timeout_graceful_shutdown == (1 if left else 9)
        server.handle_exit(signal.SIGINT, None)
        assert server.force_exit


def test_a_root_path_is_that_of_the_proxy() -> None:
    with service.process("--root-path", "/mt/") as (address, _, _):
        assert address.endswith("/mt")
        assert ask(address)[0] == 200
        assert ask(address.removesuffix("/mt"))[0] == 200


def test_a_client_that_leaves_is_forgotten() -> None:
    with service.process() as (address, _, lines):
        place = urllib.parse.urlsplit(address)
        body = json.dumps({"q": _LONG, "source": "en", "target": "es"})
        with socket.create_connection((place.hostname or "", place.port or 0)) as leaving:
            head = f"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            leaving.sendall(f"{head}Content-Type: application/json\r\n\r\n{body}".encode())
            time.sleep(0.3)
        until = time.monotonic() + 20
        while not any('"status": 499' in line for line in lines) and time.monotonic() < until:
            time.sleep(0.05)
        assert any('"status": 499' in line for line in lines)


def test_a_client_that_leaves_a_stream_is_forgotten() -> None:
    with service.process() as (address, _, _):
        place = urllib.parse.urlsplit(address)
        texts = [f"I have {n} cats and {n + 1} dogs in my house." for n in range(900)]
        body = json.dumps({"texts": texts, "target": "es", "source": "en", "stream": True})
        with socket.create_connection((place.hostname or "", place.port or 0)) as leaving:
            head = f"POST /v1/translate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            leaving.sendall(f"{head}Content-Type: application/json\r\n\r\n{body}".encode())
            assert b"event: translation" in leaving.recv(65536) + leaving.recv(65536)
            assert metric(address, "pyattn_queue_tokens") > 0
        until = time.monotonic() + 1
        while metric(address, "pyattn_queue_tokens") and time.monotonic() < until:
            time.sleep(0.02)
        assert metric(address, "pyattn_queue_tokens") == 0


def metric(address: str, name: str) -> float:
    with urllib.request.urlopen(f"{address}/metrics") as answer:
        found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    assert found
    return float(found[1])


@slow
def test_a_killed_server_leaves_its_port() -> None:
    with service.process() as (address, process, _):
        port = str(urllib.parse.urlsplit(address).port)
        process.kill()
        process.wait()
    with service.process("--port", port) as (address, _, _):
        assert ask(address)[0] == 200


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--port", "99999"], 2, "expected a port from 0 to 65535"),
        (["--model", "nope"], 2, "expected NAME=MODEL"),
        (["--model", "en-es=/no/such/folder"], 1, "/no/such/folder"),
        (["--set", "nope=1"], 2, "there is no setting 'nope'"),
        (["--set", "seconds=soon"], 2, "expected a number"),
        (["--host", "256.1.1.1"], 1, "256.1.1.1"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], code: int, message: str) -> None:
    done = service.ended("--port", "0", *arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = service.ended("--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Address already in use" in done.stderr


def test_the_readme_shows_what_the_service_answers() -> None:
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("the documents are not in the wheel")
    [block] = [
        one
        for one in re.findall(r"```sh\n(.*?)```", readme.read_text("utf-8"), re.DOTALL)
        if "pyattn serve" in one
    ]
    _, serve, curl, answer = block.splitlines()
    assert serve == "pyattn serve --port 5000 &"
    fields = dict(part.split("=", 1) for part in shlex.split(curl) if re.match(r"\w+=", part))
    assert curl.endswith(" http://127.0.0.1:5000/translate")
    with service.process() as (address, _, _):
        body = urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(f"{address}/translate", body) as found:
            assert f"# {found.read().decode()}" == answer
