"""``engine runs replay`` and ``export``: a run's events again, and out of the store."""

from __future__ import annotations

import sys
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer

from engine.cli import options as given
from engine.cli.drive import exit_code_of_end, make_sink
from engine.cli.runs.finding import find_run
from engine.cli.runs.records import recorded
from engine.cli.session import loaded, run_async, session
from engine.cli.storage import existing, place_of
from engine.durable.artifacts import references
from engine.sinks.json_lines import json_line
from engine.sinks.words import count
from schemas.errors import StoreError
from schemas.stores import RunStore

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def replay(
    run: given.RecordedArgument,
    artifacts: Annotated[
        str | None,
        typer.Option("--artifacts", metavar="FOLDER", help="Large results of a file, as exported beside it."),
    ] = None,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Play a run again, event for event, with no model and no tool."""
    place = place_of(store, config)

    async def main() -> int:
        async with recorded(run, place) as found:
            if artifacts is not None:
                await _bring(found.store, Path(artifacts))
            if found.records[-1].event.kind != "run_ended":
                print("note: the record stops before the end of its run", file=sys.stderr)
            sink = make_sink(json=json, quiet=quiet, past=True)
            try:
                async with (
                    session(loaded(config, quiet=True), found.store) as engine,
                    aclosing(engine.replay(found.records)) as replayed,
                ):
                    async for record in replayed:
                        sink.on_record(record)
            finally:
                sink.close()
            return exit_code_of_end(found.records)

    return run_async(main)


@commands.command()
def export(
    run: given.RunArgument,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write there; - is stdout, as without.")
    ] = None,
    artifacts: Annotated[
        str | None,
        typer.Option("--artifacts", metavar="FOLDER", help="Write large results there, named by their hash."),
    ] = None,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
) -> int:
    """Write a run's events, as engine run --json does."""
    place = place_of(store, config)
    file = None if output in (None, "-") else output
    if file is not None:
        given.require_folder(file)

    async def main() -> int:
        async with existing(place) as runs:
            row = await find_run(runs, run)
            records = await runs.load(row.id)
            text = "".join(json_line(record) + "\n" for record in records)
            if file is None:
                sys.stdout.write(text)
            else:
                given.write_text(file, text)
            kept = 0
            if artifacts is not None:
                kept = await _keep(runs, Path(artifacts), references(records))
        if file is not None:
            beside = f", {count(kept, 'large result')} to {artifacts}" if artifacts is not None else ""
            print(f"wrote {count(len(records), 'event')} of run {row.id} to {file}{beside}", file=sys.stderr)
        return 0

    return run_async(main)


async def _keep(store: RunStore, folder: Path, hashes: list[str]) -> int:
    """Write artifacts into a folder. Raises StoreError when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for sha256 in hashes:
            (folder / sha256).write_bytes(await store.get_artifact(sha256))
    except OSError as exc:
        raise StoreError(f"{folder}: cannot be written: {(exc.strerror or str(exc)).lower()}") from None
    return len(hashes)


async def _bring(store: RunStore, folder: Path) -> None:
    """Put what a folder holds where the replay looks for it. Raises StoreError when it cannot be read."""
    try:
        for file in sorted(folder.iterdir()):
            await store.put_artifact(file.read_bytes())
    except OSError as exc:
        raise StoreError(f"{folder}: cannot be read: {(exc.strerror or str(exc)).lower()}") from None
