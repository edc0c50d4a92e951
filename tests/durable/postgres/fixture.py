"""Writes what this release's schema is remembered by: ``python -m tests.durable.postgres.fixture``.

A released one is never written again: later releases must open it as it is. SQL text, the same runs as in SQLite's.
"""

from __future__ import annotations

from typing import Any

import anyio

from engine.durable.postgres.database import Connection, Database
from engine.durable.postgres.schema import STEPS, VERSION
from engine.durable.postgres.store import PostgresStore
from tests.durable.cluster import running
from tests.durable.sqlite.fixture import FOLDER, fill

TABLES = (
    "schema_version", "runs", "tasks", "events", "artifacts", "artifact_uses", "drivers", "live", "accounts",
    "reservations", "notes", "facts", "api_keys", "usage", "usage_days", "usage_batches", "answers", "audit",
    "audit_anchor",
)  # fmt: skip


def statements(number: int) -> str:
    """Return the SQL that makes the tables of a schema version."""
    made = "".join(step.statements for step in STEPS[:number]).replace("{s}", '"engine"')
    return (
        'CREATE SCHEMA "engine";\nCREATE TABLE "engine".schema_version (version integer PRIMARY KEY,'
        f" oldest integer NOT NULL, migrated_at timestamptz NOT NULL DEFAULT now());\n{made}"
    )


async def rows(database: Database) -> str:
    """Return every row as an INSERT."""

    async def work(connection: Connection) -> str:
        lines: list[str] = []
        for table in TABLES:
            cursor = await connection.execute(database.sql(f"SELECT * FROM {{s}}.{table} ORDER BY 1, 2"))
            for row in await cursor.fetchall():
                values = ", ".join([await _literal(connection, value) for value in row])
                lines.append(f'INSERT INTO "engine".{table} OVERRIDING SYSTEM VALUE VALUES ({values});')
        return "\n".join(lines)

    return await database.run(work)


async def _literal(connection: Connection, value: Any) -> str:
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    cursor = await connection.execute("SELECT quote_nullable(%s::text)", (None if value is None else str(value),))
    return str((await cursor.fetchone() or ("",))[0])


async def main() -> None:
    """Write the fixture of this schema."""
    cluster = running()
    store = await PostgresStore.open(cluster.database())
    await fill(store)  # type: ignore[arg-type]  # any store will do
    text = f"{statements(VERSION)}{await rows(store.database)}\n"
    (FOLDER / f"postgres-{VERSION}.sql").write_text(text, encoding="utf-8")
    await store.aclose()
    cluster.remove()


if __name__ == "__main__":
    anyio.run(main)
