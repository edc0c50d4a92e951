"""``engine runs delete`` and ``prune``: runs that nobody needs any more."""

from __future__ import annotations

import re
import sys
from typing import Annotated, cast

import anyio
import typer

from engine.cli import options as given
from engine.cli.runs.finding import find_run, standings
from engine.cli.storage import existing, place_of
from engine.cli.terminal import me, read_line, somebody_is_here
from engine.sinks.words import count, shortened
from schemas.care import Pruned, Retention
from schemas.errors import ConflictError
from schemas.runs import RunPhase, RunQuery, RunSummary
from schemas.stores import RunStore, StoreCare

ENDED: tuple[RunPhase, ...] = ("completed", "failed", "cancelled")
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[kmg]?)b?", re.IGNORECASE)
_BYTES = {"": 10**6, "k": 10**3, "m": 10**6, "g": 10**9}

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def delete(
    given_runs: Annotated[
        list[str], typer.Argument(metavar="RUN…", help="Ids of runs, the beginnings of some, or last.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Remove runs; what they did stays in the audit trail (engine audit)."""
    place = place_of(store, config)

    async def main() -> int:
        async with existing(place) as runs:
            found = {row.id: row for row in [await find_run(runs, run) for run in given_runs]}
            await _require_idle(runs, list(found.values()))
            if not yes and not await _sure(list(found.values())):
                print("nothing was deleted", file=sys.stderr)
                return 1
            for run_id in found:
                await runs.delete(run_id, by=me(), through="terminal")
        print(f"deleted {count(len(found), 'run')}", file=sys.stderr)
        return 0

    return anyio.run(main)


async def _require_idle(store: RunStore, rows: list[RunSummary]) -> None:
    """Raise ConflictError for a run that is being driven."""
    for each in await standings(store, rows):
        if each.alive and not each.run.ended:
            raise ConflictError(
                f"run {each.run.id} is driven by {each.place}; nothing was deleted",
                hint=f"engine runs cancel {each.run.id} ends it",
            )


async def _sure(rows: list[RunSummary]) -> bool:
    """Ask. Raises typer.BadParameter where nobody can answer."""
    if not somebody_is_here():
        raise typer.BadParameter(f"nobody is here to be asked; --yes deletes {count(len(rows), 'run')}")
    for row in rows:
        print(f"  {row.id}  {row.status}  {shortened(row.task, 60)}", file=sys.stderr)
    line = await read_line(f"delete {'it' if len(rows) == 1 else f'these {len(rows)} runs'} for good? [y]es, [N]o > ")
    return (line or "").strip().lower() in ("y", "yes")


def megabytes(text: str) -> int:
    """Return bytes from ``500`` (megabytes), ``500MB`` or ``2G``. Raises typer.BadParameter for other text.

    >>> megabytes("500"), megabytes("2G")
    (500000000, 2000000000)
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no size: write megabytes, or 500M, 2G")
    return int(float(match["number"]) * _BYTES[match["unit"].lower()])


@commands.command()
def prune(
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", parser=given.duration, metavar="TIME", help="Ended longer ago: 30d, 12h."),
    ] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=0, metavar="N", help="All but the newest N that ended.")
    ] = None,
    max_mb: Annotated[
        int | None,
        typer.Option("--max-mb", parser=megabytes, metavar="MB", help="The oldest, until the store takes no more."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Remove ended runs by age, number or size.

    Runs that go on or wait stay.
    """
    if older_than is None and keep is None and max_mb is None:
        raise typer.BadParameter("say what may go: --older-than 30d, --keep 1000, --max-mb 500")
    place = place_of(store, config)

    async def main() -> int:
        async with existing(place) as runs:
            beyond = await _beyond(runs, keep) if keep is not None else []
            for row in [] if dry_run else beyond:
                await runs.delete(row.id, by=me(), through="terminal")
            care = cast("StoreCare", runs)
            pruned = await care.prune(Retention(older_than_s=older_than, keep_bytes=max_mb), dry_run=dry_run)
        print(_told(pruned, {row.id for row in beyond}), file=sys.stderr)
        return 0

    return anyio.run(main)


async def _beyond(store: RunStore, keep: int) -> list[RunSummary]:
    """Return the ended runs but the newest ``keep``."""
    return await store.find(RunQuery(status=ENDED, offset=keep))


def _told(pruned: Pruned, beyond: set[str]) -> str:
    gone = len(beyond | set(pruned.runs))
    size = f"{pruned.freed_bytes / 10**6:,.1f} MB"
    if pruned.dry_run:
        return f"{count(gone, 'run')} would go, about {size}" if gone else "nothing would go"
    return f"{count(gone, 'run')} removed, {size} given back"
