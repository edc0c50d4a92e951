"""What was learned from runs, in the store's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from engine.durable.sqlite.writer import Transaction
from schemas.runs import Note

T = TypeVar("T")


class ReadingWriting(Protocol):
    """What reads and writes the file: the store."""

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Return what the work reads."""
        ...

    async def write(self, work: Callable[[Transaction], T], *, durable: bool = True) -> T:
        """Do work in a transaction and return once it is committed."""
        ...


class SqliteNotes:
    """Implements ``schemas.stores.Notes`` over an open store.

    Args:
        store: Reads and writes the file.
    """

    def __init__(self, store: ReadingWriting) -> None:
        self._store = store

    async def add(
        self,
        kind: str,
        lines: Sequence[tuple[str, str]],
        *,
        keep: int,
        keys: int | None = None,
        durable: bool = False,
    ) -> None:
        """Add lines; ``durable`` waits for an fsync. Raises StoreError."""

        def work(transaction: Transaction) -> None:
            db = transaction.db
            rows = [(kind, key, line, transaction.at) for key, line in lines]
            db.executemany("INSERT INTO notes (kind, key, line, at) VALUES (?, ?, ?, ?)", rows)
            for key in {key for key, _ in lines}:
                found = "SELECT position FROM notes WHERE kind = ? AND key = ? ORDER BY position DESC LIMIT 1 OFFSET ?"
                db.execute(
                    f"DELETE FROM notes WHERE kind = ? AND key = ? AND position <= ({found})",
                    (kind, key, kind, key, keep),
                )
            if keys is not None:
                old = "SELECT key FROM notes WHERE kind = ? GROUP BY key ORDER BY max(position) DESC LIMIT -1 OFFSET ?"
                db.execute(f"DELETE FROM notes WHERE kind = ? AND key IN ({old})", (kind, kind, keys))

        if lines:
            await self._store.write(work, durable=durable)

    async def load(self, kind: str, key: str | None = None, after: int = 0) -> list[Note]:
        """Return the lines of a kind, or of one key, beyond a position, oldest first. Raises StoreError."""
        where, values = ("kind = ? AND key = ?", (kind, key)) if key is not None else ("kind = ?", (kind,))
        query = f"SELECT position, key, line FROM notes WHERE {where} AND position > ? ORDER BY position"
        rows = await self._store.read(lambda db: db.execute(query, (*values, after)).fetchall())
        return [Note(position=position, key=found, line=line) for position, found, line in rows]

    async def drop(self, kind: str, key: str | None = None, *, older_s: float = 0.0) -> int:
        """Remove what nothing was added to for so long. Raises StoreError."""
        where, values = ("kind = ? AND key = ?", (kind, key)) if key is not None else ("kind = ?", (kind,))
        old = f"SELECT key FROM notes WHERE {where} GROUP BY key HAVING max(at) <= ?"

        def work(transaction: Transaction) -> int:
            found = transaction.db.execute(old, (*values, transaction.at - older_s)).fetchall()
            transaction.db.executemany(
                "DELETE FROM notes WHERE kind = ? AND key = ?", [(kind, one) for (one,) in found]
            )
            return len(found)

        return await self._store.write(work, durable=False)
