"""What every command that needs the engine begins with: settings, and the engine itself."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from engine.api import Engine
from engine.cli.notices import say_notice, traced
from engine.cli.options import with_models
from engine.config import LoadedSettings, load_settings
from engine.durable.memory import MemoryLog
from engine.presence import DriverKind
from engine.tools.mcp.servers import ServerState
from schemas.errors import ConfigError
from schemas.stores import RunStore

_PATIENCE_S = 3.0


def loaded(config: str | None, models: Sequence[str] | None = None, *, quiet: bool = False) -> LoadedSettings:
    """Return the settings for these options and say on stderr what was chosen without being asked for.

    Raises:
        ConfigError: The file, or an option, is wrong.
    """
    found = load_settings(config, os.environ)
    settings = with_models(found.settings, models or ())
    say_notice(found, unless=quiet)
    return replace(found, settings=settings)


@asynccontextmanager
async def session(
    found: LoadedSettings, store: RunStore | None = None, *, kind: DriverKind = "cli"
) -> AsyncGenerator[Engine]:
    """Open the engine, with logs and traces as the settings say, and close all of it.

    Args:
        found: The settings.
        store: Where its runs live; in memory for a command that keeps none. Its opener closes it.
        kind: What kind of process this is.

    Raises:
        ConfigError: A tool or model entry is wrong; one that stands in a file is named with file and line.
    """
    with traced(found):
        try:
            engine = Engine(found, store=store or MemoryLog(), kind=kind)
        except ConfigError as exc:
            raise found.located(exc) from None
        async with engine:
            yield engine


async def connected(engine: Engine) -> list[ServerState]:
    """Start the MCP servers and return how each is; when that takes its time, say on stderr what is waited for."""

    async def say() -> None:
        await anyio.sleep(_PATIENCE_S)
        names = ", ".join(state.name for state in engine.servers.states() if not state.up)
        print(f"note: waiting for MCP servers: {names}", file=sys.stderr)

    async with anyio.create_task_group() as group:
        group.start_soon(say)
        await engine.ready()
        group.cancel_scope.cancel()
    return engine.servers.states()


def run_async(main: Callable[[], Awaitable[int]]) -> int:
    """Run a command's coroutine to its exit code."""
    return anyio.run(main)
