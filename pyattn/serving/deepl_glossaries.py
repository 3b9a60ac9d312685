"""Glossaries by DeepL's interface: of one pair of languages (v2), and of several (v3)."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from pyattn.serving.deepl_interface import API
from pyattn.serving.endpoints import Call, Endpoint
from pyattn.serving.fields import Fields
from pyattn.serving.glossaries import Dictionary, Kept, pair_of, pairs_of, read_entries
from pyattn.serving.problems import Problem
from pyattn.serving.schemas import TEXT, array, named, record

_INDEXED = re.compile(r"dictionaries\[(\d{1,3})\]\.?\[?(\w+)\]?", re.ASCII)


async def pairs(call: Call) -> Response:
    """The pairs of languages that glossaries may have."""
    await call.fields()
    found = pairs_of(call.service.catalog)
    languages = [{"source_lang": one, "target_lang": other} for one, other in found]
    return JSONResponse({"supported_languages": languages})


async def create(call: Call) -> Response:
    """Makes a glossary of one pair of languages."""
    fields = await call.fields()
    kept = Kept(call.owner, fields.text("name"), (await _dictionary(call, fields),))
    await asyncio.to_thread(call.service.glossaries.put, kept, new=True)
    return JSONResponse(_single(kept), 201)


async def list_all(call: Call) -> Response:
    """The glossaries of one pair of languages."""
    await call.fields()
    found = [one for one in call.service.glossaries.of(call.owner) if len(one.dictionaries) == 1]
    return JSONResponse({"glossaries": [_single(one) for one in found]})


async def get(call: Call) -> Response:
    """A glossary of one pair of languages, without its terms."""
    return JSONResponse(_single(_only(await _asked(call))))


async def entries(call: Call) -> Response:
    """The terms of a glossary of one pair of languages."""
    [dictionary] = _only(await _asked(call)).dictionaries
    return Response(_tsv(dictionary), headers={"Content-Type": "text/tab-separated-values"})


async def delete(call: Call) -> Response:
    """Deletes a glossary."""
    kept = await _asked(call)
    await asyncio.to_thread(call.service.glossaries.delete, call.owner, kept.id)
    return Response(status_code=204)


async def create_several(call: Call) -> Response:
    """Makes a glossary of several pairs of languages."""
    fields = await call.fields()
    name = fields.text("name")
    made = {one.pair: one for one in await _dictionaries(call, fields)}
    kept = Kept(call.owner, name, tuple(made.values()))
    await asyncio.to_thread(call.service.glossaries.put, kept, new=True)
    return JSONResponse(_several(kept), 201)


async def list_several(call: Call) -> Response:
    """All glossaries."""
    await call.fields()
    found = call.service.glossaries.of(call.owner)
    return JSONResponse({"glossaries": [_several(one) for one in found]})


async def get_several(call: Call) -> Response:
    """A glossary, without its terms."""
    return JSONResponse(_several(await _asked(call)))


async def change(call: Call) -> Response:
    """Gives a glossary another name, and adds terms to its dictionaries."""
    fields = await call.fields()
    kept = _found(call)
    if fields.get("name") is not None:
        kept = dataclasses.replace(kept, name=fields.text("name"))
    for new in await _dictionaries(call, fields):
        known = [one for one in kept.dictionaries if one.pair == new.pair]
        terms = {**(known[0].entries if known else {}), **new.entries}
        kept = kept.having(dataclasses.replace(new, entries=terms))
    await asyncio.to_thread(call.service.glossaries.put, kept)
    return JSONResponse(_several(kept))


async def replace(call: Call) -> Response:
    """Replaces the terms of a glossary for a pair of languages."""
    fields = await call.fields()
    kept = _found(call)
    dictionary = await _dictionary(call, fields)
    await asyncio.to_thread(call.service.glossaries.put, kept.having(dictionary))
    return JSONResponse(_counted(dictionary))


async def entries_of(call: Call) -> Response:
    """The terms of a glossary for a pair of languages."""
    fields = await call.fields()
    dictionary = _found(call).dictionary(_pair(call, fields))
    found = {
        "source_lang": dictionary.source,
        "target_lang": dictionary.target,
        "entries": _tsv(dictionary),
        "entries_format": "tsv",
    }
    return JSONResponse({"dictionaries": [found]})


async def delete_pair(call: Call) -> Response:
    """Deletes the terms of a glossary for a pair of languages."""
    fields = await call.fields()
    kept = _found(call)
    pair = kept.dictionary(_pair(call, fields)).pair
    await asyncio.to_thread(call.service.glossaries.put, kept.without(pair))
    return Response(status_code=204)


def _found(call: Call) -> Kept:
    """The glossary in the path; the key must have been checked."""
    return call.service.glossaries.get(call.owner, call.request.path_params["id"])


async def _asked(call: Call) -> Kept:
    await call.fields()
    return _found(call)


def _only(kept: Kept) -> Kept:
    if len(kept.dictionaries) != 1:
        raise Problem(404, "Glossary not found: it has several pairs of languages, use v3")
    return kept


def _pair(call: Call, fields: Fields) -> tuple[str, str]:
    return pair_of(call.service.catalog, fields.text("source_lang"), fields.text("target_lang"))


async def _dictionary(call: Call, fields: Fields) -> Dictionary:
    source, target = _pair(call, fields)
    format = fields.choice("entries_format", "tsv", ("tsv", "csv"))
    terms = await asyncio.to_thread(read_entries, fields.text("entries"), format)
    return Dictionary(source, target, terms)


async def _dictionaries(call: Call, fields: Fields) -> list[Dictionary]:
    """The dictionaries of a request: a list in JSON, in forms `dictionaries[0].entries`."""
    given = fields.get("dictionaries")
    if given is None:
        numbered: dict[int, dict[str, Any]] = {}
        for name in fields:
            if match := _INDEXED.fullmatch(name):
                numbered.setdefault(int(match[1]), {})[match[2]] = fields.get(name)
        given = [numbered[number] for number in sorted(numbered)]
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise Problem(400, "Invalid request: dictionaries is no list of objects")
    return [await _dictionary(call, Fields(one)) for one in given]


def _single(kept: Kept) -> dict[str, Any]:
    [dictionary] = kept.dictionaries
    return {
        "glossary_id": kept.id,
        "ready": True,
        "name": kept.name,
        "creation_time": kept.created,
        **_counted(dictionary),
    }


def _several(kept: Kept) -> dict[str, Any]:
    return {
        "glossary_id": kept.id,
        "name": kept.name,
        "creation_time": kept.created,
        "dictionaries": [_counted(one) for one in kept.dictionaries],
    }


def _counted(dictionary: Dictionary) -> dict[str, Any]:
    return {
        "source_lang": dictionary.source,
        "target_lang": dictionary.target,
        "entry_count": len(dictionary.entries),
    }


def _tsv(dictionary: Dictionary) -> str:
    return "\n".join(f"{term}\t{one}" for term, one in dictionary.entries.items())


_COUNT = {"type": "integer"}
_COUNTED = record(source_lang=TEXT, target_lang=TEXT, entry_count=_COUNT)
_SINGLE = record(
    glossary_id=TEXT,
    name=TEXT,
    ready={"type": "boolean"},
    creation_time=TEXT,
    source_lang=TEXT,
    target_lang=TEXT,
    entry_count=_COUNT,
)
_SEVERAL = record(glossary_id=TEXT, name=TEXT, creation_time=TEXT, dictionaries=array(_COUNTED))
_TABLE = {"type": "string", "enum": ["tsv", "csv"]}
_TERMS = named(
    record(source_lang=TEXT, target_lang=TEXT, entries=TEXT, entries_format=_TABLE),
    "source_lang",
    "target_lang",
    "entries",
)
_NEW = named(
    record(name=TEXT, source_lang=TEXT, target_lang=TEXT, entries=TEXT, entries_format=_TABLE),
    "name",
    "source_lang",
    "target_lang",
    "entries",
)
_NEW_SEVERAL = named(record(name=TEXT, dictionaries=array(_TERMS)), "name", "dictionaries")
_ID = ({"name": "id", "in": "path", "required": True, "schema": TEXT},)
_PAIR = tuple(
    {"name": name, "in": "query", "required": True, "schema": TEXT}
    for name in ("source_lang", "target_lang")
)


def _row(method: str, path: str, handle: Any, summary: str, **more: Any) -> Endpoint:
    parameters = (*(_ID if "{id}" in path else ()), *more.pop("parameters", ()))
    return Endpoint(
        path=path,
        method=method,
        api=API,
        handle=handle,
        summary=summary,
        parameters=parameters,
        **more,
    )


_V2, _V3 = "/v2/glossaries", "/v3/glossaries"
_LISTED = record(glossaries=array(_SINGLE))
_LISTED_SEVERAL = record(glossaries=array(_SEVERAL))
_PAIRS = record(supported_languages=array(record(source_lang=TEXT, target_lang=TEXT)))

ENDPOINTS = (
    _row("GET", "/v2/glossary-language-pairs", pairs, "Pairs of languages", answer=_PAIRS),
    _row("POST", _V2, create, "Make a glossary", body=_NEW, answer=_SINGLE, status=201),
    _row("GET", _V2, list_all, "Glossaries of one pair of languages", answer=_LISTED),
    _row("GET", _V2 + "/{id}", get, "A glossary of one pair of languages", answer=_SINGLE),
    _row("GET", _V2 + "/{id}/entries", entries, "Its terms, separated by tabs"),
    _row("DELETE", _V2 + "/{id}", delete, "Delete a glossary", status=204),
    _row(
        "POST",
        _V3,
        create_several,
        "Make a glossary of several pairs of languages",
        body=_NEW_SEVERAL,
        answer=_SEVERAL,
        status=201,
    ),
    _row("GET", _V3, list_several, "All glossaries", answer=_LISTED_SEVERAL),
    _row("GET", _V3 + "/{id}", get_several, "A glossary", answer=_SEVERAL),
    _row(
        "PATCH",
        _V3 + "/{id}",
        change,
        "Rename a glossary, or add terms",
        body=record(name=TEXT, dictionaries=array(_TERMS)),
        answer=_SEVERAL,
    ),
    _row("DELETE", _V3 + "/{id}", delete, "Delete a glossary", status=204),
    _row(
        "GET",
        _V3 + "/{id}/entries",
        entries_of,
        "Terms for a pair of languages",
        parameters=_PAIR,
        answer=record(dictionaries=array({"type": "object"})),
    ),
    _row(
        "PUT",
        _V3 + "/{id}/dictionaries",
        replace,
        "Replace the terms for a pair of languages",
        body=_TERMS,
        answer=_COUNTED,
    ),
    _row(
        "DELETE",
        _V3 + "/{id}/dictionaries",
        delete_pair,
        "Delete the terms for a pair of languages",
        parameters=_PAIR,
        status=204,
    ),
)
