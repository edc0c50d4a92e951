"""The run that a person means, and whether somebody drives it."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.cli.storage import Place
from engine.presence import dead
from engine.sinks.words import count
from schemas.errors import NotFoundError
from schemas.runs import Driver, RunQuery, RunSummary
from schemas.stores import RunStore

LAST = "last"
MOST_NAMED = 6
LATELY = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """A run and who drives it.

    Attributes:
        run: Its row.
        driver: Its driver's row; None where there is none, or where it is gone.
        alive: Whether that driver still drives it, as far as can be told from here.
    """

    run: RunSummary
    driver: Driver | None = None
    alive: bool = False

    @property
    def status(self) -> str:
        """The row's status; ``interrupted`` where nobody drives a run that should be driven."""
        driven = self.run.status in ("running", "waiting") and not self.run.parked
        return "interrupted" if driven and not self.alive else self.run.status

    @property
    def place(self) -> str:
        """Host and process of the driver, for people; empty where there is none."""
        return f"{self.driver.host or 'an unnamed host'}, process {self.driver.pid}" if self.driver else ""


async def standings(store: RunStore, runs: Iterable[RunSummary]) -> list[Standing]:
    """Return how each run stands."""
    drivers = {driver.id: driver for driver in await store.drivers()}
    now = await store.now()
    found: list[Standing] = []
    for run in runs:
        driver = drivers.get(run.driver) if run.driver else None
        found.append(Standing(run, driver, driver is not None and not dead(driver, now)))
    return found


async def standing(store: RunStore, given: str) -> Standing:
    """Return how one run stands. Raises NotFoundError as ``find_run``."""
    return (await standings(store, [await find_run(store, given)]))[0]


async def say_interrupted(store: RunStore, place: Place) -> None:
    """Say on stderr which runs were interrupted since the last run began: once, for the next run is after them."""
    if not place.durable or place.shared:
        return
    newest = await standings(store, await store.find(RunQuery(limit=LATELY)))
    begun = max((each.run.started_at for each in newest if each.status != "interrupted"), default=0.0)
    lost = [each.run.id for each in newest if each.status == "interrupted" and each.run.updated_at >= begun]
    if lost:
        which = lost[0] if len(lost) == 1 else "--all"
        told = f"note: {count(len(lost), 'interrupted run')}: engine runs resume {which}{place.flags}"
        print(told, file=sys.stderr)


async def find_run(store: RunStore, given: str) -> RunSummary:
    """Return the run of an id, of the only one that begins so, or the newest for ``last``.

    Raises:
        NotFoundError: There is none, or there are several; names the nearest.
    """
    if given == LAST:
        newest = await store.find(RunQuery(limit=1))
        if not newest:
            raise NotFoundError("there are no runs yet", hint='engine run "…" makes one')
        return newest[0]
    try:
        return await store.summary(given)
    except NotFoundError:
        return await store.summary(meant(given, await store.runs()))


def meant(given: str, ids: Sequence[str]) -> str:
    """Return the one id that begins as given.

    >>> meant("3f", ["3f2a91bc04d1", "9be10a77c3d2"])
    '3f2a91bc04d1'

    Raises:
        NotFoundError: None does, or several do; names them.
    """
    wanted = given.strip().lower()
    found = [run_id for run_id in ids if wanted and run_id.lower().startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFoundError(f"{len(found)} runs begin with {given!r}: {_named(found)}", hint="write more of the id")
    near = difflib.get_close_matches(wanted, ids, MOST_NAMED // 2, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "engine runs list shows those there are"
    raise NotFoundError(f"there is no run {given!r}", hint=hint)


def _named(ids: Sequence[str]) -> str:
    newest = list(reversed(ids))[:MOST_NAMED]
    return ", ".join(newest) + (", …" if len(ids) > len(newest) else "")
