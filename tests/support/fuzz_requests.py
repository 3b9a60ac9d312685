"""Mutated requests to the service, and what it answers.

Every interface gets sound requests and such whose JSON, form, file or path is changed. An answer
with a status below 500, or 503, is right; anything else is a finding, and so is a service that does
not translate a sound text afterwards.
"""

from __future__ import annotations

import json
import pathlib
import random
from typing import Any
from urllib.parse import quote

from support.document_makers import FORMATS
from support.fuzz_documents import sound
from support.fuzz_driver import SECONDS
from support.mutations import Mutator

_TEXT = "You are welcome."
_JSON: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/translate", {"q": [_TEXT], "source": "en", "target": "es", "format": "html"}),
    ("POST", "/translate", {"q": _TEXT, "source": "auto", "target": "es", "alternatives": 2}),
    ("POST", "/detect", {"q": _TEXT}),
    ("POST", "/v1/translate", {"texts": [_TEXT], "target": "es", "details": True}),
    ("POST", "/v1/translate", {"texts": [_TEXT], "target": "es", "stream": True}),
    ("POST", "/v2/translate", {"text": [_TEXT], "target_lang": "ES", "tag_handling": "xml"}),
    ("POST", "/language/translate/v2", {"q": [_TEXT], "target": "es", "format": "text"}),
    ("POST", "/language/translate/v2/detect", {"q": [_TEXT]}),
    ("POST", "/immersive", {"source_lang": "en", "target_lang": "es", "text_list": [_TEXT]}),
    (
        "POST",
        "/v2/glossaries",
        {
            **{"name": "a", "source_lang": "en", "target_lang": "es"},
            **{"entries": "house\tcasa", "entries_format": "tsv"},
        },
    ),
    (
        "POST",
        "/v3/glossaries",
        {
            "name": "a",
            "dictionaries": [
                {
                    **{"source_lang": "en", "target_lang": "es"},
                    **{"entries": "a\tb", "entries_format": "tsv"},
                }
            ],
        },
    ),
)
_PATHS = ("/languages", "/v2/languages", "/v2/usage", "/v1/models", "/v2/glossaries", "/health")
_ODD = ("\0", "../" * 9, "%", "é" * 400, "a" * 9000, "\r\nX: y", "{id}", "-1", "")


class RequestCase:
    """A mutated request."""

    seconds = 3 * SECONDS  # a model of full size translates

    def __init__(self, client: Any, seed: int, number: int) -> None:
        self._client = client
        self._pick = random.Random(f"{seed}/{number}")
        kinds = (self._json, self._json, self._json, self._form, self._file, self._query)
        self._make = kinds[number % len(kinds)]
        self.source = self._make.__name__[1:]
        self.about = "asked"

    def write(self, folder: pathlib.Path) -> pathlib.Path:
        """Writes it into an empty folder: a line of JSON, and the body."""
        method, path, kind, body = self._make()
        file = folder / "request"
        head = json.dumps({"method": method, "path": path, "type": kind})
        file.write_bytes(head.encode() + b"\n" + body)
        return file

    def use(self, path: pathlib.Path) -> bool:
        """Sends it; False if it is refused."""
        head, _, body = path.read_bytes().partition(b"\n")
        request = json.loads(head)
        answer = self._client.request(
            request["method"],
            request["path"],
            content=body,
            headers={"Content-Type": request["type"]},
        )
        if answer.status_code >= 500 and answer.status_code != 503:
            raise AssertionError(f"{answer.status_code}: {answer.text[:500]}")
        if self._pick.random() < 0.05:
            sound = {"q": "Hi.", "source": "en", "target": "es"}
            again = self._client.post("/translate", json=sound)
            if again.status_code != 200:
                raise AssertionError(f"afterwards, {again.status_code}: {again.text[:500]}")
        return answer.status_code < 400

    def _json(self) -> tuple[str, str, str, bytes]:
        """A request whose JSON has another structure, or is none."""
        pick = self._pick
        method, path, fields = pick.choice(_JSON)
        body = json.dumps(Mutator(pick).edited(json.loads(json.dumps(fields)))).encode()
        if pick.random() < 0.2:
            body = Mutator(pick).flat(body)
        return method, path, "application/json", body

    def _form(self) -> tuple[str, str, str, bytes]:
        """A form with fields that are changed."""
        pick = self._pick
        method, path, fields = pick.choice(_JSON)
        flat = {
            name: pick.choice((*_ODD, str(value))) if pick.random() < 0.4 else str(value)
            for name, value in fields.items()
        }
        body = "&".join(f"{quote(name)}={quote(value)}" for name, value in flat.items()).encode()
        if pick.random() < 0.4:
            body = Mutator(pick).flat(body)
        return method, path, "application/x-www-form-urlencoded", body

    def _file(self) -> tuple[str, str, str, bytes]:
        """A document, of which the document or the form around it is changed."""
        pick = self._pick
        format = pick.choice(("docx", *FORMATS))
        data = sound(format, pick.randrange(1000))[:20_000]
        data = Mutator(pick).flat(data) if pick.random() < 0.5 else data
        path, fields = pick.choice(
            (
                ("/translate_file", {"source": "en", "target": "es"}),
                ("/v2/document", {"source_lang": "EN", "target_lang": "ES"}),
            )
        )
        parts = [
            f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
            for name, value in fields.items()
        ]
        name = pick.choice((f"a.{format}", f"../a.{format}", "a", pick.choice(_ODD)))
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        parts.append(head.encode() + data)
        body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"
        if pick.random() < 0.3:
            body = Mutator(pick).flat(body)
        return "POST", path, "multipart/form-data; boundary=b", body

    def _query(self) -> tuple[str, str, str, bytes]:
        """A path with something odd behind it."""
        pick = self._pick
        path = pick.choice((*_PATHS, *(path for _, path, _ in _JSON)))
        if pick.random() < 0.7:
            path += pick.choice(("/", "?q=", "?target=")) + quote(pick.choice(_ODD))
        return pick.choice(("GET", "POST", "DELETE", "PATCH", "PUT")), path, "text/plain", b"{}"


class Requests:
    """Requests to a service of the included model.

    Args:
        folder: Not used.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        del folder
        self._context: Any = None
        self._client: Any = None

    def prepare(self) -> None:
        """Starts the application in this process, and sends the sound requests."""
        from support import service

        self._context = service.client()
        self._client = self._context.__enter__()
        for method, path, fields in _JSON:
            answer = self._client.request(method, path, json=fields)
            if answer.status_code >= 400:
                raise AssertionError(f"{path}: {answer.status_code}: {answer.text}")

    def close(self) -> None:
        """Ends the application, whose threads would keep the process alive."""
        self._context.__exit__(None, None, None)

    def case(self, seed: int, number: int) -> RequestCase:
        """The `number`-th case of a seed."""
        return RequestCase(self._client, seed, number)
