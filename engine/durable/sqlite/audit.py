"""The audit trail in the store's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from engine.durable.audit import body_of, chain_faults, farewell, kept, link, unreadable
from engine.durable.sqlite import rows
from engine.durable.sqlite.notes import ReadingWriting
from engine.durable.sqlite.writer import Transaction
from schemas.audit import AuditEntry, AuditQuery, Kept
from schemas.care import Fault
from schemas.errors import StoreError

_ROW_BYTES = 150  # what a row takes beside its body: hashes, its index
_AT_ONCE = 200


class SqliteAudit:
    """Implements ``schemas.audit.AuditBook`` over an open store.

    Args:
        store: Reads and writes the file.
    """

    def __init__(self, store: ReadingWriting) -> None:
        self._store = store

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Keep entries. Raises StoreError."""
        if entries:
            await self._store.write(lambda transaction: add(transaction, entries))

    async def read(self, query: AuditQuery = AuditQuery(), *, after: int = 0, limit: int = 500) -> list[Kept]:
        """Return entries beyond a place, oldest first. Raises StoreError."""
        return await self._store.read(lambda db: read(db, query, after, limit))

    async def began(self) -> int:
        """Return the place of the last entry that went by age. Raises StoreError."""
        return await self._store.read(lambda db: _anchor(db)[0])

    async def faults(self) -> list[Fault]:
        """Return where the chain is broken. Raises StoreError."""
        return await self._store.read(faults)


def add(transaction: Transaction, entries: Sequence[AuditEntry]) -> None:
    """Keep entries at the trail's end."""
    db = transaction.db
    last = db.execute("SELECT n, head FROM audit ORDER BY n DESC LIMIT 1").fetchone()
    number, head = last or _anchor(db)
    for entry in entries:
        timed, body = body_of(entry, transaction.at)
        number, head = number + 1, link(head, number + 1, body)
        db.execute(
            "INSERT INTO audit (n, at, run_id, size, body, head) VALUES (?, ?, ?, ?, ?, ?)",
            (number, timed.at, timed.run_id, len(body), rows.packed(body), head),
        )


def keep_run(transaction: Transaction, run_id: str, by: str, through: str) -> None:
    """Keep the account of a run that is about to be removed. Raises NotFoundError."""
    try:
        told = farewell(rows.load(transaction.db, run_id, 0), by, through)
    except StoreError as exc:
        told = unreadable(run_id, exc.message, by, through)
    add(transaction, told)


def read(db: sqlite3.Connection, query: AuditQuery, after: int, limit: int) -> list[Kept]:
    """Return entries beyond a place that a query describes, oldest first."""
    clauses: list[str] = ["n > ?"]
    values: list[int | float | str] = [after]
    for clause, value in (("run_id = ?", query.run), ("at >= ?", query.since), ("at < ?", query.until)):
        if value is not None:
            clauses.append(clause)
            values.append(value)
    found: list[Kept] = []
    cursor = db.execute(f"SELECT n, body, head FROM audit WHERE {' AND '.join(clauses)} ORDER BY n", values)
    while len(found) < limit and (some := cursor.fetchmany(_AT_ONCE)):
        told = (kept(n, _text(body), head) for n, body, head in some)
        found.extend(one for one in told if query.wants(one.entry))
    return found[:limit]


def faults(db: sqlite3.Connection) -> list[Fault]:
    """Return where the chain is broken."""
    cursor = db.execute("SELECT n, body, head FROM audit ORDER BY n")
    return list(chain_faults(((n, _text(body), head) for n, body, head in cursor), *_anchor(db)))


def due(db: sqlite3.Connection, before: float | None) -> int:
    """Return how many entries a prune removes: from the beginning, up to the first that is young enough to stay."""
    return _end(db, before) - _anchor(db)[0]


def forget(transaction: Transaction, before: float | None) -> int:
    """Remove them, and keep where the chain goes on from."""
    db = transaction.db
    count, end = due(db, before), _end(db, before)
    if count:
        (head,) = db.execute("SELECT head FROM audit WHERE n = ?", (end,)).fetchone()
        db.execute("DELETE FROM audit WHERE n <= ?", (end,))
        db.execute("DELETE FROM audit_anchor")
        db.execute("INSERT INTO audit_anchor (n, head) VALUES (?, ?)", (end, head))
    return count


def size_of(db: sqlite3.Connection) -> int:
    """Return the bytes that the trail takes, about: it is no reason for runs to go."""
    (count, size) = db.execute("SELECT count(*), coalesce(sum(size), 0) FROM audit").fetchone()
    return count * _ROW_BYTES + size


def _end(db: sqlite3.Connection, before: float | None) -> int:
    """Return the number of the last entry that is too old."""
    anchor = _anchor(db)[0]
    if before is None:
        return anchor
    (first,) = db.execute("SELECT min(n) FROM audit WHERE at >= ?", (before,)).fetchone()
    (last,) = db.execute("SELECT max(n) FROM audit").fetchone()
    return first - 1 if first is not None else last or anchor


def _anchor(db: sqlite3.Connection) -> tuple[int, str]:
    """Return (number, head) of the last entry that went."""
    return db.execute("SELECT n, head FROM audit_anchor").fetchone() or (0, "")


def _text(body: str | bytes) -> str:
    found = rows.unpacked(body)
    return found.decode() if isinstance(found, bytes) else found
