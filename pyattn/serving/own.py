"""Our own interface: everything that the engine knows of a translation, and errors per text."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
from starlette.responses import JSONResponse, Response, StreamingResponse

from pyattn.results import Translation
from pyattn.serving.codes import language_name
from pyattn.serving.endpoints import Api, Call, Endpoint, header_key
from pyattn.serving.fields import Fields
from pyattn.serving.problems import Problem
from pyattn.serving.schemas import FLAG, NUMBER, TEXT, TEXTS, array, named, record
from pyattn.serving.treatment import about_texts
from pyattn.serving.work import Answer, Job
from pyattn.text.detection import UNKNOWN

_log = logging.getLogger("pyattn.serving")


API = Api("v1", lambda problem: {"error": _error(problem)}, header_key("bearer"))


async def translate(call: Call) -> Response:
    """Translates texts; with `stream` each is sent as soon as it is done."""
    fields = await call.fields()
    texts = fields.texts("texts")
    call.take(texts)
    job = _job(call, fields)
    # Errors of the whole request come now, not once for each text.
    call.service.work.check_languages(job.source, job.target)
    if fields.flag("stream"):
        return StreamingResponse(
            _events(call, texts, job),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
    return JSONResponse({"translations": await _translated(call, texts, job)})


async def models(call: Call) -> Response:
    """The models, the languages of each, and the limits of a request."""
    found = []
    for slot in call.service.catalog.slots:
        pairs = [{"source": one, "target": other} for one, other in slot.pairs]
        loaded = slot.translator is not None
        found.append({"name": slot.name, "loaded": loaded, "pairs": pairs})
    codes = dict.fromkeys([*call.service.catalog.sources, *call.service.catalog.targets])
    names = {code: language_name(code) for code in codes}
    settings = call.service.settings
    limits = {
        "texts": settings.request_texts,
        "characters": settings.text_characters,
        "alternatives": settings.alternatives,
        "file_bytes": settings.file_bytes if settings.files else 0,
    }
    return JSONResponse({"models": found, "languages": names, "limits": limits})


def _job(call: Call, fields: Fields) -> Job:
    source, target = fields.text("source", None), fields.text("target")
    most = call.service.settings.alternatives
    options = {"protect": True, **about_texts(fields, call.service, call.owner, source, target)}
    if fields.get("beam_size") is not None:
        options["beam_size"] = fields.number("beam_size", 4, 1, 16)
    format = fields.choice("format", "text", ("text", "html", "xml"))
    return Job(
        texts=(),
        source=None if source in (None, "auto") else source,
        target=target,
        format=format,  # type: ignore[arg-type]
        alternatives=fields.number("alternatives", 0, 0, most) if format == "text" else 0,
        details=fields.flag("details"),
        options=options,
    )


async def _translated(call: Call, texts: Sequence[str], job: Job) -> list[dict[str, Any]]:
    """What became of each text, in order."""
    found: list[dict[str, Any] | None] = [_refused(call, text) for text in texts]
    good = [index for index, one in enumerate(found) if one is None]
    try:
        answers = await call.service.work.translate(_with([texts[i] for i in good], job))
        for index, answer in zip(good, answers, strict=True):
            found[index] = _shown(answer)
    except Problem as problem:
        if problem.status != 400 or len(good) == 1 == len(texts):
            raise
        # One of them is wrong, such as in a language that the service does not have.
        for index in good:
            found[index] = await _alone(call, texts[index], job)
    return found  # type: ignore[return-value]


async def _alone(call: Call, text: str, job: Job) -> dict[str, Any]:
    refused = _refused(call, text)
    if refused is not None:
        return refused
    try:
        [answer] = await call.service.work.translate(_with([text], job))
    except Problem as problem:
        return {"error": _error(problem)}
    return _shown(answer)


async def _events(call: Call, texts: Sequence[str], job: Job) -> AsyncIterator[bytes]:
    """Server-sent events: a translation each, in the order in which they are done."""

    async def one(index: int) -> dict[str, Any]:
        try:
            return {"index": index, **(await _alone(call, texts[index], job))}
        except Exception:
            # The status of the answer is sent: what is left is to say so in its place.
            _log.exception("a text of a stream failed")
            failed = Problem(500, "the service failed; the reason is in its log")
            return {"index": index, "error": _error(failed)}

    tasks = [asyncio.ensure_future(one(index)) for index in range(len(texts))]
    try:
        for done in asyncio.as_completed(tasks, timeout=call.service.settings.seconds):
            data = json.dumps(await done, ensure_ascii=False)
            yield f"event: translation\ndata: {data}\n\n".encode()
        yield b"event: done\ndata: {}\n\n"
    except asyncio.TimeoutError:
        late = {"error": _error(Problem(504, "not done in time: send less at once"))}
        yield f"event: error\ndata: {json.dumps(late)}\n\n".encode()
    finally:
        for task in tasks:
            task.cancel()


def _with(texts: list[str], job: Job) -> Job:
    return dataclasses.replace(job, texts=texts)


def _refused(call: Call, text: str) -> dict[str, Any] | None:
    try:
        call.check(text)
    except Problem as problem:
        return {"error": _error(problem)}
    return None


async def progress(call: Call) -> Response:
    """How far a document is."""
    found = call.service.files.progress(call.request.path_params["id"])
    if found is None:
        raise Problem(404, "no document is under way under this name")
    state = "queued" if found.begun is None else "translating"
    return JSONResponse({"state": state, "share": round(found.share, 3)})


def _shown(answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "text": answer.text,
        "source": answer.source,
        "model": answer.model,
        "warnings": list(answer.warnings),
    }
    if answer.detected is not None:
        known = answer.detected.language != UNKNOWN
        shown["detected"] = {
            "language": answer.detected.language if known else None,
            "confidence": round(answer.detected.confidence, 4),
        }
    if answer.alternatives:
        shown["alternatives"] = list(answer.alternatives)
    shown |= _details(answer.details)
    others = [{"text": one.text, **_details(one)} for one in answer.others]
    if any("tokens" in one for one in others):
        shown["others"] = others
    return shown


def _details(one: Translation | None) -> dict[str, Any]:
    """The score of a translation, its pieces and its tokens, as far as they are there."""
    shown: dict[str, Any] = {}
    if one is not None and one.score is not None:
        shown["score"] = round(one.score, 6)
    if one is not None and one.target_spans is not None and one.source_spans is not None:
        shown["pieces"] = [
            {"source": list(piece.source), "target": list(piece.target), "copied": piece.copied}
            for piece in one.pieces
        ]
        shown["tokens"] = _tokens(one)
    return shown


def _tokens(best: Any) -> list[dict[str, Any]]:
    """Of each token of a translation: its span, its log-probability, and what it looked at most."""
    rows = []
    columns = np.argmax(best.alignment, axis=1) if len(best.source_spans) else []
    scores = best.token_scores
    for row, ((begin, end), column) in enumerate(zip(best.target_spans, columns, strict=True)):
        if begin < end:
            rows.append(
                {
                    "target": [begin, end],
                    "source": list(best.source_spans[column]),
                    "score": round(float(scores[row]), 4) if row < len(scores) else None,
                }
            )
    return rows


def _error(problem: Problem) -> dict[str, Any]:
    return {"status": problem.status, "message": problem.message}


_SPAN = {"type": "array", "items": {"type": "integer"}}
_PIECES = array(record(source=_SPAN, target=_SPAN, copied=FLAG))
_TOKENS = array(record(target=_SPAN, source=_SPAN, score={"type": ["number", "null"]}))
_TRANSLATION = record(
    text=TEXT,
    source=TEXT,
    model=TEXT,
    warnings=TEXTS,
    detected=record(language={"type": ["string", "null"]}, confidence=NUMBER),
    alternatives=TEXTS,
    score=NUMBER,
    pieces=_PIECES,
    tokens=_TOKENS,
    others=array(record(text=TEXT, score=NUMBER, pieces=_PIECES, tokens=_TOKENS)),
    error=record(status={"type": "integer"}, message=TEXT),
)
_TRANSLATE = named(
    record(
        texts={"oneOf": [TEXT, TEXTS]},
        source=TEXT,
        target=TEXT,
        format={"type": "string", "enum": ["text", "html", "xml"]},
        alternatives={"type": "integer", "minimum": 0},
        beam_size={"type": "integer", "minimum": 1, "maximum": 16},
        details=FLAG,
        glossary={"type": "object"},
        protect={"oneOf": [FLAG, TEXTS]},
        split={"type": "string", "enum": ["auto", "sentences", "never"]},
        truncate={"oneOf": [FLAG, {"type": "string", "enum": ["auto", "pieces"]}]},
        stream=FLAG,
    ),
    "texts",
    "target",
)

ENDPOINTS = (
    Endpoint(
        path="/v1/translate",
        method="POST",
        api=API,
        handle=translate,
        summary="Translate texts, with scores, alignments, warnings and errors per text",
        body=_TRANSLATE,
        answer=named(record(translations=array(_TRANSLATION)), "translations"),
    ),
    Endpoint(
        path="/v1/models",
        method="GET",
        api=API,
        handle=models,
        summary="The models, the languages of each, and the limits of a request",
        answer=record(
            models=array({"type": "object"}),
            languages={"type": "object"},
            limits={"type": "object"},
        ),
        open=True,
    ),
    Endpoint(
        path="/v1/progress/{id}",
        method="GET",
        api=API,
        handle=progress,
        summary="How far a document is that was sent to /translate_file with this progress_id",
        answer=named(record(state=TEXT, share=NUMBER), "state", "share"),
        parameters=({"name": "id", "in": "path", "required": True, "schema": TEXT},),
        open=True,
    ),
)
