"""The root command: its commands are listed from a table and loaded when one is called."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from engine.cli import load
from engine.cli.table import COMMANDS, EXIT_CODES


class LazyGroup(TyperGroup):
    """A group that lists its commands from the table and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (the group's signature)
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Return a stand-in that has the name and the help, enough for a list."""
        entry = COMMANDS.get(cmd_name)
        return TyperCommand(name=cmd_name, help=entry.help) if entry else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command itself. Raises a usage error for a name that is not in the table."""
        near = difflib.get_close_matches(args[0], COMMANDS, 1) if args else []
        if near and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}; did you mean {near[0]}?")
        name, stand_in, rest = super().resolve_command(ctx, args)
        if name is None or stand_in is None:
            return name, stand_in, rest
        return name, command(name), rest

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the exit codes after the commands."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXIT_CODES.items()])


_app = typer.Typer(
    cls=LazyGroup,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@_app.callback(invoke_without_command=True)
def _root(  # pyright: ignore[reportUnusedFunction] (typer calls it)
    ctx: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks, for reports of errors.")] = False,
) -> None:
    """From a task to an answer: a planner writes a checked plan, every step runs the moment its inputs are there.

    Try: engine run "what is 12 percent of 3400, and what day is it 90 days from today?"
    """
    if show_version:
        try:
            typer.echo(version("plan-execute-engine"))
        except PackageNotFoundError:
            typer.echo("unknown (not installed)")
    elif ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def command(name: str) -> Any:
    """Import a command and return it."""
    found: Any = get_command(load(COMMANDS[name].module).commands)
    return getattr(found, "commands", {name: found})[name]


def invoke(argv: Sequence[str]) -> int:
    """Run a command line and return the exit code of the command. Raises what the command raises."""
    result: Any = get_command(_app)(args=list(argv), prog_name="engine", standalone_mode=False)
    return result if isinstance(result, int) else 0
