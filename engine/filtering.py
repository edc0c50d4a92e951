"""Filters, with what only the engine can give the gateway: a user's functions, MCP servers, a way to post."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import anyio
from anyio.abc import TaskGroup

from engine.beside import beside
from engine.config import LoadedSettings
from engine.tools.loading import load_object
from schemas.errors import ConfigError, ElicitationDeclinedError, ToolUnavailableError
from schemas.planning import StepCall
from schemas.protocols import ModelClient
from schemas.result import Usage

if TYPE_CHECKING:
    from engine.tools.mcp.server import Server
    from gateway.filters import Filters
    from gateway.filters.base import Post

_SERVERS = "engine.tools.mcp.alone"
"""Imported where a filter needs it, as filters are where there are any: a gateway without starts without them."""


class FilterTools:
    """Calls tools of the MCP servers that filters name (implements ``gateway.filters.base.ToolCaller``).

    Inside ``hosting`` a server is started with the first call that needs it and kept. Outside, each call has a server
    of its own, which ends with it.

    Args:
        folder: Where servers run: that of the configuration file.
        environ: Where their variables are looked up.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        self._group: TaskGroup | None = None
        self._kept: dict[str, Server] = {}

    @asynccontextmanager
    async def hosting(self) -> AsyncGenerator[None]:
        """Keep servers running while it is entered.

        Cancellation: every server is ended.
        """
        async with beside() as self._group:
            try:
                yield
            finally:
                self._group = None
                self._kept.clear()

    async def __call__(self, server: str, tool: str, arguments: Mapping[str, Any], *, timeout_s: float) -> Any:
        """Call a tool. Raises as ``engine.tools.mcp.server.Server.call``.

        Raises:
            ToolUnavailableError: It did not answer in time, or the server cannot be started.
        """
        with anyio.move_on_after(timeout_s):
            if self._group is not None:
                return await self._held(server, self._group).call(tool, arguments, _Alone())
            alone = FilterTools(self._folder, self._environ)
            async with alone.hosting():
                return await alone(server, tool, arguments, timeout_s=timeout_s)
        raise ToolUnavailableError(f"{tool}: the MCP server did not answer within {timeout_s:g} s")

    def _held(self, server: str, group: TaskGroup) -> Server:
        kept = self._kept.get(server)
        if kept is None:
            kept = self._kept[server] = self._start(server, group)
        return kept

    def _start(self, server: str, group: TaskGroup) -> Server:
        start = import_module(_SERVERS).lone_server
        made = cast("Server", start(server, self._folder, self._environ))
        group.start_soon(made.keep, name=f"mcp server of filters {made.entry.name}")
        return made


def filters_of(loaded: LoadedSettings, environ: Mapping[str, str], post: Post, tools: FilterTools) -> Filters | None:
    """Return the configured filters; None where there are none.

    Raises:
        ConfigError: One is wrong, or a listener names one that is not there.
    """
    settings = loaded.settings
    if not settings.filters and not any(listener.filters for listener in settings.listeners):
        return None

    def load(reference: str, where: str) -> Any:
        found = load_object(reference, loaded.folder, where=where)
        if not callable(found):
            raise ConfigError(f"{where}: '{reference}' is no function")
        return found

    if any(one.kind == "mcp" for one in settings.filters):
        import_module(_SERVERS)  # now, and not in the time of the first call
    filters = import_module("gateway.filters")
    outside = filters.Outside(load=load, call_tool=tools, post=post)
    return cast("Filters", filters.Filters(settings, environ, outside))


class _Alone:
    """What a tool is told of a call that belongs to no run (implements ``schemas.protocols.ToolContext``)."""

    call = StepCall("", "", "", {})
    model: ModelClient | None = None
    left_usd: float | None = None

    def progress(self, message: str = "", fraction: float | None = None) -> None:
        """Nobody looks at it."""

    def text(self, piece: str) -> None:
        """Nobody looks at it."""

    def used(self, usage: Usage) -> None:
        """There is no run that it counts to."""

    def request_replan(self, reason: str) -> None:
        """There is no plan."""

    def postpone(self, **_: Any) -> NoReturn:
        """Refuse: there is nobody to come back. Raises ToolUnavailableError."""
        raise ToolUnavailableError("a filter cannot be called later")

    async def ask(self, question: str, answer_schema: dict[str, Any] | None = None) -> Any:
        """Refuse: there is nobody to ask. Raises ElicitationDeclinedError."""
        del answer_schema
        raise ElicitationDeclinedError(f"a filter has nobody to ask: {question}")
