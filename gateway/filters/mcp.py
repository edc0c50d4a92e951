"""Filters of kind ``mcp``: a tool of an MCP server, called with ``body`` and ``path`` as Plano calls it.

It gives back the body to go on with, ``{"block": "reason"}``, or ``{"annotate": "reason"}``; a tool that fails says no.
Source: katanemo/plano, crates/brightstaff/src/handlers/agents/pipeline.rs, ``build_tool_call_request_with_body``.
"""

from __future__ import annotations

from typing import Any

from gateway.filters.base import Facts, Looked, ToolCaller, Verdict
from gateway.filters.decision import Block
from gateway.filters.formats import FORMATS
from gateway.filters.verdicts import checked, from_json, one_by_one
from gateway.wire.base import SseEvent
from schemas.errors import ToolFailedError


class McpFilter:
    """Asks a tool (implements ``BodyFilter``).

    Args:
        server: Its command line or address.
        tool: The tool's name there.
        call: Calls it.
        timeout_s: Longest time of one call.
    """

    def __init__(self, server: str, tool: str, call: ToolCaller, timeout_s: float) -> None:
        self._server = server
        self._tool = tool
        self._call = call
        self._timeout_s = timeout_s

    async def body(self, body: dict[str, Any], facts: Facts) -> Verdict:
        """Decide on a body. Raises ToolUnavailableError, UnreadableError."""
        arguments = {"body": body, "path": FORMATS[facts.format].path}
        try:
            result = await self._call(self._server, self._tool, arguments, timeout_s=self._timeout_s)
        except ToolFailedError as exc:
            return Block(exc.message)
        return checked(from_json(result), body)

    async def events(self, events: list[SseEvent], facts: Facts) -> Looked:
        """Decide on events, one by one. Raises as ``body``."""
        return await one_by_one(self.body, events, facts)
