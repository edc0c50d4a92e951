"""Group commit: whatever waits while a commit is under way goes together in the next one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import anyio
import psycopg

from engine.durable.postgres.database import FIRST_PAUSE_S, LONGEST_PAUSE_S, Database
from engine.durable.postgres.faults import fault, passing
from engine.durable.postgres.statements import BEGIN, Append, begin, go_on
from schemas.errors import ConflictError, EngineError, StoreError, described
from schemas.events import LoggedRecord

MOST_EVENTS = 2_000
MOST_CHARS = 4_000_000
_HEADS = "SELECT id, head FROM {s}.runs WHERE id = ANY(%b::text[])"
_LANDED = """
SELECT e.at, e.kind, e.body FROM {s}.events e JOIN {s}.runs r ON r.number = e.run
WHERE r.id = %s AND e.seq > %s AND e.seq <= %s ORDER BY e.seq
"""

Moved = Callable[[str, int, bool], None]
"""Told of (run id, head, whether the run is over) once a commit is done."""


@dataclass(slots=True, eq=False)
class _Waiting:
    append: Append
    done: asyncio.Future[list[LoggedRecord]]
    since: float = field(default_factory=time.monotonic)

    def settle(self, at: float) -> None:
        if not self.done.done():
            append = self.append
            numbered = enumerate(append.events, append.before + 1)
            self.done.set_result([LoggedRecord(append.run_id, seq, at, event) for seq, event in numbered])

    def fail(self, error: EngineError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Writer:
    """Appends, many at once, each compared and appended by itself.

    A commit whose outcome is not known, because the connection broke, is sent again: compare-and-append lets it land
    once. Where it then loses, the log is read: it had landed if its own events stand there.

    Args:
        database: Where to.
        moved: Told of every append that is written.
    """

    def __init__(self, database: Database, moved: Moved) -> None:
        self._database = database
        self._moved = moved
        self._queue: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._pause = FIRST_PAUSE_S
        self._doubtful: dict[str, Append] = {}

    async def append(self, append: Append) -> list[LoggedRecord]:
        """Write one append and return its records.

        Cancellation: waits for the outcome first; it may have been written.

        Raises:
            ConflictError: The run's head is another; nothing was written.
            StoreError: It cannot be written now (``details["retryable"]``). With ``details["unknown"]`` it may have
                been: the same append again, of this store, finds out.
        """
        before = self._doubtful.pop(append.run_id, None)
        if before is not None and before.before == append.before and before.bodies == append.bodies:
            append.doubtful = True
        waiting = _Waiting(append, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write(), name="engine: appends")
        with anyio.CancelScope(shield=True):
            await asyncio.wait([waiting.done])
        return waiting.done.result()

    async def aclose(self) -> None:
        """Wait for what is still to be written."""
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        while self._queue:
            batch = self._take()
            try:
                await self._commit(batch)
                self._pause = FIRST_PAUSE_S
            except Exception as exc:
                await self._after(batch, exc)
            except BaseException as exc:  # the event loop ends
                for waiting in [*batch, *self._queue]:
                    waiting.fail(StoreError(f"the store {self._database.address.shown} was left: {type(exc).__name__}"))
                raise

    def _take(self) -> list[_Waiting]:
        """Take what may go together: one append a run, all of them to new runs or none, up to a size."""
        batch: dict[str, _Waiting] = {}
        events = chars = 0
        new = self._queue[0].append.before == 0
        for waiting in self._queue:
            append = waiting.append
            if append.run_id in batch or (append.before == 0) != new:
                continue
            events += len(append.events)
            chars += sum(map(len, append.bodies))
            if batch and (events > MOST_EVENTS or chars > MOST_CHARS):
                break
            batch[append.run_id] = waiting
        taken = set(map(id, batch.values()))
        self._queue = [waiting for waiting in self._queue if id(waiting) not in taken]
        return list(batch.values())

    async def _commit(self, batch: Sequence[_Waiting]) -> None:
        appends = [waiting.append for waiting in batch]
        text, values = (BEGIN, begin(appends)) if appends[0].before == 0 else go_on(appends)
        async with self._database.hold() as connection:
            try:
                cursor = await connection.execute(self._database.sql(text), values, prepare=True)
            except psycopg.Error:
                for append in appends:
                    append.doubtful = append.doubtful or connection.closed
                raise
            written: dict[str, float] = dict(await cursor.fetchall())
        for waiting in batch:
            if waiting.append.run_id in written:
                self._settle(waiting, written[waiting.append.run_id])
        lost = [waiting for waiting in batch if waiting.append.run_id not in written]
        if lost:
            await self._lose(lost)

    def _settle(self, waiting: _Waiting, at: float) -> None:
        append = waiting.append
        waiting.settle(at)
        self._moved(append.run_id, append.head, append.change.status in ("completed", "failed", "cancelled"))
        for late in [late for late in self._queue if late.append.run_id == append.run_id]:
            if late.append.before < append.head and not late.append.doubtful:  # the run is beyond what it expects
                self._queue.remove(late)
                late.fail(_conflict(late.append, append.head))

    async def _lose(self, lost: Sequence[_Waiting]) -> None:
        """Tell those whose run is at another head, but for the doubtful whose own events stand there."""
        try:
            heads = dict(await self._database.fetch(_HEADS, ([waiting.append.run_id for waiting in lost],)))
            for waiting in lost:
                append = waiting.append
                at = await self._landed(append) if append.doubtful else None
                if at is None:
                    waiting.fail(_conflict(append, heads.get(append.run_id, 0)))
                else:
                    self._settle(waiting, at)
        except StoreError as error:
            for waiting in lost:
                self._give_up(waiting, error)

    async def _landed(self, append: Append) -> float | None:
        """Return when an append of unknown outcome was written; None when it was not."""
        rows = await self._database.fetch(_LANDED, (append.run_id, append.before, append.head))
        if [(kind, body) for _, kind, body in rows] != list(zip(append.kinds, append.bodies, strict=True)):
            return None
        return rows[0][0]

    async def _after(self, batch: Sequence[_Waiting], exc: Exception) -> None:
        """Send a batch that failed again, while it may help; one bad append does not take others with it."""
        if len(batch) > 1 and not _of_the_server(exc):
            for waiting in batch:
                try:
                    await self._commit([waiting])
                except Exception as own:
                    await self._after([waiting], own)
            return
        now, error, hopeful = time.monotonic(), self._error(exc), isinstance(exc, psycopg.Error) and passing(exc)
        again = [waiting for waiting in batch if hopeful and now - waiting.since < self._database.patience_s]
        for waiting in batch:
            if waiting not in again:
                self._give_up(waiting, error)
        if again:
            self._queue[:0] = again
            await anyio.sleep(self._pause)
            self._pause = min(self._pause * 2, LONGEST_PAUSE_S)

    def _error(self, exc: Exception) -> StoreError:
        if isinstance(exc, psycopg.Error):
            return fault(exc, self._database.address)
        return StoreError(f"the store {self._database.address.shown} failed: {described(exc)}")

    def _give_up(self, waiting: _Waiting, error: StoreError) -> None:
        append = waiting.append
        if append.doubtful:
            self._doubtful[append.run_id] = append
            error = StoreError(error.message, hint=error.hint, details={**error.details, "unknown": True})
        waiting.fail(error)


def _conflict(append: Append, head: int) -> ConflictError:
    return ConflictError(f"run {append.run_id} is at event {head}, not {append.before}", details={"head": head})


def _of_the_server(exc: Exception) -> bool:
    """Whether it would have befallen any statement: the server is away, or has no room."""
    return isinstance(exc, psycopg.OperationalError) and (exc.sqlstate or "08").startswith(("08", "53", "57P", "58"))
