"""The service as a process: a server, its signals and its log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from pyattn.serving.watching import JsonLines

if TYPE_CHECKING:
    from starlette.applications import Starlette

# Headers of a request; no client needs as many.
_HEADER_BYTES = 65_536


def run(app: Starlette, *, host: str, port: int, grace: float = 30.0, announce: Any = None) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what was accepted.

    Args:
        app: What `pyattn.serving.app` returns.
        host: The address to listen at.
        port: The port; 0 for any that is free.
        grace: Seconds that what was accepted may take after the signal.
        announce: Called with the address, such as "http://127.0.0.1:5000", when it listens.

    Raises:
        OSError: if the port cannot be had.
    """
    settings = app.state.service.settings
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Addresses that others have seen are the service's own matter.
        proxy_headers=False,
        root_path=settings.root_path,
        http=_protocol(settings.body_seconds),
        ws="none",
        lifespan="on",
        h11_max_incomplete_event_size=_HEADER_BYTES,
        timeout_graceful_shutdown=max(1, round(grace)),
        backlog=2048,
    )
    with config.bind_socket() as socket:
        server = _Server(config, app.state.service, announce)
        server.run(sockets=[socket])
    if not server.started:
        raise OSError("serve: the service could not be started; its log has the reason")


def log_to_stderr(level: int = logging.INFO) -> None:
    """Sends the logs of the service to standard error, a line of JSON each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("pyattn", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(level if name == "pyattn" else max(level, logging.WARNING))


class _Server(uvicorn.Server):
    """A server whose signals drain it, and end the process with 0."""

    def __init__(self, config: uvicorn.Config, service: Any, announce: Any) -> None:
        super().__init__(config)
        self._service = service
        self._announce = announce

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started and self._announce is not None:
            host, port = sockets[0].getsockname()[:2]
            named = f"[{host}]" if ":" in host else host
            self._announce(f"http://{named}:{port}{self._service.settings.root_path}")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are handled here, and not raised again at the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begins to drain; a second SIGINT ends at once."""
        self._service.drain()
        super().handle_exit(sig, frame)


def _protocol(seconds: float) -> type[asyncio.Protocol]:
    """The protocol of connections, which closes those that send no request in time."""

    class Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.loop.call_later(seconds, self._close_idle)

        def _close_idle(self) -> None:
            if self.cycle is None and not self.transport.is_closing():
                self.transport.close()

    return Protocol
