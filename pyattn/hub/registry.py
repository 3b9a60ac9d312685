"""Models of registries in pyattn's cache: one folder each, which appears when it is complete.

CACHE/firefox/en-pt/2.1/            a model: a pair of languages and a version
CACHE/firefox/en-pt/2.1.partial/    its files while they are downloaded
CACHE/firefox/es-ru/through         a pair that needs two models, and the language between them
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pyattn.errors import ModelError
from pyattn.hub.fetching import PARTIAL, Fetcher, Remote
from pyattn.hub.locking import locked
from pyattn.hub.names import Pair, Registry, RegistryName
from pyattn.hub.settings import Settings
from pyattn.hub.suggestions import closest, did_you_mean

# The language between two others that have no model of their own.
PIVOT = "en"

_THROUGH = "through"
_LOCK = ".lock"
# What becomes a path must not lead anywhere else.
_PLAIN = re.compile(r"[A-Za-z0-9][\w.+-]*", re.ASCII)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Package:
    """A model that a registry lists.

    Attributes:
        source: Code of the language that it translates from.
        target: Code of the language that it translates to.
        version: Its version.
        files: Its files.
    """

    source: str
    target: str
    version: str
    files: tuple[Remote, ...]

    def check(self) -> None:
        """Validates what becomes names of files.

        Raises:
            ModelError: if one would be a path, or two are the same.
        """
        names = [file.name for file in self.files]
        for name in (self.source, self.target, self.version, *names):
            if not _PLAIN.fullmatch(name) or name.endswith(PARTIAL):
                raise ModelError(f"{name!r} is no plain name, which a registry's names are")
        if len(set(names)) < len(names):
            raise ModelError(f"{self.source}-{self.target}: two files of one name")

    @property
    def pair(self) -> Pair:
        """The two languages."""
        return self.source, self.target

    @property
    def size(self) -> int | None:
        """Bytes of all files; None if unknown."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(filter(None, sizes))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A registry.

    Attributes:
        name: Its name.
        title: What it is to readers of errors.
        packages: Reads its list.
        fetcher: Downloads its files.
        finish: Makes the files of a folder a model; the result is the model's folder.
    """

    name: Registry
    title: str
    packages: Callable[[Fetcher, Settings], list[Package]]
    fetcher: Fetcher
    finish: Callable[[pathlib.Path], pathlib.Path]


def cached_folders(name: RegistryName, settings: Settings) -> tuple[pathlib.Path, ...]:
    """The folders of the models of a pair that are in the cache; empty if some are not."""
    for pair in name.pairs:
        found = _newest(_folder(name.registry, pair, settings), name.revision)
        if found is not None:
            return (found,)
        through = _through(name.registry, pair, settings)
        if through is not None and name.revision is None:
            parts = [_newest(_folder(name.registry, part, settings), None) for part in _parts(pair)]
            if all(parts):
                return tuple(filter(None, parts))
    return ()


def install(source: Source, name: RegistryName, settings: Settings) -> tuple[pathlib.Path, ...]:
    """Downloads the models of a pair that are not in the cache, or not in their newest version.

    Raises:
        ModelError: if the registry has none, or a file cannot be had.
    """
    packages = source.packages(source.fetcher, settings)
    chosen = choose(source, name, packages)
    try:
        folders = tuple(_installed(source, package, settings) for package in chosen)
        if len(chosen) > 1:
            pair = (chosen[0].source, chosen[1].target)
            record = _folder(source.name, pair, settings) / _THROUGH
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(chosen[0].target, "utf-8")
    except OSError as error:
        raise ModelError(
            f"{name}: {settings.cache}: {(error.strerror or str(error)).lower()}; PYATTN_CACHE and "
            f"cache_dir name another folder"
        ) from None
    return folders


def choose(source: Source, name: RegistryName, packages: Sequence[Package]) -> list[Package]:
    """The packages that a name needs: one, or two through English.

    Raises:
        ModelError: if there are none.
    """
    by_pair: dict[tuple[str, str], list[Package]] = {}
    for package in packages:
        by_pair.setdefault(_folded(package.pair), []).append(package)
    for pair in map(_folded, name.pairs):
        if pair in by_pair:
            return [_of_version(name, by_pair[pair])]
    for pair in map(_folded, name.pairs):
        parts = [by_pair.get(part) for part in _parts(pair)]
        if PIVOT not in pair and pair[0] != pair[1] and all(parts):
            if name.revision is not None:
                raise ModelError(f"{name}: needs two models, so it has no revision")
            return [newest(part) for part in parts if part]
    known = ["-".join(package.pair) for package in packages]
    near = closest("-".join(name.pairs[0]), known) or _sharing(name.pairs[0], known)
    raise ModelError(
        f"{name}: {source.title} has no model for these languages, nor two through English"
        + did_you_mean([f"{source.name}:{pair}" for pair in near])
    )


def newest(packages: Iterable[Package]) -> Package:
    """The package of the highest version; releases are above all others ("2.1a1")."""
    return max(packages, key=lambda package: version_key(package.version))


def version_key(version: str) -> tuple[Any, ...]:
    """Sorts versions: releases above the rest, then by their numbers."""
    numbers = tuple(map(int, re.findall(r"\d{1,9}", version)))
    return re.fullmatch(r"[\d.]+", version) is not None, numbers, version


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cached:
    """A model in the cache.

    Attributes:
        name: Its name, as `pyattn.load` takes it.
        version: Its version.
        size: Bytes of its files.
        folder: Where it is.
    """

    name: str
    version: str
    size: int
    folder: pathlib.Path


def cached_models(registry: Registry, settings: Settings) -> list[Cached]:
    """The models of a registry that are in the cache, in all their versions."""
    found = []
    for pair in _folders(settings.cache / registry):
        for folder in _versions(pair):
            name = f"{registry}:{pair.name}"
            found.append(
                Cached(name=name, version=folder.name, size=size_of(folder), folder=folder)
            )
    return found


def remove(name: RegistryName, settings: Settings) -> int:
    """Deletes a pair's models, or one version; returns the bytes of their files.

    Raises:
        ModelError: if none is in the cache.
    """
    for pair in name.pairs:
        folder = _folder(name.registry, pair, settings)
        versions = [
            path
            for path in _folders(folder)
            if name.revision in (None, path.name.removesuffix(PARTIAL))
        ]
        through = folder / _THROUGH
        if not versions and not (through.exists() and name.revision is None):
            continue
        freed = 0
        with locked(folder / _LOCK):
            for path in filter(pathlib.Path.exists, versions):
                freed += size_of(path)
                _delete(path)
            if name.revision is None:
                through.unlink(missing_ok=True)
        return freed
    raise ModelError(f"{name}: not in the cache ({settings.cache})")


def size_of(folder: pathlib.Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _installed(source: Source, package: Package, settings: Settings) -> pathlib.Path:
    """The folder of a package, downloaded unless it is there."""
    package.check()
    folder = _folder(source.name, package.pair, settings)
    model = folder / package.version
    with locked(folder / _LOCK):
        if not model.is_dir():
            partial = folder / f"{package.version}{PARTIAL}"
            partial.mkdir(exist_ok=True)
            _check_space(package, partial)
            for file in package.files:
                source.fetcher.file(file, partial / file.name)
            try:
                finished = source.finish(partial)
            except ModelError as error:
                _delete(partial)
                raise ModelError(f"{error}; what was downloaded is deleted") from None
            _flush(finished)
            finished.rename(model)
            if partial.exists():
                _delete(partial)
        # Processes that use an older version keep its files open.
        for other in _versions(folder):
            if version_key(other.name) < version_key(package.version) and settings.update:
                _delete(other)
    return model


def _flush(folder: pathlib.Path) -> None:
    """Waits until the disk has all files, so that none is empty after a power failure."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def _check_space(package: Package, folder: pathlib.Path) -> None:
    have = shutil.disk_usage(folder).free
    need = (package.size or 0) - size_of(folder)
    if need > have:
        raise ModelError(
            f"{folder}: {need:,} bytes are needed, and {have:,} are free; PYATTN_CACHE and "
            f"cache_dir name another folder"
        )


def _of_version(name: RegistryName, packages: list[Package]) -> Package:
    if name.revision is None:
        return newest(packages)
    for package in packages:
        if package.version == name.revision:
            return package
    have = ", ".join(sorted(package.version for package in packages))
    raise ModelError(f"{name}: no such version, expected one of {have}")


def _folder(registry: Registry, pair: Pair, settings: Settings) -> pathlib.Path:
    """The folder of a pair, whatever the case of its codes."""
    wanted = "-".join(pair)
    parent = settings.cache / registry
    for folder in _folders(parent):
        if folder.name.lower() == wanted.lower():
            return folder
    return parent / wanted


def _folders(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    with contextlib.suppress(OSError):
        yield from sorted(path for path in folder.iterdir() if path.is_dir())


def _versions(folder: pathlib.Path) -> list[pathlib.Path]:
    return [path for path in _folders(folder) if not path.name.endswith(PARTIAL)]


def _newest(folder: pathlib.Path, version: str | None) -> pathlib.Path | None:
    """The folder of a version, or of the highest."""
    found = [path for path in _versions(folder) if version in (None, path.name)]
    return max(found, key=lambda path: version_key(path.name), default=None)


def _through(registry: Registry, pair: Pair, settings: Settings) -> str | None:
    try:
        return (_folder(registry, pair, settings) / _THROUGH).read_text("utf-8")
    except OSError:
        return None


def _parts(pair: Pair) -> tuple[Pair, Pair]:
    return (pair[0], PIVOT), (PIVOT, pair[1])


def _folded(pair: Pair) -> Pair:
    return pair[0].lower(), pair[1].lower()


def _sharing(pair: Pair, known: Iterable[str]) -> list[str]:
    """The first few pairs that have one of two languages on the same side."""
    source, target = _folded(pair)
    both = [name for name in known if name.lower().startswith(f"{source}-")]
    return sorted({*both, *(name for name in known if name.lower().endswith(f"-{target}"))})[:3]


def _delete(folder: pathlib.Path) -> None:
    """Deletes a folder, which cannot be taken for a model meanwhile."""
    doomed = folder.with_name(f"{folder.name.removesuffix(PARTIAL)}{PARTIAL}")
    if folder != doomed:
        if doomed.exists():
            shutil.rmtree(doomed)
        folder.replace(doomed)
    shutil.rmtree(doomed)
