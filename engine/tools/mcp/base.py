"""What the engine knows of an MCP server without its SDK: how it is reached, what it lists, how it is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import anyio

from schemas.protocols import ToolContext


@dataclass(frozen=True, slots=True)
class Launch:
    """How a server is started.

    Attributes:
        name: The server's name, for messages.
        command: The program and its arguments.
        env: Its whole environment.
        cwd: Its working folder.
        start_timeout_s: Longest time from its start to its list of tools.
        roots: Folders it is told it may work in.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    start_timeout_s: float = 30.0
    roots: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is that runs by itself.

    Attributes:
        name: The server's name, for messages.
        headers: Sent with every request.
        transport: Streamable HTTP, or what was there before it.
        start_timeout_s: Longest time from the first request to its list of tools.
        roots: Folders it is told it may work in.
    """

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    transport: Literal["http", "sse"] = "http"
    start_timeout_s: float = 30.0
    roots: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool as its server lists it.

    Attributes:
        read_only, idempotent: The server's hints; None where it gives none.
    """

    name: str
    description: str = ""
    input_schema: dict[str, Any] = field(default_factory=dict[str, Any])
    output_schema: dict[str, Any] | None = None
    read_only: bool | None = None
    idempotent: bool | None = None


class Connection(Protocol):
    """A running server.

    Attributes:
        closed: Set once the connection is gone for good; ``reason`` then says why.
    """

    closed: anyio.Event

    @property
    def reason(self) -> str:
        """Why the connection is gone, on one line."""
        ...

    async def tools(self) -> list[ListedTool]:
        """Return every tool the server lists, page by page.

        Raises:
            ToolUnavailableError: It does not answer, or with what is no list of tools.
        """
        ...

    async def call(
        self, tool: str, arguments: Mapping[str, Any], meta: Mapping[str, Any], context: ToolContext, *, called: str
    ) -> Any:
        """Call a tool once and return its result as a JSON value.

        Args:
            tool: Its name at the server; ``called`` is what messages call it.
            arguments: As its schema says.
            meta: Beside the arguments, for the server.
            context: Takes its progress, and what it asks in the middle of the call.

        Cancellation: tells the server (``notifications/cancelled``), and waits for nothing.

        Raises:
            ToolError: As the server says, or because it is gone (ToolUnavailableError).
        """
        ...
