"""Argos Translate's packages, which its index lists: zip files, without sizes or checksums.

Their integrity is that of the zip file's own checksums, which unpacking verifies.
"""

from __future__ import annotations

import pathlib
import shutil
import urllib.parse

from pyattn.errors import ModelError
from pyattn.files.argos import SUFFIX, unpack
from pyattn.hub.fetching import Fetcher, Remote
from pyattn.hub.registry import Package, Source
from pyattn.hub.settings import Settings, endpoint

INDEX = "https://raw.githubusercontent.com/argosopentech/argospm-index/main/index.json"
# Argos Translate's own variable.
VARIABLE = "ARGOS_PACKAGE_INDEX"
_ARCHIVE = f"package{SUFFIX}"


def read_packages(fetcher: Fetcher, settings: Settings) -> list[Package]:
    """The translation packages of the index that can be downloaded over HTTP.

    Raises:
        ModelError: if the index cannot be had, or is no such index.
    """
    index = endpoint(settings, VARIABLE, INDEX)
    if not index.endswith(".json"):  # the folder that it is in
        index = f"{index.rstrip('/')}/index.json"
    listed = fetcher.json(index)
    secure = index.startswith("https:")
    packages = []
    try:
        for entry in listed:
            links = [link for link in entry.get("links", ()) if _is_usable(link, secure)]
            if entry.get("type", "translate") != "translate" or not links:
                continue
            packages.append(
                Package(
                    source=str(entry["from_code"]),
                    target=str(entry["to_code"]),
                    version=str(entry["package_version"]),
                    files=(Remote(name=_ARCHIVE, url=links[0]),),
                )
            )
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{index}: not an index of Argos' packages: {type(error).__name__} {error}"
        ) from None
    return packages


def _is_usable(link: str, secure: bool) -> bool:
    """Whether a link can be followed; an index that came over https is not left for http."""
    scheme = urllib.parse.urlsplit(link).scheme
    return scheme == "https" or (scheme == "http" and not secure)


def _finish(folder: pathlib.Path) -> pathlib.Path:
    unpacked = folder / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)  # of an interrupted call
    unpacked.mkdir()
    unpack(folder / _ARCHIVE, unpacked)
    return unpacked


ARGOS = Source(
    name="argos",
    title="Argos Translate",
    packages=read_packages,
    fetcher=Fetcher(f"endpoint or {VARIABLE}"),
    finish=_finish,
)
