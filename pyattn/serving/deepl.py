"""DeepL's interface (v2): texts, languages and usage."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import JSONResponse, Response

from pyattn.serving import deepl_documents, deepl_glossaries
from pyattn.serving.catalog import Catalog
from pyattn.serving.codes import language_name
from pyattn.serving.deepl_interface import API, languages_of, options_of
from pyattn.serving.endpoints import Call, Endpoint
from pyattn.serving.fields import Fields
from pyattn.serving.glossaries import base_of
from pyattn.serving.schemas import FLAG, TEXT, TEXTS, array, named, record
from pyattn.serving.treatment import listed
from pyattn.serving.work import Job

# Nothing is billed here. Clients take a count at the limit as a reason to stop.
_CHARACTER_LIMIT = 1_000_000_000_000

# Clients refuse these as targets without a country.
_COUNTRIES = {"en": ("en-GB", "en-US"), "pt": ("pt-BR", "pt-PT"), "zh": ("zh", "zh-Hans")}
_NAMES = {
    "en-GB": "English (British)",
    "en-US": "English (American)",
    "pt-BR": "Portuguese (Brazilian)",
    "pt-PT": "Portuguese (European)",
    "zh-Hans": "Chinese (simplified)",
}


async def translate(call: Call) -> Response:
    """Translates texts."""
    fields = await call.fields()
    texts = call.count(fields.texts("text"))
    source, target = languages_of(fields)
    handling = fields.choice("tag_handling", "", ("", "html", "xml"))
    options = {"protect": True, **await options_of(call, fields)}
    split = fields.choice("split_sentences", "1", ("0", "1", "nonewlines"))
    if split == "0":
        options["split"] = "never"
    if handling:
        options |= _tags(fields)
    elif split == "nonewlines":
        texts = [_joined(text) for text in texts]
    job = Job(
        texts=texts,
        source=source,
        target=target,
        format=handling or "text",  # type: ignore[arg-type]
        options=options,
    )
    answers = await call.service.work.translate(job)
    counted = fields.flag("show_billed_characters")
    found = []
    for text, answer in zip(texts, answers, strict=True):
        one: dict[str, Any] = {
            "detected_source_language": base_of(answer.source).upper(),
            "text": answer.text,
        }
        if counted:
            one["billed_characters"] = len(text)
        found.append(one)
    return JSONResponse({"translations": found})


async def languages(call: Call) -> Response:
    """The languages that texts may have, or that they can be translated into."""
    fields = await call.fields()
    catalog = call.service.catalog
    if fields.choice("type", "source", ("source", "target")) == "source":
        codes = _sources(catalog)
        return JSONResponse([{"language": one.upper(), "name": _name(one)} for one in codes])
    return JSONResponse(
        [
            {"language": one.upper(), "name": _name(one), "supports_formality": False}
            for one in _targets(catalog)
        ]
    )


async def usage(call: Call) -> Response:
    """How many characters the holder of the key has had translated since the start."""
    await call.fields()
    used = call.service.watch.used[call.owner]
    return JSONResponse({"character_count": used, "character_limit": _CHARACTER_LIMIT})


def _tags(fields: Fields) -> dict[str, Any]:
    """The elements that a request names, as settings of documents."""
    names = {"ignore_tags": "keep", "splitting_tags": "blocks", "non_splitting_tags": "inline"}
    found = {}
    for name, setting in names.items():
        # Some clients send a list, others one text with commas.
        elements = [part.strip() for one in fields.strings(name) for part in one.split(",")]
        if elements:
            found[setting] = listed([one for one in elements if one], name)
    return found


def _joined(text: str) -> str:
    """A text whose single line breaks are spaces; blank lines still part paragraphs."""
    return re.sub(r"(?<=\S)[ \t]*\r?\n[ \t]*(?=[^\s])", " ", text)


def _sources(catalog: Catalog) -> list[str]:
    """The languages of texts, by the codes that clients send: without a country."""
    return sorted({_short(catalog, one, catalog.sources) for one in catalog.sources})


def _targets(catalog: Catalog) -> list[str]:
    found: dict[str, None] = {}
    for code in catalog.targets:
        found |= dict.fromkeys(_COUNTRIES.get(code, (code,)))
    return sorted(found)


def _short(catalog: Catalog, code: str, among: list[str]) -> str:
    short = base_of(code)
    return short if catalog.known(short, among) is not None else code


def _name(code: str) -> str:
    return _NAMES.get(code) or language_name(code)


_TRANSLATE = named(
    record(
        text={"oneOf": [TEXTS, TEXT]},
        target_lang=TEXT,
        source_lang=TEXT,
        tag_handling={"type": "string", "enum": ["html", "xml"]},
        ignore_tags=TEXTS,
        splitting_tags=TEXTS,
        non_splitting_tags=TEXTS,
        split_sentences={"type": "string", "enum": ["0", "1", "nonewlines"]},
        preserve_formatting=FLAG,
        formality=TEXT,
        context=TEXT,
        glossary_id=TEXT,
        glossary_ids=TEXTS,
        show_billed_characters=FLAG,
    ),
    "text",
    "target_lang",
)
_TRANSLATED = named(
    record(translations=array(record(detected_source_language=TEXT, text=TEXT))), "translations"
)
_LANGUAGES = array(record(language=TEXT, name=TEXT, supports_formality=FLAG))
_USED = record(character_count={"type": "integer"}, character_limit={"type": "integer"})
_TYPE = (
    {
        "name": "type",
        "in": "query",
        "schema": {"type": "string", "enum": ["source", "target"]},
    },
)


ENDPOINTS = (
    Endpoint(
        path="/v2/translate",
        method="POST",
        api=API,
        handle=translate,
        summary="Translate texts",
        body=_TRANSLATE,
        answer=_TRANSLATED,
    ),
    *(
        Endpoint(
            path="/v2/languages",
            method=method,
            api=API,
            handle=languages,
            summary="The languages of texts, or of translations",
            answer=_LANGUAGES,
            parameters=_TYPE,
        )
        for method in ("GET", "POST")
    ),
    *(
        Endpoint(
            path="/v2/usage",
            method=method,
            api=API,
            handle=usage,
            summary="How many characters were translated since the start",
            answer=_USED,
        )
        for method in ("GET", "POST")
    ),
    *deepl_glossaries.ENDPOINTS,
    *deepl_documents.ENDPOINTS,
)
