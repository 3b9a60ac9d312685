"""Models of Hugging Face: from a repository's name to a folder of its library's cache.

What is cached and complete is used without a request. Downloads are the library's
(huggingface_hub), which retries, verifies sizes and renames files when they are complete. Configs
and tokenizers come first, so that a model which pyattn does not run costs no weights.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pathlib
import shutil
from collections.abc import Iterator, Sequence
from typing import Any

from pyattn.errors import ModelError
from pyattn.files import open_model
from pyattn.hub import problems, selection
from pyattn.hub.fetching import sha256
from pyattn.hub.hub_cache import Repository, hub_cache, offline_reason, repository
from pyattn.hub.names import HubName
from pyattn.hub.progress import logger, on_terminal
from pyattn.hub.settings import Settings

_CONFIG_FILE = "config.json"
_CTRANSLATE2_WEIGHTS = "model.bin"


class HubNotInstalledError(ModelError, ImportError):
    """The package that downloads from Hugging Face is not installed."""


def folder_of(name: HubName, settings: Settings) -> pathlib.Path:
    """The folder of a repository's model, downloaded unless it is in the cache.

    Raises:
        ModelError: if it cannot be had; the message has the reason and what to do.
    """
    own = repository(name.repository, settings)
    if not settings.update:
        found = own.complete(name.revision)
        if found is not None:
            return found
    reason = offline_reason(settings)
    if reason is not None:
        return _offline(name, own, reason)
    return _downloaded(name, own, settings)


def remove(name: HubName, settings: Settings) -> int:
    """Deletes a repository from the cache; returns the bytes of its files.

    Raises:
        ModelError: if it is not there, or a revision is named.
    """
    if name.revision is not None:
        raise ModelError(f"{name}: only all revisions can be removed: {name.repository}")
    own = repository(name.repository, settings)
    if not own.folder.is_dir():
        raise ModelError(f"{name}: not in the cache ({own.folder.parent})")
    freed = 0
    with contextlib.suppress(HubNotInstalledError):
        # The library knows which contents other repositories share.
        cache = _library(name).scan_cache_dir(own.folder.parent)
        commits = [
            revision.commit_hash
            for found in cache.repos
            if (found.repo_type, found.repo_id) == ("model", name.repository)
            for revision in found.revisions
        ]
        if commits:
            deletion = cache.delete_revisions(*commits)
            freed += deletion.expected_freed_size
            deletion.execute()
    if own.folder.is_dir():
        files = [path for path in own.folder.rglob("*") if not path.is_symlink()]
        freed += sum(path.stat().st_size for path in files if path.is_file())
        shutil.rmtree(own.folder)
    return freed


def _offline(name: HubName, own: Repository, reason: str) -> pathlib.Path:
    """What the cache has, if it may be complete."""
    commit = own.commit(name.revision)
    if commit is None or not own.snapshot(commit).is_dir():
        raise ModelError(
            f"{name}: not in the cache ({own.folder.parent}), and {reason}; with a network, "
            f"`pyattn download {name}` puts it there"
        )
    listing = own.listing(commit)
    if listing is None:  # readers of files will see what is missing
        return own.snapshot(commit)
    missing = own.missing(commit, _chosen(name, listing.files).files)
    if not missing:
        return own.snapshot(commit)
    raise ModelError(
        f"{name}: the cache lacks {', '.join(missing[:3])}, and {reason}; with a network, "
        f"`pyattn download {name}` completes it"
    )


def _downloaded(name: HubName, own: Repository, settings: Settings) -> pathlib.Path:
    ignored = [selection.NOT_AT_THE_TOP]
    commit = _fetch(name, settings, name.revision, selection.SMALL, ignored).name
    listing = own.listing(commit)
    if listing is None:
        with _explained(name, settings):
            api = _library(name).HfApi(**_access(settings))
            entries = list(api.list_repo_tree(name.repository, recursive=True, revision=commit))
        own.record(commit, {entry.path: getattr(entry, "lfs", None) for entry in entries})
        listing = own.listing(commit)
    chosen = _chosen(name, listing.files if listing else ())
    if _CTRANSLATE2_WEIGHTS not in chosen.weights:
        _check_config(name, own.snapshot(commit))
    new = own.missing(commit, chosen.files)
    folder = _fetch(name, settings, commit, chosen.weights) if new else own.snapshot(commit)
    for file in new:
        _verify(name, folder / file, (listing.files if listing else {}).get(file))
    missing = own.missing(commit, chosen.files)
    if missing:
        raise ModelError(
            f"{name}: {', '.join(missing[:3])} did not arrive; `pyattn download {name}` continues"
        )
    return folder


def _fetch(
    name: HubName,
    settings: Settings,
    revision: str | None,
    patterns: Sequence[str],
    ignored: Sequence[str] = (),
) -> pathlib.Path:
    """Has the library download the files of a repository that match, but for those ignored."""
    logger.info("looking for %s", name)
    library = _library(name)
    bar = {} if on_terminal() else {"tqdm_class": _quiet_bar()}
    with _explained(name, settings):
        folder = library.snapshot_download(
            name.repository,
            revision=revision,
            cache_dir=hub_cache(settings),
            library_name="pyattn",
            allow_patterns=list(patterns),
            ignore_patterns=list(ignored),
            **bar,
            **_access(settings),
        )
    return pathlib.Path(folder)


@contextlib.contextmanager
def _explained(name: HubName, settings: Settings) -> Iterator[None]:
    """Turns errors of the library into ours.

    Its HTTP clients have errors of their own, which differ between versions, and answers of
    something that is not the Hub make it fail in any way.
    """
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise problems.explained(error, name, settings) from error


def _access(settings: Settings) -> dict[str, Any]:
    # The library reads the variable once, when it is imported.
    endpoint = settings.endpoint or os.environ.get("HF_ENDPOINT")
    return {
        "token": settings.token,
        "endpoint": endpoint.rstrip("/") if endpoint else None,
    }


def _library(name: HubName) -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError:
        raise HubNotInstalledError(
            f"{name}: no such folder or file; as a model of huggingface.co it needs the package "
            f"huggingface_hub (pip install 'pyattn[hub]')"
        ) from None


def _quiet_bar() -> type[Any]:
    """A bar of the library's that is never drawn."""
    bar: Any = importlib.import_module("huggingface_hub.utils").tqdm

    class Quiet(bar):  # type: ignore[misc]
        """Counts without drawing."""

        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **(settings | {"disable": True}))

    return Quiet


def _chosen(name: HubName, files: Any) -> selection.Choice:
    try:
        return selection.choose(files)
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from None


def _check_config(name: HubName, folder: pathlib.Path) -> None:
    """Fails for a model that pyattn does not run."""
    if not (folder / _CONFIG_FILE).exists():
        return
    try:
        with open_model(folder) as files:
            files.config  # noqa: B018  # which fails if the config is of no model that pyattn runs
    except ModelError as error:
        raise ModelError(f"{name}: {error} (its weights are not downloaded)") from None


def _verify(name: HubName, path: pathlib.Path, wanted: str | None) -> None:
    """Deletes a file whose content is not what the repository says."""
    if wanted is None or not path.exists():
        return
    found = sha256(path)
    if found != wanted.lower():
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise ModelError(
            f"{name}: {path.name} has sha256 {found}, expected {wanted}: damaged on the way; it is "
            f"deleted, so try again"
        )
