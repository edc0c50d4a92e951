"""Keeps one MCP server there: started or reached, watched, and again when it is gone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import structlog

from engine.dag.validate import faults
from engine.tools.mcp import connect
from engine.tools.mcp.base import Connection, ListedTool
from engine.tools.mcp.entry import ServerEntry
from engine.tools.mcp.listing import Offered, offered
from schemas.errors import StepOutputError, ToolNotFoundError, ToolUnavailableError
from schemas.protocols import ToolContext

IDEMPOTENCY_META = "plan-execute-engine/idempotency-key"
"""Where a call's key stands in ``_meta``, for servers that tell a repeated call from a new one.

Source: MCP 2025-11-25, "General fields, _meta": a prefix of labels and a slash keeps names of different makers apart.
"""

_STEADY_S = 10.0
_LONGEST_PAUSE_S = 60.0
_SETTLE_S = 0.05


class Server:
    """One server of the configuration, in one event loop.

    Args:
        entry: What the configuration says of it.
        environ: Where its variables are looked up.
        publish: Called whenever its tools or its state have changed.

    Attributes:
        tools: What it offers, or offered when it was last there.
        reason: Why it is not there; empty while it is.
    """

    def __init__(self, entry: ServerEntry, environ: Mapping[str, str], publish: Callable[[Server], None]) -> None:
        self.entry = entry
        self.tools: list[Offered] = []
        self.reason = "it is not started"
        self._environ = environ
        self._publish = publish
        self._log = structlog.get_logger("engine.mcp").bind(server=entry.name)
        self._connection: Connection | None = None
        self._starting = False
        self._settled = anyio.Event()
        self._poked = anyio.Event()
        self._changed = anyio.Event()
        self._not_before = -math.inf
        self._told: set[str] = set()

    @property
    def up(self) -> bool:
        """Whether it can be called now."""
        return self._connection is not None and not self._connection.closed.is_set()

    async def keep(self) -> None:
        """Keep it running until cancelled: started again at once when it is gone, ever less often while it fails.

        Cancellation: the server is ended.
        """
        failures = 0
        try:
            while True:
                began = anyio.current_time()
                self._poked = anyio.Event()
                reason = await self._serve()
                now = anyio.current_time()
                was_up, self._connection = self._connection is not None, None
                failures = 1 if was_up and now - began > _STEADY_S else failures + 1
                self._not_before = now if was_up else now + (now - began)
                self._down(reason, settled=not was_up)
                pause = 0.0 if was_up and failures == 1 else min(2.0 ** (failures - 1), _LONGEST_PAUSE_S)
                with anyio.move_on_after(pause):
                    await self._poked.wait()
                if self._settled.is_set():
                    self._settled = anyio.Event()
        finally:
            self._connection = None
            self._settled.set()

    async def ready(self) -> None:
        """Return once it is there, or a start has failed. A start that took long to fail is not soon made again."""
        if self.up or (self._settled.is_set() and anyio.current_time() < self._not_before):
            return
        if self._settled.is_set():
            self._settled = anyio.Event()
        if not self._starting:
            self._poked.set()
        await self._settled.wait()

    async def call(self, tool: str, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        """Call a tool by the name it has here, starting the server again where it is gone.

        Cancellation: the server is told.

        Raises:
            ToolError: As the server says; ToolUnavailableError when it is not there.
            StepOutputError: The result contradicts the schema that the server gave for it.
        """
        try:
            return await self._call(tool, arguments, context)
        except ToolUnavailableError as exc:
            if self.up or self._connection is None or exc.details.get("ambiguous", True):
                raise
        return await self._call(tool, arguments, context)  # it was certainly not called: the session was over

    async def _call(self, tool: str, arguments: Mapping[str, Any], context: ToolContext) -> Any:
        if not self.up:
            await self.ready()
        connection, name = self._connection, self.entry.name
        if connection is None:
            raise ToolUnavailableError(
                f"{tool}: the MCP server '{name}' is not available: {self.reason}",
                details={"server": name, "ambiguous": False},  # certainly not called
            )
        known = next((one for one in self.tools if one.spec.name == tool), None)
        if known is None:
            raise ToolNotFoundError(f"the MCP server '{name}' no longer lists the tool {tool}")
        key = context.call.idempotency_key
        meta = {IDEMPOTENCY_META: key} if key and not known.spec.read_only else {}
        value = await connection.call(known.tool, arguments, meta, context, called=tool)
        if known.spec.output_schema is not None:
            for path, message in faults(known.spec.output_schema, value):
                raise StepOutputError(
                    f"{tool}: the result contradicts the schema the MCP server '{name}' gave: {path}: {message}"
                )
        return value

    async def _serve(self) -> str:
        """Start it and stay with it; return why it is gone."""
        self._starting = True
        try:
            target, sampling = self.entry.target(self._environ), self.entry.mcp.sampling
            async with connect(target, lambda: self._changed.set(), sampling=sampling) as connection:
                listed = await connection.tools()
                self._up(connection, listed)
                await self._watch(connection)
                return connection.reason
        except ToolUnavailableError as exc:
            return exc.message
        finally:
            self._starting = False

    async def _watch(self, connection: Connection) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._follow, connection)
            await connection.closed.wait()
            self.reason = connection.reason
            self._publish(self)  # at once: the call that failed with it may lead to a new plan
            group.cancel_scope.cancel()

    async def _follow(self, connection: Connection) -> None:
        """Read the list anew whenever the server says that it has changed; many changes at once are one."""
        while True:
            await self._changed.wait()
            await anyio.sleep(_SETTLE_S)
            self._changed = anyio.Event()
            try:
                self._list(await connection.tools())
            except ToolUnavailableError as exc:
                self._log.warning("the list of tools cannot be read anew", reason=exc.message)
            else:
                self._publish(self)

    def _up(self, connection: Connection, listed: list[ListedTool]) -> None:
        self._starting = False
        self._connection = connection
        self.reason = ""
        self._list(listed)
        self._log.info("the MCP server is there", tools=len(self.tools))
        self._publish(self)
        self._settled.set()

    def _down(self, reason: str, *, settled: bool) -> None:
        self.reason = reason or "it is gone"
        self._log.info("the MCP server is not available", reason=self.reason)
        self._publish(self)
        if settled:
            self._settled.set()
        elif self._settled.is_set():
            self._settled = anyio.Event()

    def _list(self, listed: list[ListedTool]) -> None:
        self.tools, left_out = offered(self.entry, listed)
        for line in left_out:
            if line not in self._told:
                self._told.add(line)
                self._log.warning(line)
