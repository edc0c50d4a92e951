"""The root command: its commands are listed from a table and loaded when one is called."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from engine.cli import load
from engine.cli.table import COMMANDS, EXIT_CODES, Entry

_HELP = {"help_option_names": ["-h", "--help"]}


class LazyGroup(TyperGroup):
    """A group that lists its commands from a table and imports the one that is called."""

    entries: Mapping[str, Entry] = COMMANDS

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the help where there is nothing else to do."""
        return super().parse_args(ctx, args or ["--help"])

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (the group's signature)
        """Return the names in the order of the table."""
        return list(self.entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Return a stand-in that has the name and the help, enough for a list."""
        entry = self.entries.get(cmd_name)
        return TyperCommand(name=cmd_name, help=entry.help) if entry else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command itself. Raises a usage error for a name that is not in the table."""
        near = difflib.get_close_matches(args[0], self.entries, 1) if args else []
        if near and args[0] not in self.entries and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}; did you mean {near[0]}?")
        name, stand_in, rest = super().resolve_command(ctx, args)
        if name is None or stand_in is None:
            return name, stand_in, rest
        return name, command(name, self.entries), rest

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the exit codes after the commands."""
        if self.entries is COMMANDS:
            with formatter.section("Exit codes"):
                formatter.write_dl([(str(code), meaning) for code, meaning in EXIT_CODES.items()])


_app = typer.Typer(
    cls=LazyGroup,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_HELP,
)


@_app.callback(invoke_without_command=True)
def _root(  # pyright: ignore[reportUnusedFunction] (typer calls it)
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


def command(name: str, entries: Mapping[str, Entry] = COMMANDS) -> Any:
    """Import a command and return it; of a group nothing is imported."""
    entry = entries[name]
    if entry.inside is not None:
        group = LazyGroup(name=name, help=entry.help, rich_markup_mode=None, context_settings=_HELP)
        group.entries = entry.inside
        return group
    found: Any = get_command(load(entry.module).commands)
    return getattr(found, "commands", {}).get(name, found)


def invoke(argv: Sequence[str]) -> int:
    """Run a command line and return the exit code of the command. Raises what the command raises."""
    result: Any = get_command(_app)(args=list(argv), prog_name="engine", standalone_mode=False)
    return result if isinstance(result, int) else 0
