"""API keys, counted usage and kept answers, in the store's file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence

from engine.durable.keys import key_fault, no_key, require_unlike
from engine.durable.sqlite.notes import ReadingWriting
from engine.durable.sqlite.writer import Transaction
from engine.durable.usage import DIFFERING, NAMES, SUMS, Names, Sums, added_up, day_fault, line_of, question
from schemas.bookkeeping import ApiKey, UsageLine, UsageQuery
from schemas.care import Fault

BATCH_S = 86_400.0
_SWEPT_AT_ONCE = 100


class SqliteKeys:
    """Implements ``schemas.bookkeeping.KeyStore`` over an open store.

    Args:
        store: Reads and writes the file.
    """

    def __init__(self, store: ReadingWriting) -> None:
        self._store = store

    async def add(self, key: ApiKey) -> None:
        """Keep a new key. Raises ConflictError, StoreError."""

        def work(transaction: Transaction) -> None:
            require_unlike(key, _keys(transaction.db))
            _save(transaction.db, key)

        await self._store.write(work)

    async def find(self, key_hash: str) -> ApiKey | None:
        """Return the key with this hash, or this previous one, or None. Raises StoreError."""
        sql = "SELECT body FROM api_keys WHERE hash = ? UNION ALL SELECT body FROM api_keys WHERE previous_hash = ?"
        row = await self._store.read(lambda db: db.execute(sql, (key_hash, key_hash)).fetchone())
        return None if row is None else ApiKey.model_validate_json(row[0])

    async def keys(self) -> list[ApiKey]:
        """Return every key, oldest first. Raises StoreError."""
        return await self._store.read(_keys)

    async def change(self, key: ApiKey) -> None:
        """Replace the key of the same id. Raises NotFoundError, ConflictError, StoreError."""

        def work(transaction: Transaction) -> None:
            known = _keys(transaction.db)
            if key.id not in {other.id for other in known}:
                raise no_key(key.id)
            require_unlike(key, [other for other in known if other.id != key.id])
            _save(transaction.db, key)

        await self._store.write(work)


class SqliteUsage:
    """Implements ``schemas.bookkeeping.UsageBook`` over an open store.

    Args:
        store: Reads and writes the file.
    """

    def __init__(self, store: ReadingWriting) -> None:
        self._store = store

    async def add(self, lines: Sequence[UsageLine], *, batch: str | None = None) -> None:
        """Add lines, those of a batch once. Raises StoreError."""
        whole, days = added_up(lines), added_up(lines, NAMES[1:])

        def work(transaction: Transaction) -> None:
            db = transaction.db
            if batch is not None:
                db.execute("DELETE FROM usage_batches WHERE at < ?", (transaction.at - BATCH_S,))
                if not db.execute(
                    "INSERT OR IGNORE INTO usage_batches VALUES (?, ?)", (batch, transaction.at)
                ).rowcount:
                    return
            _add(db, "usage", NAMES, whole.items())
            _add(db, "usage_days", NAMES[1:], days.items())

        if lines:
            await self._store.write(work)

    async def read(self, query: UsageQuery) -> list[UsageLine]:
        """Return the sums a query asks for. Raises StoreError."""
        sql, values = question(query, "{}")
        rows = await self._store.read(lambda db: db.execute(sql, values).fetchall())
        return [line_of(tuple(dict.fromkeys(query.by)), row) for row in rows]


class SqliteAnswers:
    """Implements ``schemas.bookkeeping.AnswerCache`` over an open store. No write waits for the disk.

    Args:
        store: Reads and writes the file.
    """

    def __init__(self, store: ReadingWriting) -> None:
        self._store = store

    async def get(self, key: str) -> bytes | None:
        """Return the answer, or None. Raises StoreError."""
        values = (key, time.time())
        sql = "SELECT answer FROM answers WHERE key = ? AND until > ?"
        row = await self._store.read(lambda db: db.execute(sql, values).fetchone())
        return None if row is None else row[0]

    async def put(self, key: str, answer: bytes, ttl_s: float) -> None:
        """Keep an answer; some that are too old go. Raises StoreError."""

        def work(transaction: Transaction) -> None:
            old = "SELECT rowid FROM answers WHERE until <= ? LIMIT ?"
            transaction.db.execute(f"DELETE FROM answers WHERE rowid IN ({old})", (transaction.at, _SWEPT_AT_ONCE))
            values = (key, transaction.at + ttl_s, answer)
            transaction.db.execute("INSERT OR REPLACE INTO answers (key, until, answer) VALUES (?, ?, ?)", values)

        await self._store.write(work, durable=False)

    async def clear(self) -> int:
        """Forget all answers and return how many there were. Raises StoreError."""

        def work(transaction: Transaction) -> int:
            (count,) = transaction.db.execute(
                "SELECT count(*) FROM answers WHERE until > ?", (transaction.at,)
            ).fetchone()
            transaction.db.execute("DELETE FROM answers")
            return count

        return await self._store.write(work, durable=False)


def figures(db: sqlite3.Connection) -> dict[str, int]:
    """Return how much of everything there is, as ``StoreFigures`` names it."""
    answers, answer_bytes = db.execute("SELECT count(*), coalesce(sum(length(answer)), 0) FROM answers").fetchone()
    return {
        "keys": db.execute("SELECT count(*) FROM api_keys").fetchone()[0],
        "usage_lines": db.execute("SELECT count(*) FROM usage").fetchone()[0],
        "answers": answers,
        "answer_bytes": answer_bytes,
    }


def faults(db: sqlite3.Connection) -> Iterator[Fault]:
    """Yield keys that cannot be read, and days whose sums are not those of their lines."""
    for key_id, body in db.execute("SELECT id, body FROM api_keys"):
        if (fault := key_fault(key_id, body)) is not None:
            yield fault
    for (day,) in db.execute(DIFFERING.format(usage="usage", days="usage_days")):
        yield day_fault(day)


def due(db: sqlite3.Connection, before: str, now: float) -> tuple[int, int]:
    """Return how many lines of usage, and answers, a prune removes."""
    (lines,) = db.execute("SELECT count(*) FROM usage WHERE day < ?", (before,)).fetchone()
    (answers,) = db.execute("SELECT count(*) FROM answers WHERE until <= ?", (now,)).fetchone()
    return lines, answers


def days(db: sqlite3.Connection, before: str) -> list[str]:
    """Return the days before another on which something was counted."""
    return [day for (day,) in db.execute("SELECT DISTINCT day FROM usage_days WHERE day < ? ORDER BY day", (before,))]


def forget_day(db: sqlite3.Connection, day: str) -> int:
    """Remove a day's usage, inside a transaction; return how many lines it had."""
    db.execute("DELETE FROM usage_days WHERE day = ?", (day,))
    return db.execute("DELETE FROM usage WHERE day = ?", (day,)).rowcount


def forget_answers(db: sqlite3.Connection, now: float) -> int:
    """Remove the answers whose time is over, inside a transaction; return how many there were."""
    return db.execute("DELETE FROM answers WHERE until <= ?", (now,)).rowcount


def _keys(db: sqlite3.Connection) -> list[ApiKey]:
    return [ApiKey.model_validate_json(body) for (body,) in db.execute("SELECT body FROM api_keys ORDER BY n")]


def _save(db: sqlite3.Connection, key: ApiKey) -> None:
    db.execute(
        "INSERT INTO api_keys (id, hash, previous_hash, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
        " SET hash = excluded.hash, previous_hash = excluded.previous_hash, body = excluded.body",
        (key.id, key.hash, key.previous_hash, key.model_dump_json()),
    )


def _add(db: sqlite3.Connection, table: str, names: Sequence[str], sums: Iterable[tuple[Names, Sums]]) -> None:
    columns = (*names, *SUMS)
    more = ", ".join(f"{name} = {name} + excluded.{name}" for name in SUMS)
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    sql += f" ON CONFLICT ({', '.join(names)}) DO UPDATE SET {more}"
    db.executemany(sql, [(*key, *counts) for key, counts in sums])
