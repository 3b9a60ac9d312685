"""A server on the loopback that stands for Hugging Face, Firefox's settings and Argos' index.

It serves answers by path, counts requests and bytes, and misbehaves where it is told to.
"""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import http.server
import json
import pathlib
import threading
import time
import urllib.parse
from collections.abc import Mapping
from typing import Any

RECORDS = "/v1/buckets/main/collections/translations-models/records"
_CHUNK = 1 << 10


@dataclasses.dataclass
class Answer:
    """What a path answers.

    Attributes:
        content: The body.
        headers: Headers beside the length.
        status: The status.
    """

    content: bytes
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    status: int = 200


@dataclasses.dataclass
class Fault:
    """What goes wrong at a path, and how often.

    Attributes:
        times: How often.
        status: The status to answer with.
        headers: Headers of that answer.
        cut: Number of bytes after which the connection closes.
        flip: Whether a byte of the content differs.
        without_ranges: Whether ranges are ignored.
        slow: Seconds to wait after each kB.
        stall: Seconds to wait before the answer.
    """

    times: int = 1_000_000
    status: int | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    cut: int | None = None
    flip: bool = False
    without_ranges: bool = False
    slow: float = 0.0
    stall: float = 0.0


class Stub:
    """The server; `with` it runs."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.faults: dict[str, Fault] = {}
        self.requests: list[tuple[str, str]] = []
        self.ranges: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.sent: collections.Counter[str] = collections.Counter()
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                stub.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:  # clients that were killed
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Stub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def bytes_sent(self) -> int:
        return sum(self.sent.values())

    def forget(self) -> None:
        """Starts counting anew."""
        self.requests.clear()
        self.ranges.clear()
        self.headers.clear()
        self.sent.clear()

    def paths(self) -> list[str]:
        return [path for _, path in self.requests]

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = urllib.parse.unquote(request.path.partition("?")[0])
        self.requests.append((request.command, path))
        self.headers.append(dict(request.headers))
        fault = self.faults.get(path, Fault(times=0))
        fault.times -= 1
        if fault.times < 0:
            fault = Fault()
        time.sleep(fault.stall)
        found = self.answers.get(path)
        if fault.status is not None:
            found = Answer(b'{"error": "no"}', dict(fault.headers), fault.status)
        if found is None:
            found = Answer(b"{}", {"X-Error-Code": "RepoNotFound"}, 404)
        self._send(request, path, found, fault)

    def _send(
        self, request: http.server.BaseHTTPRequestHandler, path: str, found: Answer, fault: Fault
    ) -> None:
        content, status, headers = found.content, found.status, dict(found.headers)
        if fault.flip:
            content = content[:-1] + bytes([content[-1] ^ 1])
        asked = request.headers.get("Range")
        if asked and status == 200 and not fault.without_ranges:
            self.ranges.append(asked)
            begin = int(asked.removeprefix("bytes=").split("-")[0])
            if begin >= len(content):
                content, status = b"", 416
            else:
                headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
                content, status = content[begin:], 206
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.command == "HEAD":
            return
        end = len(content) if fault.cut is None else fault.cut
        for place in range(0, min(end, len(content)), _CHUNK):
            part = content[place : min(place + _CHUNK, end)]
            request.wfile.write(part)
            self.sent[path] += len(part)
            time.sleep(fault.slow)
        if end < len(content):
            request.close_connection = True

    # --- Hugging Face ------------------------------------------------------------------------

    def add_repository(
        self, name: str, files: Mapping[str, bytes], revision: str = "main", large: int = 1000
    ) -> str:
        """A repository, or a commit of it; files from `large` bytes on have a sha256."""
        commit = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        about = {"id": name, "sha": commit, "siblings": [{"rfilename": file} for file in files]}
        for known in (revision, commit):
            self.answers[f"/api/models/{name}/revision/{known}"] = as_json(about)
        listed: list[dict[str, Any]] = []
        for file, content in files.items():
            sha256 = hashlib.sha256(content).hexdigest()
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            entry: dict[str, Any] = {
                "type": "file", "path": file, "size": len(content), "oid": blob,
            }  # fmt: skip
            if len(content) >= large:
                entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
            listed.append(entry)
            tag = sha256 if len(content) >= large else blob
            self.answers[f"/{name}/resolve/{commit}/{file}"] = Answer(
                content, {"ETag": f'"{tag}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
            )
        self.answers[f"/api/models/{name}/tree/{commit}"] = as_json(listed)
        return commit

    # --- Firefox -----------------------------------------------------------------------------

    def add_firefox(
        self, source: str, target: str, folder: pathlib.Path, version: str = "1.0", **fields: Any
    ) -> list[str]:
        """The files of a model in a folder; returns their paths."""
        self.answers["/v1/"] = as_json(
            {"capabilities": {"attachments": {"base_url": f"{self.url}/attachments/"}}}
        )
        known = self.answers.get(RECORDS, as_json({"data": []}))
        records = json.loads(known.content)["data"]
        paths = []
        for path in sorted(folder.iterdir()):
            kind = path.name.split(".")[0]
            content = path.read_bytes()
            location = f"models/{source}{target}{version}/{len(records)}.bin"
            records.append(
                {
                    "name": path.name, "fromLang": source, "toLang": target, "version": version,
                    "fileType": kind, "id": str(len(records)), **fields,
                    "attachment": {
                        "hash": hashlib.sha256(content).hexdigest(), "size": len(content),
                        "filename": path.name, "location": location,
                    },
                }
            )  # fmt: skip
            self.answers[f"/attachments/{location}"] = Answer(content)
            paths.append(f"/attachments/{location}")
        self.answers[RECORDS] = as_json({"data": records})
        return paths

    # --- Argos -------------------------------------------------------------------------------

    def add_argos(self, source: str, target: str, package: bytes, version: str = "1.0") -> str:
        """A package; returns its path."""
        known = self.answers.get("/index.json", as_json([]))
        index = json.loads(known.content)
        path = f"/translate-{source}_{target}-{version}.argosmodel"
        index.append(
            {
                "code": f"translate-{source}_{target}", "type": "translate",
                "from_code": source, "from_name": source, "to_code": target, "to_name": target,
                "package_version": version, "argos_version": "1.9",
                "links": ["ipfs://Qm", f"{self.url}{path}"],
            }
        )  # fmt: skip
        self.answers[path] = Answer(package)
        self.answers["/index.json"] = as_json(index)
        return path


def as_json(value: Any) -> Answer:
    return Answer(json.dumps(value).encode(), {"Content-Type": "application/json"})
