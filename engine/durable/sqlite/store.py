"""The store in one SQLite file (implements ``schemas.stores.RunStore`` and ``StoreCare``)."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from engine.durable.encoding import encode_live
from engine.durable.sqlite import audit, desk, kept, rows
from engine.durable.sqlite.bookkeeping import SqliteAnswers, SqliteKeys, SqliteUsage
from engine.durable.sqlite.file import PATIENCE_S, StoreFile
from engine.durable.sqlite.keeping import Keeping
from engine.durable.sqlite.ledger import SqliteLedger
from engine.durable.sqlite.notes import SqliteNotes
from engine.durable.sqlite.readers import Readers
from engine.durable.sqlite.waiting import Waiting
from engine.durable.sqlite.writer import Transaction, Writer
from schemas.events import LoggedEvent, LoggedRecord
from schemas.live import LiveEvent
from schemas.runs import Driver, RunQuery, RunSummary

T = TypeVar("T")

_left_behind: list[object] = []
"""What a child process inherited: never used and never closed there, for closing drops the parent's locks.

Source: https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_
"""


class _Threads:
    """What works on the file in this process."""

    def __init__(self, file: StoreFile) -> None:
        self.pid = os.getpid()
        self.waiting = Waiting(file)
        self.readers = Readers(file)
        self.writer = Writer(file, self.waiting.wake)


class SqliteStore(Keeping):
    """Runs in one SQLite file that any number of processes of one machine share.

    Nothing is opened before the first use; every call works in threads of the store, never on the event loop, and from
    any event loop. What ``append`` returned is on the disk.

    Args:
        path: The file; made, with its folder, when it is missing.
        patience_s: How long another process's lock is waited for before a call fails with a StoreError.
        migrate: Whether a file of an older release is brought up to date when it is opened.
    """

    def __init__(self, path: Path | str, *, patience_s: float = PATIENCE_S, migrate: bool = True) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would follow a link that may change)
        self._patience_s = patience_s
        self._migrate = migrate
        self.folder = kept.ArtifactFolder(self.path)
        self._threads: _Threads | None = None

    async def open(self) -> None:
        """Open the file now instead of at the first use.

        Raises:
            StoreError: It cannot be opened, or is no store of this release.
        """
        await self.read(_nothing)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what the work reads, in a thread. Raises StoreError, and what the work raises."""
        return await self._now().readers.read(work)

    async def write(self, work: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """Do the work in a transaction, alone or with others', and return once it is committed.

        Cancellation: either nothing was written, or all of it was by the time this returns.

        Raises:
            StoreError: The file cannot be written. Whatever the work raises: nothing of it was written.
        """
        return await self._now().writer.write(work, durable=durable)

    # ------------------------------------------------------------------ the log

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append events after ``expected_seq`` and return them numbered, once they are on the disk.

        Raises:
            ConflictError: The run's head is not ``expected_seq``; nothing was written.
            StoreError: The file cannot be written.
        """
        batch = rows.batch_of(run_id, expected_seq, events)
        at = await self.write(lambda transaction: rows.append(transaction, batch))
        return [LoggedRecord(run_id, expected_seq + number, at, event) for number, event in enumerate(events, 1)]

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        """Return the events with ``seq > after``. Raises NotFoundError."""
        return await self.read(lambda db: rows.load(db, run_id, after))

    async def wait(self, run_id: str, after: int) -> None:
        """Return once the run's head is beyond ``after``. Raises NotFoundError."""
        while True:
            with self._now().waiting.of(run_id) as moved:
                if await self.read(lambda db: rows.head_of(db, run_id)) > after:
                    return
                await moved.wait()

    async def runs(self) -> list[str]:
        """Return the ids of all runs, oldest first."""
        return await self.read(lambda db: [row[0] for row in db.execute("SELECT id FROM runs ORDER BY n")])

    async def put_artifact(self, data: bytes) -> str:
        """Keep bytes under their SHA-256 (hex). Raises StoreError."""
        sha256 = kept.sha256_of(data)
        if len(data) <= kept.IN_FILE_BYTES:
            await self.write(lambda transaction: kept.keep(transaction, sha256, data, None, self.folder))
            return sha256
        staged = await self.read(lambda _: self.folder.stage(data, sha256))
        try:
            await self.write(lambda transaction: kept.keep(transaction, sha256, data, staged, self.folder))
        finally:
            staged.unlink(missing_ok=True)
        return sha256

    async def get_artifact(self, sha256: str) -> bytes:
        """Return the bytes kept under a hash. Raises NotFoundError."""
        return await self.read(lambda db: kept.fetch(db, sha256, self.folder))

    # ------------------------------------------------------------------ summaries

    async def find(self, query: RunQuery) -> list[RunSummary]:
        """Return the runs that a query describes, newest first."""
        return await self.read(lambda db: rows.find(db, query))

    async def summary(self, run_id: str) -> RunSummary:
        """Return one run's summary. Raises NotFoundError."""
        return await self.read(lambda db: rows.summary(db, run_id))

    async def delete(self, run_id: str, *, by: str = "", through: str = "") -> None:
        """Remove a run and the artifacts that only it refers to. Raises NotFoundError."""

        def work(transaction: Transaction) -> list[str]:
            audit.keep_run(transaction, run_id, by, through)
            return kept.forget(transaction, rows.remove(transaction, run_id))

        gone = await self.write(work)
        if gone:
            await self.write(lambda transaction: kept.sweep(transaction, gone, self.folder))

    async def asks(self, run_id: str, driver_id: str, waits_for: str) -> None:
        """Say that a driven run waits for what a running tool asks, or for nothing any more."""
        await self.write(lambda transaction: desk.asks(transaction, run_id, driver_id, waits_for), durable=False)

    async def now(self) -> float:
        """Return the Unix time of this machine, which all who share the file are on."""
        return time.time()

    # ------------------------------------------------------------------ drivers

    async def enroll(self, driver: Driver) -> None:
        """Write a driver's row."""
        await self.write(lambda transaction: desk.enroll(transaction, driver), durable=False)

    async def beat(self, driver_id: str) -> bool:
        """Renew a heartbeat; False when the row is gone."""
        return await self.write(lambda transaction: desk.beat(transaction, driver_id), durable=False)

    async def dismiss(self, driver_id: str) -> None:
        """Remove a driver's row."""
        await self.write(lambda transaction: desk.dismiss(transaction, driver_id), durable=False)

    async def drivers(self) -> list[Driver]:
        """Return all drivers, oldest first."""
        return await self.read(desk.drivers)

    # ------------------------------------------------------------------ live text

    async def put_live(self, run_id: str, items: Sequence[LiveEvent]) -> None:
        """Hand live text on; it waits for no disk, and is dropped when its run ends. Raises NotFoundError."""
        body = encode_live(list(items))
        await self.write(lambda transaction: desk.put_live(transaction, run_id, body), durable=False)

    async def live(self, run_id: str, after: int = 0) -> tuple[int, list[LiveEvent]]:
        """Return (position, what came after ``after``). Raises NotFoundError."""
        position, bodies = await self.read(lambda db: desk.live(db, run_id, after))
        return position, desk.pieces(bodies)

    async def wait_live(self, run_id: str, seq: int, after: int) -> None:
        """Return once there are events beyond ``seq`` or live text beyond ``after``. Raises NotFoundError."""
        while True:
            with self._now().waiting.of(run_id) as moved:
                head, position = await self.read(lambda db: desk.positions(db, run_id))
                if head > seq or position > after:
                    return
                await moved.wait()

    # ------------------------------------------------------------------ what stands beside the runs

    def ledger(self, owner: Callable[[], str] = str) -> SqliteLedger:
        """Return the budgets in the file, for all who share it."""
        return SqliteLedger(self, owner)

    @property
    def notes(self) -> SqliteNotes:
        """What was learned from runs, in the file."""
        return SqliteNotes(self)

    @property
    def key_store(self) -> SqliteKeys:
        """The API keys in the file."""
        return SqliteKeys(self)

    @property
    def usage_book(self) -> SqliteUsage:
        """What model calls used, in the file."""
        return SqliteUsage(self)

    @property
    def answer_cache(self) -> SqliteAnswers:
        """Answers kept in the file."""
        return SqliteAnswers(self)

    @property
    def audit_book(self) -> audit.SqliteAudit:
        """The audit trail in the file."""
        return audit.SqliteAudit(self)

    async def aclose(self) -> None:
        """Write what is still to be written and close the file; the next use would open it again."""
        threads, self._threads = self._threads, None
        if threads is not None and threads.pid == os.getpid():
            threads.waiting.close()
            await threads.readers.aclose()
            await threads.writer.aclose()

    def _now(self) -> _Threads:
        """Return this process's threads: a child of a fork has none of its parent's."""
        if self._threads is None or self._threads.pid != os.getpid():
            if self._threads is not None:
                _left_behind.append(self._threads)
            file = StoreFile(self.path, patience_s=self._patience_s, migrate=self._migrate)
            self._threads = _Threads(file)
        return self._threads


def _nothing(_: sqlite3.Connection) -> None:
    """Opening the connection is all."""
