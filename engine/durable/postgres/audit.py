"""The audit trail in the shared database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from engine.durable.audit import body_of, chain_faults, farewell, kept, link, unreadable
from engine.durable.encoding import decode
from engine.durable.postgres.database import Connection, Database
from schemas.audit import AuditEntry, AuditQuery, Kept
from schemas.care import Fault, Retention
from schemas.errors import StoreError
from schemas.events import LoggedRecord

_LOCK = "LOCK TABLE {s}.audit IN SHARE ROW EXCLUSIVE MODE"
_ANCHOR = "SELECT n, head FROM {s}.audit_anchor"
_LAST = f"SELECT n, head FROM {{s}}.audit UNION ALL {_ANCHOR} ORDER BY n DESC LIMIT 1"
_ADD = """
INSERT INTO {s}.audit (n, at, run_id, body, head)
SELECT * FROM unnest(%s::bigint[], %s::double precision[], %s::text[], %s::text[], %s::text[])
"""
_READ = """
SELECT n, body, head FROM {s}.audit WHERE n > %(after)s AND (%(run)s::text IS NULL OR run_id = %(run)s)
AND (%(since)s::double precision IS NULL OR at >= %(since)s)
AND (%(until)s::double precision IS NULL OR at < %(until)s) ORDER BY n LIMIT %(limit)s
"""
_END = """
SELECT coalesce((SELECT min(n) - 1 FROM {s}.audit WHERE at >= %(before)s), (SELECT max(n) FROM {s}.audit))
"""
_AT_ONCE = 500


class PostgresAudit:
    """Implements ``schemas.audit.AuditBook`` over an open store.

    Args:
        database: The store's connections.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Keep entries. Raises StoreError; an attempt whose end nobody heard of may stand there twice."""

        async def work(connection: Connection) -> None:
            async with connection.transaction():
                await add(connection, self._database, entries)

        if entries:
            await self._database.run(work)

    async def read(self, query: AuditQuery = AuditQuery(), *, after: int = 0, limit: int = 500) -> list[Kept]:
        """Return entries beyond a place, oldest first. Raises StoreError."""
        found: list[Kept] = []
        asked = {"run": query.run, "since": query.since, "until": query.until, "limit": _AT_ONCE}
        while len(found) < limit:
            rows = await self._database.fetch(_READ, {**asked, "after": after})
            found.extend(one for one in (kept(*row) for row in rows) if query.wants(one.entry))
            if len(rows) < _AT_ONCE:
                break
            after = rows[-1][0]
        return found[:limit]

    async def began(self) -> int:
        """Return the place of the last entry that went by age. Raises StoreError."""
        rows = await self._database.fetch(_ANCHOR)
        return rows[0][0] if rows else 0

    async def faults(self) -> list[Fault]:
        """Return where the chain is broken, in one snapshot. Cost: reads the whole trail. Raises StoreError."""

        async def work(connection: Connection) -> list[Fault]:
            async with connection.transaction():
                await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                number, head = await _one(connection, self._database, _ANCHOR) or (0, "")
                cursor = await connection.execute(self._database.sql("SELECT n, body, head FROM {s}.audit ORDER BY n"))
                return list(chain_faults(await cursor.fetchall(), number, head))

        return await self._database.run(work)


async def add(connection: Connection, database: Database, entries: Sequence[AuditEntry]) -> None:
    """Keep entries at the trail's end, inside a transaction: the trail is locked until that ends, and last of all."""
    await connection.execute(database.sql(_LOCK))
    number, head = await _one(connection, database, _LAST) or (0, "")
    (now,) = await _one(connection, database, "SELECT extract(epoch FROM clock_timestamp())::float8") or (time.time(),)
    rows: list[tuple[int, float, str, str, str]] = []
    for entry in entries:
        timed, body = body_of(entry, now)
        number, head = number + 1, link(head, number + 1, body)
        rows.append((number, timed.at, timed.run_id, body, head))
    await connection.execute(database.sql(_ADD), [list(column) for column in zip(*rows, strict=True)])


async def keep_runs(
    connection: Connection, database: Database, runs: Sequence[tuple[str, int]], by: str, through: str
) -> None:
    """Keep the accounts of runs, (id, number) each, that are being removed, inside the transaction that does so."""
    told: list[AuditEntry] = []
    for run_id, number in runs:
        cursor = await connection.execute(
            database.sql("SELECT seq, at, kind, body FROM {s}.events WHERE run = %s ORDER BY seq"), (number,)
        )
        rows = await cursor.fetchall()
        try:
            records = [LoggedRecord(run_id, seq, at, decode(kind, body)) for seq, at, kind, body in rows]
            told += farewell(records, by, through) if records else unreadable(run_id, "it is empty", by, through)
        except StoreError as exc:
            told += unreadable(run_id, exc.message, by, through)
    if told:
        await add(connection, database, told)


async def due(database: Database, keep: Retention) -> int:
    """Return how many entries a prune removes: from the beginning, up to the first that is young enough to stay."""
    if keep.audit_older_than_s is None:
        return 0
    ((end,),) = await database.fetch(_END, {"before": await _before(database, keep.audit_older_than_s)})
    rows = await database.fetch(_ANCHOR)
    return max(0, (end or 0) - (rows[0][0] if rows else 0))


async def forget(database: Database, keep: Retention) -> int:
    """Remove them, and keep where the chain goes on from; return how many there were."""
    if keep.audit_older_than_s is None:
        return 0
    before = await _before(database, keep.audit_older_than_s)

    async def work(connection: Connection) -> int:
        async with connection.transaction():
            await connection.execute(database.sql(_LOCK))
            (end,) = await _one(connection, database, _END, {"before": before}) or (None,)
            found = await _one(connection, database, "SELECT n, head FROM {s}.audit WHERE n = %s", (end,))
            if found is None:
                return 0
            (count,) = await _one(connection, database, "SELECT count(*) FROM {s}.audit WHERE n <= %s", (end,)) or (0,)
            await connection.execute(database.sql("DELETE FROM {s}.audit WHERE n <= %s"), (end,))
            await connection.execute(database.sql("DELETE FROM {s}.audit_anchor"))
            await connection.execute(database.sql("INSERT INTO {s}.audit_anchor (n, head) VALUES (%s, %s)"), found)
            return count

    return await database.run(work)


async def _before(database: Database, older_s: float) -> float:
    return (await database.fetch("SELECT extract(epoch FROM clock_timestamp())::float8"))[0][0] - older_s


async def _one(connection: Connection, database: Database, text: str, values: Any = None) -> tuple[Any, ...] | None:
    cursor = await connection.execute(database.sql(text), values)
    return await cursor.fetchone()
