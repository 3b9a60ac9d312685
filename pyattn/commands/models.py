"""The commands `download`, `models` and `remove`: models by name, and what is in the caches."""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from pyattn.errors import ModelError

_NAME = "org/name of huggingface.co, firefox:en-pt or argos:en-es; perhaps with @revision"
_PAIR_SEPARATORS = ("-", "_", ":", ">")


def add_commands(commands: Any) -> None:
    """Adds the three commands to a parser's."""
    _add_download(commands)
    _add_models(commands)
    _add_remove(commands)


def _add_download(commands: Any) -> None:
    command = commands.add_parser(
        "download",
        help="download a model by its name",
        description="Download the model NAME into the cache, unless it is there, and print its "
        "folder. Firefox's models come from Mozilla's servers for Firefox, which are not meant for "
        "the traffic of services: give those a mirror.",
    )
    command.set_defaults(run=_download)
    command.add_argument("name", metavar="NAME", help=_NAME)
    command.add_argument("--to", metavar="DIR", help="copy it to DIR, which does not exist yet")
    command.add_argument(
        "--update", action="store_true", help="look for a newer version of what is in the cache"
    )
    _add_endpoint(command)


def _add_models(commands: Any) -> None:
    command = commands.add_parser(
        "models",
        help="list the models in the caches, or those for a pair of languages",
        description="List the included model and those in the caches: name, version, size and "
        "folder.",
    )
    command.set_defaults(run=_models)
    command.add_argument(
        "--remote", metavar="PAIR", help="list what can be downloaded for a pair, such as en-pt"
    )


def _add_remove(commands: Any) -> None:
    command = commands.add_parser(
        "remove",
        help="delete a model from the caches",
        description="Delete the model NAME from the cache that it is in.",
    )
    command.set_defaults(run=_remove)
    command.add_argument("name", metavar="NAME", help=_NAME)


def _add_endpoint(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--endpoint",
        "--mirror",
        metavar="URL",
        help="another server: of huggingface.co, of Firefox's settings, or of Argos' index",
    )


def _download(parsed: argparse.Namespace) -> None:
    from pyattn.hub.names import parse
    from pyattn.hub.resolving import folders_of, resolve
    from pyattn.hub.settings import Settings

    settings = Settings(endpoint=parsed.endpoint, update=parsed.update)
    name = parse(parsed.name, endpoint=parsed.endpoint)
    # Unlike elsewhere a name wins over a path: there is nothing to download of a path.
    folders = resolve(parsed.name, settings) if name is None else folders_of(name, settings)
    if parsed.to is None:
        for folder in folders:
            print(folder)
        return
    target = pathlib.Path(parsed.to)
    if len(folders) == 1:
        _copy(folders[0], target)
        return
    for folder in folders:
        _copy(folder, target / folder.parent.name)


def _copy(folder: pathlib.Path, target: pathlib.Path) -> None:
    """Copies a model, which gets its name when it is complete."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target}: exists, expected a new or an empty folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as place:
        new = pathlib.Path(place) / "model"
        shutil.copytree(folder, new)  # of links their contents
        if target.exists():
            target.rmdir()
        os.chmod(new, 0o777 & ~_umask())  # noqa: PTH101
        new.rename(target)
    print(target)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _models(parsed: argparse.Namespace) -> None:
    rows = _in_caches() if parsed.remote is None else _remote(parsed.remote)
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for name, version, size, place in rows:
        line = f"{name:<{widths[0]}}  {version:<{widths[1]}}  {size:>{widths[2]}}  {place}"
        print(line.rstrip())


def _in_caches() -> list[tuple[str, str, str, str]]:
    from pyattn.hub.hub_cache import cached_repositories
    from pyattn.hub.names import REGISTRIES
    from pyattn.hub.registry import cached_models, size_of
    from pyattn.hub.settings import Settings
    from pyattn.running.origin import SHIPPED_MODEL

    settings = Settings()
    found = cached_repositories(settings)
    for registry in REGISTRIES:
        found += cached_models(registry, settings)
    shipped = ("(included)", "en-es", _size(size_of(SHIPPED_MODEL)), str(SHIPPED_MODEL))
    return [
        shipped,
        *((one.name, one.version, _size(one.size), str(one.folder)) for one in found),
    ]


def _remote(pair: str) -> list[tuple[str, str, str, str]]:
    """What the three places have for a pair; a place that cannot be asked is a warning."""
    from pyattn.hub.names import parse
    from pyattn.hub.resolving import SOURCES
    from pyattn.hub.settings import Settings

    settings = Settings()
    if settings.offline is not None:
        raise ModelError(f"models: {settings.offline}, so that other places cannot be asked")
    name = parse(f"firefox:{pair}")
    assert name is not None
    rows: list[tuple[str, str, str, str]] = []
    asked: list[Callable[[], list[tuple[str, str, str, str]]]] = [
        *(
            lambda source=source: _of_registry(source, pair, settings)
            for source in SOURCES.values()
        ),
        lambda: _of_hub(pair, settings),
    ]
    failures = []
    for ask in asked:
        try:
            rows += ask()
        except (ModelError, OSError, ValueError) as error:
            failures.append(str(error))
            print(f"pyattn: warning: {error}", file=sys.stderr)
    if len(failures) == len(asked):
        raise ModelError("models: no place with models could be asked")
    return rows


def _of_registry(source: Any, pair: str, settings: Any) -> list[tuple[str, str, str, str]]:
    from pyattn.hub.names import RegistryName, parse
    from pyattn.hub.registry import choose

    name = parse(f"{source.name}:{pair}")
    assert isinstance(name, RegistryName)
    packages = source.packages(source.fetcher, settings)
    try:
        chosen = choose(source, name, packages)
    except ModelError:  # there are none
        return []
    sizes = [package.size for package in chosen]
    size = _size(sum(filter(None, sizes))) if all(sizes) else ""
    through = " and ".join("-".join(package.pair) for package in chosen) if chosen[1:] else ""
    version = ", ".join(package.version for package in chosen)
    return [(f"{source.name}:{pair}", version, size, through)]


def _of_hub(pair: str, settings: Any) -> list[tuple[str, str, str, str]]:
    from pyattn.hub.hub_cache import offline_reason
    from pyattn.hub.problems import search, server

    if offline_reason(settings) is not None:
        return []
    for separator in _PAIR_SEPARATORS:
        pair = pair.replace(separator, "-")
    wanted = f"opus-mt-{pair}"
    names = search(wanted, settings)
    return [
        (name, "", "", server(settings)) for name in names if name.lower().endswith(wanted.lower())
    ]


def _remove(parsed: argparse.Namespace) -> None:
    from pyattn.hub.hub_cache import repository
    from pyattn.hub.names import HubName, parse
    from pyattn.hub.registry import remove
    from pyattn.hub.settings import Settings

    name, settings = parse(parsed.name), Settings()
    if name is None:
        raise ModelError(
            f"{parsed.name}: no name of a model in a cache; `pyattn models` lists them"
        )
    if not isinstance(name, HubName):
        freed = remove(name, settings)
    elif name.revision is not None:
        raise ModelError(f"{name}: only a whole model can be removed: {name.repository}")
    else:
        own = repository(name.repository, settings)
        if not own.folder.is_dir():
            raise ModelError(f"{name}: not in the cache ({own.folder.parent})")
        freed = own.remove()
    print(f"{name}: {_size(freed)} freed")


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
