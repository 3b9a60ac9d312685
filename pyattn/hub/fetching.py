"""Downloads over HTTP: resumed, limited in size, verified, and renamed when complete."""

from __future__ import annotations

import dataclasses
import hashlib
import http.client
import json
import pathlib
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import IO, Any, TypeVar

from pyattn.errors import ModelError
from pyattn.hub.progress import progress

# Seconds without a byte after which a transfer is broken off.
_TIMEOUT = 30
# Seconds before each new try after a transfer that brought nothing new.
_WAITS = (0.5, 1.0, 2.0)
# New tries of one file, with progress or without.
_MOST_TRIES = 100
_CHUNK = 1 << 18
_JSON_LIMIT = 64 << 20
# Far above every model of a registry.
_FILE_LIMIT = 16 << 30
PARTIAL = ".partial"

_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remote:
    """A file to download.

    Attributes:
        name: Its plain file name.
        url: Its address.
        size: Its size in bytes; None if unknown.
        sha256: Its checksum, hexadecimal; None if unknown.
    """

    name: str
    url: str
    size: int | None = None
    sha256: str | None = None


class _BrokenError(Exception):
    """A transfer that may succeed if it is tried again.

    Attributes:
        arrived: Whether it brought some of the file.
    """

    def __init__(self, problem: str, *, arrived: bool = False) -> None:
        super().__init__(problem)
        self.arrived = arrived


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows no redirect from https to http."""

    def redirect_request(self, req: Any, *arguments: Any) -> Any:
        target = arguments[-1]
        if req.full_url.startswith("https:") and not target.startswith("https:"):
            raise ModelError(f"{req.full_url}: leads to {target}, which is not encrypted")
        return super().redirect_request(req, *arguments)


@dataclasses.dataclass(frozen=True)
class Fetcher:
    """Reads a server's files.

    Attributes:
        mirror: How to name another server, for errors.
    """

    mirror: str

    def json(self, url: str) -> Any:
        """What a JSON file holds.

        Raises:
            ModelError: if it cannot be read; the message has the reason and what to do.
        """
        content = self._tried(url, lambda: _small(url))
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise ModelError(
                f"{url}: not JSON, so the answer of something else, such as a login page"
            ) from None

    def file(self, remote: Remote, path: pathlib.Path) -> None:
        """Downloads a file.

        While it is incomplete it is `path` with `.partial` behind its name. What an interrupted
        call left there is continued.

        Raises:
            ModelError: if the file cannot be had, or is not what was announced.
            OSError: if it cannot be written.
        """
        if path.exists():
            if _fault(remote, path) is None:
                return
            path.unlink()
        partial = path.with_name(path.name + PARTIAL)
        with progress(remote.name, remote.size) as report:
            begun = _size(partial)
            report(begun)
            fault = self._transferred(remote, partial, report)
            if fault is not None and begun:
                # The beginning was of another file.
                report(-_size(partial))
                partial.unlink()
                fault = self._transferred(remote, partial, report)
        if fault is not None:
            partial.unlink()
            raise ModelError(
                f"{remote.url}: {fault}: damaged on the way or changed; run it again later, or use "
                f"another server ({self.mirror})"
            )
        partial.replace(path)

    def _transferred(
        self, remote: Remote, partial: pathlib.Path, report: Callable[[int], object]
    ) -> str | None:
        """Completes a file; what is wrong with it then, if anything."""
        self._tried(remote.url, lambda: _transfer(remote, partial, report))
        return _fault(remote, partial)

    def _tried(self, url: str, transfer: Callable[[], _Result]) -> _Result:
        """The result of a transfer that is tried again while that may help."""
        idle = 0
        for _ in range(_MOST_TRIES):
            try:
                return transfer()
            except _BrokenError as error:
                idle = 0 if error.arrived else idle + 1
                if idle > len(_WAITS):
                    raise ModelError(
                        f"{url}: {error}; run it again later, which continues it, or use another "
                        f"server ({self.mirror})"
                    ) from None
                time.sleep(_WAITS[max(idle - 1, 0)])
            except urllib.error.HTTPError as error:
                error.close()
                raise ModelError(f"{url}: {self._refusal(error)}") from None
            except urllib.error.URLError as error:
                place = urllib.parse.urlsplit(url).netloc
                raise ModelError(
                    f"{url}: cannot reach {place} ({_text(error.reason)}): check the network and "
                    f"its proxy, or use another server ({self.mirror})"
                ) from None
        raise ModelError(f"{url}: broke off {_MOST_TRIES} times; run it again later")

    def _refusal(self, error: urllib.error.HTTPError) -> str:
        if error.code == 404:
            return f"no such file (HTTP 404); use another server ({self.mirror})"
        if error.code in (401, 403):
            return f"the server refuses access (HTTP {error.code}); use another ({self.mirror})"
        if error.code == 429:
            wait = error.headers.get("Retry-After", "")
            when = f"in {wait} seconds" if wait.isdecimal() else "later"
            return f"too many requests (HTTP 429); try again {when}"
        return f"HTTP {error.code} {error.reason}; use another server ({self.mirror})"


def _small(url: str) -> bytes:
    content = bytearray()
    with _open(url) as response:
        while chunk := _read(response, _CHUNK):
            content += chunk
            if len(content) > _JSON_LIMIT:
                raise ModelError(f"{url}: more than {_JSON_LIMIT} bytes, expected a list of models")
        _check_length(response, len(content))
    return bytes(content)


def _open(url: str, headers: Mapping[str, str] | None = None) -> Any:
    """The answer to a GET request.

    Raises:
        _BrokenError: if the connection breaks, or the server is out of order.
        urllib.error.URLError: if the server cannot be reached, or refuses.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ModelError(f"{url}: expected an address that begins with https://")
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "pyattn", **(headers or {})})
        return urllib.request.build_opener(_NoDowngrade).open(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code < http.client.INTERNAL_SERVER_ERROR:
            raise
        error.close()
        raise _BrokenError(f"HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionResetError | TimeoutError | ssl.SSLEOFError):
            raise _BrokenError(f"the connection broke ({_text(error.reason)})") from None
        raise
    except http.client.InvalidURL as error:  # a space or a line break in somebody's list
        raise ModelError(f"{url!r}: not an address: {error}") from None
    except (http.client.HTTPException, OSError) as error:
        raise _BrokenError(f"the connection broke ({_text(error)})") from None


def _read(response: Any, most: int) -> bytes:
    """What has arrived, `most` bytes at the most; empty at the end."""
    try:
        content: bytes = response.read1(most)
    except (http.client.HTTPException, OSError) as error:
        raise _BrokenError(f"the connection broke ({_text(error)})") from None
    return content


def _transfer(remote: Remote, partial: pathlib.Path, report: Callable[[int], object]) -> None:
    """Appends the missing bytes of a file.

    Raises:
        _BrokenError: if it is still incomplete.
    """
    begin = _size(partial)
    if begin and begin == remote.size:
        return
    try:
        with _open(remote.url, {"Range": f"bytes={begin}-"} if begin else {}) as response:
            if begin and not _continues(response, begin):
                report(-begin)
                begin = 0
            with partial.open("ab" if begin else "wb") as file:
                end = _copy(remote, response, file, begin, report)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not begin:
            raise
        error.close()
        partial.unlink()
        report(-begin)
        raise _BrokenError("the server's file became shorter") from None
    except _BrokenError as error:
        error.arrived = _size(partial) > begin
        raise
    if remote.size is not None and end < remote.size:
        raise _BrokenError(f"{remote.size - end} bytes are missing", arrived=end > begin)


def _continues(response: Any, begin: int) -> bool:
    """Whether an answer has the bytes from there on; servers may also send the whole file."""
    if response.status != http.client.PARTIAL_CONTENT:
        return False
    if not response.headers.get("Content-Range", "").startswith(f"bytes {begin}-"):
        raise _BrokenError("the server sent another part than the missing one")
    return True


def _copy(
    remote: Remote, response: Any, file: IO[bytes], begin: int, report: Callable[[int], object]
) -> int:
    """Writes what an answer has; returns where in the file it ends."""
    most = _FILE_LIMIT if remote.size is None else remote.size
    end = begin
    while chunk := _read(response, _CHUNK):
        end += len(chunk)
        if end > most:
            raise ModelError(f"{remote.url}: larger than the {most} bytes that were announced")
        file.write(chunk)
        report(len(chunk))
    _check_length(response, end - begin)
    return end


def _check_length(response: Any, received: int) -> None:
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and received < int(length):
        raise _BrokenError(f"the connection broke, {int(length) - received} bytes are missing")


def _fault(remote: Remote, path: pathlib.Path) -> str | None:
    """What is wrong with a file that should be complete; None if nothing is known to be."""
    size = _size(path)
    if remote.size is not None and size != remote.size:
        return f"{size} bytes, expected {remote.size}"
    if remote.sha256 is not None:
        found = sha256(path)
        if found != remote.sha256.lower():
            return f"sha256 {found}, expected {remote.sha256}"
    return None


def sha256(path: pathlib.Path) -> str:
    """The checksum of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _size(path: pathlib.Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _text(error: object) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
