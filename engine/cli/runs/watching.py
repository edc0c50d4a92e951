"""``engine runs watch``: a run that somebody else drives, as it happens."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import Annotated

import anyio
import typer

from engine.cli import options as given
from engine.cli.drive import exit_code_of_end, make_sink, parked_line
from engine.cli.runs.finding import find_run, standing
from engine.cli.session import run_async
from engine.cli.signals import CANCELLED, heed_signals
from engine.cli.storage import Place, existing, place_of
from engine.following import Following
from engine.sinks import Sink
from engine.sinks.story import story_of
from engine.streams import Cursor
from schemas.driving import RunParked
from schemas.errors import ConflictError, RunParkedError
from schemas.events import LoggedRecord
from schemas.stores import RunStore

LOOKS_S = 2.0

commands = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


@commands.command()
def watch(
    run: given.RunArgument = "last",
    after: Annotated[
        int, typer.Option("--after", min=0, metavar="SEQ", help="With --json: only the events beyond this number.")
    ] = 0,
    store: given.StoreOption = None,
    config: given.ConfigOption = None,
    json: given.JsonOption = False,
    quiet: given.QuietOption = False,
) -> int:
    """Watch a run that another process drives; Ctrl-C leaves it as it is.

    It ends when the run ends or parks.
    """
    if after and not json:
        raise typer.BadParameter("--after belongs to --json")
    place = place_of(store, config)

    async def main() -> int:
        async with existing(place) as runs:
            row = await find_run(runs, run)
            watched = Watched(runs, row.id, place)
            return await watched.show(make_sink(json=json, quiet=quiet, past=row.ended), after)

    return run_async(main)


class Watched:
    """A run in the view of somebody who does not drive it.

    Args:
        store: Where it lives.
        run_id: The run.
        place: For the commands that are shown.
    """

    def __init__(self, store: RunStore, run_id: str, place: Place) -> None:
        self._store = store
        self._place = place
        self._detached = False
        self._lost: ConflictError | None = None
        self._records: list[LoggedRecord] = []
        self.run_id = run_id

    async def show(self, sink: Sink, after: int) -> int:
        """Show it until it ends, parks, or is left; return the exit code.

        Raises:
            ConflictError: Its driver died.
        """
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(heed_signals, self._leave(group.cancel_scope))
                group.start_soon(self._look, group.cancel_scope)
                await self._follow(sink, after)
                group.cancel_scope.cancel()
        finally:
            sink.close()
        if self._lost is not None:
            raise self._lost
        if self._detached:
            again = f"engine runs watch {self.run_id}{self._place.flags}"
            print(f"left; the run goes on ({again})", file=sys.stderr)
            return CANCELLED
        return await self._ended()

    async def _follow(self, sink: Sink, after: int) -> None:
        following = Following(self._store).follow(self.run_id, Cursor(seq=after), parked=False)
        async with aclosing(following) as items:
            async for item in items:
                if isinstance(item, LoggedRecord):
                    sink.on_record(item)
                else:
                    sink.on_live(item)

    async def _ended(self) -> int:
        records = await self._store.load(self.run_id)
        last = records[-1].event
        if last.kind == "run_ended":
            return exit_code_of_end(records)
        story = story_of(records)
        parked = story.progress.parked or RunParked(reason="approval")
        print(parked_line(self.run_id, parked, story.approvals, self._place.flags), file=sys.stderr)
        return RunParkedError.exit_code

    async def _look(self, scope: anyio.CancelScope) -> None:
        """Notice that nobody drives the run any more."""
        told = False
        while True:
            found = await standing(self._store, self.run_id)
            again = f"engine runs resume {self.run_id}{self._place.flags}"
            if found.status == "interrupted":
                who = found.place or "whoever drove it"
                self._lost = ConflictError(f"run {self.run_id} is interrupted: {who} is gone", hint=again)
                scope.cancel()
                return
            if found.status == "queued" and not told and not self._place.shared:
                told = True
                print(f"note: nobody drives run {self.run_id} yet ({again})", file=sys.stderr)
            await anyio.sleep(LOOKS_S)

    def _leave(self, scope: anyio.CancelScope):
        async def leave(_: str) -> None:
            self._detached = True
            scope.cancel()

        return leave
