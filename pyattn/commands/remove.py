"""`pyattn remove`: a model's files out of the cache."""

from __future__ import annotations

import argparse

from pyattn.commands.arguments import Commands
from pyattn.commands.download import NAME
from pyattn.errors import ModelError


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "remove",
        help="delete a model from the caches",
        description="Delete the model NAME from the cache that it is in.",
    )
    command.set_defaults(run=_run)
    command.add_argument("name", metavar="NAME", help=NAME)


def _run(parsed: argparse.Namespace) -> None:
    from pyattn.hub import huggingface, registry
    from pyattn.hub.names import HubName, parse
    from pyattn.hub.settings import Settings

    name, settings = parse(parsed.name), Settings()
    if name is None:
        raise ModelError(f"{parsed.name!r}: no name of a model; `pyattn models` lists those here")
    if isinstance(name, HubName):
        freed = huggingface.remove(name, settings)
    else:
        freed = registry.remove(name, settings)
    print(f"{name}: {freed / 1e6:,.1f} MB freed")
