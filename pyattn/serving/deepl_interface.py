"""What the parts of DeepL's interface share: keys, errors, and fields of texts and documents."""

from __future__ import annotations

import asyncio
from typing import Any

from pyattn.serving.endpoints import Api, Call, header_key
from pyattn.serving.fields import Fields
from pyattn.serving.problems import Problem
from pyattn.serving.treatment import about_texts

_MOST_GLOSSARIES = 5
# What changes a translation in a way that no model here can.
_IMPOSSIBLE = ("style_id", "translation_memory_id", "custom_instructions")
_FORMALITIES = ("default", "less", "more", "prefer_less", "prefer_more")


API = Api(
    "deepl",
    lambda problem: {"message": problem.message},
    header_key("deepl-auth-key"),
    key_field="auth_key",
    no_key=(403, "Authorization failed: send the header Authorization: DeepL-Auth-Key KEY"),
    wrong_key=(403, "Authorization failed: the key is not valid"),
)


def languages_of(fields: Fields) -> tuple[str | None, str]:
    """The languages of a request: None for a source that is to be found out."""
    return fields.text("source_lang", None) or None, fields.text("target_lang")


async def options_of(call: Call, fields: Fields) -> dict[str, Any]:
    """How texts are treated.

    Raises:
        Problem: if something is wanted that no model here can do, or a glossary is not there.
    """
    source, target = languages_of(fields)
    formality = fields.choice("formality", "default", _FORMALITIES)
    if formality in ("less", "more"):
        raise Problem(400, "'formality' is not supported for given 'target_lang': use prefer_...")
    for name in _IMPOSSIBLE:
        if fields.get(name):
            raise Problem(400, f"'{name}' is not supported")
    # Elements belong to the handling of tags, and these glossaries may be several.
    own = fields.without("ignore_tags", "glossary_id")
    options = about_texts(own, call.service, call.owner, source, target)
    one, several = fields.text("glossary_id", None), fields.strings("glossary_ids")
    if one and several:
        raise Problem(400, "'glossary_id' and 'glossary_ids' exclude each other")
    if len(several) > _MOST_GLOSSARIES:
        raise Problem(400, f"'glossary_ids' has {len(several)}, expected at most five")
    if ids := [one] if one else several:
        terms = call.service.glossaries.terms
        # In a thread: thousands of terms take a while.
        options["glossary"] = await asyncio.to_thread(terms, call.owner, ids, source, target)
    return options
