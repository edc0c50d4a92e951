"""``engine runs resume`` and ``fork``: runs that this process goes on with."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from engine.api import Engine
from engine.cli import options as given
from engine.cli import source
from engine.cli.drive import Seat, drive
from engine.cli.runs.finding import Standing, find_run, standings
from engine.cli.session import connected, loaded, run_async, session
from engine.cli.storage import Place, existing, place_of
from engine.sinks.words import shortened
from schemas.errors import EngineError
from schemas.runs import RunQuery, RunSummary
from schemas.stores import RunStore

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def resume(
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="A run's id, the beginning of one, or last.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every run that was interrupted or is due, oldest first.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also one whose driver seems alive, that was set aside, or whose tools are gone."),
    ] = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Go on with a run whose process died, or that was parked.

    Nothing that is done is done again. Ctrl-C cancels the run, as in engine run.
    """
    if (run is None) != every:
        raise typer.BadParameter("name a run, or --all" if run is None else "a run or --all, not both")
    place = place_of(store, config)

    async def main() -> int:
        async with existing(place) as runs:
            chosen = [await find_run(runs, run)] if run is not None else await resumable(runs)
            if not chosen:
                print("no run is interrupted or due", file=sys.stderr)
                return 0
            async with session(loaded(config, quiet=True), runs) as engine:
                if run is not None:
                    return await go_on(engine, runs, place, chosen[0], force=force, json=json, quiet=quiet)
                return await _each(engine, runs, place, chosen, json=json, quiet=quiet)

    return run_async(main)


async def _each(
    engine: Engine, store: RunStore, place: Place, chosen: list[RunSummary], *, json: bool, quiet: bool
) -> int:
    """Go on with one after another; return the first exit code that is not 0."""
    code = 0
    for number, row in enumerate(chosen, 1):
        if not quiet:
            print(f"{number} of {len(chosen)}: {row.id} {shortened(row.task, 60)}", file=sys.stderr)
        try:
            ended = await go_on(engine, store, place, row, json=json, quiet=quiet)
        except EngineError as exc:
            print(f"error: {exc.message}", file=sys.stderr)
            ended = exc.exit_code
        code = code or ended
    return code


async def resumable(store: RunStore) -> list[RunSummary]:
    """Return the runs that want a driver and have none, oldest first: interrupted, queued, or parked and due."""
    open_runs = await standings(store, await store.find(RunQuery(status=("running", "waiting", "queued"))))
    due = await store.find(RunQuery(due=await store.now()))
    found = [*(each.run for each in open_runs if _wants(each)), *due]
    return sorted(found, key=lambda run: run.started_at)


def _wants(each: Standing) -> bool:
    return each.status in ("interrupted", "queued")


async def go_on(
    engine: Engine,
    store: RunStore,
    place: Place,
    row: RunSummary,
    *,
    force: bool = False,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Claim a run and drive it here, shown as ``engine run`` shows one; return its exit code.

    Raises:
        ConflictError: It is over, or its driver lives.
        ConfigError: Tools that it still needs are not declared here.
    """
    await connected(engine)
    seat = Seat(engine, store, place, json=json, quiet=quiet)
    return await drive(seat, engine.resume(row.id, force=force, park=seat.parks), known=row.head)


@commands.command()
def fork(
    run: given.RunArgument,
    step: Annotated[
        str | None, typer.Option("--from", metavar="STEP", help="Do this step and what follows anew.")
    ] = None,
    tool_input: Annotated[
        str | None, typer.Option("--input", metavar="JSON", help="Call that step's tool with this input.")
    ] = None,
    plan: Annotated[str | None, typer.Option("--plan", metavar="FILE", help="Go on by this plan.")] = None,
    detach: given.DetachOption = False,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Make a new run out of one, from a step on.

    What was done before that step is taken over; the rest is done. Without --from, what is not done is done.
    """
    if tool_input is not None and step is None:
        raise typer.BadParameter("--input is that of a step: --from STEP")
    arguments = None if tool_input is None else given.object_from(tool_input, "--input")
    text = None if plan is None else given.read_text(plan, "the plan file")
    place = place_of(store, config)

    async def main() -> int:
        async with existing(place) as runs:
            row = await find_run(runs, run)
            async with session(loaded(config, quiet=True), runs) as engine:
                await connected(engine)
                edited = None
                if text is not None and plan is not None:
                    edited, warnings = source.read_plan(engine, text, plan, "auto")
                    given.say_warnings(warnings)
                made = await engine.fork(row.id, step, tool_input=arguments, plan=edited)
                if detach:
                    print(made)
                    return 0
                if not quiet:
                    print(f"forked run {row.id} as {made}", file=sys.stderr)
                return await go_on(engine, runs, place, await runs.summary(made), json=json, quiet=quiet)

    return run_async(main)
