"""``engine store``: the place where runs are kept, looked after."""

from __future__ import annotations

import json as jsonlib
import os
import shlex
import sys
from dataclasses import replace
from typing import Annotated, cast

import typer

from engine.cli import options as given
from engine.cli.session import run_async
from engine.cli.storage import Place, is_missing, missing_error, opened, place_of
from engine.config import declared_settings
from engine.durable.opening import open_store
from engine.sinks.words import count, shortened
from schemas.care import Fault, Pruned, StoreFigures
from schemas.errors import StoreError
from schemas.stores import StoreCare

SHOWN_FAULTS = 20
SHOWN_KINDS = 8

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@commands.command()
def migrate(store: given.StoreOption = None, config: given.ConfigOption = None) -> int:
    """Bring the store to this release's tables, after a copy.

    Forward only. An older release then refuses the store.
    """
    place = _kept_place(store, config)

    async def main() -> int:
        opened_as_is = await open_store(place.url, place.folder, migrate=False)
        try:
            done = await cast("StoreCare", opened_as_is).migrate()
        finally:
            await opened_as_is.aclose()
        if done.before == done.after:
            print(f"{place.shown} is up to date (schema {done.after})")
        else:
            print(f"{place.shown}: schema {done.before} is now {done.after}")
        if done.backup:
            print(f"as it was before: {done.backup}")
        return 0

    return run_async(main)


@commands.command()
def check(store: given.StoreOption = None, config: given.ConfigOption = None, json: JsonOption = False) -> int:
    """Look for what is wrong in the store, and change nothing; exit code 10 when something is.

    The file itself, numbers and summaries of runs against their events, events that cannot be read, artifacts.
    """
    place = _kept_place(store, config)

    async def main() -> int:
        async with opened(place) as runs:
            faults = await cast("StoreCare", runs).check()
        if json:
            _print_json([fault.model_dump() for fault in faults])
        else:
            say_faults(faults, place)
        return StoreError.exit_code if any(not fault.harmless for fault in faults) else 0

    return run_async(main)


@commands.command()
def backup(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The copy; a new file.")],
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Write a whole, consistent copy of the store while it is in use."""
    place = _kept_place(store, config)
    given.require_folder(file)

    async def main() -> int:
        async with opened(place) as runs:
            size = await cast("StoreCare", runs).backup(file)
        name = shlex.quote(file)
        back = f"bring it back by: pg_restore --dbname=… {name}"
        what = back if place.shared else f"look into it by: engine runs list --store {name}"
        print(f"wrote {file} ({_size(size)}); {what}")
        return 0

    return run_async(main)


@commands.command()
def stats(store: given.StoreOption = None, config: given.ConfigOption = None, json: JsonOption = False) -> int:
    """Say what is in the store, and what it takes."""
    place = _kept_place(store, config)

    async def main() -> int:
        async with opened(place) as runs:
            figures = await cast("StoreCare", runs).stats()
        if json:
            _print_json(figures.model_dump())
        else:
            print("\n".join(_lines(figures)))
        return 0

    return run_async(main)


@commands.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Remove now what is not to be kept, artifacts of no run, and old answers.

    It happens by itself once a day. Runs that go on or wait stay. engine runs prune removes by other measures.
    """
    place = _kept_place(store, config)
    keep = declared_settings(config, os.environ)[0].retention

    async def main() -> int:
        async with opened(place) as runs:
            pruned = await cast("StoreCare", runs).prune(keep, dry_run=dry_run)
        if json:
            _print_json(pruned.model_dump())
        else:
            print(_told(pruned))
        if keep.everything:
            print(
                "note: none of keep_days, keep_mb, keep_usage_days and keep_audit_days stands under store: in the"
                " configuration",
                file=sys.stderr,
            )
        return 0

    return run_async(main)


def _kept_place(store: str | None, config: str | None) -> Place:
    """Return the store that is meant; it is opened as it is, without the removal that is due once a day.

    What is looked after is there already: a wrong name makes no new file.

    Raises:
        typer.BadParameter: It is in memory: there is nothing to look after.
        StoreError: It is a file that is not there.
    """
    place = place_of(store, config)
    if not place.durable:
        raise typer.BadParameter(f"{place.shown} ends with its process; name a file or a database by --store")
    if is_missing(place):
        raise missing_error(place)
    return replace(place, keep=None)


def _print_json(value: object) -> None:
    print(jsonlib.dumps(value, indent=2, ensure_ascii=False))


def say_faults(faults: list[Fault], place: Place) -> None:
    """Print what is wrong, a fault a line, and what mends it."""
    if not faults:
        print(f"{place.shown}: nothing is wrong")
    for fault in faults[:SHOWN_FAULTS]:
        about = f"run {fault.run_id}: " if fault.run_id else ""
        about += f"artifact {fault.artifact[:12]}: " if fault.artifact else ""
        harmless = " (harmless; engine store prune removes them)" if fault.code == "orphaned_artifact" else ""
        print(f"{about}{fault.message} [{fault.code}]{harmless}")
    if len(faults) > SHOWN_FAULTS:
        print(f"… and {len(faults) - SHOWN_FAULTS} more; --json has all")


def _lines(figures: StoreFigures) -> list[str]:
    """Return the figures for people."""
    by_status = ", ".join(f"{number} {status}" for status, number in sorted(figures.runs.items()))
    lines = [
        f"{figures.where} (schema {figures.schema_version})",
        f"  runs       {sum(figures.runs.values()):,}{f' ({by_status})' if by_status else ''}",
        f"  events     {figures.events:,}, {_size(sum(kind.size_bytes for kind in figures.kinds.values()))}",
        f"  artifacts  {figures.artifacts:,}, {_size(figures.artifact_bytes)}",
        f"  API keys   {figures.keys:,}",
        f"  usage      {count(figures.usage_lines, 'sum')}",
        f"  audit      {figures.audit_entries:,}",
        f"  answers    {figures.answers:,}, {_size(figures.answer_bytes)}",
        f"  on disk    {_size(figures.size_bytes)}, of which {_size(figures.free_bytes)} free",
    ]
    largest = sorted(figures.kinds.items(), key=lambda one: -one[1].size_bytes)
    if largest:
        lines.append("  largest kinds of events:")
    for name, kind in largest[:SHOWN_KINDS]:
        lines.append(f"    {shortened(name, 24):24} {kind.count:>9,}  {_size(kind.size_bytes):>9}")
    return lines


def _told(pruned: Pruned) -> str:
    verb = "would remove" if pruned.dry_run else "removed"
    about = "about " if pruned.dry_run else ""
    others = [(pruned.usage_lines, "sum", " of usage"), (pruned.audit_entries, "line", " of the audit trail")]
    others += [(pruned.answers, "old answer", "")]
    more = "".join(f", {count(number, word)}{of}" for number, word, of in others if number)
    return (
        f"{verb} {count(len(pruned.runs), 'run')} with {count(pruned.events, 'event')}{more},"
        f" and {count(pruned.artifacts, 'artifact')}; {about}{_size(pruned.freed_bytes)} of disk"
    )


def _size(size: int) -> str:
    """Return bytes for people.

    >>> _size(999), _size(1_234_567), _size(20_000_000_000)
    ('999 bytes', '1.2 MB', '20.0 GB')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"
