"""API keys, counted usage and kept answers, in the shared database."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence

from engine.durable.keys import key_fault, no_key, require_unlike
from engine.durable.postgres.database import Connection, Database
from engine.durable.postgres.texts import restored, stored
from engine.durable.usage import DIFFERING, NAMES, SUMS, Names, Sums, added_up, day_fault, first_day, line_of, question
from schemas.bookkeeping import ApiKey, UsageLine, UsageQuery
from schemas.care import Fault, Retention

_NOW = "extract(epoch FROM clock_timestamp())"
_SAVE = """
INSERT INTO {s}.api_keys (id, hash, previous_hash, body) VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, previous_hash = excluded.previous_hash, body = excluded.body
"""
_FIND = "SELECT body FROM {s}.api_keys WHERE hash = %s UNION ALL SELECT body FROM {s}.api_keys WHERE previous_hash = %s"
_KEYS = "SELECT body FROM {s}.api_keys ORDER BY number"
_BATCH = """
WITH old AS (DELETE FROM {s}.usage_batches WHERE at < extract(epoch FROM clock_timestamp()) - 86400)
INSERT INTO {s}.usage_batches (name, at) VALUES (%s, extract(epoch FROM clock_timestamp()))
ON CONFLICT DO NOTHING RETURNING true
"""
_GET = "SELECT answer FROM {s}.answers WHERE key = %s AND until > " + _NOW
_PUT = f"""
WITH old AS (
    DELETE FROM {{s}}.answers WHERE key IN (
        SELECT key FROM {{s}}.answers WHERE until <= {_NOW} AND key <> %s LIMIT 100 FOR UPDATE SKIP LOCKED)
)
INSERT INTO {{s}}.answers (key, until, answer) VALUES (%s, {_NOW} + %s, %b)
ON CONFLICT (key) DO UPDATE SET until = excluded.until, answer = excluded.answer
"""
_CLEAR = (
    "WITH gone AS (DELETE FROM {s}.answers RETURNING until) SELECT count(*) FILTER (WHERE until > "
    + _NOW
    + ") FROM gone"
)

_FIGURES = """
SELECT (SELECT count(*) FROM {s}.api_keys), (SELECT count(*) FROM {s}.usage), count(*),
       coalesce(sum(octet_length(answer)), 0)::bigint FROM {s}.answers
"""
_DUE = f"""
SELECT (SELECT count(*) FROM {{s}}.usage WHERE day < %s), (SELECT count(*) FROM {{s}}.answers WHERE until <= {_NOW})
"""
_FORGET = f"""
WITH lines AS (DELETE FROM {{s}}.usage WHERE day < %s), days AS (DELETE FROM {{s}}.usage_days WHERE day < %s)
DELETE FROM {{s}}.answers WHERE until <= {_NOW}
"""


class PostgresKeys:
    """Implements ``schemas.bookkeeping.KeyStore`` over an open store.

    Args:
        database: The store's connections.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        """Keep a new key. Raises ConflictError, StoreError."""
        await self._save(key, new=True)

    async def find(self, key_hash: str) -> ApiKey | None:
        """Return the key with this hash, or this previous one, or None. Raises StoreError."""
        rows = await self._database.fetch(_FIND, (key_hash, key_hash))
        return ApiKey.model_validate_json(restored(rows[0][0])) if rows else None

    async def keys(self) -> list[ApiKey]:
        """Return every key, oldest first. Raises StoreError."""
        return [ApiKey.model_validate_json(restored(body)) for (body,) in await self._database.fetch(_KEYS)]

    async def change(self, key: ApiKey) -> None:
        """Replace the key of the same id. Raises NotFoundError, ConflictError, StoreError."""
        await self._save(key, new=False)

    async def _save(self, key: ApiKey, *, new: bool) -> None:
        """Look and write while nobody else writes keys: that happens by hand, a few times a day."""
        tried = False

        async def work(connection: Connection) -> None:
            nonlocal tried
            again, tried = tried, True
            async with connection.transaction():
                await connection.execute(self._database.sql("LOCK TABLE {s}.api_keys IN SHARE ROW EXCLUSIVE MODE"))
                cursor = await connection.execute(self._database.sql(_KEYS))
                known = [ApiKey.model_validate_json(restored(body)) for (body,) in await cursor.fetchall()]
                others = [other for other in known if other.id != key.id]
                if not new and len(others) == len(known):
                    raise no_key(key.id)
                if not (again and key in known):  # then the attempt before, whose end nobody heard of, has kept it
                    require_unlike(key, known if new else others)
                values = (key.id, key.hash, key.previous_hash, stored(key.model_dump_json()))
                await connection.execute(self._database.sql(_SAVE), values)

        await self._database.run(work)


class PostgresUsage:
    """Implements ``schemas.bookkeeping.UsageBook`` over an open store.

    Args:
        database: The store's connections.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, lines: Sequence[UsageLine], *, batch: str | None = None) -> None:
        """Add lines, those of a batch once; all in the order of their names, so that no two wait in a circle.

        Raises:
            StoreError: They cannot be written.
        """
        name = batch or uuid.uuid4().hex  # a connection that breaks at the commit is tried again
        whole, days = added_up(lines), added_up(lines, NAMES[1:])

        async def work(connection: Connection) -> None:
            async with connection.transaction():
                cursor = await connection.execute(self._database.sql(_BATCH), (name,), prepare=True)
                if await cursor.fetchone() is not None:
                    await self._add(connection, "usage", NAMES, whole)
                    await self._add(connection, "usage_days", NAMES[1:], days)

        if lines:
            await self._database.run(work)

    async def read(self, query: UsageQuery) -> list[UsageLine]:
        """Return the sums a query asks for. Raises StoreError."""
        sql, values = question(query, "{{s}}.{}")
        rows = await self._database.fetch(sql.replace("?", "%s"), values)
        return [line_of(tuple(dict.fromkeys(query.by)), row) for row in rows]

    async def _add(self, connection: Connection, table: str, names: Sequence[str], sums: Mapping[Names, Sums]) -> None:
        columns = (*names, *SUMS)
        types = ["text[]"] * len(names) + ["bigint[]"] * len(SUMS)
        more = ", ".join(f"{name} = u.{name} + excluded.{name}" for name in SUMS)
        sql = (
            f"INSERT INTO {{s}}.{table} AS u ({', '.join(columns)})"
            f" SELECT * FROM unnest({', '.join(f'%s::{kind}' for kind in types)})"
            f" ON CONFLICT ({', '.join(names)}) DO UPDATE SET {more}"
        )
        rows = [(*key, *counts) for key, counts in sums.items()]
        values = [list(column) for column in zip(*rows, strict=True)]
        await connection.execute(self._database.sql(sql), values, prepare=True)


class PostgresAnswers:
    """Implements ``schemas.bookkeeping.AnswerCache`` over an open store; its times are those of the server's clock.

    Args:
        database: The store's connections.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: str) -> bytes | None:
        """Return the answer, or None. Raises StoreError."""
        rows = await self._database.fetch(_GET, (key,))
        return bytes(rows[0][0]) if rows else None

    async def put(self, key: str, answer: bytes, ttl_s: float) -> None:
        """Keep an answer; some that are too old go. Raises StoreError."""
        await self._database.fetch(_PUT, (key, key, ttl_s, answer))

    async def clear(self) -> int:
        """Forget all answers and return how many there were. Raises StoreError."""
        ((count,),) = await self._database.fetch(_CLEAR)
        return count


async def figures(database: Database) -> dict[str, int]:
    """Return how much of everything there is, as ``StoreFigures`` names it."""
    ((keys, lines, answers, answer_bytes),) = await database.fetch(_FIGURES)
    return {"keys": keys, "usage_lines": lines, "answers": answers, "answer_bytes": answer_bytes}


async def faults(database: Database) -> list[Fault]:
    """Return keys that cannot be read, and days whose sums are not those of their lines."""
    rows = await database.fetch("SELECT id, body FROM {s}.api_keys ORDER BY number")
    found = [key_fault(key_id, restored(body)) for key_id, body in rows]
    differing = DIFFERING.format(usage="{s}.usage", days="{s}.usage_days")
    found += [day_fault(day) for (day,) in await database.fetch(differing)]
    return [fault for fault in found if fault is not None]


async def due(database: Database, keep: Retention) -> dict[str, int]:
    """Return how many lines of usage, and answers, a prune removes."""
    ((lines, answers),) = await database.fetch(_DUE, (first_day(keep, time.time()),))
    return {"usage_lines": lines, "answers": answers}


async def forget(database: Database, keep: Retention) -> dict[str, int]:
    """Remove usage of days that are no longer kept, and answers whose time is over; return how many there were."""
    found = await due(database, keep)
    await database.fetch(_FORGET, (first_day(keep, time.time()),) * 2)
    return found
