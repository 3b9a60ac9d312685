"""How texts are treated, as our own fields beside those of other interfaces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pyattn.serving.fields import Fields
from pyattn.serving.problems import Problem
from pyattn.text.glossary.terms import Glossary

if TYPE_CHECKING:
    from pyattn.serving.service import Service

_MOST_TERMS = 10_000
_MOST_PATTERNS = 32
_MOST_ELEMENTS = 256


def about_texts(
    fields: Fields, service: Service, owner: str, source: str | None, target: str
) -> dict[str, Any]:
    """Options for `Translator.submit` from a request.

    - `glossary`: an object of terms and translations;
    - `glossary_id`: a glossary that the owner keeps at the service, instead;
    - `ignore_tags`: elements of HTML or XML whose content stays as it is;
    - `protect`: true, false or a list: what is in it comes back as it is, in addition to what true
      means; regular expressions where the service allows `patterns`, else exact texts;
    - `split`: "auto", "sentences" or "never";
    - `truncate`: "auto", "pieces", true or false;
    - `guard`: whether faulty translations are searched for again.

    Raises:
        Problem: if one of them is wrong.
    """
    options: dict[str, Any] = {}
    terms = fields.mapping("glossary")
    if terms:
        if len(terms) > _MOST_TERMS:
            raise Problem(413, f"glossary has {len(terms)} terms, expected at most {_MOST_TERMS}")
        try:
            options["glossary"] = Glossary(terms)
        except (TypeError, ValueError) as error:
            raise Problem(400, str(error)) from error
    if kept := fields.text("glossary_id", None):
        if terms:
            raise Problem(400, "glossary and glossary_id exclude each other")
        options["glossary"] = service.glossaries.terms(owner, [kept], source, target)
    if elements := fields.strings("ignore_tags"):
        options["keep"] = listed(elements, "ignore_tags")
    if isinstance(fields.get("protect"), list):
        patterns = fields.texts("protect")
        if len(patterns) > _MOST_PATTERNS:
            raise Problem(413, f"protect has {len(patterns)}, expected at most {_MOST_PATTERNS}")
        # A regular expression of somebody else may take for ever.
        allowed = service.settings.patterns
        options["protect"] = patterns if allowed else [re.escape(one) for one in patterns if one]
    elif "protect" in fields:
        options["protect"] = fields.flag("protect")
    if fields.get("split") is not None:
        options["split"] = fields.choice("split", "auto", ("auto", "sentences", "never"))
    if fields.get("truncate") is not None:
        kept = fields.get("truncate") in ("auto", "pieces")
        options["truncate"] = fields.get("truncate") if kept else fields.flag("truncate")
    if fields.get("guard") is not None:
        options["guard"] = fields.flag("guard")
    return options


def listed(elements: list[str], name: str) -> list[str]:
    """Names of elements from a request.

    Raises:
        Problem: if they are too many.
    """
    if len(elements) > _MOST_ELEMENTS:
        raise Problem(413, f"{name} has {len(elements)} names, expected at most {_MOST_ELEMENTS}")
    return elements
