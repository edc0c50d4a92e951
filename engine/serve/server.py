"""Listens: an open port, time limits for clients that say nothing, and a stop that ends every stream cleanly."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.server import ports
from gateway.server.doors import is_loopback
from schemas.errors import ConfigError

HEADER_S = 10.0
"""A connection on which no whole request head came within this time is closed."""
_HEAD_BYTES = 64 * 1024


def listen(host: str, port: int, token: str | None) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigError: The port is in use, or the host is no address of this machine; or others can reach it and no
            token keeps them from running tools.
    """
    if not token and not is_loopback(host):
        raise ConfigError(
            f"whoever reaches {host}:{port} could run your tools: a token is needed there",
            hint="--token, or ENGINE_SERVE_TOKEN",
        )
    return ports.listen(host, port)


class Server(uvicorn.Server):
    """Serves an application of ``make_app`` on a socket.

    Args:
        app: The application.
        listening: The socket.
        grace_s: How long requests and runs may go on after a signal to stop.
        on_up: Called once it answers.
    """

    def __init__(
        self, app: Starlette, listening: socket.socket, *, grace_s: float = 5.0, on_up: Callable[[], None] | None = None
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                h11_max_incomplete_event_size=_HEAD_BYTES,
                timeout_graceful_shutdown=max(1, round(grace_s)),
            )
        )
        self._app = app
        self._listening = listening
        self._on_up = on_up

    async def run_until_stopped(self) -> None:
        """Serve until a signal (SIGTERM, SIGINT) or ``should_exit``; a second signal leaves at once."""
        await self.serve(sockets=[self._listening])

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop at the first signal; to have been told to stop is no failure, so nothing is raised anew afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if self._on_up is not None:
            self._on_up()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, end every stream with the advice to come back, then let runs go."""
        self._app.state.leaving.event.set()
        await super().shutdown(sockets)


class _Connection(H11Protocol):
    """One connection; it is closed when its first request head does not come in time."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Give it its time."""
        super().connection_made(transport)
        self._patience = asyncio.get_running_loop().call_later(HEADER_S, self._close_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the time back."""
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def _close_if_silent(self) -> None:
        if self.cycle is None:  # pyright: ignore[reportUnnecessaryComparison] (uvicorn sets it with the first request)
            with suppress(OSError):
                self.transport.close()
