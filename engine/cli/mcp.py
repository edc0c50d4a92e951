"""``engine mcp``: the engine as an MCP server, for clients that start it."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import options as given
from engine.cli.session import loaded, run_async, session
from engine.cli.storage import opened, place_of
from engine.serve.mcp.stdio import serve_stdio

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def mcp(
    file: given.FileArgument = None,
    drive: given.DriveOption = None,
    most: Annotated[int, typer.Option("--max-runs", min=1, help="Runs driven at once; more are told to wait.")] = 20,
    grace: Annotated[
        float, typer.Option("--grace", parser=given.duration, metavar="TIME", help="For running runs, when it stops.")
    ] = "5s",  # pyright: ignore[reportArgumentType] (the parser reads it)
    store: given.StoreOption = None,
    model: given.ModelOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Serve assistants and runs to an MCP client over stdin and stdout, until it closes them.

    Over HTTP the same is at /mcp of engine serve. docs/assistants.md shows what desktop clients are configured with.
    """
    config = given.one_config(file, config)
    found, place = loaded(config, model, quiet=True), place_of(store, config)
    drives = not place.shared if drive is None else drive

    async def main() -> int:
        async with opened(place) as runs, session(found, runs, kind="serve") as engine:
            await serve_stdio(engine, most=most, drives=drives, grace_s=grace)
        return 0

    return run_async(main)
