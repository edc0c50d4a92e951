"""Starts the runs of schedules when they are due: in any number of processes, each run once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio
import structlog

from engine.assistants import Assistants
from engine.beside import beside
from engine.driving import Driving
from engine.schedules import Firing, Schedule, Schedules
from schemas.errors import ConflictError, EngineError, NotFoundError, ScopeError, StoreError

POLL_S = 5.0
"""After at most so long the store is read again: others may have added, paused or removed a schedule."""

LATE_S = 60.0
"""A time that lies further back was missed: nobody was there."""

_LOG = structlog.get_logger("engine.schedules")


def _nobody(_: str) -> None:
    """Leave a run to whoever looks for runs."""


@dataclass(slots=True)
class Recurring:
    """Fires schedules while it runs.

    A run's id says of which schedule it is and for which time, and an id is taken once: so of any number of processes
    that fire the same schedule one starts the run, and one that dies between starting it and writing that down is no
    reason for a second.

    Attributes:
        engine: Starts the runs.
        schedules: Which there are.
        take: Told of each run that was started here.
    """

    engine: Driving
    schedules: Schedules
    take: Callable[[str], None] = _nobody
    _moved: anyio.Event = field(default_factory=anyio.Event)
    _failed: bool = False

    @asynccontextmanager
    async def going(self) -> AsyncGenerator[None]:
        """Fire schedules while the block lasts."""
        async with beside() as group:
            group.start_soon(self.run)
            yield

    async def run(self) -> None:
        """Fire what is due, sleep until something is, for ever.

        Cancellation: a run that was started stays; nothing else is left behind.
        """
        while True:
            pause_s = POLL_S
            try:
                pause_s = await self._fire()
                self._failed = False
            except StoreError as exc:
                if not self._failed:
                    _LOG.warning("schedules cannot be read", error=exc.message)
                self._failed = True
            with anyio.move_on_after(pause_s):
                await self._moved.wait()

    def look(self) -> None:
        """Read the schedules at once: one was added or changed."""
        self._moved.set()
        self._moved = anyio.Event()

    async def _fire(self) -> float:
        """Fire what is due and return how many seconds to sleep. Raises StoreError."""
        now = await self.engine.store.now()
        schedules = await self._begun()
        for schedule in schedules:
            due = schedule.settings.last_due(schedule.since(now), now, schedule.began or now)
            if due is not None:
                await self._start(schedule, *due, now)
        schedules = await self.schedules.read()
        nexts = [schedule.next_at(now) for schedule in schedules if schedule.active]
        return min([POLL_S, *(max(0.0, each - now) for each in nexts)])

    async def _begun(self) -> Sequence[Schedule]:
        """Return the schedules that start runs, each with a beginning. Raises StoreError."""
        found = [one for one in await self.schedules.read() if one.active]
        new = [one for one in found if one.began is None]
        for one in new:
            await self.schedules.begin(one)
        return [one for one in await self.schedules.read() if one.active] if new else found

    async def _start(self, schedule: Schedule, due: float, times: int, now: float) -> None:
        """Start the run of a due time, and write down what came of it. Raises StoreError."""
        late = times > 1 or now - due > LATE_S
        firing = Firing(due=due, missed=times - 1)
        log = _LOG.bind(schedule=schedule.settings.name, user=schedule.settings.user)
        if late:
            log.warning("the schedule missed times", missed=times, run=schedule.settings.missed)
        try:
            firing = firing.model_copy(update=await self._outcome(schedule, due, late=late))
        except ConflictError:  # another process started it
            firing = firing.model_copy(update={"run_id": schedule.run_id(due)})
        except StoreError:
            raise
        except EngineError as exc:
            firing = firing.model_copy(update={"reason": f"{exc.message}{f' ({exc.hint})' if exc.hint else ''}"})
        except Exception:
            log.exception("a run could not be started")
            firing = firing.model_copy(update={"reason": "the run could not be started; the log says why"})
        await self.schedules.fired(schedule, firing)
        if firing.reason:
            log.warning("the schedule started no run", reason=firing.reason)
        else:
            log.info("the schedule started a run", run_id=firing.run_id)
            self.take(firing.run_id)

    async def _outcome(self, schedule: Schedule, due: float, *, late: bool) -> dict[str, str]:
        """Start the run unless something speaks against it, and return what came of it. Raises as ``submit``."""
        settings, run_id = schedule.settings, schedule.run_id(due)
        if late and settings.missed == "skip":
            return {"reason": "nobody was there to start it"}
        if settings.overlap == "skip" and (going := await self._going(schedule)):
            return {"reason": f"run {going} still goes on"}
        with suppress(NotFoundError):
            await self.engine.store.summary(run_id)
            return {"run_id": run_id}  # another process started it: no model need choose a mode
        await self._require_key(settings.user)
        assistants = Assistants(self.engine)
        limits = assistants.capped(settings)
        options = assistants.wanted(settings.assistant, settings.mode, settings.approve, limits)
        await self.engine.submit(settings.task, user=settings.user, run_id=run_id, **options)
        return {"run_id": run_id}

    async def _going(self, schedule: Schedule) -> str:
        """Return the run it started last, if that is not over; empty otherwise. Raises StoreError."""
        last = next((one.run_id for one in reversed(schedule.fired) if one.run_id), "")
        if not last:
            return ""
        try:
            return "" if (await self.engine.store.summary(last)).ended else last
        except NotFoundError:
            return ""

    async def _require_key(self, user: str) -> None:
        """Return if a user may still start runs. Raises ScopeError: their key was revoked, or is over."""
        now = await self.engine.store.now()
        keys = [key for key in await self.engine.store.key_store.keys() if user and key.name == user]
        if keys and not any(key.revoked_at is None and (key.expires_at or now) >= now for key in keys):
            raise ScopeError(f"the key {user!r} is revoked or over", hint="engine keys list shows those there are")
