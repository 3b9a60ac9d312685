"""The page for people: the files of the folder `page`, with headers that let nothing else in."""

from __future__ import annotations

import hashlib
import pathlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

FOLDER = pathlib.Path(__file__).parent / "page"

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}

# Only what this service sends is loaded, called or run, and no page may have this one in a frame.
# `trusted-types` without a name, and the demand for them, forbid to make markup out of text.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Browsers ask each time whether it is still the same, which costs an answer without a body:
    # after an update, files of two versions never meet.
    "Cache-Control": "no-cache",
}


def routes() -> list[BaseRoute]:
    """The routes of the page: itself at "/", and its files under "/page/".

    All addresses in the page are relative, so that it works under any path of a proxy.
    """
    files = {file.name: _File(file) for file in sorted(FOLDER.iterdir()) if file.suffix in _KINDS}
    index = files.pop("index.html")
    return [
        Route("/", index.answer, name="page"),
        *(Route(f"/page/{name}", file.answer) for name, file in files.items()),
    ]


class _File:
    """A file of the page, kept in memory: all together are smaller than a photograph.

    Args:
        path: Where it is.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self._data = path.read_bytes()
        tag = hashlib.sha256(self._data).hexdigest()[:32]
        self._headers = {**_HEADERS, "Content-Type": _KINDS[path.suffix], "ETag": f'"{tag}"'}

    async def answer(self, request: Request) -> Response:
        """The file, or 304 for a client that has it."""
        known = request.headers.get("if-none-match", "")
        # Proxies that compress mark the tag as weak.
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        if self._headers["ETag"] in tags or "*" in tags:
            return Response(status_code=304, headers=self._headers)
        return Response(self._data, headers=self._headers)
