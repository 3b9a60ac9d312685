"""What the browser plugin Immersive Translate expects of an interface of one's own."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pyattn.serving.endpoints import Api, Call, Endpoint
from pyattn.serving.schemas import TEXT, TEXTS, array, named, record
from pyattn.serving.treatment import about_texts
from pyattn.serving.work import Job


def _key(request: Request) -> str | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key else None


# The plugin has no field for a key, but takes an address with a query.
API = Api("immersive", lambda problem: {"error": problem.message}, _key, key_field="key")


async def translate(call: Call) -> Response:
    """Translates the texts of a page."""
    fields = await call.fields()
    source, target = fields.text("source_lang", "auto"), fields.text("target_lang")
    job = Job(
        texts=call.count(fields.texts("text_list")),
        source=None if source.lower() in ("", "auto") else source,
        target=target,
        options={
            "protect": True,
            **about_texts(fields, call.service, call.owner, source, target),
        },
    )
    answers = await call.service.work.translate(job)
    found = [{"detected_source_lang": one.source, "text": one.text} for one in answers]
    return JSONResponse({"translations": found})


_TRANSLATE = named(
    record(text_list=TEXTS, source_lang=TEXT, target_lang=TEXT), "text_list", "target_lang"
)
_TRANSLATED = record(translations=array(record(detected_source_lang=TEXT, text=TEXT)))

ENDPOINTS = tuple(
    Endpoint(
        path=path,
        method="POST",
        api=API,
        handle=translate,
        summary="Translate the texts of a page, for Immersive Translate",
        body=_TRANSLATE,
        answer=_TRANSLATED,
    )
    for path in ("/immersive", "/")
)
