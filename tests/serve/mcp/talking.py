"""A client of the engine's MCP server, in the same process."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp import Client, types

from engine.api import Engine
from engine.serve.drives import Drives
from engine.serve.mcp.server import make_server
from engine.serve.mcp.watch import Runs
from engine.testing import FakeTool
from tests.runs import engine_of

ONE_LOOP = ["asyncio"]
"""The server runs on asyncio only."""


def planned(*calls: str, answer: str = "done") -> str:
    """Return a planner's reply: these calls with no arguments, and the answer."""
    return json.dumps({"steps": [*({name: {}} for name in calls), {"answer": answer}]})


def engine(*tools: Any, calls: tuple[str, ...] = ("look",), **settings: Any) -> Engine:
    """Return an engine whose planner always writes the same plan."""
    return engine_of(*(tools or (FakeTool("look", 1),)), script=lambda _: planned(*calls), **settings)


def mail(**spec: Any) -> FakeTool:
    """A tool that a person must agree to."""
    return FakeTool("mail", "sent", effects="effectful", needs_approval=True, **spec)


@asynccontextmanager
async def talking(made: Engine, mode: str = "legacy", **client: Any) -> AsyncGenerator[Client]:
    """Serve an engine to a client of the older protocol (``legacy``), or of the newer one (``auto``)."""
    drives = Drives(made, most=10)
    async with made, drives.going(0.1), Client(make_server(Runs(drives)), mode=mode, **client) as found:
        yield found


def answering(action: Any, content: dict[str, Any] | None = None) -> Callable[..., Any]:
    """A person who fills every form in the same way; ``asked`` holds the forms."""

    async def fill(_: Any, params: Any) -> types.ElicitResult:
        fill.asked.append(params)  # type: ignore[attr-defined]
        return types.ElicitResult(action=action, content=content)

    fill.asked = []  # type: ignore[attr-defined]
    return fill


async def until(happens: Callable[[], Any]) -> None:
    """Wait until something is so."""
    while not happens():
        await anyio.sleep(0.01)
