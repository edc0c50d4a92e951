"""What was learned from runs, in the shared database."""

from __future__ import annotations

from collections.abc import Sequence

from engine.durable.postgres.database import Database
from schemas.runs import Note

_ADD = """
INSERT INTO {s}.notes (kind, key, line)
SELECT %s, key, line FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS l (key, line, place) ORDER BY place
"""
_TRIM = """
DELETE FROM {s}.notes n USING (
    SELECT position, row_number() OVER (PARTITION BY key ORDER BY position DESC) AS rank
    FROM {s}.notes WHERE kind = %s AND key = ANY(%s)
) old WHERE n.position = old.position AND old.rank > %s
"""
_TRIM_KEYS = """
DELETE FROM {s}.notes WHERE kind = %s AND key IN (
    SELECT key FROM {s}.notes WHERE kind = %s GROUP BY key ORDER BY max(position) DESC OFFSET %s
)
"""
_LOAD = "SELECT position, key, line FROM {s}.notes WHERE kind = %s AND position > %s ORDER BY position"
_LOAD_KEY = "SELECT position, key, line FROM {s}.notes WHERE kind = %s AND key = %s AND position > %s ORDER BY position"
_DROP = """
DELETE FROM {s}.notes WHERE kind = %(kind)s AND key IN (
    SELECT key FROM {s}.notes WHERE kind = %(kind)s AND (%(key)s::text IS NULL OR key = %(key)s) GROUP BY key
    HAVING max(at) <= extract(epoch FROM clock_timestamp()) - %(older_s)s
) RETURNING key
"""


class PostgresNotes:
    """Implements ``schemas.stores.Notes`` over an open store.

    A line whose transaction ends after that of a later one is passed over by readers that read on: nothing is lost
    by it but a hint.

    Args:
        database: The store's connections.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        kind: str,
        lines: Sequence[tuple[str, str]],
        *,
        keep: int,
        keys: int | None = None,
        durable: bool = False,  # noqa: ARG002 (every commit is)
    ) -> None:
        """Add lines; every commit is on the disk. Raises StoreError."""
        if not lines:
            return
        named = [key for key, _ in lines]
        await self._database.fetch(_ADD, (kind, named, [line for _, line in lines]))
        await self._database.fetch(_TRIM, (kind, sorted(set(named)), keep))
        if keys is not None:
            await self._database.fetch(_TRIM_KEYS, (kind, kind, keys))

    async def load(self, kind: str, key: str | None = None, after: int = 0) -> list[Note]:
        """Return the lines of a kind, or of one key, beyond a position, oldest first. Raises StoreError."""
        if key is None:
            rows = await self._database.fetch(_LOAD, (kind, after))
        else:
            rows = await self._database.fetch(_LOAD_KEY, (kind, key, after))
        return [Note(position=position, key=found, line=line) for position, found, line in rows]

    async def drop(self, kind: str, key: str | None = None, *, older_s: float = 0.0) -> int:
        """Remove what nothing was added to for so long. Raises StoreError."""
        gone = await self._database.fetch(_DROP, {"kind": kind, "key": key, "older_s": older_s})
        return len({found for (found,) in gone})
