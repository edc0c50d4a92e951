"""``engine runs list``."""

from __future__ import annotations

import difflib
import json as jsonlib
import math
import sys
from typing import Annotated, Any, cast

import anyio
import typer
from rich.text import Text

from engine.cli import options as given
from engine.cli.columns import print_table
from engine.cli.runs.finding import Standing, standings
from engine.cli.storage import Place, existing, place_of
from engine.sinks.words import one_line, usd
from schemas.runs import RunPhase, RunQuery
from schemas.stores import RunStore

STYLES: dict[str, str] = {
    "queued": "blue",
    "running": "cyan",
    "waiting": "bold magenta",
    "interrupted": "bold yellow",
    "completed": "green",
    "failed": "bold red",
    "cancelled": "dim",
}
ROWS = 30
_UNITS = ((604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def statuses(text: str) -> str:
    """Return statuses by commas. Raises typer.BadParameter for one that does not exist, with the nearest."""
    for status in text.split(",") if text else []:
        if status not in STYLES:
            near = difflib.get_close_matches(status, STYLES, 1)
            guess = f"did you mean {near[0]}? " if near else ""
            raise typer.BadParameter(f"there is no status {status!r}; {guess}there are {', '.join(STYLES)}")
    return text


commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command("list")
def list_runs(
    status: Annotated[
        str,
        typer.Option("--status", "-s", parser=statuses, metavar="STATUS,…", help=f"Only these: {', '.join(STYLES)}."),
    ] = "",
    since: Annotated[
        float | None,
        typer.Option("--since", parser=given.point_in_time, metavar="TIME", help="Begun since: 2d, 90m, or a date."),
    ] = None,
    before: Annotated[
        float | None,
        typer.Option("--before", parser=given.point_in_time, metavar="TIME", help="Begun before: 2d, 90m, or a date."),
    ] = None,
    text: Annotated[str, typer.Option("--text", "-t", help="Whose task holds this text, or id begins with it.")] = "",
    assistant: Annotated[str | None, typer.Option("--assistant", help="Asked of this assistant.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Of this user.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=0, help=f"Most runs, {ROWS} in a table; 0 is all of them.")
    ] = None,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
) -> int:
    """List the runs there are, the newest first."""
    place = place_of(store, config)
    wanted = status.split(",") if status else []
    most = limit if limit is not None else (0 if json else ROWS)

    async def main() -> int:
        async with existing(place) as runs:
            query = RunQuery(
                status=_phases(wanted), user=user, assistant=assistant, text=text, since=since, before=before
            )
            found = await _found(runs, query, wanted, most + 1 if most else 0)
            now = await runs.now()
        if json:
            print(jsonlib.dumps([row(each) for each in found[: most or None]], indent=2, ensure_ascii=False))
        elif not found:
            print(_none(place, query, wanted), file=sys.stderr)
        else:
            _print(found[: most or None], now)
            if most and len(found) > most:
                print(f"the newest {most}; --limit 0 lists all", file=sys.stderr)
        return 0

    return anyio.run(main)


def _phases(status: list[str]) -> tuple[RunPhase, ...]:
    """What the store is asked for: it does not know which drivers are dead."""
    asked = (one for each in status for one in (("running", "waiting") if each == "interrupted" else (each,)))
    return tuple(dict.fromkeys(cast("RunPhase", each) for each in asked))


async def _found(store: RunStore, query: RunQuery, status: list[str], most: int) -> list[Standing]:
    told_apart = "running" in query.status or "waiting" in query.status
    limit = None if told_apart or not most else most
    found = await standings(store, await store.find(query.model_copy(update={"limit": limit})))
    if told_apart:
        found = [each for each in found if each.status in status]
    return found[: most or None]


def row(each: Standing) -> dict[str, Any]:
    """Return a run as a program reads it: its summary, its status with ``interrupted`` told, and who drives it."""
    body = each.run.model_dump(mode="json", exclude={"driver"})
    driver = each.driver
    who = None if driver is None else {"id": driver.id, "kind": driver.kind, "host": driver.host, "pid": driver.pid}
    return {**body, "status": each.status, "driver": who}


def _print(found: list[Standing], now: float) -> None:
    users = any(each.run.user for each in found)
    head = ["id", "status", "age", "cost", *(["user"] if users else []), "task"]
    rows = [
        [
            Text(each.run.id, style="bold"),
            Text(each.status, style=STYLES[each.status]),
            age(now - each.run.started_at),
            _cost(each.run.cost_usd),
            *([each.run.user] if users else []),
            Text(one_line(each.run.task) or "(a given plan)"),
        ]
        for each in found
    ]
    print_table(head, rows, right=(2, 3))


def _cost(cost_usd: float | None) -> str:
    return "unknown" if cost_usd is None else usd(cost_usd)


def age(seconds: float) -> str:
    """Return how long ago, in one unit.

    >>> age(59), age(3 * 3600 + 59), age(0.2)
    ('59s', '3h', '0s')
    """
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{math.floor(seconds / size)}{unit}"
    return "0s"


def _none(place: Place, query: RunQuery, status: list[str]) -> str:
    """Say that there is nothing, and why that may be."""
    if query == RunQuery() and not status:
        return f'there are no runs in {place.shown}; engine run "…" makes one'
    again = f"engine runs list{place.flags}"
    return f"no run is like that in {place.shown}; {again} lists all"
