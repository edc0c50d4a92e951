"""The store that many machines share."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence

import anyio

from engine.durable.encoding import decode_rows
from engine.durable.postgres.address import Address
from engine.durable.postgres.audit import PostgresAudit
from engine.durable.postgres.bell import GONE, Bell
from engine.durable.postgres.bookkeeping import PostgresAnswers, PostgresKeys, PostgresUsage
from engine.durable.postgres.care import Care
from engine.durable.postgres.database import PATIENCE_S, Connection, Database, require_asyncio
from engine.durable.postgres.finding import COLUMNS, finding, summarized
from engine.durable.postgres.ledger import PostgresLedger
from engine.durable.postgres.livetext import LiveTexts
from engine.durable.postgres.notes import PostgresNotes
from engine.durable.postgres.schema import migrate, version
from engine.durable.postgres.statements import Append
from engine.durable.postgres.texts import restored, stored
from engine.durable.postgres.writer import Writer
from schemas.care import Retention
from schemas.errors import ConfigError, ConflictError, NotFoundError
from schemas.events import LoggedEvent, LoggedRecord
from schemas.live import LiveEvent
from schemas.runs import FORGOTTEN_S, Driver, RunQuery, RunSummary

LONGEST_ID = 200
_NOW = "extract(epoch FROM clock_timestamp())::double precision"
_LOAD = """
SELECT e.seq, e.at, e.kind, e.body FROM {s}.runs r LEFT JOIN {s}.events e ON e.run = r.number AND e.seq > %s
WHERE r.id = %s ORDER BY e.seq
"""
_TOUCH = "UPDATE {s}.artifacts SET touched_at = " + _NOW + " WHERE sha256 = %s RETURNING true"
_KEEP = (
    "INSERT INTO {s}.artifacts (sha256, data, touched_at) VALUES (%b, %b, "
    + _NOW
    + ") ON CONFLICT (sha256) DO UPDATE SET touched_at = excluded.touched_at"
)
_DRIVER = "id, kind, host, pid, boot_id, version, format, started_at, timeout_s, draining"
_ENROLL = (
    f"WITH gone AS (DELETE FROM {{s}}.drivers WHERE beat_at < {_NOW} - {FORGOTTEN_S} AND id <> %s)"
    f" INSERT INTO {{s}}.drivers ({_DRIVER}, beat_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, {_NOW})"
    " ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, host = excluded.host, pid = excluded.pid,"
    " boot_id = excluded.boot_id, version = excluded.version, format = excluded.format,"
    " started_at = excluded.started_at, timeout_s = excluded.timeout_s, draining = excluded.draining,"
    " beat_at = excluded.beat_at"
)
_BEAT = f"UPDATE {{s}}.drivers SET beat_at = {_NOW} WHERE id = %s RETURNING true"

_ASKS = """
UPDATE {s}.runs SET status = %s, waits_for = %s WHERE id = %s AND driver = %s AND status IN ('running', 'waiting')
RETURNING true
"""


class PostgresStore(Care):
    """Keeps runs in Postgres (implements ``schemas.stores.RunStore`` and ``StoreCare``). asyncio only.

    An append is one statement that checks the head, and one commit shared with all appends that wait at that moment.
    Four connections at most and one that listens, however many runs are driven or waited for.

    Open it with ``PostgresStore.open``.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._bell = Bell(database)
        self._writer = Writer(database, self._bell.moved)
        self._live = LiveTexts(database, self._bell)
        self._pruning: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, *, patience_s: float = PATIENCE_S, migrated: bool = True) -> PostgresStore:
        """Connect, and bring the tables to this release's schema.

        Args:
            url: ``postgresql://user:password@host:port/database``, with ``?schema=`` for one of several stores.
            patience_s: How long a call tries again while the server is away, before it raises.
            migrated: False leaves the tables as they are, for somebody who only looks.

        Raises:
            ConfigError: The URL cannot be read, or this program does not run on asyncio.
            StoreError: The server cannot be reached, refuses, or its schema is newer than this release.
        """
        require_asyncio()
        store = cls(Database(Address.read(url), patience_s=patience_s))
        try:
            await (migrate if migrated else version)(store.database)
        except BaseException:
            store.database.forget()
            raise
        return store

    # ------------------------------------------------------------------ the log

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append events after ``expected_seq`` and return them numbered.

        Cancellation: waits for the outcome first; it may have been written.

        Raises:
            ConflictError: The run's head is not ``expected_seq``; nothing was written.
            ConfigError: A new run's id cannot be kept.
            StoreError: It cannot be written; ``details["retryable"]`` says whether it may be later.
        """
        if expected_seq == 0 and not _fit(run_id):
            raise ConfigError(
                f"a run's id of {len(run_id)} characters: {run_id[:40]!r}",
                hint=f"at most {LONGEST_ID} characters, all of which can be shown",
            )
        if expected_seq > 0 and not _fit(run_id):
            raise ConflictError(f"there is no run {run_id!r}", details={"head": 0})
        if not events:
            return await self._nothing(run_id, expected_seq)
        return await self._writer.append(Append(run_id, expected_seq, events))

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        """Return the events with ``seq > after``. Raises NotFoundError."""
        rows = await self.database.fetch(_LOAD, (after, _known(run_id)))
        if not rows:
            raise _no_run(run_id)
        return decode_rows(run_id, rows) if rows[0][0] is not None else []

    async def wait(self, run_id: str, after: int) -> None:
        """Return once the run's head is beyond ``after``; outages are waited out. Raises NotFoundError."""
        await self._bell.wait(_known(run_id), after)

    async def runs(self) -> list[str]:
        """Return the ids of all runs, oldest first."""
        return [run_id for (run_id,) in await self.database.fetch("SELECT id FROM {s}.runs ORDER BY number")]

    async def put_artifact(self, data: bytes) -> str:
        """Keep bytes under their SHA-256 (hex); what no event refers to within the hour may be collected."""
        digest = hashlib.sha256(data)
        if not await self.database.fetch(_TOUCH, (digest.digest(),)):
            await self.database.fetch(_KEEP, (digest.digest(), data))
        return digest.hexdigest()

    async def get_artifact(self, sha256: str) -> bytes:
        """Return the bytes kept under a hash. Raises NotFoundError."""
        try:
            digest = bytes.fromhex(sha256)
        except ValueError:
            digest = b""
        rows = await self.database.fetch("SELECT data FROM {s}.artifacts WHERE sha256 = %b", (digest,))
        if not rows:
            raise NotFoundError(f"there is no artifact {sha256[:12]}")
        return rows[0][0]

    # ------------------------------------------------------------------ summaries

    async def find(self, query: RunQuery) -> list[RunSummary]:
        """Return the runs that a query describes, newest first."""
        return [summarized(row) for row in await self.database.fetch(*finding(query))]

    async def summary(self, run_id: str) -> RunSummary:
        """Return one run's summary. Raises NotFoundError."""
        rows = await self.database.fetch(f"{COLUMNS} WHERE r.id = %s", (_known(run_id),))
        if not rows:
            raise _no_run(run_id)
        return summarized(rows[0])

    async def delete(self, run_id: str, *, by: str = "", through: str = "") -> None:
        """Remove a run, its live text, and the artifacts that were its alone. Raises NotFoundError."""
        _known(run_id)

        async def work(connection: Connection) -> bool:
            async with connection.transaction():
                return await self._remove(connection, [run_id], by, through) > 0

        with anyio.CancelScope(shield=True):
            if not await self.database.run(work):
                raise _no_run(run_id)
            self._bell.moved(run_id, GONE)

    async def asks(self, run_id: str, driver_id: str, waits_for: str) -> None:
        """Say that a driven run waits for what a running tool asks, or for nothing any more."""
        status = "waiting" if waits_for else "running"
        await self.database.fetch(_ASKS, (status, waits_for, stored(run_id), stored(driver_id)))

    async def now(self) -> float:
        """Return the Unix time of the server's clock."""
        return (await self.database.fetch(f"SELECT {_NOW}"))[0][0]

    # ------------------------------------------------------------------ drivers

    async def enroll(self, driver: Driver) -> None:
        """Write a driver's row."""
        row = {name: stored(value) if isinstance(value, str) else value for name, value in driver}
        await self.database.fetch(_ENROLL, [row["id"], *(row[name] for name in _DRIVER.split(", "))])

    async def beat(self, driver_id: str) -> bool:
        """Renew a heartbeat; False when the row is gone."""
        return bool(await self.database.fetch(_BEAT, (stored(driver_id),)))

    async def dismiss(self, driver_id: str) -> None:
        """Remove a driver's row."""
        await self.database.fetch("DELETE FROM {s}.drivers WHERE id = %s", (stored(driver_id),))

    async def drivers(self) -> list[Driver]:
        """Return all drivers, oldest first."""
        names = [*_DRIVER.split(", "), "beat_at"]
        rows = await self.database.fetch(f"SELECT {', '.join(names)} FROM {{s}}.drivers ORDER BY number")
        texts = [[restored(value) if isinstance(value, str) else value for value in row] for row in rows]
        return [Driver.model_validate(dict(zip(names, row, strict=True))) for row in texts]

    # ------------------------------------------------------------------ live text

    async def put_live(self, run_id: str, items: Sequence[LiveEvent]) -> None:
        """Hand live text on with the next tick; dropped while the server is away. Raises NotFoundError."""
        if items:
            await self._live.put(_known(run_id), items)

    async def live(self, run_id: str, after: int = 0) -> tuple[int, list[LiveEvent]]:
        """Return (position, what came after ``after``). Raises NotFoundError."""
        return await self._live.get(_known(run_id), after)

    async def wait_live(self, run_id: str, seq: int, after: int) -> None:
        """Return once there are events beyond ``seq`` or live text beyond ``after``. Raises NotFoundError."""
        await self._bell.wait(_known(run_id), seq, after)

    # ------------------------------------------------------------------ budgets, and what was learned

    def ledger(self, owner: Callable[[], str] = str) -> PostgresLedger:
        """Return the budgets in the database, for all who share it."""
        return PostgresLedger(self.database, owner)

    @property
    def notes(self) -> PostgresNotes:
        """What was learned from runs, in the database."""
        return PostgresNotes(self.database)

    @property
    def key_store(self) -> PostgresKeys:
        """The API keys in the database."""
        return PostgresKeys(self.database)

    @property
    def usage_book(self) -> PostgresUsage:
        """What model calls used, in the database."""
        return PostgresUsage(self.database)

    @property
    def answer_cache(self) -> PostgresAnswers:
        """Answers kept in the database."""
        return PostgresAnswers(self.database)

    @property
    def audit_book(self) -> PostgresAudit:
        """The audit trail in the database."""
        return PostgresAudit(self.database)

    def prune_behind(self, keep: Retention) -> None:
        """Prune in the background, if no process did in the last day; closing the store breaks it off."""
        self._pruning = asyncio.create_task(self.prune_daily(keep), name="engine: retention")

    async def aclose(self) -> None:
        """Write what is still to be written and close every connection."""
        if self._pruning is not None:
            self._pruning.cancel()
            await asyncio.wait([self._pruning])
        with anyio.CancelScope(shield=True):
            await self._live.aclose()
            await self._writer.aclose()
            await self._bell.aclose()
            self.database.forget()

    async def _nothing(self, run_id: str, expected: int) -> list[LoggedRecord]:
        rows = await self.database.fetch("SELECT head FROM {s}.runs WHERE id = %s", (run_id,))
        head = rows[0][0] if rows else 0
        if head != expected:
            raise ConflictError(f"run {run_id} is at event {head}, not {expected}", details={"head": head})
        return []


async def open_postgres(url: str, *, migrate: bool = True) -> PostgresStore:
    """Open a shared store by its URL. Raises as ``PostgresStore.open``."""
    return await PostgresStore.open(url, migrated=migrate)


def _fit(run_id: str) -> bool:
    return 0 < len(run_id) <= LONGEST_ID and run_id.isprintable()


def _known(run_id: str) -> str:
    """An id that no run can have is not found, rather than refused by the server."""
    if not _fit(run_id):
        raise _no_run(run_id)
    return run_id


def _no_run(run_id: str) -> NotFoundError:
    return NotFoundError(f"there is no run {run_id}", hint="engine runs list shows those there are")
