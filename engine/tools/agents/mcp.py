"""Agents behind an MCP server: one of its tools, which takes the query."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

from anyio.abc import TaskGroup

from engine.beside import beside
from engine.tools.agents import base
from engine.tools.mcp.clients import MOST_NAME, NOT_NAME
from engine.tools.mcp.entry import ServerEntry, server_entries, settings_of
from engine.tools.mcp.listing import Offered
from engine.tools.mcp.server import Server
from schemas.agents import AgentSettings
from schemas.errors import ConfigError, ToolFailedError, ToolUnavailableError
from schemas.protocols import ToolContext
from schemas.settings import ToolSettings

_SHARED = ""
_LIKELY = ("query", "task", "prompt", "question", "message", "input", "text", "request", "instruction")
_WRAPPED = {"result"}
"""What Python's servers put around a text they return."""


class McpAgent:
    """An agent that is a tool of an MCP server (implements ``engine.tools.agents.base.Agent``).

    Args:
        settings: Its entry.
        entry: Its server's.
        tool: Its tool there; empty: the only one.
        place: Where secrets are looked up.
    """

    def __init__(self, settings: AgentSettings, entry: ServerEntry, tool: str, place: base.Place) -> None:
        self._settings = settings
        self._entry = entry
        self._tool = tool
        self._place = place
        self._held: dict[str, _Held] = {}

    @asynccontextmanager
    async def hosting(self, owner: str) -> AsyncGenerator[None]:
        """Keep its server from when it is first asked; leaving ends it.

        Cancellation: the server is ended.
        """
        async with beside() as group:
            self._held[owner] = _Held(Server(self._entry, self._place.environ, lambda _: None), group)
            try:
                yield
            finally:
                del self._held[owner]

    async def look(self) -> base.Card:
        """Start or reach its server and read its tool's listing. Raises as the protocol says.

        Raises:
            ToolUnavailableError: The server is not there.
            ToolFailedError: It has no such tool, or one that takes no query.
        """
        if not self._held:
            async with self.hosting(_SHARED):
                return await self.look()
        spec = (await self._chosen(next(iter(self._held.values())))).spec
        query = _query(self._settings.name, spec.input_schema)
        others = {name: one for name, one in spec.input_schema.get("properties", {}).items() if name != query}
        return base.Card(description=spec.description, arguments=others)

    async def call(self, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Call its tool with the query. Raises as the protocol says, and as ``look``."""
        held = self._held.get(context.call.run_id) or self._held.get(_SHARED)
        if held is None:
            async with self.hosting(context.call.run_id):
                return await self.call(arguments, context)
        chosen = await self._chosen(held)
        query = _query(self._settings.name, chosen.spec.input_schema)
        given = {query if name == base.QUERY else name: value for name, value in arguments.items()}
        value: Any = await held.server.call(chosen.spec.name, given, context)
        wrapped = isinstance(value, dict) and cast("dict[str, Any]", value).keys() == _WRAPPED
        return cast("Any", value["result"] if wrapped else value)

    async def _chosen(self, held: _Held) -> Offered:
        """Return the tool that is the agent."""
        server, name = await held.there(), self._settings.name
        if not server.up:
            raise ToolUnavailableError(f"{name}: {server.reason}", details={"ambiguous": False})
        found = [one for one in server.tools if self._tool in ("", one.tool)]
        if len(found) == 1:
            return found[0]
        has = ", ".join(one.tool for one in server.tools) or "none"
        if self._tool:
            raise ToolFailedError(f"{name}: its server has no tool '{self._tool}'", hint=f"it has {has}")
        raise ToolFailedError(
            f"{name}: which tool of its server is meant?", hint=f"put it behind #, as in …#tool; there are: {has}"
        )


class _Held:
    """Its server for one owner; started when first needed."""

    def __init__(self, server: Server, group: TaskGroup) -> None:
        self.server = server
        self._group = group
        self._started = False

    async def there(self) -> Server:
        """Return the server once it is there, or has failed."""
        if not self._started:
            self._started = True
            self._group.start_soon(self.server.keep, name=f"mcp server of agent {self.server.entry.name}")
        await self.server.ready()
        return self.server


def made(settings: AgentSettings, place: base.Place) -> McpAgent:
    """Return the agent of an entry.

    Raises:
        ConfigError: Its ``mcp`` is neither a command line nor an address.
    """
    text, mark, tool = (settings.mcp or "").rpartition("#")
    server, tool = (text.strip(), tool.strip()) if mark else (tool.strip(), "")
    mcp = settings_of(server)
    if mcp.file is not None or not server:
        raise ConfigError(
            f"agents: {settings.mcp!r} is no MCP server", hint="its command line or address, and #tool behind it"
        )
    if mcp.url is not None:
        mcp = mcp.model_copy(update={"headers": settings.headers, "api_key": settings.api_key})
    elif settings.headers or settings.api_key:
        raise ConfigError(f"agents: '{settings.name}': api_key and headers mean something only for an address")
    name = NOT_NAME.sub("_", settings.name)[:MOST_NAME].strip("_") or "agent"
    entry = ToolSettings(mcp=mcp.model_copy(update={"prefix": ""}), name=name)
    return McpAgent(settings, server_entries(entry, place.folder, f"agents: {settings.name}")[0], tool, place)


def _query(agent: str, schema: Mapping[str, Any]) -> str:
    """Return the argument that takes the query: the one that must be given, or the likeliest by its name.

    Raises:
        ToolFailedError: None does, or more than the query has to be given.
    """
    fields: dict[str, Any] = schema.get("properties", {})
    required = [name for name in schema.get("required", ()) if name in fields]
    texts = [name for name, one in fields.items() if one.get("type") in ("string", None)]
    likely = [name for name in _LIKELY if name in texts and (not required or name in required)]
    chosen = likely[0] if likely else next((name for name in required or texts if name in texts), None)
    if chosen is None or set(required) - {chosen}:
        wanted = ", ".join(required) or "no text"
        raise ToolFailedError(f"{agent}: its tool takes {wanted}, and an agent is given one text, its query")
    return chosen
