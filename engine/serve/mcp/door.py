"""/mcp of a server: streamable HTTP, behind the same keys and guard as everything else there.

Nothing of the SDK (a second to import) is loaded before somebody asks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.beside import beside
from engine.serve.drives import Drives

PATH = "/mcp"
_MODULE = "engine.serve.mcp.web"


class McpDoor:
    """An ASGI application that speaks MCP.

    Args:
        drives: Drives the runs of this process, by the engine whose assistants are served.
        leaving: Set when the server is about to stop: every stream is then ended.
    """

    def __init__(self, drives: Drives, leaving: anyio.Event) -> None:
        self._drives = drives
        self._leaving = leaving
        self._lock = anyio.Lock()
        self._group: anyio.abc.TaskGroup | None = None
        self._app: ASGIApp | None = None

    def route(self) -> Route:
        """Return where it is."""
        return Route(PATH, endpoint=self)

    @asynccontextmanager
    async def going(self) -> AsyncGenerator[None]:
        """Keep the sessions of clients while the block lasts."""
        async with beside() as self._group:
            try:
                yield
            finally:
                self._group = self._app = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        async with self._lock:
            if self._app is None and self._group is not None and not self._leaving.is_set():
                self._app = await self._group.start(self._keep)
        app = self._app or JSONResponse({"error": {"message": "the server is leaving"}}, 503)
        await app(scope, receive, send)

    async def _keep(self, *, task_status: anyio.abc.TaskStatus[ASGIApp]) -> None:
        web: Any = await anyio.to_thread.run_sync(import_module, _MODULE)
        async with web.sessions(self._drives) as app:
            task_status.started(app)
            await self._leaving.wait()
            self._app = None
