"""`pyattn download`: a model by its name, into the cache or a folder."""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import tempfile

from pyattn.commands.arguments import Commands

# What `download` and `remove` take.
NAME = "org/name of huggingface.co, firefox:en-pt or argos:en-es; perhaps with @revision"


def add(commands: Commands) -> None:
    """Adds the command."""
    command = commands.add_parser(
        "download",
        help="download a model by its name",
        description="Download the model NAME into the cache, unless it is there, and print its "
        "folder. Firefox's models come from Mozilla's servers for Firefox, which are not meant for "
        "the traffic of services: give those a mirror.",
    )
    command.set_defaults(run=_run)
    command.add_argument("name", metavar="NAME", help=NAME)
    command.add_argument("--to", metavar="DIR", help="copy it to DIR, which does not exist yet")
    command.add_argument(
        "--update", action="store_true", help="look for a newer version of what is in the cache"
    )
    command.add_argument(
        "--endpoint",
        "--mirror",
        metavar="URL",
        help="another server: of huggingface.co, of Firefox's settings, or of Argos' index",
    )


def _run(parsed: argparse.Namespace) -> None:
    from pyattn.hub.names import parse
    from pyattn.hub.resolving import folders_of, resolve
    from pyattn.hub.settings import Settings

    settings = Settings(endpoint=parsed.endpoint, update=parsed.update)
    name = parse(parsed.name, endpoint=parsed.endpoint)
    # Unlike elsewhere a name wins over a path: there is nothing to download of a path.
    folders = resolve(parsed.name, settings) if name is None else folders_of(name, settings)
    if parsed.to is not None:
        target = pathlib.Path(parsed.to)
        targets = [target / folder.parent.name for folder in folders] if folders[1:] else [target]
        for folder, place in zip(folders, targets, strict=True):
            _copy(folder, place)
        folders = tuple(targets)
    for folder in folders:
        print(folder)


def _copy(folder: pathlib.Path, target: pathlib.Path) -> None:
    """Copies a model, which gets its name when it is complete."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target}: exists, expected a new or an empty folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as place:
        new = pathlib.Path(place) / "model"
        new.mkdir()  # with the permissions that folders have here; the temporary one has others
        shutil.copytree(folder, new, dirs_exist_ok=True, copy_function=shutil.copyfile)
        if target.exists():
            target.rmdir()
        os.replace(new, target)  # noqa: PTH105
