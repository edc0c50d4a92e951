"""Taking ended runs out of the file, and giving the space back.

Each run is one short transaction on a connection of its own: whoever writes meanwhile waits a few milliseconds.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TypeVar

import structlog

from engine.durable.sqlite import audit, bookkeeping, kept, rows
from engine.durable.sqlite.care import files_bytes, size_of, used_bytes
from engine.durable.sqlite.file import StoreFile
from engine.durable.sqlite.kept import ArtifactFolder
from engine.durable.sqlite.schema import SEQ_BITS
from engine.durable.sqlite.writer import Transaction
from engine.durable.usage import first_day
from schemas.care import Pruned, Retention
from schemas.errors import EngineError, NotFoundError

T = TypeVar("T")

DAY_S = 86_400.0
_ROW_BYTES = 60  # what an event's row takes beside its body
_PAGES_AT_ONCE = 500
_ROUNDS = 5  # sizes are estimated: what is still too large is looked at again
_ENDED = "status IN ('completed', 'failed', 'cancelled')"


@dataclass(frozen=True, slots=True)
class _Ended:
    """A run that may go: its events and what it takes about."""

    id: str
    n: int
    updated_at: float
    events: int
    size_bytes: int


class Pruner:
    """Removes ended runs, oldest first.

    Args:
        file: The store's file.
        folder: Its artifacts' files.
    """

    def __init__(self, file: StoreFile, folder: ArtifactFolder) -> None:
        self._file = file
        self._folder = folder

    def prune(self, keep: Retention, *, dry_run: bool) -> Pruned:
        """Remove what is not to be kept; blocking.

        Raises:
            StoreError: The file cannot be opened.
            sqlite3.Error: It cannot be written; what was removed until then is removed.
        """
        with closing(self._file.connect()) as db:
            before = size_of(self._file.path, self._folder)
            if dry_run:
                return self._planned(db, keep)
            done = Pruned()
            for _ in range(_ROUNDS):
                known = len(done.runs)
                for run in self._chosen(db, keep):
                    done = self._removed(db, run, done)
                done = self._collected(db, done)
                self._sweep_strays(db)
                self._shrink(db)
                if keep.keep_bytes is None or len(done.runs) == known:
                    break
            done = self._forgotten(db, keep, done)
            freed = before - size_of(self._file.path, self._folder)
            return done.model_copy(update={"freed_bytes": max(0, freed)})

    def prune_daily(self, keep: Retention) -> None:
        """Prune if nobody did in the last day; failures are logged, and nobody waits for it."""
        try:
            with closing(self._file.connect()) as db:
                due = self._write(db, _claim_day)
            if due:
                done = self.prune(keep, dry_run=False)
                structlog.get_logger().info("old runs were removed", runs=len(done.runs), freed_bytes=done.freed_bytes)
        except (EngineError, sqlite3.Error, OSError) as exc:
            structlog.get_logger().info("old runs cannot be removed", error=str(exc))

    def prune_behind(self, keep: Retention) -> None:
        """Prune daily in a thread that delays no exit."""
        threading.Thread(target=self.prune_daily, args=(keep,), name="store-prune", daemon=True).start()

    def _planned(self, db: sqlite3.Connection, keep: Retention) -> Pruned:
        chosen = list(self._chosen(db, keep))
        gone = kept.unused(db, time.time())
        taken = [*gone, *self._only_theirs(db, {run.n for run in chosen})]
        lines, answers = bookkeeping.due(db, first_day(keep, time.time()), time.time())
        return Pruned(
            usage_lines=lines,
            answers=answers,
            audit_entries=audit.due(db, _audit_before(keep, time.time())),
            runs=tuple(run.id for run in chosen),
            events=sum(run.events for run in chosen),
            artifacts=len(taken),
            artifact_bytes=sum(size for _, size in taken),
            freed_bytes=sum(run.size_bytes for run in chosen) + sum(size for _, size in gone),
            dry_run=True,
        )

    def _chosen(self, db: sqlite3.Connection, keep: Retention) -> Iterator[_Ended]:
        """Yield the runs to remove. Sizes are estimated: a page is given back only when nothing is left in it."""
        # the journal comes and goes, and the audit trail has an age of its own: both are no reason
        left = used_bytes(db) + files_bytes(self._folder) - audit.size_of(db)
        oldest = time.time() - keep.older_than_s if keep.older_than_s is not None else None
        for run_id, n, updated_at in db.execute(
            f"SELECT id, n, updated_at FROM runs WHERE {_ENDED} ORDER BY updated_at, n"
        ).fetchall():
            aged = oldest is not None and updated_at < oldest
            if not aged and (keep.keep_bytes is None or left <= keep.keep_bytes):
                return
            run = self._measured(db, run_id, n, updated_at)
            left -= run.size_bytes
            yield run

    def _measured(self, db: sqlite3.Connection, run_id: str, n: int, updated_at: float) -> _Ended:
        count, size = db.execute(
            "SELECT count(*), coalesce(sum(length(CAST(body AS BLOB))), 0) FROM events WHERE place BETWEEN ? AND ?",
            (rows.place(n), rows.place(n, (1 << SEQ_BITS) - 1)),
        ).fetchone()
        own = sum(size for _, size in self._only_theirs(db, {n}))
        return _Ended(run_id, n, updated_at, count, size + count * _ROW_BYTES + own)

    def _only_theirs(self, db: sqlite3.Connection, numbers: set[int]) -> list[tuple[str, int]]:
        """(SHA-256, bytes) of the artifacts that only these runs refer to."""
        uses: dict[str, set[int]] = {}
        for n in numbers:
            for sha256, other in db.execute(
                "SELECT sha256, n FROM artifact_uses WHERE sha256 IN (SELECT sha256 FROM artifact_uses WHERE n = ?)",
                (n,),
            ):
                uses.setdefault(sha256, set()).add(other)
        found: list[tuple[str, int]] = []
        for sha256 in (sha256 for sha256, users in uses.items() if users <= numbers):
            row = db.execute("SELECT sha256, size_bytes FROM artifacts WHERE sha256 = ?", (sha256,)).fetchone()
            found.extend([row] if row else [])
        return found

    def _removed(self, db: sqlite3.Connection, run: _Ended, done: Pruned) -> Pruned:
        """Remove one run, unless somebody went on with it, or removed it, meanwhile."""

        def work(transaction: Transaction) -> list[tuple[str, int]] | None:
            row = transaction.db.execute(f"SELECT updated_at FROM runs WHERE n = ? AND {_ENDED}", (run.n,)).fetchone()
            if row is None or row[0] != run.updated_at:
                return None
            sizes = dict(self._only_theirs(transaction.db, {run.n}))
            audit.keep_run(transaction, run.id, "", "retention")
            gone = kept.forget(transaction, rows.remove(transaction, run.id))
            return [(sha256, sizes.get(sha256, 0)) for sha256 in gone]

        gone: list[tuple[str, int]] | None = None
        with suppress(NotFoundError):
            gone = self._write(db, work)
        if gone is None:
            return done
        self._write(db, lambda transaction: kept.sweep(transaction, [sha256 for sha256, _ in gone], self._folder))
        more = {
            "runs": (*done.runs, run.id),
            "events": done.events + run.events,
            "artifacts": done.artifacts + len(gone),
            "artifact_bytes": done.artifact_bytes + sum(size for _, size in gone),
        }
        return done.model_copy(update=more)

    def _forgotten(self, db: sqlite3.Connection, keep: Retention, done: Pruned) -> Pruned:
        """Remove usage of days that are no longer kept, a day at a time, and answers whose time is over."""
        before = first_day(keep, time.time())
        lines = 0
        for day in bookkeeping.days(db, before):
            lines += self._write(db, lambda transaction, it=day: bookkeeping.forget_day(transaction.db, it))
        answers = self._write(db, lambda transaction: bookkeeping.forget_answers(transaction.db, transaction.at))
        told = self._write(db, lambda transaction: audit.forget(transaction, _audit_before(keep, transaction.at)))
        if lines or answers or told:
            self._shrink(db)
        return done.model_copy(update={"usage_lines": lines, "answers": answers, "audit_entries": told})

    def _collected(self, db: sqlite3.Connection, done: Pruned) -> Pruned:
        """Remove all artifacts that nothing refers to."""

        def work(transaction: Transaction) -> list[tuple[str, int]]:
            gone = kept.unused(transaction.db, transaction.at)
            kept.forget(transaction, [sha256 for sha256, _ in gone])
            return gone

        gone = self._write(db, work)
        self._write(db, lambda transaction: kept.sweep(transaction, [sha256 for sha256, _ in gone], self._folder))
        size = done.artifact_bytes + sum(size for _, size in gone)
        return done.model_copy(update={"artifacts": done.artifacts + len(gone), "artifact_bytes": size})

    def _sweep_strays(self, db: sqlite3.Connection) -> None:
        """Remove files without a row: what a crash, or a collection, left."""
        before = time.time() - kept.HELD_S
        strays = [name for name, _ in self._folder.files() if name]
        self._write(db, lambda transaction: kept.sweep(transaction, strays, self._folder))
        for name, path in self._folder.files():
            with suppress(OSError):
                if not name and path.stat().st_mtime < before:
                    path.unlink()

    def _shrink(self, db: sqlite3.Connection) -> None:
        while db.execute("PRAGMA freelist_count").fetchone()[0]:
            before = db.execute("PRAGMA page_count").fetchone()[0]
            self._write(db, lambda transaction: _vacuum(transaction.db))
            if db.execute("PRAGMA page_count").fetchone()[0] == before:
                break
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _write(self, db: sqlite3.Connection, work: Callable[[Transaction], T]) -> T:
        self._file.require_journal()
        self._file.begin(db)
        try:
            result = work(Transaction(db))
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return result


def _audit_before(keep: Retention, now: float) -> float | None:
    return None if keep.audit_older_than_s is None else now - keep.audit_older_than_s


def _vacuum(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()


def _claim_day(transaction: Transaction) -> bool:
    """Whether the last prune is a day ago; whoever is told so does it."""
    row = transaction.db.execute("SELECT value FROM facts WHERE name = 'pruned_at'").fetchone()
    if row is not None and 0 <= transaction.at - row[0] < DAY_S:
        return False
    transaction.db.execute(
        "INSERT INTO facts VALUES ('pruned_at', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (transaction.at,),
    )
    return True
