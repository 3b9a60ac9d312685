"""Errors of Hugging Face's library as one sentence, with what to do."""

from __future__ import annotations

import contextlib
import errno
import http.client
import importlib
import json
import os
import urllib.parse
import urllib.request
from typing import Any

from pyattn.errors import ModelError
from pyattn.hub.hub_cache import hub_cache
from pyattn.hub.names import HubName
from pyattn.hub.settings import Settings
from pyattn.hub.suggestions import closest, did_you_mean

_DEFAULT = "https://huggingface.co"
_LOG_IN = "`hf auth login`, HF_TOKEN or token="
_MIRROR = "HF_ENDPOINT or endpoint= names a mirror"
# Errors of the library's HTTP clients: httpx2, and requests in older versions.
_BROKEN = {"ChunkedEncodingError", "ReadError", "ReadTimeout", "RemoteProtocolError"}
_BROKE_OFF = "the transfer broke off; try again, complete files are kept"
# What is wrong with the folder of the cache, besides permissions.
_OF_FOLDERS = frozenset(
    {errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.EEXIST, errno.EROFS, errno.ELOOP}
)
# Of the search for near names, after which the error is raised whatever it found.
_SEARCH_SECONDS = 5
_SEARCH_BYTES = 1 << 20


def explained(error: Exception, name: HubName, settings: Settings) -> ModelError:
    """What an error of the library means to a reader.

    Args:
        error: The error.
        name: What was to be downloaded.
        settings: How.
    """
    return ModelError(f"{name}: {_reason(error, name, settings)}")


def server(settings: Settings) -> str:
    """The address of the Hub in use."""
    return (settings.endpoint or os.environ.get("HF_ENDPOINT") or _DEFAULT).rstrip("/")


def _reason(error: BaseException, name: HubName, settings: Settings) -> str:
    kinds: Any = importlib.import_module("huggingface_hub.errors")
    hub = server(settings)
    if isinstance(error, kinds.LocalEntryNotFoundError) and error.__cause__ is not None:
        return _reason(error.__cause__, name, settings)
    if isinstance(error, kinds.GatedRepoError):
        return (
            f"its owner wants terms to be accepted: do so at {hub}/{name.repository}, then log in "
            f"({_LOG_IN})"
        )
    if isinstance(error, kinds.RepositoryNotFoundError):
        return _not_found(name, settings)
    if isinstance(error, kinds.RevisionNotFoundError):
        return f"{hub} has this model, but no branch, tag or commit {name.revision}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401 and "Invalid credentials" not in str(error):  # what it is hidden behind
        return _not_found(name, settings)
    if status is not None:
        return _refused(status, error, settings)
    if isinstance(error, kinds.HFValidationError):
        return f"not a name of a model: {_first_line(error)}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space is left in {hub_cache(settings)}; HF_HUB_CACHE names another folder"
    if isinstance(error, OSError) and error.errno in _OF_FOLDERS:
        return f"{hub_cache(settings)}: {_lowered(error)}; HF_HUB_CACHE names another folder"
    if isinstance(error, PermissionError):
        return f"{hub_cache(settings)} cannot be written; HF_HUB_CACHE names another folder"
    if isinstance(error, OSError) and "Consistency check" in str(error):
        return _BROKE_OFF
    if _is_of_network(error):
        if type(error).__name__ in _BROKEN:
            return _BROKE_OFF
        return (
            f"no such folder or file here, and {hub} cannot be reached ({_first_line(error)}): "
            f"check the network, or {_MIRROR}"
        )
    if isinstance(error, OSError):
        return f"{_first_line(error)}; try again, or {_MIRROR}"
    return (
        f"{hub} does not answer as Hugging Face does ({type(error).__name__}: "
        f"{_first_line(error)}): check for a proxy that wants a login, or {_MIRROR}"
    )


def _is_of_network(error: BaseException) -> bool:
    client = type(error).__module__.startswith(("httpx", "httpcore", "requests", "urllib3"))
    return client or isinstance(error, ConnectionError | TimeoutError)


def _not_found(name: HubName, settings: Settings) -> str:
    return (
        f"no such folder or file here, and no such model on {server(settings)}, or a private one, "
        f"for which you log in ({_LOG_IN}){did_you_mean(similar(name.repository, settings))}"
    )


def _refused(status: int, error: BaseException, settings: Settings) -> str:
    hub = server(settings)
    if status == 401:
        return f"{hub} does not accept the token; log in again ({_LOG_IN})"
    if status == 403:
        return f"{hub} refuses access; the token ({_LOG_IN}) needs the right to read this model"
    if status == 429:
        wait = getattr(error, "response").headers.get("Retry-After", "")  # noqa: B009
        when = f"in {wait} seconds" if wait.isdecimal() else "in some minutes"
        return f"{hub} gets too many requests from here; try again {when}, or log in ({_LOG_IN})"
    if status >= 500:
        return f"{hub} is out of order (HTTP {status}); try again later, or {_MIRROR}"
    return f"{hub} answers HTTP {status}: {_first_line(error)}"


def similar(repository: str, settings: Settings) -> list[str]:
    """Names of public models that are similar; empty if the search fails."""
    words = repository.rpartition("/")[2]
    begin = words[: max(len(words) * 2 // 3, 3)].rstrip("-_.")
    with contextlib.suppress(OSError, ModelError, http.client.HTTPException):
        return closest(repository, search(begin, settings))
    return []


def search(words: str, settings: Settings) -> list[str]:
    """Names of public models that contain some words, the most downloaded first.

    Raises:
        OSError: if the server cannot be asked.
        ModelError: if it answers something else.
    """
    query = urllib.parse.urlencode({"search": words, "limit": 50, "sort": "downloads"})
    request = urllib.request.Request(
        f"{server(settings)}/api/models?{query}", headers={"User-Agent": "pyattn"}
    )
    with urllib.request.urlopen(request, timeout=_SEARCH_SECONDS) as response:
        content = response.read(_SEARCH_BYTES)
    try:
        return [str(model["id"]) for model in json.loads(content)]
    except (ValueError, TypeError, KeyError):
        raise ModelError(f"{server(settings)}: not an answer of Hugging Face's search") from None


def _lowered(error: OSError) -> str:
    return (error.strerror or _first_line(error)).lower()


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
