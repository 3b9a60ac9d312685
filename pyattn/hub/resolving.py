"""From what a user names to the folders of its models."""

from __future__ import annotations

import os
import pathlib

from pyattn.errors import ModelError
from pyattn.files import model_path
from pyattn.hub.argos import ARGOS
from pyattn.hub.firefox import FIREFOX
from pyattn.hub.names import FORMS, HubName, Name, Registry, parse
from pyattn.hub.registry import Source, cached_folders, install
from pyattn.hub.settings import Settings
from pyattn.hub.suggestions import INCLUDED_NAME, did_you_mean, near_names, near_paths

SOURCES: dict[Registry, Source] = {"firefox": FIREFOX, "argos": ARGOS}


def resolve(
    model: str | os.PathLike[str], settings: Settings | None = None
) -> tuple[pathlib.Path, ...]:
    """The folder of a model, or the file that it is; two folders if it needs two models.

    A path that exists wins over a name. Names are looked for in the cache first, without a request,
    and downloaded if they are not there.

    Args:
        model: A path or a name.
        settings: How to look for names.

    Raises:
        ModelError: if it leads nowhere, or a download fails; the message has the reason and what
            to do.
        TypeError: if it is no path at all.
    """
    settings = settings or Settings()
    path = model_path(model)
    if not isinstance(model, str) or _exists(path):
        return (path,)
    name = parse(model, settings.revision, settings.endpoint)
    if name is None:
        raise ModelError(_nowhere(model))
    return folders_of(name, settings)


def check_model(model: str | os.PathLike[str]) -> None:
    """Checks that a model is there or has a name; whether the name leads anywhere is not asked.

    Raises:
        ModelError: if it is neither.
        TypeError: if it is no path at all.
    """
    settings = Settings()
    if not _exists(model_path(model)) and (
        not isinstance(model, str) or parse(model, settings.revision, settings.endpoint) is None
    ):
        raise ModelError(_nowhere(str(model)))


def one_folder(model: str | os.PathLike[str], settings: Settings | None = None) -> pathlib.Path:
    """As `resolve`, for uses that take one model.

    Raises:
        ModelError: likewise, and if it needs two models.
    """
    folders = resolve(model, settings)
    if len(folders) > 1:
        raise ModelError(
            f"{model}: two models, {' and '.join(_pair(folder) for folder in folders)}, expected "
            f"the name of one"
        )
    return folders[0]


def folders_of(name: Name, settings: Settings) -> tuple[pathlib.Path, ...]:
    """The folders of a name's models, downloaded unless they are in the cache.

    Raises:
        ModelError: if they cannot be had.
    """
    if isinstance(name, HubName):
        # Its imports are not needed for registries.
        from pyattn.hub.huggingface import folder_of

        return (folder_of(name, settings),)
    offline = settings.offline
    found = () if settings.update and offline is None else cached_folders(name, settings)
    if found:
        return found
    if offline is not None:
        raise ModelError(
            f"{name}: not in the cache ({settings.cache}), and {offline}; with a network, "
            f"`pyattn download {name}` puts it there"
        )
    try:
        return install(SOURCES[name.registry], name, settings)
    except ModelError as error:
        if str(error).startswith(f"{name}: "):
            raise
        raise ModelError(f"{name}: {error}") from None


def _exists(path: pathlib.Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a NUL
        return False


def _nowhere(model: str) -> str:
    """The error for what is neither a path nor a name."""
    path = pathlib.Path(model)
    if model[:1] == "~" and _exists(path.expanduser()):
        return f"{model}: no such folder or file; Python does not replace ~, {path.expanduser()} is"
    tried = f"{path}: no such folder or file, expected the path of a model"
    near = near_names(model) + near_paths(model)
    if "/" in model or "\\" in model:
        return tried + did_you_mean(near)
    included = "; the included model, without a path, is English-Spanish"
    return (
        f"{tried} or a name such as {FORMS}{did_you_mean(near)}"
        f"{included if INCLUDED_NAME in near else ''}"
    )


def _pair(folder: pathlib.Path) -> str:
    """The name of a registry's model, by its folder."""
    return f"{folder.parents[1].name}:{folder.parent.name}"
