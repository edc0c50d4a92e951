"""``engine serve``: assistants and models for any client, runs over HTTP, a page; one server for all of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import anyio
import typer

from engine.api import Engine
from engine.assistants import Assistants
from engine.cli import options as given
from engine.cli.notices import traced
from engine.cli.outfit import Outfit, file_of, run_server, settle_memory, stamp_of
from engine.cli.session import loaded
from engine.cli.storage import Place, opened, place_of
from engine.config import LoadedSettings, resolve_secret
from engine.serve.house import Renewal
from engine.serve.server import EngineServer, Serving
from gateway.server.metrics import Metrics
from gateway.server.server import check_listeners
from schemas.errors import ConfigError
from schemas.gateway import Listener
from schemas.stores import RunStore

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
LOCAL = "127.0.0.1"
PORT = 8765
TOKEN = "ENGINE_SERVE_TOKEN"
OWN = "serve"
"""The name of the listener that is there without being configured."""
_FIXED = ("store_url", "telemetry", "durability", "retention")
"""Settings that a reload leaves as they were."""


@commands.command()
def serve(
    file: given.FileArgument = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; one that others reach needs a token or API keys.")
    ] = LOCAL,
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="0 takes a free one.")] = PORT,
    token: Annotated[
        str | None,
        typer.Option(
            "--token", metavar="TOKEN", help=f"Who sends it may do everything; $NAME reads a variable; else {TOKEN}."
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", help="A further name clients use (a proxy's).")
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option("--allow-origin", metavar="SITE", help="Web pages that may use it (https://chat.example)."),
    ] = None,
    drive: given.DriveOption = None,
    most: Annotated[int, typer.Option("--max-runs", min=1, help="Runs driven at once; more are told to wait.")] = 100,
    grace: Annotated[
        float, typer.Option("--grace", parser=given.duration, metavar="TIME", help="For running runs, when it stops.")
    ] = "5s",  # pyright: ignore[reportArgumentType] (the parser reads it)
    store: given.StoreOption = None,
    model: given.ModelOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Serve assistants, models, runs and a page over HTTP.

    A changed file or SIGHUP reloads. Ctrl-C or SIGTERM hands its runs over. docs/http.md shows what clients send.
    """
    config = given.one_config(file, config)
    secret = _secret(token)
    found, place = loaded(config, model), place_of(store, config)
    own = Listener(
        name=OWN, host=host, port=port, allow_hosts=tuple(allow_host or ()), allow_origins=tuple(allow_origin or ())
    )
    serving = Serving(
        listeners=_listeners(own, found),
        drives=not place.shared if drive is None else drive,
        most=most,
        token=secret,
        grace_s=grace,
        source=found.source,
    )

    async def main() -> int:
        async with opened(place) as runs:
            with traced(found):
                await _serve(found, runs, serving, Source(config, model, own), _say_up(place, drives=serving.drives))
        return 0

    return run_server(main)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the configuration comes from, and what the command line adds to it.

    Attributes:
        config, model: As given.
        own: The port that is there without being configured.
    """

    config: str | None
    model: Sequence[str] | None
    own: Listener

    def renewal(self, began: LoadedSettings, outfit: Outfit) -> Renewal:
        """Return how the server gets the configuration anew; ``began``: what it started with."""

        async def load() -> LoadedSettings:
            found = await anyio.to_thread.run_sync(partial(loaded, self.config, self.model, quiet=True))
            fixed = [name for name in _FIXED if getattr(found.settings, name) != getattr(began.settings, name)]
            if fixed:
                print(f"note: {', '.join(fixed)}: changes take effect when the server starts anew", file=sys.stderr)
            return found

        stamp = partial(stamp_of, file_of(self.config))
        return Renewal(load, partial(_listeners, self.own), outfit.gateway, stamp, outfit.in_force)


async def _serve(
    found: LoadedSettings,
    runs: RunStore,
    serving: Serving,
    source: Source,
    say: Callable[[Sequence[tuple[Listener, str]]], None],
) -> None:
    metrics = Metrics()
    outfit = Outfit(found, runs, lambda: engine.presence.driver.id)
    try:
        gateway = await outfit.gateway(found.settings, metrics)
        engine = Engine(found, store=runs, kind="serve", gateway=gateway, ledger=outfit.ledger)
    except ConfigError as exc:
        raise found.located(exc) from None
    async with outfit.going(metrics), aclosing(engine):
        settle_memory(full=2)
        named = Assistants(engine)
        for text in (text for name in named for text in named.lacks(name)):
            print(f"note: {text}", file=sys.stderr)
        renewal = source.renewal(found, outfit)
        await EngineServer(engine, serving, metrics=metrics, on_up=say, renewal=renewal).run_until_stopped()


def _listeners(own: Listener, found: LoadedSettings) -> tuple[Listener, ...]:
    """Return the ports: those configured, and the server's own unless one of them is just that. Raises ConfigError."""
    configured = found.settings.listeners
    taken = any((each.host, each.port) == (own.host, own.port) and each.port for each in configured)
    listeners = configured if taken else (own, *configured)
    check_listeners(listeners)
    return listeners


def _say_up(place: Place, *, drives: bool) -> Callable[[Sequence[tuple[Listener, str]]], None]:
    who = "drives its runs" if drives else "workers drive its runs"

    def say(ports: Sequence[tuple[Listener, str]]) -> None:
        for listener, url in ports:
            name = "" if listener.name == OWN else f" {listener.name}"
            print(f"engine serve{name}: {url} ({who}; store {place.shown})", file=sys.stderr, flush=True)

    return say


def _secret(token: str | None) -> str:
    """Return the token to ask for: an empty one must not leave the port open. Raises ConfigError."""
    secret = resolve_secret(token, os.environ) if token is not None else os.environ.get(TOKEN)
    if token is not None and not secret:
        raise ConfigError("--token is empty", hint=f"leave it out, or set {TOKEN}")
    return secret or ""
