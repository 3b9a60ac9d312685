"""The interface of LibreTranslate 1.9, with texts in lists translated as one batch."""

from __future__ import annotations

import json
import pathlib
import urllib.parse
from typing import Any

from starlette.responses import JSONResponse, Response

from pyattn.serving.codes import language_name
from pyattn.serving.endpoints import Api, Call, Endpoint, header_key
from pyattn.serving.files import Paper, Progress, attachment, file_name
from pyattn.serving.problems import Problem
from pyattn.serving.schemas import TEXT, TEXTS, array, named, record
from pyattn.serving.treatment import about_texts
from pyattn.serving.work import Answer, Job
from pyattn.text.detection import UNKNOWN, Detection

# Characters of a field of a suggestion, and bytes of all that are kept.
_MOST_SUGGESTION = 10_000
_MOST_SUGGESTIONS = 100_000_000


API = Api(
    "libretranslate",
    lambda problem: {"error": problem.message},
    header_key("bearer"),
    key_field="api_key",
    no_key=(400, "Please contact the server operator to get an API key"),
    wrong_key=(403, "Invalid API key"),
)


async def translate(call: Call) -> Response:
    """Translates a text, or each of a list."""
    fields = await call.fields()
    given = fields.get("q")
    texts = call.count(fields.texts("q"))
    source = fields.text("source")
    target = fields.text("target")
    format = fields.choice("format", "text", ("text", "html"))
    most = call.service.settings.alternatives
    alternatives = fields.number("alternatives", 0, 0, most)
    options = about_texts(fields, call.service, call.owner, source, target)
    if "protect" not in options and format == "html":
        options["protect"] = True
    job = Job(
        texts=[text.replace("\r\n", "\n") for text in texts] if format == "text" else texts,
        source=None if source == "auto" else source,
        target=target,
        format=format,  # type: ignore[arg-type]
        alternatives=alternatives if format == "text" else 0,
        options=options,
    )
    answers = await call.service.work.translate(job)
    listed = isinstance(given, list)
    body: dict[str, Any] = {"translatedText": _shaped([one.text for one in answers], listed)}
    if source == "auto":
        body["detectedLanguage"] = _shaped([_detected_of(one) for one in answers], listed)
    if alternatives:
        body["alternatives"] = _shaped([list(one.alternatives) for one in answers], listed)
    if fields.flag("verbose"):
        body["scores"] = _shaped([_score(one) for one in answers], listed)
        body["warnings"] = _shaped([list(one.warnings) for one in answers], listed)
    return JSONResponse(body)


async def detect(call: Call) -> Response:
    """The language of a text."""
    fields = await call.fields()
    [text, *_] = call.count(fields.texts("q")) or [""]
    [found] = call.service.work.detected([text])
    return JSONResponse([_detected(found)])


async def languages(call: Call) -> Response:
    """The languages, and what each can be translated into."""
    catalog = call.service.catalog
    codes = dict.fromkeys([*catalog.sources, *catalog.targets])
    return JSONResponse(
        [
            {"code": code, "name": language_name(code), "targets": catalog.targets_of(code)}
            for code in codes
        ]
    )


async def translate_file(call: Call) -> Response:
    """Translates a document, which is fetched from the address in the answer."""
    fields = await call.fields()
    if not call.service.settings.files:
        raise Problem(403, "Files translation are disabled on this server.")
    file = fields.file("file")
    source, target = fields.text("source"), fields.text("target")
    name = file_name(file.filename)
    paper = Paper(
        data=await file.read(),
        name=name,
        source=None if source == "auto" else source,
        target=target,
        options=about_texts(fields, call.service, call.owner, source, target),
    )
    progress = Progress()
    with call.service.files.shown(fields.text("progress_id", None), progress):
        made = await call.service.files.translated(paper, progress)
    call.characters = progress.characters
    code = call.service.work.language("target", target)
    path = pathlib.PurePath(name)
    token = call.service.files.keep(made, f"{path.stem}_{code}{path.suffix}")
    place = f"download_file/{token}{urllib.parse.quote(path.suffix.lower())}"
    return JSONResponse({"translatedFileUrl": f"{_base(call)}/{place}"})


async def download_file(call: Call) -> Response:
    """A translated document."""
    token = call.request.path_params["name"].partition(".")[0]
    kept = call.service.files.kept(token)
    if kept is None:
        raise Problem(404, "Invalid filename, or the file is not kept any more")
    data, name = kept
    return attachment(data, name)


async def suggest(call: Call) -> Response:
    """Keeps a better translation that somebody suggests."""
    fields = await call.fields()
    folder = call.service.settings.data
    if folder is None:
        raise Problem(403, "Suggestions are disabled on this server.")
    entry = {name: fields.text(name) for name in ("q", "s", "source", "target")}
    if any(len(one) > _MOST_SUGGESTION for one in entry.values()):
        raise Problem(413, f"a field is too long, expected at most {_MOST_SUGGESTION} characters")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "suggestions.jsonl").open("a", encoding="utf-8") as file:
        if file.tell() > _MOST_SUGGESTIONS:
            raise Problem(507, "there is no room for more suggestions")
        file.write(json.dumps(entry) + "\n")
    return JSONResponse({"success": True})


async def settings(call: Call) -> Response:
    """What the page of LibreTranslate asks for first."""
    service = call.service
    catalog, chosen = service.catalog, service.settings
    source, target = next(iter(catalog.slots[0].pairs))
    formats = [f".{name}" for name in service.files.formats()] if chosen.files else []
    return JSONResponse(
        {
            "charLimit": chosen.text_characters,
            "frontendTimeout": 500,
            "apiKeys": service.keys.required,
            "keyRequired": service.keys.required,
            "suggestions": chosen.data is not None,
            "filesTranslation": chosen.files,
            "supportedFilesFormat": formats,
            "language": {
                "source": {"code": source, "name": language_name(source)},
                "target": {"code": target, "name": language_name(target)},
            },
        }
    )


def _shaped(values: list[Any], listed: bool) -> Any:
    """A list for a list, else its only item."""
    return values if listed else values[0] if values else ""


def _detected(found: Detection) -> dict[str, Any]:
    """A detection; clients expect whole numbers, and English where nothing is known."""
    known = found.language != UNKNOWN
    return {
        "confidence": round(found.confidence * 100) if known else 0,
        "language": found.language if known else "en",
    }


def _detected_of(answer: Answer) -> dict[str, Any]:
    assert answer.detected is not None
    return _detected(answer.detected)


def _score(answer: Answer) -> float | None:
    score = None if answer.details is None else answer.details.score
    return None if score is None else round(score, 6)


def _base(call: Call) -> str:
    return str(call.request.base_url).rstrip("/")


_DETECTED = record(confidence={"type": "integer"}, language=TEXT)
_TRANSLATE = named(
    record(
        q={"oneOf": [TEXT, array(TEXT)]},
        source=TEXT,
        target=TEXT,
        format={"type": "string", "enum": ["text", "html"]},
        alternatives={"type": "integer", "minimum": 0},
        api_key=TEXT,
        glossary={"type": "object"},
        protect=TEXTS,
        verbose={"type": "boolean"},
    ),
    "q",
    "source",
    "target",
)
_TRANSLATED = named(
    record(
        translatedText={"oneOf": [TEXT, TEXTS]},
        detectedLanguage={"oneOf": [_DETECTED, array(_DETECTED)]},
        alternatives={"type": "array", "items": {}},
    ),
    "translatedText",
)
_FILE = named(
    record(
        file={"type": "string", "format": "binary"},
        source=TEXT,
        target=TEXT,
        progress_id=TEXT,
        api_key=TEXT,
    ),
    "file",
    "source",
    "target",
)
_LANGUAGE = record(code=TEXT, name=TEXT, targets=TEXTS)

ENDPOINTS = (
    Endpoint(
        path="/translate",
        method="POST",
        api=API,
        handle=translate,
        summary="Translate a text, or each of a list",
        body=_TRANSLATE,
        answer=_TRANSLATED,
    ),
    Endpoint(
        path="/detect",
        method="POST",
        api=API,
        handle=detect,
        summary="The language of a text",
        body=named(record(q=TEXT, api_key=TEXT), "q"),
        answer=array(_DETECTED),
    ),
    Endpoint(
        path="/languages",
        method="GET",
        api=API,
        handle=languages,
        summary="The languages, and what each can be translated into",
        answer=array(_LANGUAGE),
        open=True,
    ),
    Endpoint(
        path="/translate_file",
        method="POST",
        api=API,
        handle=translate_file,
        summary="Translate a document",
        body=_FILE,
        answer=record(translatedFileUrl=TEXT),
        file=True,
    ),
    Endpoint(
        path="/download_file/{name}",
        method="GET",
        api=API,
        handle=download_file,
        summary="A translated document",
        open=True,
        parameters=({"name": "name", "in": "path", "required": True, "schema": TEXT},),
    ),
    Endpoint(
        path="/suggest",
        method="POST",
        api=API,
        handle=suggest,
        summary="Suggest a better translation",
        body=named(record(q=TEXT, s=TEXT, source=TEXT, target=TEXT), "q", "s", "source", "target"),
        answer=record(success={"type": "boolean"}),
    ),
    Endpoint(
        path="/frontend/settings",
        method="GET",
        api=API,
        handle=settings,
        summary="Limits and default languages",
        answer={"type": "object"},
        open=True,
    ),
)
