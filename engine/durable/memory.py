"""A RunStore that lives as long as the process."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import anyio

from engine.durable.answers import MemoryAnswers
from engine.durable.audit import MemoryAudit, farewell
from engine.durable.keys import MemoryKeys
from engine.durable.notes import MemoryNotes
from engine.durable.summary import applied, change_of, first_summary
from engine.durable.usage import MemoryUsage
from schemas.errors import ConflictError, NotFoundError
from schemas.events import LoggedEvent, LoggedRecord, RunStarted
from schemas.live import LiveEvent
from schemas.runs import Driver, RunQuery, RunSummary


@dataclass(slots=True)
class _Run:
    records: list[LoggedRecord] = field(default_factory=list[LoggedRecord])
    moved: anyio.Event | None = None
    live: list[LiveEvent] = field(default_factory=list[LiveEvent])
    asks: tuple[str, str] | None = None  # the driver that said so, and what is waited for

    def wake(self) -> None:
        if self.moved is not None:
            self.moved.set()
            self.moved = None


class MemoryLog:
    """Keeps runs and artifacts in memory (implements ``schemas.stores.RunStore``).

    Args:
        clock: Gives Unix time in seconds.
    """

    local = True  # never waits, never fails, and nobody outside this process sees it

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._runs: dict[str, _Run] = {}
        self._artifacts: dict[str, bytes] = {}
        self._drivers: dict[str, Driver] = {}
        self.notes = MemoryNotes()
        self.key_store = MemoryKeys()
        self.usage_book = MemoryUsage()
        self.answer_cache = MemoryAnswers(clock)
        self.audit_book = MemoryAudit(clock)

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append events after ``expected_seq`` and return them numbered.

        Raises:
            ConflictError: The run's head is not ``expected_seq``; nothing was written.
        """
        run = self._runs.get(run_id)
        head = len(run.records) if run else 0
        if head != expected_seq:
            raise ConflictError(f"run {run_id} is at event {head}, not {expected_seq}", details={"head": head})
        if run is None:
            run = self._runs[run_id] = _Run()
        at = self._clock()
        written = [LoggedRecord(run_id, head + number, at, event) for number, event in enumerate(events, 1)]
        run.records.extend(written)
        run.wake()
        return written

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        """Return the events with ``seq > after``.

        Raises:
            NotFoundError: No such run.
        """
        return self._run(run_id).records[after:]

    async def wait(self, run_id: str, after: int) -> None:
        """Return once the run's head is beyond ``after``.

        Raises:
            NotFoundError: No such run.
        """
        while len((run := self._run(run_id)).records) <= after:
            await _moved(run)

    async def runs(self) -> list[str]:
        """Return the ids of all runs, oldest first."""
        return list(self._runs)

    async def put_artifact(self, data: bytes) -> str:
        """Keep bytes under their SHA-256 (hex)."""
        digest = hashlib.sha256(data).hexdigest()
        self._artifacts[digest] = data
        return digest

    async def get_artifact(self, sha256: str) -> bytes:
        """Return the bytes kept under a hash.

        Raises:
            NotFoundError: Nothing is kept under it.
        """
        if sha256 not in self._artifacts:
            raise NotFoundError(f"there is no artifact {sha256[:12]}")
        return self._artifacts[sha256]

    # ------------------------------------------------------------------ summaries

    async def find(self, query: RunQuery) -> list[RunSummary]:
        """Return the runs that a query describes, newest first."""
        rows = [row for run in reversed(self._runs.values()) if _meets(row := _summarized(run), query)]
        return rows[query.offset : None if query.limit is None else query.offset + query.limit]

    async def summary(self, run_id: str) -> RunSummary:
        """Return one run's summary. Raises NotFoundError."""
        return _summarized(self._run(run_id))

    async def delete(self, run_id: str, *, by: str = "", through: str = "") -> None:
        """Remove a run. Raises NotFoundError."""
        run = self._run(run_id)
        self.audit_book.keep(farewell(run.records, by, through))
        del self._runs[run_id]
        run.wake()

    async def asks(self, run_id: str, driver_id: str, waits_for: str) -> None:
        """Say that a driven run waits for what a running tool asks, or for nothing any more."""
        self._run(run_id).asks = (driver_id, waits_for) if waits_for else None

    async def now(self) -> float:
        """Return the Unix time."""
        return self._clock()

    # ------------------------------------------------------------------ drivers

    async def enroll(self, driver: Driver) -> None:
        """Write a driver's row."""
        self._drivers[driver.id] = driver.model_copy(update={"beat_at": self._clock()})

    async def beat(self, driver_id: str) -> bool:
        """Renew a heartbeat; False when the row is gone."""
        known = self._drivers.get(driver_id)
        if known is not None:
            self._drivers[driver_id] = known.model_copy(update={"beat_at": self._clock()})
        return known is not None

    async def dismiss(self, driver_id: str) -> None:
        """Remove a driver's row."""
        self._drivers.pop(driver_id, None)

    async def drivers(self) -> list[Driver]:
        """Return all drivers, oldest first."""
        return list(self._drivers.values())

    # ------------------------------------------------------------------ live text

    async def put_live(self, run_id: str, items: Sequence[LiveEvent]) -> None:
        """Hand live text on."""
        run = self._run(run_id)
        run.live.extend(items)
        run.wake()

    async def live(self, run_id: str, after: int = 0) -> tuple[int, list[LiveEvent]]:
        """Return (position, what came after ``after``)."""
        live = self._run(run_id).live
        return len(live), live[after:]

    async def wait_live(self, run_id: str, seq: int, after: int) -> None:
        """Return once there are events beyond ``seq`` or live text beyond ``after``. Raises NotFoundError."""
        while len((run := self._run(run_id)).records) <= seq and len(run.live) <= after:
            await _moved(run)

    def ledger(self, owner: Callable[[], str] = str) -> None:
        """Budgets are the process's own (``gateway.budget.MemoryLedger``): there is nobody to share them with."""

    async def aclose(self) -> None:
        """Nothing is open."""

    def _run(self, run_id: str) -> _Run:
        if run_id not in self._runs:
            raise NotFoundError(f"there is no run {run_id}", hint="engine runs list shows those there are")
        return self._runs[run_id]


async def _moved(run: _Run) -> None:
    if run.moved is None:
        run.moved = anyio.Event()
    await run.moved.wait()


def _summarized(run: _Run) -> RunSummary:
    records, first = run.records, run.records[0]
    started = first.event if isinstance(first.event, RunStarted) else RunStarted(task="", mode="plan")
    row = first_summary(first.run_id, started, first.at)
    row = applied(row, change_of([record.event for record in records]), len(records), records[-1].at)
    if run.asks is None or (row.status, row.driver) != ("running", run.asks[0]):
        return row
    return row.model_copy(update={"status": "waiting", "waits_for": run.asks[1]})


def _meets(row: RunSummary, query: RunQuery) -> bool:
    wanted = (
        not query.status or row.status in query.status,
        query.user in (None, row.user),
        query.driver in (None, row.driver),
        query.assistant in (None, row.assistant),
        query.text.casefold() in row.task.casefold() or row.id.startswith(query.text),
        query.since is None or row.started_at >= query.since,
        query.before is None or row.started_at < query.before,
        query.due is None or _due(row, query.due),
    )
    return all(wanted)


def _due(row: RunSummary, now: float) -> bool:
    return row.status == "waiting" and row.until is not None and row.until <= now
