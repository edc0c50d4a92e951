"""``engine serve``: runs over HTTP, accepted, driven, watched and answered."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from engine.cli import options as given
from engine.cli.session import loaded, run_async, session
from engine.cli.storage import opened, place_of
from engine.config import resolve_secret
from engine.serve.app import Serving, make_app
from engine.serve.server import Server, listen
from gateway.server.doors import is_loopback
from gateway.server.ports import address
from schemas.errors import ConfigError

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
LOCAL = "127.0.0.1"
TOKEN = "ENGINE_SERVE_TOKEN"


@commands.command()
def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; one that others reach needs a token.")
    ] = LOCAL,
    port: Annotated[int, typer.Option("--port", "-p", min=0, max=65535, help="0 takes a free one.")] = 8765,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="TOKEN", help=f"Who sends it may ask; $NAME reads a variable; else {TOKEN}."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option("--allow-host", metavar="NAME", help="A further name clients use (a proxy's).")
    ] = None,
    drive: Annotated[
        bool | None,
        typer.Option("--drive/--no-drive", help="Drive the runs here; on a shared store workers do, unless said."),
    ] = None,
    most: Annotated[int, typer.Option("--max-runs", min=1, help="Runs driven at once; more are told to wait.")] = 100,
    grace: Annotated[
        float, typer.Option("--grace", parser=given.duration, metavar="TIME", help="For running runs, when it stops.")
    ] = "5s",  # pyright: ignore[reportArgumentType] (the parser reads it)
    store: given.StoreOption = None,
    model: given.ModelOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Accept, drive and stream runs over HTTP.

    Until Ctrl-C or SIGTERM, which hands its runs over. docs/http.md shows what clients send.
    """
    secret = _secret(token)
    found, place = loaded(config, model), place_of(store, config)
    drives = not place.shared if drive is None else drive
    hosts = [*(allow_host or ()), host] if is_loopback(host) or allow_host else ()
    serving = Serving(drives=drives, most=most, token=secret, hosts=hosts, grace_s=grace)

    async def main() -> int:
        async with opened(place) as runs, session(found, runs, kind="serve") as engine:
            with listen(host, port, secret) as listening:

                def say() -> None:
                    who = "drives its runs" if drives else "workers drive its runs"
                    print(
                        f"engine serve: {address(listening)} ({who}; store {place.shown})", file=sys.stderr, flush=True
                    )

                await Server(make_app(engine, serving), listening, grace_s=grace, on_up=say).run_until_stopped()
        return 0

    return run_async(main)


def _secret(token: str | None) -> str | None:
    """Return the token to ask for: an empty one must not leave the port open. Raises ConfigError."""
    secret = resolve_secret(token, os.environ) if token is not None else os.environ.get(TOKEN)
    if token is not None and not secret:
        raise ConfigError("--token is empty", hint=f"leave it out, or set {TOKEN}")
    return secret or None
