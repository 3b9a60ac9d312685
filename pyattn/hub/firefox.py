"""Firefox's translation models, which a collection of Mozilla's settings server lists.

A record is one file: its fileType, fromLang, toLang, version, perhaps a variant, and an attachment
with sha256, size and location. Filters say which Firefox it is for.
"""

from __future__ import annotations

import pathlib
import re
from typing import Any

from pyattn.errors import ModelError
from pyattn.hub.fetching import Fetcher, Remote
from pyattn.hub.registry import Package, Source
from pyattn.hub.settings import Settings, endpoint

SERVER = "https://firefox.settings.services.mozilla.com/v1"
VARIABLE = "PYATTN_FIREFOX_ENDPOINT"
_RECORDS = "buckets/main/collections/translations-models/records"
_FILES = {"model", "lex", "vocab", "srcvocab", "trgvocab"}
_VOCABULARIES: tuple[set[str], ...] = ({"vocab"}, {"srcvocab", "trgvocab"})


def read_packages(fetcher: Fetcher, settings: Settings) -> list[Package]:
    """The complete models of the list, those for a released desktop Firefox.

    Raises:
        ModelError: if the list cannot be had, or is no such list.
    """
    server = _server(endpoint(settings, VARIABLE, SERVER))
    about = fetcher.json(f"{server}/")
    listed = fetcher.json(f"{server}/{_RECORDS}")
    try:
        base = about["capabilities"]["attachments"]["base_url"]
        models: dict[tuple[str, str, str, str], dict[str, Remote]] = {}
        for record in listed["data"]:
            key = tuple(str(record.get(name) or "") for name in _KEY)
            kind = record.get("fileType")
            usable = kind in _FILES and isinstance(record.get("attachment"), dict)
            if usable and is_released(str(record.get("filter_expression") or "")):
                models.setdefault((key[0], key[1], key[2], key[3]), {})[kind] = _file(record, base)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise ModelError(
            f"{server}: not a list of Firefox's models: {type(error).__name__} {error}"
        ) from None
    return _packages(models)


_KEY = ("fromLang", "toLang", "version", "variant")


def _server(address: str) -> str:
    """The root of a settings server, of which the address may be without its version."""
    root = address.partition("/buckets/")[0].rstrip("/")
    return root if root.endswith("/v1") else f"{root}/v1"


def is_released(expression: str) -> bool:
    """Whether a filter lets a released desktop Firefox through.

    Filters by Firefox's version do: each lets some through.
    """
    if "env.channel" in expression and "release" not in expression:
        return False
    return re.search(r"appinfo\.OS\s*==\s*['\"]Android", expression) is None


def _file(record: Any, base: str) -> Remote:
    attachment = record["attachment"]
    return Remote(
        name=str(record["name"]),
        url=f"{base.rstrip('/')}/{attachment['location'].lstrip('/')}",
        size=int(attachment["size"]),
        sha256=str(attachment["hash"]),
    )


def _packages(models: dict[tuple[str, str, str, str], dict[str, Remote]]) -> list[Package]:
    """The complete models; the largest where several differ only in their variant."""
    found: dict[tuple[str, str, str], Package] = {}
    for (source, target, version, _), files in models.items():
        vocabularies = [names for names in _VOCABULARIES if names <= files.keys()]
        if "model" not in files or not vocabularies:
            continue
        chosen = {"model", *vocabularies[0], *({"lex"} & files.keys())}
        package = Package(
            source=source,
            target=target,
            version=version,
            files=tuple(files[kind] for kind in sorted(chosen)),
        )
        other = found.get((source, target, version))
        if other is None or (other.size or 0) < (package.size or 0):
            found[source, target, version] = package
    return list(found.values())


def _finish(folder: pathlib.Path) -> pathlib.Path:
    return folder


FIREFOX = Source(
    name="firefox",
    title="Firefox",
    packages=read_packages,
    fetcher=Fetcher(f"endpoint or {VARIABLE}"),
    finish=_finish,
)
