"""Drives the runs of a store that this server accepted, and those it finds: broken off, answered, due.

For a store on this machine. On a store that machines share, workers do this (``engine worker``).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress

import anyio
import anyio.abc
import structlog
from anyio.lowlevel import checkpoint

from engine.api import Engine
from engine.presence import dead
from schemas.errors import BusyError, ConflictError, EngineError, NotFoundError, StoreError
from schemas.runs import RunQuery, RunSummary

POLL_S = 1.0
_MOST_SEEN = 1_000
_BEGUN_AT_ONCE = 8
"""To begin a run takes longer than to hear a request; more at once would keep those who come meanwhile waiting."""
_PAUSE_S = 30.0
"""A run that could not be driven is left alone for so long."""


class Drives:
    """The runs that are driven in this process, and the search for more.

    Args:
        engine: Drives them; another may take its place, for runs that are taken from then on.
        most: Runs at once.
        drives: False where others drive: then runs are only accepted.
    """

    def __init__(self, engine: Engine, *, most: int, drives: bool = True) -> None:
        self.engine = engine
        self._most = most
        self.drives = drives
        self._running: dict[str, Engine | None] = {}
        self._coming = 0
        self._paused: dict[str, float] = {}
        self._again: set[str] = set()
        self._nudged = anyio.Event()
        self._turns = anyio.Semaphore(_BEGUN_AT_ONCE)
        self._group: anyio.abc.TaskGroup | None = None
        self.leaving = False

    @property
    def in_flight(self) -> int:
        """How many runs are driven here now."""
        return len(self._running)

    def admit(self) -> None:
        """Let one more run in.

        Raises:
            BusyError: As many as allowed are in flight, or the server leaves.
        """
        if self.leaving:
            raise BusyError("the server is leaving", hint="try again in a moment", details={"retry_after_s": 2})
        if self.drives and self.in_flight + self._coming >= self._most:
            message = f"{self.in_flight + self._coming} runs are in flight, as many as this server takes"
            raise BusyError(message, hint="try again in a moment", details={"retry_after_s": 1})

    @contextmanager
    def room(self) -> Generator[None]:
        """Let one more run in and keep its place within the block, at whose end it is there to be taken.

        Raises:
            BusyError: As ``admit``.
        """
        self.admit()
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Begin a run within the block: whoever came at the same time is heard first, and few are begun at once."""
        async with self._turns:
            await checkpoint()
            yield

    def take(self, run_id: str) -> None:
        """Drive a run now if it may be, else as soon as there is room."""
        self._paused.pop(run_id, None)
        if self._group is None or not self.drives or self.leaving:
            return
        if run_id not in self._running and self.in_flight < self._most:
            self._running[run_id] = None
            self._group.start_soon(self._drive, run_id)
        else:
            if run_id in self._running:
                self._again.add(run_id)  # it may be parking right now, and have been answered meanwhile
            self._nudged.set()

    async def without(self, engine: Engine) -> None:
        """Wait until no run is driven by an engine that ``engine`` has replaced."""
        while any(each is engine for each in self._running.values()):
            await anyio.sleep(POLL_S)

    @asynccontextmanager
    async def going(self, grace_s: float) -> AsyncGenerator[None]:
        """Drive runs while the block lasts; at its end they are let go, resumable, within a grace (seconds)."""
        failure: Exception | None = None
        async with anyio.create_task_group() as searching:
            async with anyio.create_task_group() as self._group:
                if self.drives:
                    searching.start_soon(self._search)
                try:
                    yield
                except Exception as exc:
                    failure = exc  # raised below, as it is: the task groups would wrap it
                finally:
                    self.leaving = True
                    searching.cancel_scope.cancel()
                    with anyio.CancelScope(shield=True):
                        await self._let_go(grace_s)
            self._group = None
        if failure is not None:
            raise failure

    async def _let_go(self, grace_s: float) -> None:
        """Hand runs over once what they are doing has ended; break off what takes longer than the grace.

        Either way the log holds what was done, and whoever comes next goes on from there.
        """
        with suppress(StoreError):
            await self.engine.drain()
        with anyio.move_on_after(grace_s):
            while self._running:
                await anyio.sleep(0.05)
        if self._group is not None:
            self._group.cancel_scope.cancel()

    async def _drive(self, run_id: str) -> None:
        log = structlog.get_logger()
        try:
            self._running[run_id] = engine = self.engine
            row = await engine.drive(run_id)
            log.debug("drove a run", run_id=run_id, status=row.status)
            if not row.ended and not row.parked:  # it was set aside, or somebody else has it
                self._paused[run_id] = anyio.current_time() + _PAUSE_S
        except (ConflictError, NotFoundError) as exc:  # somebody else has it, or it is gone
            log.debug("a run was not driven", run_id=run_id, reason=exc.message)
            self._paused[run_id] = anyio.current_time() + POLL_S
        except EngineError as exc:
            log.warning("a run could not be driven", run_id=run_id, error=exc.message)
            self._paused[run_id] = anyio.current_time() + _PAUSE_S
        except Exception:
            log.exception("driving a run failed", run_id=run_id)
            self._paused[run_id] = anyio.current_time() + _PAUSE_S
        finally:
            self._running.pop(run_id, None)
            if run_id in self._again:
                self._again.discard(run_id)
                self._paused.pop(run_id, None)
            self._nudged.set()

    async def _search(self) -> None:
        """Look for runs that want a driver: at once, then every second, and whenever there is room again."""
        while True:
            self._nudged = anyio.Event()
            room = self._most - self.in_flight
            try:
                for row in await self._wanting(room) if room > 0 else ():
                    self.take(row.id)
            except StoreError as exc:
                structlog.get_logger().info("the store cannot be read", error=exc.message)
            with anyio.move_on_after(POLL_S):
                await self._nudged.wait()

    async def _wanting(self, room: int) -> list[RunSummary]:
        """Return runs that nobody drives and that can go on, those that wait for longest first."""
        store = self.engine.store
        now = await store.now()
        alive = {driver.id for driver in await store.drivers() if not dead(driver, now)}
        found = await store.find(RunQuery(status=("queued",), limit=_MOST_SEEN))
        found += await store.find(RunQuery(due=now, limit=_MOST_SEEN))
        driven = await store.find(RunQuery(status=("running", "waiting"), limit=_MOST_SEEN))
        found += [row for row in driven if not row.parked and row.driver not in alive]
        past = anyio.current_time()
        self._paused = {run_id: until for run_id, until in self._paused.items() if until > past}
        wanted = [row for row in found if row.id not in self._running and row.id not in self._paused]
        return sorted(wanted, key=lambda row: row.updated_at)[:room]
