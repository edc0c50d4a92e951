"""``engine audit``: who asked, decided and did what, from the logs of runs."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from engine.audit import audit, changed, row_of
from engine.cli import options as given
from engine.cli.columns import print_table
from engine.cli.session import run_async
from engine.cli.storage import existing, place_of
from engine.sinks.words import one_line, printable
from schemas.audit import AuditEntry, AuditQuery, What
from schemas.stores import RunStore

CHANGED = 1
_SHOWN = 60

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


def kinds(text: str) -> str:
    """Return kinds of entries by commas. Raises typer.BadParameter for one that does not exist."""
    for kind in text.split(",") if text else []:
        if kind not in get_args(What):
            raise typer.BadParameter(f"there is no {kind!r}; there are {', '.join(get_args(What))}")
    return text


@commands.command("audit")
def listed(
    since: Annotated[
        float | None, typer.Option("--since", parser=given.point_in_time, metavar="TIME", help="Since 2d, or a date.")
    ] = None,
    until: Annotated[
        float | None, typer.Option("--until", parser=given.point_in_time, metavar="TIME", help="Before then.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="Only runs of this user or key.")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Only what they did.")] = None,
    tool: Annotated[str | None, typer.Option("--tool", metavar="NAME", help="Only what is about this tool.")] = None,
    run: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only this run.")] = None,
    about: Annotated[
        str | None,
        typer.Option("--about", metavar="NAME", help="Only what was done to this key, budget, agent …"),
    ] = None,
    what: Annotated[
        str, typer.Option("--what", parser=kinds, metavar="KIND,…", help=f"Only these: {', '.join(get_args(What))}.")
    ] = "",
    verify: Annotated[
        Path | None,
        typer.Option("--verify", metavar="FILE", help="An earlier export (--json): say what is not as it was."),
    ] = None,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="A table for spreadsheets.")] = False,
) -> int:
    """Say who was asked, who decided, and what was done: from the runs' own logs.

    Each line of --json carries a digest of the run's log up to it; --verify finds what was changed since an export.
    """
    if json and csv:
        raise typer.BadParameter("--csv and --json: choose one")
    place = place_of(store, config)
    asked = {"since": since, "until": until, "user": user, "by": by, "tool": tool, "run": run, "about": about}
    query = AuditQuery.model_validate({**asked, "what": tuple(what.split(",")) if what else ()})

    async def main() -> int:
        async with existing(place) as kept:
            if verify is not None:
                return await _verify(kept, verify)
            async with aclosing(audit(kept, query)) as found:
                await (_lines(found) if json else _csv(found) if csv else _table(found, place.shown))
        return 0

    return run_async(main)


async def _lines(found: AsyncGenerator[AuditEntry]) -> None:
    async for entry in found:
        print(jsonlib.dumps(entry.model_dump(mode="json"), ensure_ascii=False))


async def _csv(found: AsyncGenerator[AuditEntry]) -> None:
    sys.stdout.write(row_of(list(AuditEntry.model_fields)).decode())
    async for entry in found:
        told = {**entry.model_dump(mode="json"), "at": _iso(entry.at)}
        told["input"] = "" if entry.input is None else jsonlib.dumps(entry.input, ensure_ascii=False)
        sys.stdout.write(row_of(list(told.values())).decode())


async def _table(found: AsyncGenerator[AuditEntry], shown: str) -> None:
    rows = [_row(entry) async for entry in found]
    if rows:
        print_table(["when", "run", "what", "by", "through", "about", "outcome", "why"], rows)
    else:
        print(f"nothing of that is in {shown}", file=sys.stderr)


def _row(entry: AuditEntry) -> tuple[str, ...]:
    about = " ".join(part for part in (entry.approval_id, entry.tool or entry.subject, entry.about) if part)
    outcome = " ".join(part for part in (entry.act, entry.decision or entry.outcome) if part)
    why = printable(one_line(entry.reason or (jsonlib.dumps(entry.input, ensure_ascii=False) if entry.input else "")))
    cut = why if len(why) <= _SHOWN else f"{why[: _SHOWN - 1]}…"
    return (_iso(entry.at), entry.run_id or "-", entry.what, entry.by or "-", entry.through or "-", about, outcome, cut)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


async def _verify(store: RunStore, path: Path) -> int:
    """Say what is not as it was exported; 1 where anything is."""
    count = wrong = 0

    async def exported() -> AsyncGenerator[dict[str, Any]]:
        nonlocal count
        for number, line in enumerate(given.read_text(str(path), "the export").splitlines(), 1):
            if not line.strip():
                continue
            try:
                entry = jsonlib.loads(line)
            except ValueError:
                entry = None
            if not isinstance(entry, dict) or "digest" not in entry:
                raise typer.BadParameter(f"line {number} of {path} is none of engine audit --json")
            count += 1
            yield entry  # pyright: ignore[reportUnknownVariableType]

    async with aclosing(exported()) as lines, aclosing(changed(store, lines)) as found:
        async for line in found:
            wrong += 1
            print(line)
    print(f"{count} entries: {f'{wrong} not as exported' if wrong else 'all as they were exported'}", file=sys.stderr)
    return CHANGED if wrong else 0
