"""`pyattn models`: what is in the caches, and what can be downloaded for a pair of languages."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from pyattn.commands.arguments import Commands
from pyattn.errors import ModelError

if TYPE_CHECKING:
    from pyattn.hub.registry import Source
    from pyattn.hub.settings import Settings

# Name, version, size, and where it is or comes from.
_Row: TypeAlias = tuple[str, str, str, str]


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "models",
        help="list the models in the caches, or those for a pair of languages",
        description="List the included model and those in the caches: name, version, size and "
        "folder.",
    )
    command.set_defaults(run=_run)
    command.add_argument(
        "--remote", metavar="PAIR", help="list what can be downloaded for a pair, such as en-pt"
    )


def _run(parsed: argparse.Namespace) -> None:
    rows = _in_caches() if parsed.remote is None else _remote(parsed.remote)
    for line in _table(rows):
        print(line)


def _table(rows: Sequence[_Row]) -> list[str]:
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return [
        f"{name:<{widths[0]}}  {version:<{widths[1]}}  {size:>{widths[2]}}  {place}".rstrip()
        for name, version, size, place in rows
    ]


def _in_caches() -> list[_Row]:
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
    return [shipped, *((one.name, one.version, _size(one.size), str(one.folder)) for one in found)]


def _remote(pair: str) -> list[_Row]:
    """What the three places have for a pair; a place that cannot be asked is a warning."""
    from pyattn.hub.names import parse
    from pyattn.hub.resolving import SOURCES
    from pyattn.hub.settings import Settings

    settings = Settings()
    if settings.offline is not None:
        raise ModelError(f"models: {settings.offline}, so no other place can be asked")
    parse(f"firefox:{pair}")  # fails for what is no pair
    places: list[Callable[[str, Settings], list[_Row]]] = [
        *(functools.partial(_of_registry, source) for source in SOURCES.values()),
        _of_hub,
    ]
    rows: list[_Row] = []
    failures = 0
    for place in places:
        try:
            rows += place(pair, settings)
        except (ModelError, OSError) as error:
            failures += 1
            print(f"pyattn: warning: {error}", file=sys.stderr)
    if failures == len(places):
        raise ModelError("models: no place with models could be asked")
    return rows


def _of_registry(source: Source, pair: str, settings: Settings) -> list[_Row]:
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
    size = "" if None in sizes else _size(sum(filter(None, sizes)))
    through = " and ".join("-".join(package.pair) for package in chosen) if chosen[1:] else ""
    return [(str(name), ", ".join(package.version for package in chosen), size, through)]


def _of_hub(pair: str, settings: Settings) -> list[_Row]:
    """The models of a pair that are named as OPUS-MT's are."""
    from pyattn.hub.hub_cache import offline_reason
    from pyattn.hub.names import RegistryName, parse
    from pyattn.hub.problems import search, server

    if offline_reason(settings) is not None:
        return []
    name = parse(f"firefox:{pair}")
    assert isinstance(name, RegistryName)
    wanted = f"opus-mt-{'-'.join(name.pairs[0])}".lower()
    found = [model for model in search(wanted, settings) if model.lower().endswith(wanted)]
    return [(model, "", "", server(settings)) for model in found]


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
