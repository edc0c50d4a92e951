"""Who waits for which run: woken by this process's writes at once, by other processes' within a poll.

One thread a store asks SQLite for ``PRAGMA data_version`` (one look at shared memory) while somebody waits; only when
it changed does it read which runs moved.

Source: https://www.sqlite.org/pragma.html#pragma_data_version
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager

import anyio
from anyio.lowlevel import EventLoopToken, current_token

from engine.durable.sqlite.calls import notify
from engine.durable.sqlite.file import StoreFile
from schemas.errors import StoreError

POLL_S = 0.02
_RESTS_S = 1.0

Waiter = tuple[EventLoopToken, anyio.Event]


class Waiting:
    """The tasks that wait, by run.

    Args:
        file: The store's file.
    """

    def __init__(self, file: StoreFile) -> None:
        self._file = file
        self._changed = threading.Condition()
        self._waiters: dict[str, list[Waiter]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def of(self, run_id: str) -> Generator[anyio.Event]:
        """An event that is set when the run moves after this moment: register first, then look, then wait."""
        waiter = (current_token(), anyio.Event())
        with self._changed:
            self._waiters.setdefault(run_id, []).append(waiter)
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="store-watch", daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            yield waiter[1]
        finally:
            self._forget(run_id, waiter)

    def wake(self, run_ids: Iterable[str]) -> None:
        """Wake who waits for these runs. Called from any thread."""
        with self._changed:
            found = [waiter for run_id in run_ids for waiter in self._waiters.get(run_id, ())]
        notify(found)

    def close(self) -> None:
        """Wake everybody and let the thread end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._wake_all()

    def _forget(self, run_id: str, waiter: Waiter) -> None:
        with self._changed:
            some = self._waiters.get(run_id, [])
            if waiter in some:
                some.remove(waiter)
            if not some:
                self._waiters.pop(run_id, None)

    def _wake_all(self) -> None:
        with self._changed:
            run_ids = list(self._waiters)
        self.wake(run_ids)

    def _loop(self) -> None:
        db: sqlite3.Connection | None = None
        sight = _Sight()
        while self._wanted():
            try:
                self._file.require_same()
                db = db or self._file.connect(reads_only=True)
                changed = sight.look(db)
            except (StoreError, sqlite3.Error):
                changed = None  # whoever waits reads for himself, and is told what is wrong
                time.sleep(_RESTS_S)
            if changed is None:
                self._wake_all()
            elif changed:
                self.wake(changed)
            time.sleep(POLL_S)
        if db is not None:
            db.close()

    def _wanted(self) -> bool:
        """Rest while nobody waits; False when this thread is to end."""
        with self._changed:
            while not self._waiters and not self._closed:
                self._changed.wait()
            if self._closed:
                self._thread = None
            return not self._closed


class _Sight:
    """What the watching thread saw last."""

    def __init__(self) -> None:
        self.version: int | None = None
        self.moved = -1
        self.deleted = -1

    def look(self, db: sqlite3.Connection) -> list[str] | None:
        """Return the runs that moved since the last look; None when it may be any: the first look, or a run is gone."""
        (version,) = db.execute("PRAGMA data_version").fetchone()
        if version == self.version:
            return []
        self.version = version
        first = self.moved < 0
        gone = db.execute("SELECT value FROM facts WHERE name = 'deleted'").fetchone()
        rows = db.execute("SELECT id, moved FROM runs WHERE moved > ? ORDER BY moved", (self._from(db),)).fetchall()
        if rows:
            self.moved = rows[-1][1]
        before, self.deleted = self.deleted, gone[0] if gone else 0
        return None if first or self.deleted != before else [row[0] for row in rows]

    def _from(self, db: sqlite3.Connection) -> int:
        if self.moved < 0:
            self.moved = db.execute("SELECT coalesce(max(moved), 0) FROM runs").fetchone()[0]
        return self.moved
