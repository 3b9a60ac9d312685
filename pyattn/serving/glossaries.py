"""Glossaries that clients keep at the service, in memory and in a private folder."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import datetime
import functools
import io
import json
import logging
import os
import pathlib
import tempfile
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pyattn.serving.catalog import Catalog
from pyattn.serving.codes import code_of
from pyattn.serving.problems import Problem
from pyattn.text.glossary.terms import Glossary

_log = logging.getLogger("pyattn.serving")

# Of one owner. Ten thousand terms take some 8 MB of memory and 0.2 s to prepare.
_MOST_GLOSSARIES = 100
_MOST_TERMS = 100_000
# Of one dictionary, and of one glossary.
_MOST_ENTRIES = 20_000
_MOST_DICTIONARIES = 50
_MOST_NAME = 200
# Combinations of glossaries that are remembered, since each request names all of them.
_TOGETHER = 8


_DAMAGED = (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError)


@dataclasses.dataclass(frozen=True, eq=False)
class Dictionary:
    """The terms of a glossary for one pair of languages.

    Attributes:
        source: The language of the terms, without its country, such as "en".
        target: The language of their translations.
        entries: Terms and translations.
    """

    source: str
    target: str
    entries: Mapping[str, str]

    @property
    def pair(self) -> tuple[str, str]:
        """Both languages."""
        return self.source, self.target

    @functools.cached_property
    def terms(self) -> Glossary:
        """The terms for a translator.

        Raises:
            ValueError: if one of them is not possible.
        """
        return Glossary(self.entries)


@dataclasses.dataclass(frozen=True)
class Kept:
    """A glossary at the service.

    Attributes:
        owner: Whose it is; others never see it.
        name: Its name.
        dictionaries: Its terms, a pair of languages each.
        id: What clients call it.
        created: When it was made, in UTC.
    """

    owner: str
    name: str
    dictionaries: tuple[Dictionary, ...]
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    created: str = dataclasses.field(default_factory=lambda: _now())

    @property
    def count(self) -> int:
        """Number of terms."""
        return sum(len(one.entries) for one in self.dictionaries)

    def dictionary(self, pair: tuple[str, str]) -> Dictionary:
        """The terms for a pair of languages.

        Raises:
            Problem: if there are none.
        """
        found = next((one for one in self.dictionaries if one.pair == pair), None)
        if found is None:
            raise Problem(404, f"the glossary has no dictionary for {pair[0]} to {pair[1]}")
        return found

    def having(self, *changed: Dictionary) -> Kept:
        """The same glossary with other dictionaries for some pairs of languages."""
        dictionaries = {one.pair: one for one in (*self.dictionaries, *changed)}
        return dataclasses.replace(self, dictionaries=tuple(dictionaries.values()))

    def without(self, pair: tuple[str, str]) -> Kept:
        """The same glossary without a pair of languages."""
        left = tuple(one for one in self.dictionaries if one.pair != pair)
        return dataclasses.replace(self, dictionaries=left)


class Glossaries:
    """The glossaries of all owners. Methods may run in any thread.

    Args:
        data: The folder in which they last, below `glossaries`; None for memory only.
    """

    def __init__(self, data: pathlib.Path | None) -> None:
        self._folder = None if data is None else data / "glossaries"
        self._lock = threading.Lock()
        self._kept: dict[str, Kept] = {}
        self._together = functools.lru_cache(maxsize=_TOGETHER)(_together)
        if self._folder is not None and self._folder.is_dir():
            self._read(self._folder)

    def of(self, owner: str) -> list[Kept]:
        """The glossaries of an owner, oldest first."""
        return sorted(
            (one for one in list(self._kept.values()) if one.owner == owner),
            key=lambda one: one.created,
        )

    def get(self, owner: str, id: str) -> Kept:
        """A glossary of an owner.

        Raises:
            Problem: if there is none, or it is somebody else's.
        """
        found = self._kept.get(id)
        if found is None or found.owner != owner:
            raise Problem(404, "Glossary not found")
        return found

    def put(self, kept: Kept, *, new: bool = False) -> None:
        """Keeps a glossary, or another state of it.

        Raises:
            Problem: if its owner has too many, or it has been deleted meanwhile.
        """
        _check(kept)
        with self._lock:
            others = [one for one in self._kept.values() if one.owner == kept.owner]
            others = [one for one in others if one.id != kept.id]
            if len(others) >= _MOST_GLOSSARIES:
                raise Problem(456, f"there are {len(others)} glossaries already: delete one")
            if kept.count + sum(one.count for one in others) > _MOST_TERMS:
                raise Problem(456, f"the glossaries have more than {_MOST_TERMS} terms together")
            if not new:
                self.get(kept.owner, kept.id)
            if self._folder is not None:
                self._write(self._folder, kept)
            self._kept[kept.id] = kept

    def delete(self, owner: str, id: str) -> None:
        """Deletes a glossary.

        Raises:
            Problem: if there is none, or it is somebody else's.
        """
        with self._lock:
            self.get(owner, id)
            del self._kept[id]
            if self._folder is not None:
                (self._folder / f"{id}.json").unlink(missing_ok=True)

    def terms(self, owner: str, ids: Sequence[str], source: str | None, target: str) -> Glossary:
        """The terms of some glossaries for a pair of languages; those of the first win.

        Args:
            owner: Whose glossaries.
            ids: Which of them.
            source: A client's code of the texts' language.
            target: A client's code of the translations' language.

        Raises:
            Problem: if there is no such glossary, or it does not have this pair of languages.
        """
        if source is None or source.lower() in ("", "auto"):
            raise Problem(400, "a glossary needs the language of the texts: name the source")
        pair = base_of(source), base_of(target)
        found = [self.get(owner, id) for id in ids]
        for one in found:
            if all(dictionary.pair != pair for dictionary in one.dictionaries):
                raise Problem(400, f"the glossary {one.id} is not for {pair[0]} to {pair[1]}")
        chosen = [one.dictionary(pair) for one in found]
        try:
            return chosen[0].terms if len(chosen) == 1 else self._together(*chosen)
        except ValueError as error:  # in a file that somebody has changed
            raise Problem(400, str(error)) from error

    def _write(self, folder: pathlib.Path, kept: Kept) -> None:
        """Writes a glossary's file, of which there is always all or nothing."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps(_written(kept))
        # Nobody else may read it (mkstemp).
        handle, name = tempfile.mkstemp(prefix=".", suffix=".partial", dir=folder)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            pathlib.Path(name).replace(folder / f"{kept.id}.json")
        except BaseException:
            with contextlib.suppress(OSError):
                pathlib.Path(name).unlink()
            raise

    def _read(self, folder: pathlib.Path) -> None:
        for left in folder.glob(".*.partial"):
            left.unlink(missing_ok=True)
        for file in sorted(folder.glob("*.json")):
            try:
                kept = _kept(json.loads(file.read_text("utf-8")))
                if f"{kept.id}.json" != file.name:
                    raise ValueError("its name is not its id")
            except _DAMAGED as error:
                _log.warning("the glossary %s is left out: %s", file.name, type(error).__name__)
                continue
            self._kept[kept.id] = kept


def base_of(code: str) -> str:
    """The language of a client's code without its country or script."""
    return code_of(code).partition("-")[0]


def pair_of(catalog: Catalog, source: str, target: str) -> tuple[str, str]:
    """A pair of languages for a glossary.

    Args:
        catalog: The service's models.
        source: A client's code of the terms' language.
        target: A client's code of the translations' language.

    Raises:
        Problem: if the service does not translate from one into the other.
    """
    pair = base_of(source), base_of(target)
    sources = [one for one in catalog.sources if base_of(one) == pair[0]]
    targets = {other for one in sources for other in catalog.targets_of(one)}
    if pair[0] == pair[1] or pair[1] not in map(base_of, targets):
        raise Problem(400, f"glossaries for {source:.20} to {target:.20} are not supported")
    return pair


def pairs_of(catalog: Catalog) -> dict[tuple[str, str], None]:
    """All pairs of languages that glossaries may have, in order."""
    bases = {one: base_of(one) for one in (*catalog.sources, *catalog.targets)}
    return dict.fromkeys(
        (bases[one], bases[other])
        for one in catalog.sources
        for other in catalog.targets_of(one)
        if bases[one] != bases[other]
    )


def read_entries(text: str, format: str) -> dict[str, str]:
    """The terms in a table: a term and its translation in each row.

    Args:
        text: The table.
        format: "tsv", or "csv", in which two more columns may name the languages.

    Raises:
        Problem: if it is something else, a term comes twice, or there are too many.
    """
    entries: dict[str, str] = {}
    try:
        rows: Iterable[Sequence[str]]
        if format == "csv":
            rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        else:
            rows = (line.rstrip("\r").split("\t") for line in text.split("\n"))
        for number, row in enumerate(rows, 1):
            if not any(cell.strip() for cell in row):
                continue
            if len(row) not in ((2, 4) if format == "csv" else (2,)):
                raise Problem(400, f"entries: row {number} has {len(row)} columns, expected 2")
            term, translation = row[0].strip(), row[1].strip()
            for one in (term, translation):
                if not one or not _is_plain(one):
                    raise Problem(400, f"entries: row {number} has an empty or invalid term")
            if term in entries:
                raise Problem(400, f"entries: row {number} has a term for the second time")
            entries[term] = translation
            if len(entries) > _MOST_ENTRIES:
                raise Problem(413, f"a dictionary has at most {_MOST_ENTRIES} terms")
    except csv.Error as error:
        raise Problem(400, f"entries: {error}") from None
    if not entries:
        raise Problem(400, "entries: there are none")
    return entries


def _together(*dictionaries: Dictionary) -> Glossary:
    """The terms of several dictionaries, of which the first wins."""
    merged: dict[str, str] = {}
    for dictionary in reversed(dictionaries):
        merged |= dictionary.entries
    return Glossary(merged)


def _check(kept: Kept) -> None:
    """Checks a glossary's name and size, and prepares its terms."""
    if not kept.name.strip() or len(kept.name) > _MOST_NAME or not _is_plain(kept.name):
        raise Problem(400, f"name is empty or invalid, or has more than {_MOST_NAME} characters")
    if not 1 <= len(kept.dictionaries) <= _MOST_DICTIONARIES:
        raise Problem(400, f"a glossary has from 1 to {_MOST_DICTIONARIES} dictionaries")
    for dictionary in kept.dictionaries:
        if len(dictionary.entries) > _MOST_ENTRIES:
            raise Problem(413, f"a dictionary has at most {_MOST_ENTRIES} terms")
        try:
            _ = dictionary.terms
        except ValueError as error:
            raise Problem(400, str(error)) from error


def _is_plain(text: str) -> bool:
    """Whether a text has no control characters, ends of lines and lone surrogates."""
    return not any(
        ord(sign) < 32 or 127 <= ord(sign) < 160 or sign in "\u2028\u2029" for sign in text
    ) and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _now() -> str:
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _written(kept: Kept) -> dict[str, Any]:
    dictionaries = [
        {"source": one.source, "target": one.target, "entries": dict(one.entries)}
        for one in kept.dictionaries
    ]
    fields = {"id": kept.id, "owner": kept.owner, "name": kept.name, "created": kept.created}
    return {**fields, "dictionaries": dictionaries}


def _kept(read: dict[str, Any]) -> Kept:
    """A glossary as it was written."""
    dictionaries = tuple(
        Dictionary(str(one["source"]), str(one["target"]), _texts(one["entries"]))
        for one in read["dictionaries"]
    )
    owner, name, id, created = (str(read[key]) for key in ("owner", "name", "id", "created"))
    return Kept(owner, name, dictionaries, str(uuid.UUID(id)), created)


def _texts(entries: dict[Any, Any]) -> dict[str, str]:
    return {str(term): str(translation) for term, translation in entries.items()}
