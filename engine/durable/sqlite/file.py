"""Connections to the file, each in one thread; none is carried over a fork."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from engine.durable.sqlite.faults import folder_error, is_busy, moved_error, store_error
from engine.durable.sqlite.schema import prepare
from schemas.care import Migrated

PATIENCE_S = 5.0
_LONGEST_PAUSE_S = 0.005
_KEPT_JOURNAL_BYTES = 4_000_000
_CHECKPOINT_PAGES = 500  # 2 MB of journal, then its pages go to the file


class StoreFile:
    """The file, as it was first seen: one that was replaced under us is no longer ours.

    Args:
        path: Where it is; made, with its folder, when it is missing.
        patience_s: How long a lock of another process is waited for.
        migrate: Whether a file of an older release is brought up to date when it is opened.
    """

    def __init__(self, path: Path, *, patience_s: float = PATIENCE_S, migrate: bool = True) -> None:
        self.path = path
        self.patience_s = patience_s
        self.migrate = migrate
        self._identity: tuple[int, int] | None = None
        self._journal: tuple[int, int] | None = None

    def connect(self, *, reads_only: bool = False) -> sqlite3.Connection:
        """Open a connection with this release's schema.

        Raises:
            StoreError: The file cannot be opened, or is none of ours.
        """
        return self.opened(reads_only=reads_only)[0]

    def opened(self, *, reads_only: bool = False) -> tuple[sqlite3.Connection, Migrated]:
        """Open a connection and say what bringing its schema up to date did. Raises StoreError as ``connect``."""
        if self.path.is_dir():
            raise folder_error(self.path)
        if not reads_only:
            self._journal = None  # the last connection that closes removes it
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.require_same()
            db = sqlite3.connect(self.path, timeout=self.patience_s, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as exc:
            raise store_error(exc, self.path) from exc
        try:
            done = self._prepared(db)
            self._settle(db, reads_only)
        except BaseException as exc:
            db.close()
            if isinstance(exc, sqlite3.Error | OSError):
                raise store_error(exc, self.path) from exc
            raise
        return db, done

    def require_same(self) -> None:
        """Make sure that the file at the path is the one that was opened first.

        Raises:
            StoreError: It was removed or replaced: what is written now would be lost with it.
        """
        if self._identity is not None and _identity(self.path) != self._identity:
            raise moved_error(self.path)

    def require_journal(self) -> None:
        """Make sure of the file and its write-ahead log; call it while a transaction is open or just over.

        Raises:
            StoreError: One of them was removed or replaced.
        """
        self.require_same()
        found = _identity(self.path.with_name(f"{self.path.name}-wal"))
        if self._journal is None:
            self._journal = found
        elif found != self._journal:
            raise moved_error(self.path)

    def begin(self, db: sqlite3.Connection) -> None:
        """Begin a transaction that writes; another process's is waited for, with short pauses so that none starves.

        Raises:
            sqlite3.Error: The lock was not free in time, or the file cannot be written.
        """
        self.execute(db, "BEGIN IMMEDIATE")

    def execute(self, db: sqlite3.Connection, statement: str) -> None:
        """Execute a statement outside a transaction, with the patience of ``begin``. Raises sqlite3.Error."""
        until, pause_s = time.monotonic() + self.patience_s, 0.0002
        while True:
            try:
                db.execute(statement)
                return
            except sqlite3.OperationalError as exc:
                if not is_busy(exc) or time.monotonic() > until:
                    raise
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _prepared(self, db: sqlite3.Connection) -> Migrated:
        """Two processes may meet at an empty file: becoming a WAL file waits for no lock, so it is tried again."""
        until = time.monotonic() + self.patience_s
        while True:
            try:
                done = prepare(db, self.path, migrate=self.migrate)
                break
            except sqlite3.OperationalError as exc:
                if not is_busy(exc) or time.monotonic() > until:
                    raise
            time.sleep(_LONGEST_PAUSE_S)
        if self._identity is None:
            self._identity = _identity(self.path)
        return done

    def _settle(self, db: sqlite3.Connection, reads_only: bool) -> None:
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA journal_size_limit = {_KEPT_JOURNAL_BYTES}")
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if reads_only:
            db.execute("PRAGMA query_only = 1")
            db.create_function("folded", 1, _folded, deterministic=True)
        else:
            db.execute("PRAGMA busy_timeout = 0")  # ``begin`` waits


def _folded(text: str) -> str:
    return text.casefold()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 (a third of Path.stat's time, and done for every append)
    except OSError:
        return None
    return found.st_dev, found.st_ino
