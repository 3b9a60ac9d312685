"""Hugging Face's cache, read without its library: importing that takes longer than a look.

CACHE/models--org--name/refs/main              the commit of a branch
CACHE/models--org--name/snapshots/COMMIT/      links to the files' contents
CACHE/models--org--name/trees/COMMIT.json      all files of the commit
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from pyattn.errors import ModelError
from pyattn.hub.names import HubName
from pyattn.hub.registry import Cached
from pyattn.hub.selection import choose
from pyattn.hub.settings import Settings, is_set

DEFAULT_REVISION = "main"
_COMMIT = re.compile(r"[0-9a-fA-F]{40}")
_LISTING_VERSION = 1
_LISTING_LIMIT = 64 << 20
_PREFIX = "models--"
_RECORDS = "pyattn"


@dataclasses.dataclass(frozen=True)
class Listing:
    """The files of a commit: path to sha256; None for those that have none recorded."""

    files: Mapping[str, str | None]


@dataclasses.dataclass(frozen=True)
class Repository:
    """The part of the cache that one repository has.

    Attributes:
        folder: Where it is.
    """

    folder: pathlib.Path

    def commit(self, revision: str | None) -> str | None:
        """The commit that a revision was when it was last looked up."""
        revision = revision or DEFAULT_REVISION
        if _COMMIT.fullmatch(revision):
            return revision.lower()
        try:
            found = (self.folder / "refs" / revision).read_text("utf-8").strip()
        except (OSError, ValueError):
            return None
        return found if _COMMIT.fullmatch(found) else None

    def snapshot(self, commit: str) -> pathlib.Path:
        """The folder of a commit, which may not exist or lack files."""
        return self.folder / "snapshots" / commit

    def complete(self, revision: str | None) -> pathlib.Path | None:
        """The folder of a revision if it has every file that its model needs."""
        commit = self.commit(revision)
        listing = None if commit is None else self.listing(commit)
        if commit is None or listing is None:
            return None
        try:
            chosen = choose(listing.files)
        except ModelError:
            return None
        return self.snapshot(commit) if not self.missing(commit, chosen.files) else None

    def missing(self, commit: str, files: Iterable[str]) -> list[str]:
        """Those of some files that a commit's folder lacks."""
        folder = self.snapshot(commit)
        return [file for file in files if not (folder / file).is_file()]

    def listing(self, commit: str) -> Listing | None:
        """All files of a commit; None if they are not known."""
        for records in ("trees", _RECORDS):
            found = _read_listing(self.folder / records / f"{commit}.json")
            if found is not None:
                return found
        return None

    def record(self, commit: str, files: Mapping[str, Any]) -> None:
        """Notes all files of a commit, for versions of the library that do not.

        Args:
            commit: The commit.
            files: Path to an object with a sha256; None for files without.
        """
        path = self.folder / _RECORDS / f"{commit}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{commit}.{os.getpid()}.new")
        noted = {
            file: {} if large is None else {"lfs_sha256": large.sha256}
            for file, large in files.items()
        }
        listed = {"format_version": _LISTING_VERSION, "files": noted}
        new.write_text(json.dumps(listed), "utf-8")
        new.replace(path)


def repository(name: str, settings: Settings) -> Repository:
    """The cache's part of a repository, which may not exist."""
    folder = _PREFIX + name.replace("/", "--")
    return Repository(hub_cache(settings) / folder)


def hub_cache(settings: Settings) -> pathlib.Path:
    """The folder of Hugging Face's cache, by the variables that its library reads."""
    if settings.cache_dir is not None:
        return pathlib.Path(settings.cache_dir).expanduser()
    loaded = sys.modules.get("huggingface_hub.constants")
    if loaded is not None:  # it reads the variables once
        return pathlib.Path(loaded.HF_HUB_CACHE)
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if given := os.environ.get(variable):
            return _expanded(given)
    home = os.environ.get("HF_HOME")
    if home:
        return _expanded(home) / "hub"
    parent = _expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return parent / "huggingface" / "hub"


def offline_reason(settings: Settings) -> str | None:
    """Why Hugging Face may not be asked; None if it may be."""
    if settings.offline is None:
        for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            if is_set(variable):
                return f"{variable} is set"
        loaded = sys.modules.get("huggingface_hub.constants")
        if loaded is not None and loaded.HF_HUB_OFFLINE:
            return "HF_HUB_OFFLINE was set"
    return settings.offline


def cached_repositories(settings: Settings) -> list[Cached]:
    """The models of Hugging Face's cache that are complete."""
    found = []
    for folder in sorted(hub_cache(settings).glob(f"{_PREFIX}*")):
        name = folder.name.removeprefix(_PREFIX).replace("--", "/")
        own = repository(name, settings)
        for reference in sorted((folder / "refs").rglob("*")):
            if not reference.is_file():
                continue
            revision = reference.relative_to(folder / "refs").as_posix()
            snapshot = own.complete(revision)
            if snapshot is not None:
                shown = HubName(
                    repository=name, revision=None if revision == DEFAULT_REVISION else revision
                )
                size = sum(path.stat().st_size for path in snapshot.rglob("*") if path.is_file())
                found.append(
                    Cached(name=str(shown), version=snapshot.name[:8], size=size, folder=snapshot)
                )
    return found


def _expanded(path: str) -> pathlib.Path:
    return pathlib.Path(os.path.expandvars(path)).expanduser()


def _read_listing(path: pathlib.Path) -> Listing | None:
    try:
        if path.stat().st_size > _LISTING_LIMIT:
            return None
        found = json.loads(path.read_bytes())
        if found["format_version"] != _LISTING_VERSION:
            return None
        files = {str(name): entry.get("lfs_sha256") for name, entry in found["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return Listing(files)
