"""``engine tools`` and ``engine models``: what there is to work with."""

from __future__ import annotations

import difflib
import json as jsonlib
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.cells import cell_len

from engine.cli import options as given
from engine.cli.session import connected, loaded, run_async, session
from engine.sinks.words import fit, one_line
from engine.tools.mcp.servers import ServerState
from gateway.directory import ModelInfo
from gateway.gateway import Gateway
from gateway.routing import Route
from schemas.errors import NoRouteError, ToolNotFoundError, ToolUnavailableError
from schemas.settings import Roles
from schemas.tool import ToolSpec

NARROWEST_COLUMN = 20

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def tools(
    name: Annotated[str | None, typer.Argument(help="Show this tool, with its arguments.")] = None,
    config: given.ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail when an MCP server is not available.")] = False,
) -> int:
    """List the declared tools and the MCP servers they are from, or show one tool."""
    found = loaded(config, quiet=True)

    async def main() -> int:
        async with session(found) as engine:
            servers = await connected(engine)
            specs = dict(sorted(engine.tools.specs().items()))
        if name is not None:
            print(_json(_one(specs, name)) if json else _shown(_one(specs, name)))
        elif json:
            print(_json([spec.model_dump(mode="json") for spec in specs.values()]))
        else:
            rows = [(spec.name, _effects(spec), spec.description.strip().partition("\n")[0]) for spec in specs.values()]
            print(_table(("tool", "effects", "what it does"), rows) if rows else "no tools are declared")
        return _report(servers, table=name is None and not json, check=check)

    return run_async(main)


@commands.command()
def models(
    model: given.ModelOption = None,
    config: given.ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """List the models, and which model plays which role."""
    found = loaded(config, model)

    async def main() -> int:
        async with session(found) as engine:
            offered = engine.gateway.models()
            roles = {role: _routes(engine.gateway, role) for role in Roles.model_fields}
        if json:
            listed = [info.model_dump(mode="json") for info in offered]
            chosen = {role: [route.model.ref for route in routes] for role, routes in roles.items()}
            print(_json({"models": listed, "roles": chosen}))
            return 0
        print(_table(("model", "input, output USD per million tokens"), [(i.ref, _price(i)) for i in offered]))
        print()
        print(_table(("role", "model"), [(role, _order(routes)) for role, routes in roles.items()]))
        return 0

    return run_async(main)


def _report(servers: Sequence[ServerState], *, table: bool, check: bool) -> int:
    """Say how the MCP servers are, beside the table or on stderr, and return the exit code."""
    down = [state for state in servers if not state.up]
    if table and servers:
        rows = [(state.name, "up" if state.up else "down", state.reason or _counted(state)) for state in servers]
        print("\n" + _table(("server", "state", ""), rows))
    else:
        for state in down:
            print(f"note: the MCP server '{state.name}' is not available: {one_line(state.reason)}", file=sys.stderr)
    return ToolUnavailableError.exit_code if check and down else 0


def _counted(state: ServerState) -> str:
    return f"{len(state.tools)} tool{'' if len(state.tools) == 1 else 's'}"


def _routes(gateway: Gateway, role: str) -> list[Route]:
    """Return the models of a role, none where none is configured for it."""
    try:
        return gateway.resolve(role)
    except NoRouteError:
        return []


def _order(routes: Sequence[Route]) -> str:
    return ", else ".join(dict.fromkeys(route.model.ref for route in routes)) or "none"


def _price(info: ModelInfo) -> str:
    if info.local:
        return "free, on this machine"
    if info.input_usd_per_mtok is None or info.output_usd_per_mtok is None:
        return "unknown"
    return f"{info.input_usd_per_mtok:g}, {info.output_usd_per_mtok:g}"


def _one(specs: dict[str, ToolSpec], name: str) -> ToolSpec:
    if name in specs:
        return specs[name]
    near = difflib.get_close_matches(name, specs, 1)
    guess = f"did you mean {near[0]}?" if near else "`engine tools` lists them"
    raise ToolNotFoundError(f"there is no tool {name!r}", hint=guess)


def _shown(spec: ToolSpec) -> str:
    lines = [spec.name, "", spec.description.strip(), "", f"effects: {_effects(spec)}"]
    for word, resources in (("reads", spec.reads), ("writes", spec.writes)):
        if resources:
            lines.append(f"{word}: {', '.join(resources)}")
    if spec.timeout_s is not None:
        lines.append(f"time limit: {spec.timeout_s:g} s")
    lines += ["", "arguments:", _json(spec.input_schema)]
    if spec.output_schema is not None:
        lines += ["", "result:", _json(spec.output_schema)]
    return "\n".join(lines)


def _effects(spec: ToolSpec) -> str:
    words = [{"none": "reads", "idempotent": "writes, repeatable", "effectful": "writes"}[spec.effects]]
    words += ["asks"] if spec.asks else []
    words += ["hidden"] if spec.hidden else []
    words += ["disabled"] if not spec.enabled else []
    return ", ".join(words)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows under their heads; on a terminal the last column is cut to what is left of its width."""
    lines = [head, *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(head))]
    if sys.stdout.isatty():
        left = shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
        widths[-1] = min(widths[-1], max(left, NARROWEST_COLUMN))
    return "\n".join(
        "  ".join(fit(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _json(body: Any) -> str:
    if isinstance(body, ToolSpec):
        body = body.model_dump(mode="json")
    return jsonlib.dumps(body, indent=2, ensure_ascii=False)
