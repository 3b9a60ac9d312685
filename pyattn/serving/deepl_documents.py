"""Documents by DeepL's interface: sent, asked for, and fetched once."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
from typing import Any

from starlette.responses import JSONResponse, Response

from pyattn.serving.deepl_interface import API, languages_of, options_of
from pyattn.serving.endpoints import Call, Endpoint
from pyattn.serving.files import Paper, attachment, file_name
from pyattn.serving.jobs import DocumentJob
from pyattn.serving.problems import Problem
from pyattn.serving.schemas import TEXT, named, record

# How long an answer about a document waits for its end, in seconds. The official clients ask at
# once and then every five seconds, which small documents do not need.
_PATIENCE = 2.0


async def upload(call: Call) -> Response:
    """Begins to translate a document."""
    fields = await call.fields()
    if not call.service.settings.files:
        raise Problem(403, "documents are switched off at this service")
    file = fields.file("file")
    name = file_name(fields.text("filename", None) or file.filename)
    source, target = languages_of(fields)
    path = pathlib.PurePath(name)
    format = fields.text("output_format", None)
    if format and format.lower().lstrip(".") != path.suffix.lower().lstrip("."):
        raise Problem(400, f"'output_format' is {format:.20}, expected the document's own")
    paper = Paper(
        data=await file.read(),
        name=name,
        source=source,
        target=target,
        options=await options_of(call, fields),
    )
    code = call.service.work.language("target", target)
    job = call.service.jobs.start(call.owner, paper, f"{path.stem}_{code}{path.suffix}")
    return JSONResponse({"document_id": job.id, "document_key": job.key})


async def status(call: Call) -> Response:
    """How far a document is; waits a moment for one that is not done."""
    job = await _asked(call)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(job.over.wait(), _PATIENCE)
    shown: dict[str, Any] = {"document_id": job.id, "status": job.status}
    if job.status == "done":
        shown["billed_characters"] = job.progress.characters
    elif job.status == "error":
        shown["error_message"] = job.error
    elif (left := job.progress.seconds_left) is not None:
        shown |= {"seconds_remaining": left, "progress": round(job.progress.share, 3)}
    return JSONResponse(shown)


async def result(call: Call) -> Response:
    """A translated document, which is deleted with this."""
    job = await _asked(call)
    if job.status == "error":
        raise Problem(404, f"there is no translation: {job.error}")
    if job.status != "done":
        raise Problem(503, "the document is not translated yet", retry_after=1)
    data = call.service.jobs.taken(job)
    if data is None:
        raise Problem(404, "the document is not kept any more")
    return attachment(data, job.name)


async def _asked(call: Call) -> DocumentJob:
    fields = await call.fields()
    key = fields.text("document_key")
    return call.service.jobs.get(call.owner, call.request.path_params["id"], key)


_DOCUMENT = named(
    record(
        file={"type": "string", "format": "binary"},
        target_lang=TEXT,
        source_lang=TEXT,
        filename=TEXT,
        formality=TEXT,
        glossary_id=TEXT,
        output_format=TEXT,
    ),
    "file",
    "target_lang",
)
_KEY = named(record(document_key=TEXT), "document_key")
_ID = ({"name": "id", "in": "path", "required": True, "schema": TEXT},)

ENDPOINTS = (
    Endpoint(
        path="/v2/document",
        method="POST",
        api=API,
        handle=upload,
        summary="Begin to translate a document",
        body=_DOCUMENT,
        answer=record(document_id=TEXT, document_key=TEXT),
        file=True,
    ),
    Endpoint(
        path="/v2/document/{id}",
        method="POST",
        api=API,
        handle=status,
        summary="How far a document is",
        body=_KEY,
        answer=record(document_id=TEXT, status=TEXT, error_message=TEXT),
        parameters=_ID,
        late=True,
    ),
    Endpoint(
        path="/v2/document/{id}/result",
        method="POST",
        api=API,
        handle=result,
        summary="Fetch a translated document, which deletes it",
        body=_KEY,
        parameters=_ID,
        late=True,
    ),
)
