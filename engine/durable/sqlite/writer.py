"""The one thread that writes: whatever waits when it is free is one transaction, and one fsync."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TypeVar

import anyio

from engine.durable.sqlite.calls import Call, finish
from engine.durable.sqlite.faults import is_busy, store_error
from engine.durable.sqlite.file import StoreFile
from schemas.errors import EngineError, StoreError

T = TypeVar("T")

_MOST_AT_ONCE = 500


class Transaction:
    """What a piece of work writes with.

    Attributes:
        db: The connection, inside a transaction.
        at: Unix time of the transaction.
        moved: Ids of the runs it changed: who waits for them is woken once it is durable.
    """

    __slots__ = ("_move", "at", "db", "moved")

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.at = time.time()
        self.moved: set[str] = set()
        self._move = 0

    def move(self, run_id: str) -> int:
        """Return the transaction's own number, for the row of a run that it changes.

        It is above those of all before it, so that another process finds what changed since it last looked.
        """
        if not self._move:
            (last,) = self.db.execute("SELECT max(moved) FROM runs").fetchone()
            gone = self.db.execute("SELECT value FROM facts WHERE name = 'deleted'").fetchone()
            self._move = max(last or 0, gone[0] if gone else 0) + 1
        self.moved.add(run_id)
        return self._move


class Writer:
    """Group commit.

    Each piece of work is all or nothing by itself. An EngineError it raises concerns it alone; what it wrote before is
    undone. Anything else undoes the whole transaction, and each piece is then tried in one of its own.

    Args:
        file: What to write.
        told: Called in the thread with the ids of the runs that changed, after each commit.
    """

    def __init__(self, file: StoreFile, told: Callable[[Iterable[str]], None]) -> None:
        self._file = file
        self._told = told
        self._waiting: deque[Call[Any]] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closers: list[Call[None]] = []
        self._synchronous = ""
        self._db: sqlite3.Connection | None = None

    async def write(self, work: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """Do work in a transaction and return once it is committed (``durable``: and on the disk).

        Cancellation: work that was not begun is withdrawn; otherwise its end is waited for, a few milliseconds.

        Raises:
            EngineError: As the work raised it; nothing of it was written.
            StoreError: The file cannot be written; ``details["retryable"]`` says whether that may pass.
        """
        call = Call(work, durable=durable)
        with self._changed:
            self._waiting.append(call)
            self._start()
            self._changed.notify()
        try:
            await call.done.wait()
        except BaseException:
            if not self._withdrawn(call):
                with anyio.CancelScope(shield=True):
                    await call.done.wait()
            raise
        return call.outcome()

    async def aclose(self) -> None:
        """Let the thread write what waits and end. Cancellation: it does so all the same."""
        call = Call[None](lambda _: None)
        with self._changed:
            if self._thread is None:
                return
            self._closers.append(call)
            self._changed.notify()
        await call.done.wait()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
            self._thread.start()

    def _withdrawn(self, call: Call[Any]) -> bool:
        with self._changed:
            try:
                self._waiting.remove(call)
            except ValueError:
                return False
            return True

    def _loop(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closers:
                    self._changed.wait()
                if not self._waiting:
                    break
            self._round()
        self._end()

    def _end(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        with self._changed:
            self._thread = None
            closers, self._closers = self._closers, []
            if self._waiting:  # it came while the file was closed
                self._start()
        finish(closers)

    def _round(self) -> None:
        """One transaction; whatever goes wrong reaches those who wait for it."""
        try:
            db = self._connection()
            durable = self._durable()
            self._synchronize(db, durable=durable)
            self._begin(db)
        except (sqlite3.Error, EngineError) as exc:
            self._undo(exc)
            self._fail(self._taken(durable=True), exc)
            return
        calls = self._taken(durable=durable)
        if not self._committed(db, calls) and len(calls) > 1:
            for call in calls:
                self._alone(call)
        finish(calls)

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            self._db, self._synchronous = self._file.connect(), ""
        return self._db

    def _durable(self) -> bool:
        """Whether the next commit waits for the disk: for a heartbeat or live text alone it does not."""
        with self._changed:
            return any(call.durable for call in self._waiting)

    def _synchronize(self, db: sqlite3.Connection, *, durable: bool) -> None:
        wanted = "FULL" if durable else "NORMAL"
        if wanted != self._synchronous:
            self._file.execute(db, f"PRAGMA synchronous = {wanted}")  # it may look at the schema, and meet a lock
            self._synchronous = wanted

    def _begin(self, db: sqlite3.Connection) -> None:
        self._file.require_journal()
        self._file.begin(db)

    def _taken(self, *, durable: bool) -> list[Call[Any]]:
        """Take the work that waits; from here on it can be withdrawn no more."""
        with self._changed:
            found = [call for call in self._waiting if durable or not call.durable][:_MOST_AT_ONCE]
            for call in found:
                self._waiting.remove(call)
            return found

    def _committed(self, db: sqlite3.Connection, calls: list[Call[Any]]) -> bool:
        """Do work in the transaction that was begun and commit it; False when it was undone."""
        transaction = Transaction(db)
        try:
            for call in calls:
                self._perform(transaction, call)
            db.execute("COMMIT")
            self._file.require_journal()
        except BaseException as exc:
            self._undo(exc)
            for call in calls:
                call.result, call.error = None, self._translated(exc)
            return False
        self._told(transaction.moved)
        return True

    def _undo(self, exc: BaseException) -> None:
        """Bring the connection back to where it was; one that met an error of the file is opened anew.

        Where the file or its journal was replaced, what was acknowledged is brought from the journal into the file we
        still hold, so that it is there when the file is put back.
        """
        db = self._db
        if db is None:
            return
        with suppress(sqlite3.Error):
            if db.in_transaction:
                db.execute("ROLLBACK")
            if isinstance(exc, StoreError):
                db.execute("PRAGMA wal_checkpoint").fetchone()
        if isinstance(exc, sqlite3.Error) and not is_busy(exc):
            db.close()
            self._db = None

    def _alone(self, call: Call[Any]) -> None:
        call.error = None
        try:
            db = self._connection()
            self._synchronize(db, durable=True)
            self._begin(db)
        except (sqlite3.Error, EngineError) as exc:
            call.error = self._translated(exc)
        else:
            self._committed(db, [call])

    @staticmethod
    def _perform(transaction: Transaction, call: Call[Any]) -> None:
        written = transaction.db.total_changes
        try:
            call.result = call.work(transaction)
        except EngineError as exc:
            if transaction.db.total_changes != written:
                raise
            call.error = exc

    def _fail(self, calls: list[Call[Any]], exc: BaseException) -> None:
        for call in calls:
            call.error = self._translated(exc)
        finish(calls)

    def _translated(self, exc: BaseException) -> BaseException:
        """One error of its own for everybody who waits: an exception belongs to the task that raises it."""
        if isinstance(exc, sqlite3.Error | OSError):
            exc = store_error(exc, self._file.path)
        if isinstance(exc, StoreError):
            return StoreError(exc.message, hint=exc.hint, details=exc.details)
        return exc
