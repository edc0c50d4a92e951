"""The MCP servers of an engine: who runs them, and their tools in the registry.

A server belongs to an engine that was entered (``async with Engine(…)``), which starts it when it is first needed and
keeps it for all its runs; a run of an engine that was not entered has servers of its own, which end with the run.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.abc

from engine.beside import beside
from engine.tools.mcp.entry import ServerEntry, server_entries, unique
from engine.tools.mcp.server import Server
from engine.tools.registry import Registry
from schemas.errors import ToolUnavailableError
from schemas.protocols import ToolContext
from schemas.settings import Settings
from schemas.tool import ToolSpec

SHARED = ""
"""The name of the servers that belong to the engine and not to one run."""


@dataclass(frozen=True, slots=True)
class ServerState:
    """How one server is.

    Attributes:
        reason: Why it is not there; empty when it is.
        tools: Names of its tools, as they are (or were) in a plan.
    """

    name: str
    up: bool
    reason: str
    tools: tuple[str, ...]


class Servers:
    """All MCP servers of a configuration.

    Args:
        entries: The servers.
        registry: Where their tools are declared.
        environ: Where their variables are looked up.
    """

    def __init__(self, entries: Sequence[ServerEntry], registry: Registry, environ: Mapping[str, str]) -> None:
        self._entries = tuple(entries)
        self._registry = registry
        self._environ = environ
        self._hosts: dict[str, _Host] = {}
        self._states: dict[str, ServerState] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @asynccontextmanager
    async def hosting(self, owner: str = SHARED) -> AsyncGenerator[None]:
        """Own the servers for a run, or (without a run's id) for the engine; where the engine owns them, do nothing.

        Cancellation: every server is ended, and with it what it has started.
        """
        if not self._entries or SHARED in self._hosts or owner in self._hosts:
            yield
            return
        try:
            async with beside() as group:
                servers = [Server(entry, self._environ, self._publish) for entry in self._entries]
                self._hosts[owner] = _Host(servers, group)
                try:
                    yield
                finally:
                    del self._hosts[owner]
        finally:
            if not self._hosts:
                self._registry.set_available()

    async def ready(self, owner: str = SHARED) -> None:
        """Start what is not running, all at once, and return when each is there or has failed.

        Servers are started here and by nothing else but their own restarts; call it inside ``hosting``.
        """
        host = self._host(owner)
        if host is not None:
            await host.ready()

    def states(self) -> list[ServerState]:
        """Return how each server is, in the order of the configuration."""
        unknown = "it is not started"
        return [self._states.get(one.name, ServerState(one.name, False, unknown, ())) for one in self._entries]

    def down(self) -> list[str]:
        """Return one line on each server that is not available."""
        return [
            f"the MCP server '{state.name}' is not available: {state.reason}" for state in self.states() if not state.up
        ]

    async def call(self, server: str, tool: str, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Call a tool at the servers of the call's run. Raises as ``Server.call``.

        Raises:
            ToolUnavailableError: There is no run, and the engine was not entered: no server runs.
        """
        host = self._host(context.call.run_id)
        if host is None:
            raise ToolUnavailableError(
                f"{tool}: no MCP server runs outside a run",
                hint="enter the engine: async with Engine(…) as engine",
                details={"ambiguous": False},
            )
        return await host.server(server).call(tool, arguments, context)

    def _host(self, owner: str) -> _Host | None:
        return self._hosts.get(owner) or self._hosts.get(SHARED)

    def _publish(self, server: Server) -> None:
        entry = server.entry
        names = tuple(one.spec.name for one in server.tools)
        self._states[entry.name] = ServerState(entry.name, server.up, server.reason, names)
        tools = [McpTool(self, entry.name, one.spec) for one in server.tools]
        self._registry.replace(entry.origin, tools, unavailable=server.reason)


class _Host:
    """The servers of one owner."""

    def __init__(self, servers: list[Server], group: anyio.abc.TaskGroup) -> None:
        self._servers = {server.entry.name: server for server in servers}
        self._group = group
        self._started = False

    def server(self, name: str) -> Server:
        """Return a server by its name."""
        return self._servers[name]

    async def ready(self) -> None:
        """Start what is not running and wait for all."""
        if not self._started:
            self._started = True
            for server in self._servers.values():
                self._group.start_soon(server.keep, name=f"mcp server {server.entry.name}")
        async with anyio.create_task_group() as group:
            for server in self._servers.values():
                group.start_soon(server.ready)


class McpTool:
    """A tool of a server (implements ``schemas.protocols.Tool``)."""

    def __init__(self, servers: Servers, server: str, spec: ToolSpec) -> None:
        self.spec = spec
        self._servers = servers
        self._server = server

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Call it once. Raises as ``Server.call``."""
        return await self._servers.call(self._server, self.spec.name, arguments, context)


def mcp_servers(settings: Settings, folder: Path, registry: Registry, environ: Mapping[str, str]) -> Servers:
    """Return the servers a configuration declares; none is started.

    Raises:
        ConfigError: An entry is wrong; names it.
    """
    entries = [
        one
        for index, entry in enumerate(settings.tools)
        if entry.mcp is not None
        for one in server_entries(entry, folder, f"tools[{index}]")
    ]
    return Servers(unique(entries), registry, environ)
