"""What every command that needs the engine begins with: settings, logs, traces, the engine itself."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import anyio

from engine.api import Engine
from engine.cli.failure import error_line
from engine.cli.options import with_models
from engine.config import LoadedSettings, load_settings, resolve_secret
from engine.durable.memory import MemoryLog
from engine.presence import DriverKind
from engine.telemetry import setup_logging, setup_tracing
from engine.tools.mcp.servers import ServerState
from schemas.errors import ConfigError
from schemas.settings import Telemetry
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


def say_notice(found: LoadedSettings, *, unless: bool = False) -> None:
    """Write on stderr what was chosen without being asked for."""
    if found.notice and not unless:
        print(error_line(found.notice).replace("error", "note", 1), file=sys.stderr)
    for note in () if unless else found.notes:
        print(error_line(note).replace("error", "note", 1), file=sys.stderr)


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


@contextmanager
def traced(found: LoadedSettings) -> Generator[None]:
    """Write logs and traces as the settings say."""
    setup_logging(found.settings.telemetry)
    stop_tracing = setup_tracing(_with_headers(found.settings.telemetry))
    try:
        yield
    finally:
        stop_tracing()


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


def _with_headers(telemetry: Telemetry) -> Telemetry:
    if not telemetry.otlp_endpoint:
        return telemetry
    headers = {key: resolve_secret(value, os.environ) or "" for key, value in telemetry.headers.items()}
    return telemetry.model_copy(update={"headers": headers})
