"""The interface of Google's Cloud Translation, v2 ("Basic")."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pyattn.documents.markup import tokens
from pyattn.serving.codes import code_of, language_name
from pyattn.serving.endpoints import Api, Call, Endpoint, header_key
from pyattn.serving.problems import Problem
from pyattn.serving.schemas import FLAG, NUMBER, TEXT, TEXTS, array, named, record
from pyattn.serving.treatment import about_texts
from pyattn.serving.work import Job
from pyattn.text.detection import UNKNOWN

_STATUSES = {
    400: ("INVALID_ARGUMENT", "invalid"),
    401: ("UNAUTHENTICATED", "required"),
    403: ("PERMISSION_DENIED", "forbidden"),
    404: ("NOT_FOUND", "notFound"),
    408: ("DEADLINE_EXCEEDED", "timeout"),
    413: ("INVALID_ARGUMENT", "uploadTooLarge"),
    429: ("RESOURCE_EXHAUSTED", "rateLimitExceeded"),
    501: ("UNIMPLEMENTED", "notImplemented"),
    503: ("UNAVAILABLE", "backendError"),
    504: ("DEADLINE_EXCEEDED", "backendError"),
}
# Models that clients may ask for, and then expect in the answer.
_MODELS = ("nmt", "base")
# What Google calls languages that have two standard names.
_CODES = {"zh": "zh-CN", "zh-Hant": "zh-TW", "nb": "no"}


def _error(problem: Problem) -> Any:
    status, reason = _STATUSES.get(problem.status, ("INTERNAL", "backendError"))
    message = problem.message
    return {
        "error": {
            "code": problem.status,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": reason}],
            "status": status,
        }
    }


_bearer = header_key("bearer")


def _key(request: Request) -> str | None:
    return request.headers.get("x-goog-api-key") or _bearer(request)


API = Api(
    "google",
    _error,
    _key,
    key_field="key",
    no_key=(403, "The request is missing a valid API key."),
    wrong_key=(400, "API key not valid. Please pass a valid API key."),
)


async def translate(call: Call) -> Response:
    """Translates texts, which are HTML unless the request says otherwise."""
    fields = await call.fields()
    texts = call.count(fields.texts("q"))
    source, target = fields.text("source", None) or None, fields.text("target")
    format = fields.choice("format", "html", ("html", "text"))
    options = {"protect": True, **about_texts(fields, call.service, call.owner, source, target)}
    job = Job(
        texts=texts,
        source=source,
        target=target,
        format=format,  # type: ignore[arg-type]
        options=options,
    )
    found = []
    for answer in await call.service.work.translate(job):
        text = _quoted(answer.text) if format == "html" else answer.text
        one: dict[str, Any] = {"translatedText": text}
        if source is None:
            one["detectedSourceLanguage"] = _google(answer.source)
        if (model := fields.text("model", None)) in _MODELS:
            one["model"] = model
        found.append(one)
    return JSONResponse({"data": {"translations": found}})


async def detect(call: Call) -> Response:
    """The language of each text."""
    fields = await call.fields()
    texts = call.count(fields.texts("q"))
    found = [
        [
            {
                "language": "und" if one.language == UNKNOWN else _google(code_of(one.language)),
                "confidence": round(one.confidence, 4),
                "isReliable": False,
            }
        ]
        for one in call.service.work.detected(texts)
    ]
    return JSONResponse({"data": {"detections": found}})


async def languages(call: Call) -> Response:
    """The languages; with `target` also their names, in English whatever the target."""
    fields = await call.fields()
    catalog = call.service.catalog
    codes = sorted({*catalog.sources, *catalog.targets})
    if not fields.text("target", None):
        return JSONResponse({"data": {"languages": [{"language": _google(one)} for one in codes]}})
    found = [{"language": _google(one), "name": language_name(one)} for one in codes]
    return JSONResponse({"data": {"languages": found}})


def _google(code: str) -> str:
    return _CODES.get(code, code)


def _quoted(text: str) -> str:
    """HTML in which quotes outside of tags are references, as Google writes them."""
    parts = []
    for token in tokens(text, xml=False):
        part = text[slice(*token.span)]
        if token.kind == "text":
            part = part.replace("'", "&#39;").replace('"', "&quot;")
        parts.append(part)
    return "".join(parts)


_TRANSLATE = named(
    record(
        q={"oneOf": [TEXT, TEXTS]},
        target=TEXT,
        source=TEXT,
        format={"type": "string", "enum": ["html", "text"]},
        model=TEXT,
        key=TEXT,
    ),
    "q",
    "target",
)
_TRANSLATED = record(
    data=record(translations=array(record(translatedText=TEXT, detectedSourceLanguage=TEXT)))
)
_DETECTED = record(
    data=record(detections=array(array(record(language=TEXT, confidence=NUMBER, isReliable=FLAG))))
)
_LANGUAGES = record(data=record(languages=array(record(language=TEXT, name=TEXT))))


def _rows(path: str, handle: Any, summary: str, body: Any, answer: Any) -> list[Endpoint]:
    """An endpoint with its fields in the body, and one with them in the query."""
    parameters = tuple(
        {
            "name": name,
            "in": "query",
            "schema": TEXTS if name == "q" else schema,
            "required": name in body.get("required", ()),
        }
        for name, schema in body["properties"].items()
    )
    place = f"/language/translate/v2{path}"
    shared: dict[str, Any] = {"api": API, "handle": handle, "summary": summary, "answer": answer}
    return [
        Endpoint(path=place, method="POST", body=body, **shared),
        Endpoint(path=place, method="GET", parameters=parameters, **shared),
    ]


_Q = named(record(q={"oneOf": [TEXT, TEXTS]}, key=TEXT), "q")

ENDPOINTS = (
    *_rows("", translate, "Translate texts", _TRANSLATE, _TRANSLATED),
    *_rows("/detect", detect, "The language of each text", _Q, _DETECTED),
    *_rows("/languages", languages, "The languages", record(target=TEXT, key=TEXT), _LANGUAGES),
)
