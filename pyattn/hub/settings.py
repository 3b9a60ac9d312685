"""Settings of a look-up: what the caller gave, and what environment variables say."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import sys

_TRUE = {"1", "ON", "TRUE", "YES"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """How a name becomes a folder; None defaults to environment variables.

    Attributes:
        revision: A branch, tag or commit of a repository, or the version of a registry's model.
        token: Access token for Hugging Face.
        cache_dir: Folder that holds downloads: Hugging Face's cache, or pyattn's for registries.
        local_files_only: Whether only the cache counts.
        endpoint: Address of a mirror: of Hugging Face, of Firefox's settings server, or of Argos'
            index.
        update: Whether to ask for a newer version of what is cached.
    """

    revision: str | None = None
    token: str | None = None
    cache_dir: str | os.PathLike[str] | None = None
    local_files_only: bool | None = None
    endpoint: str | None = None
    update: bool = False

    def __post_init__(self) -> None:
        for name in ("revision", "token", "endpoint"):
            value = getattr(self, name)
            if not isinstance(value, str | None):
                raise TypeError(f"{name} is {type(value).__name__}, expected str")
        folder = self.cache_dir
        if not isinstance(folder, str | os.PathLike | None):
            raise TypeError(f"cache_dir is {type(folder).__name__}, expected a path")
        if folder is not None and "\0" in os.fsdecode(folder):
            raise ValueError("cache_dir has a null character, expected the path of a folder")
        if not isinstance(self.local_files_only, bool | None):
            kind = type(self.local_files_only).__name__
            raise TypeError(f"local_files_only is {kind}, expected True or False")

    @property
    def offline(self) -> str | None:
        """Why no request may be made, for an error; None if requests are allowed."""
        if self.local_files_only:
            return "local_files_only is True"
        return "PYATTN_OFFLINE is set" if is_set("PYATTN_OFFLINE") else None

    @property
    def cache(self) -> pathlib.Path:
        """The cache of pyattn itself."""
        if self.cache_dir is not None:
            return pathlib.Path(self.cache_dir)
        given = os.environ.get("PYATTN_CACHE")
        if given:
            return pathlib.Path(given).expanduser()
        parent = os.environ.get("XDG_CACHE_HOME")
        if not parent and sys.platform == "win32":
            parent = os.environ.get("LOCALAPPDATA")
        return pathlib.Path(parent or "~/.cache").expanduser() / "pyattn"


def is_set(variable: str) -> bool:
    """Whether an environment variable switches something on."""
    return os.environ.get(variable, "").upper() in _TRUE


def endpoint(settings: Settings, variable: str, default: str) -> str:
    """The address of a server: the caller's, else a variable's, else the default."""
    return settings.endpoint or os.environ.get(variable) or default
