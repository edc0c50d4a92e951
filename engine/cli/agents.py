"""``engine agents``: who does steps beside the tools, how each is doing, and changing that while engines run."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, cast, get_args

import typer
from pydantic import ValidationError

from engine.cli import options as given
from engine.cli.columns import print_table
from engine.cli.session import loaded, run_async, session
from engine.cli.storage import existing, opened, place_of
from engine.cli.terminal import me
from engine.tools.agents.member import AgentState
from engine.tools.agents.roster import Roster
from schemas.agents import AgentSettings
from schemas.tool import Effects

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The agent.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CapabilityOption = Annotated[
    str, typer.Option("--capability", metavar="WORD", help="Only those that say they are capable of it.")
]
_DOWN = 1


@asynccontextmanager
async def _roster(store: str | None, config: str | None, *, looks: bool = False) -> AsyncGenerator[Roster]:
    """The agents of a configuration and its store; who only looks makes none."""
    place = place_of(store, config)
    async with (existing if looks else opened)(place) as runs, session(loaded(config, quiet=True), runs) as engine:
        await engine.agents.refresh()
        yield engine.agents


@commands.command("list")
def listed(
    capability: CapabilityOption = "",
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """List agents: where each is, what it is good at, whether it can be asked now."""

    async def main() -> int:
        async with _roster(store, config, looks=True) as agents:
            await agents.ready()
            found = agents.states(capability)
        if json:
            _print_json(found)
        elif found:
            _print(found)
        else:
            print(f"no agent is capable of {capability!r}" if capability else "there are no agents", file=sys.stderr)
        return 0

    return run_async(main)


@commands.command()
def show(
    name: NameArgument,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Show one agent."""

    async def main() -> int:
        async with _roster(store, config, looks=True) as agents:
            found = (await agents.check([name]))[0]
        if json:
            print(jsonlib.dumps(found.model_dump(mode="json"), ensure_ascii=False))
        else:
            for key, value in found.model_dump(mode="json").items():
                if value not in ("", [], None):
                    words = cast("list[str]", value) if isinstance(value, list) else [str(value)]
                    print(f"{key}: {', '.join(words)}")
        return 0

    return run_async(main)


@commands.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="Which; all of them.")] = None,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Ask agents how they are; exit code 1 where one that is enabled cannot be asked now."""

    async def main() -> int:
        async with _roster(store, config, looks=True) as agents:
            found = await agents.check(names or ())
        if json:
            _print_json(found)
        else:
            _print(found)
        return _DOWN if any(one.status in ("down", "paused") for one in found) else 0

    return run_async(main)


@commands.command()
def add(
    name: NameArgument,
    url: Annotated[str | None, typer.Option(help="A server that speaks chat completions.")] = None,
    a2a: Annotated[str | None, typer.Option(help="An A2A agent: its address, or its card's.")] = None,
    mcp: Annotated[str | None, typer.Option(help="An MCP server and, after #, its tool.")] = None,
    python: Annotated[str | None, typer.Option(help="module:function beside the configuration.")] = None,
    description: Annotated[str, typer.Option(help="What it is good at, for the planner.")] = "",
    model: Annotated[str | None, typer.Option("--agent-model", help="The model's name it is asked for.")] = None,
    api_key: Annotated[str | None, typer.Option(help="Its key, as $NAME of the environment.")] = None,
    version: Annotated[str, typer.Option(help="Its version, for people.")] = "",
    capability: Annotated[list[str] | None, typer.Option(help="A word it is found by; again for more.")] = None,
    allow: Annotated[list[str] | None, typer.Option(help="A key or user that may use it; again for more.")] = None,
    effects: Annotated[str | None, typer.Option(help="none, idempotent or effectful.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="In place of one that was added before.")] = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Add an agent; engines that run on the same store know it from their next plan on."""
    if effects is not None and effects not in get_args(Effects):
        raise typer.BadParameter(f"--effects {effects!r}: none, idempotent or effectful")
    told: dict[str, Any] = {"url": url, "a2a": a2a, "mcp": mcp, "python": python, "description": description}
    told |= {"model": model, "api_key": api_key, "version": version, "effects": effects}
    told |= {"capabilities": tuple(capability or ()), "permissions": tuple(allow or ())}
    try:
        settings = AgentSettings.model_validate({"name": name, **told})
    except ValidationError as exc:
        raise typer.BadParameter(str(exc.errors()[0]["msg"]).removeprefix("Value error, ")) from None

    async def main() -> int:
        async with _roster(store, config) as agents:
            await agents.add(settings, replace=replace, by=me(), through="terminal")
            found = (await agents.check([name]))[0]
        print(f"added {name}: {found.status}{f' ({found.reason})' if found.reason else ''}")
        return 0

    return run_async(main)


@commands.command()
def enable(name: NameArgument, store: given.StoreOption = None, config: given.ConfigOption = None) -> int:
    """Let plans use an agent again."""
    return _switch(name, store, config, enabled=True)


@commands.command()
def disable(name: NameArgument, store: given.StoreOption = None, config: given.ConfigOption = None) -> int:
    """Keep an agent out of plans from the next one on; a call that runs goes on."""
    return _switch(name, store, config, enabled=False)


@commands.command()
def remove(name: NameArgument, store: given.StoreOption = None, config: given.ConfigOption = None) -> int:
    """Remove an agent that was added; one of the configuration is disabled instead, or taken out there."""

    async def main() -> int:
        async with _roster(store, config) as agents:
            await agents.remove(name, by=me(), through="terminal")
        print(f"removed {name}")
        return 0

    return run_async(main)


def _switch(name: str, store: str | None, config: str | None, *, enabled: bool) -> int:
    async def main() -> int:
        async with _roster(store, config) as agents:
            await agents.switch(name, enabled=enabled, by=me(), through="terminal")
        print(f"{'enabled' if enabled else 'disabled'} {name}")
        return 0

    return run_async(main)


def _print_json(found: Sequence[AgentState]) -> None:
    print(jsonlib.dumps([one.model_dump(mode="json") for one in found], ensure_ascii=False))


def _print(found: Sequence[AgentState]) -> None:
    rows = [
        (
            one.name,
            one.status,
            one.kind,
            one.version,
            ", ".join(one.capabilities),
            one.reason or one.description.strip().partition("\n")[0],
        )
        for one in found
    ]
    print_table(("agent", "is", "by", "version", "capable of", "what it does"), rows)
