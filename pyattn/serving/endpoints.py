"""What all interfaces share: what an endpoint is, and a call of one."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from pyattn.serving.fields import Fields
from pyattn.serving.problems import Problem

if TYPE_CHECKING:
    from pyattn.serving.service import Service

_log = logging.getLogger("pyattn.serving")

# Parts of a form; files are limited by their bytes.
_MOST_FIELDS = 64


@dataclasses.dataclass(frozen=True)
class Api:
    """An interface: how its clients send keys, and how they are told of errors.

    Attributes:
        name: Its name.
        error: The body of an error.
        key: The key that a request has in its headers.
        key_field: The name of the field that has it otherwise; None if there is none.
        no_key: Status and message for a request without a key where one is required.
        wrong_key: Likewise for a wrong one.
    """

    name: str
    error: Callable[[Problem], Any]
    key: Callable[[Request], str | None]
    key_field: str | None = None
    no_key: tuple[int, str] = (401, "a key is required")
    wrong_key: tuple[int, str] = (403, "the key is not valid")


def header_key(scheme: str) -> Callable[[Request], str | None]:
    """What reads the key in the header "Authorization: SCHEME KEY"."""

    def key(request: Request) -> str | None:
        given, _, found = request.headers.get("authorization", "").partition(" ")
        return found.strip() or None if given.lower() == scheme else None

    return key


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A route.

    Attributes:
        path: Its path.
        method: Its method.
        api: Its interface.
        handle: Answers a call.
        summary: What it does, for the OpenAPI document.
        body: The JSON schema of the request's body; None without one.
        answer: The JSON schema of the answer; None for another kind of answer.
        file: Whether the request may be as large as a file.
        open: Whether it needs no key and is not counted.
        late: Whether it is answered while the service drains: it fetches what was accepted earlier.
        parameters: Parameters of the path and the query, as in an OpenAPI document.
        status: The status of its answer.
    """

    path: str
    method: str
    api: Api
    handle: Handle
    summary: str
    body: Mapping[str, Any] | None = None
    answer: Mapping[str, Any] | None = None
    file: bool = False
    open: bool = False
    late: bool = False
    parameters: tuple[Mapping[str, Any], ...] = ()
    status: int = 200


class Call:
    """A request on its way.

    Attributes:
        service: The service.
        request: The request.
        owner: Who asks: a name without meaning, equal for requests with the same key.
        texts: Number of texts, for metrics.
        characters: Number of their characters, likewise.
    """

    def __init__(self, service: Service, request: Request, endpoint: Endpoint) -> None:
        self.service = service
        self.request = request
        self.owner = ""
        self.texts = 0
        self.characters = 0
        self._endpoint = endpoint

    async def json(self) -> Any:
        """The body as JSON.

        Raises:
            Problem: if it is none.
        """
        body = await self.request.body()
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise Problem(400, "Invalid JSON format") from None

    async def fields(self) -> Fields:
        """The request's fields: of a JSON object, of a form, and of the query; checks the key.

        Raises:
            Problem: if the body is broken, or the key is not valid.
        """
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        given: dict[str, Any] = {}
        if self.request.scope["query_string"]:
            for name, text in self.request.query_params.multi_items():
                _put(given, name, text)
        repeated = {name for name, value in given.items() if isinstance(value, list)}
        if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
            form: FormData = await self.request.form(
                max_files=1, max_fields=_MOST_FIELDS * 16, max_part_size=self.limit()
            )
            own: dict[str, Any] = {}
            for name, value in form.multi_items():
                _put(own, name, value)
            repeated |= {name for name, value in own.items() if isinstance(value, list)}
            given |= own
            fields = Fields(given, repeated=repeated, text=True)
        elif await self.request.body():
            body = await self.json()
            if not isinstance(body, dict):
                raise Problem(400, "Invalid JSON format")
            fields = Fields(given | body)
        else:
            fields = Fields(given, repeated=repeated, text=True)
        api = self._endpoint.api
        key = api.key(self.request)
        if key is None and api.key_field is not None:
            key = fields.text(api.key_field, None)
        self.authorise(key)
        return fields

    def authorise(self, key: str | None) -> None:
        """Checks a key, and takes from its holder's bucket.

        Raises:
            Problem: if it is not valid, or there were too many requests.
        """
        keys, api = self.service.keys, self._endpoint.api
        if keys.required and not key:
            raise Problem(*api.no_key)
        client = ""
        if keys.required:
            holder = keys.holder(key)
            if holder is None:
                raise Problem(*api.wrong_key)
            self.owner = holder
            client = f"key {holder}"
        if self.service.rates.limited:
            self.service.rates.take(client or f"address {self.address()}")

    def address(self) -> str:
        """The client's address."""
        if self.service.settings.trust_proxy:
            forwarded = self.request.headers.get("x-forwarded-for", "")
            # The last is what the nearest proxy has seen; all others may be made up.
            if last := forwarded.rpartition(",")[2].strip():
                return last
        client = self.request.client
        return client.host if client is not None else "?"

    def count(self, texts: list[str]) -> list[str]:
        """Checks the number of texts and the length of each.

        Raises:
            Problem: if they are too many, one is too long or no Unicode.
        """
        self.take(texts)
        for index, text in enumerate(texts):
            self.check(text, index)
        return texts

    def take(self, texts: list[str]) -> None:
        """Checks the number of texts only.

        Raises:
            Problem: if they are too many.
        """
        most = self.service.settings.request_texts
        if len(texts) > most:
            raise Problem(413, f"request has {len(texts)} texts, expected at most {most}")
        self.texts = len(texts)
        self.characters = sum(map(len, texts))

    def check(self, text: str, index: int = 0) -> None:
        """Checks a text.

        Raises:
            Problem: if it is too long or no Unicode.
        """
        most = self.service.settings.text_characters
        if len(text) > most:
            raise Problem(413, f"text {index} has {len(text)} characters, expected at most {most}")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Problem(400, f"text {index} has a lone surrogate, expected Unicode") from None

    def limit(self) -> int:
        """Most bytes of the body."""
        settings = self.service.settings
        return settings.file_bytes if self._endpoint.file else settings.body_bytes


Handle: TypeAlias = Callable[[Call], Awaitable[Response]]


def _put(fields: dict[str, Any], name: str, value: str | UploadFile) -> None:
    """Adds a field; one that comes again is a list."""
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]
