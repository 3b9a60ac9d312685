"""The service as a process: a server, its signals and its log."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from pyattn.serving.watching import JsonLines

if TYPE_CHECKING:
    from pyattn.serving.service import Application

# Connections that wait to be accepted.
_BACKLOG = 2048
# Headers of a request; no client needs as many.
_HEADER_BYTES = 65_536
# A request makes hundreds of objects, hardly any of them in cycles. Python's own 700 took a tenth
# of the time of all that is not the model's (64 clients: 394 sentences/s in place of 368).
_COLLECTED_AT_ONCE = 50_000


def run(
    app: Application, *, host: str, port: int, grace: float = 30.0, announce: Any = None
) -> None:
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
    settings = app.service.settings
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Addresses that others have seen are the service's own matter.
        proxy_headers=False,
        http=_protocol(settings.body_seconds),
        ws="none",
        lifespan="on",
        h11_max_incomplete_event_size=_HEADER_BYTES,
        timeout_graceful_shutdown=max(1, round(grace)),
        backlog=_BACKLOG,
    )
    with _listening(host, port) as listening, _collecting(_COLLECTED_AT_ONCE):
        server = _Server(config, app.service, announce)
        server.run(sockets=[listening])
    if not server.started:
        raise OSError("serve: the service could not be started; its log has the reason")


@contextlib.contextmanager
def _collecting(objects: int) -> Iterator[None]:
    """Makes Python look for unreachable cycles each time that there are so many new objects."""
    before = gc.get_threshold()
    gc.set_threshold(objects, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _listening(host: str, port: int) -> socket.socket:
    """A socket that is bound to an address.

    Raises:
        OSError: if that cannot be; the error has the address as its file name.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
        except BaseException:
            found.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OSError(getattr(error, "errno", None), reason, f"{host}:{port}") from None
    return found


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
    """A server whose signals drain it, and end the process with 0.

    Before it closes its port, clients fetch their documents: they come back for them over new
    connections.
    """

    def __init__(self, config: uvicorn.Config, service: Any, announce: Any) -> None:
        super().__init__(config)
        self._service = service
        self._announce = announce
        # When what was accepted has to be done; None before a signal.
        self._until: float | None = None

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
        del frame
        self._service.drain()
        if self._until is None:
            self._until = time.monotonic() + (self.config.timeout_graceful_shutdown or 0)
            self.should_exit = not self._service.expects
        elif sig == signal.SIGINT:
            self.should_exit = self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Whether the port is to be closed; called ten times a second."""
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0 or not self._service.expects:
                self.should_exit = True
                self.config.timeout_graceful_shutdown = max(1, round(left))
        return await super().on_tick(counter)


def _protocol(seconds: float) -> type[asyncio.Protocol]:
    """The protocol of connections: it closes those whose request does not begin as it should.

    Args:
        seconds: How long the head of a request may take.
    """

    class Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        # Bytes of a head that is not complete; None from its end to the beginning of the next.
        _head_bytes: int | None
        _head_timer: asyncio.TimerHandle

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._head_begins()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._head_timer.cancel()

        def data_received(self, data: bytes) -> None:
            if self._head_bytes is None:
                self._head_begins()
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._head_bytes = None
                self._head_timer.cancel()
            elif self._head_bytes is not None:
                self._head_bytes += len(data)
                if self._head_bytes > _HEADER_BYTES:
                    self._close()

        def _head_begins(self) -> None:
            self._head_bytes = 0
            self._head_timer = self.loop.call_later(seconds, self._close)

        def _close(self) -> None:
            if not self.transport.is_closing():
                self.transport.close()

    return Protocol
