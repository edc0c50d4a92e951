"""The tables of a shared store, and how they came to be: forward-only steps, one release after another.

A released step is never edited: a change is a new step, and a test holds each released one to its digest. Everything
lives in a Postgres schema of its own. Times are Unix seconds by the server's clock; ``history`` shows them as such.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import psycopg

from engine.durable.postgres.database import Connection, Database
from schemas.care import Migrated
from schemas.errors import StoreError


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the schema.

    Attributes:
        statements: SQL; ``{s}`` is the store's schema.
        oldest: The oldest schema version whose releases may go on using the store afterwards: with it, old and new
            workers share a store while one replaces the other.
    """

    statements: str
    oldest: int


# accounts and reservations: amounts are whole billionths.
# runs: narrow and half-full pages, and no index on what every append changes (head, updated_at, cost_usd), so that its
# update stays within the page (HOT); the task's text, which never changes, stands beside it.
_FIRST = """
CREATE TABLE {s}.runs (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    head integer NOT NULL,
    started_at double precision NOT NULL,
    updated_at double precision NOT NULL,
    status text NOT NULL,
    driver text NOT NULL,
    waits_for text NOT NULL,
    until double precision,
    cost_usd double precision,
    claims integer NOT NULL,
    format integer NOT NULL,
    user_name text NOT NULL,
    forked_from text NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX runs_by_status ON {s}.runs (status, number);
CREATE INDEX runs_by_user ON {s}.runs (user_name, number);
CREATE INDEX runs_by_driver ON {s}.runs (driver, number) WHERE driver <> '';
CREATE INDEX runs_due ON {s}.runs (until) WHERE status = 'waiting' AND until IS NOT NULL;
CREATE TABLE {s}.tasks (
    run bigint PRIMARY KEY,
    task text NOT NULL,
    folded text NOT NULL
);
CREATE TABLE {s}.events (
    run bigint NOT NULL,
    seq integer NOT NULL,
    at double precision NOT NULL,
    kind text NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (run, seq)
);
CREATE TABLE {s}.artifacts (
    sha256 bytea PRIMARY KEY,
    data bytea NOT NULL,
    touched_at double precision NOT NULL
);
CREATE TABLE {s}.artifact_uses (
    sha256 bytea NOT NULL,
    run bigint NOT NULL,
    PRIMARY KEY (sha256, run)
);
CREATE INDEX artifact_uses_by_run ON {s}.artifact_uses (run);
CREATE TABLE {s}.drivers (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    kind text NOT NULL,
    host text NOT NULL,
    pid bigint NOT NULL,
    boot_id text NOT NULL,
    version text NOT NULL,
    format integer NOT NULL,
    started_at double precision NOT NULL,
    beat_at double precision NOT NULL,
    timeout_s double precision NOT NULL,
    draining boolean NOT NULL
) WITH (fillfactor = 50);
CREATE UNLOGGED TABLE {s}.live (
    run bigint NOT NULL,
    place bigint NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (run, place)
);
CREATE TABLE {s}.accounts (
    scope text COLLATE "C" NOT NULL,
    measure text COLLATE "C" NOT NULL,
    cap numeric,
    kept numeric NOT NULL,
    spent numeric NOT NULL,
    reserved numeric NOT NULL,
    warned boolean NOT NULL,
    period text NOT NULL,
    zone text NOT NULL,
    began bigint NOT NULL,
    PRIMARY KEY (scope, measure)
) WITH (fillfactor = 50);
CREATE TABLE {s}.reservations (
    id text NOT NULL,
    scope text COLLATE "C" NOT NULL,
    measure text COLLATE "C" NOT NULL,
    amount numeric NOT NULL,
    began bigint NOT NULL,
    charged boolean NOT NULL,
    owner text NOT NULL,
    expires double precision,
    PRIMARY KEY (id, scope, measure)
);
CREATE TABLE {s}.notes (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    line text NOT NULL,
    at double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp())
);
CREATE INDEX notes_by_key ON {s}.notes (kind, key, position);
CREATE TABLE {s}.facts (
    name text PRIMARY KEY,
    at double precision NOT NULL
);
CREATE VIEW {s}.history AS
    SELECT r.id AS run_id, e.seq, to_timestamp(e.at) AS at, e.kind, e.body
    FROM {s}.events e JOIN {s}.runs r ON r.number = e.run;
"""

# What the gateway keeps. The sums of days are those of ``usage`` without the runs: most questions are about them.
# Answers are worth no write-ahead log: a crash of the server forgets them.
_NAMES = """
    day text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    provider text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    agent text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    calls bigint NOT NULL,
    input_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    cache_write_1h_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_nano_usd bigint NOT NULL,
    unpriced_calls bigint NOT NULL,
    failed_calls bigint NOT NULL,
    cached_answers bigint NOT NULL,
"""
_GATEWAY = (
    """
CREATE TABLE {s}.api_keys (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    hash text NOT NULL UNIQUE,
    previous_hash text,
    body text NOT NULL
);
CREATE INDEX api_keys_by_previous ON {s}.api_keys (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE TABLE {s}.usage (
    run_id text COLLATE "C" NOT NULL,"""
    + _NAMES
    + """    PRIMARY KEY (run_id, day, key, provider, model, agent, role)
) WITH (fillfactor = 70);
CREATE INDEX usage_by_day ON {s}.usage (day);
CREATE TABLE {s}.usage_days ("""
    + _NAMES
    + """    PRIMARY KEY (day, key, provider, model, agent, role)
) WITH (fillfactor = 50);
CREATE TABLE {s}.usage_batches (
    name text PRIMARY KEY,
    at double precision NOT NULL
);
CREATE INDEX usage_batches_by_age ON {s}.usage_batches (at);
CREATE UNLOGGED TABLE {s}.answers (
    key text PRIMARY KEY,
    until double precision NOT NULL,
    answer bytea NOT NULL
);
CREATE INDEX answers_by_age ON {s}.answers (until);
ALTER TABLE {s}.accounts ADD COLUMN extra numeric NOT NULL DEFAULT 0;
ALTER TABLE {s}.accounts ADD COLUMN paused double precision NOT NULL DEFAULT 0;
"""
)

_ASSISTANTS = "ALTER TABLE {s}.runs ADD COLUMN assistant text NOT NULL DEFAULT '';\n"

# The audit trail: one chain (``head``) over all rows, which only goes on at its end; ``audit_anchor`` is the last row
# that went by age.
_AUDIT = """
CREATE TABLE {s}.audit (
    n bigint PRIMARY KEY,
    at double precision NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    body text NOT NULL,
    head text NOT NULL
);
CREATE INDEX audit_by_run ON {s}.audit (run_id);
CREATE INDEX audit_by_time ON {s}.audit (at);
CREATE TABLE {s}.audit_anchor (
    n bigint NOT NULL,
    head text NOT NULL
);
"""

STEPS: tuple[Step, ...] = (
    Step(_FIRST, oldest=1),
    Step(_GATEWAY, oldest=1),
    Step(_ASSISTANTS, oldest=1),
    Step(_AUDIT, oldest=1),
)
VERSION = len(STEPS)

# A query of the catalogue, not to_regclass: that one answers from a cache that may be older than a lock just got.
_FOUND = """
SELECT true FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = 'schema_version'
"""


async def migrate(database: Database) -> Migrated:
    """Bring the schema to this release's; many processes may start at once.

    Nothing is asked of the server but one read where the schema is there already, so that the store's user needs no
    right to create anything.

    Raises:
        StoreError: The schema is newer than this release can read, or the user may not create it.
    """
    before = await version(database)
    if before < VERSION:
        await database.run(lambda connection: _migrate(connection, database))
    return Migrated(before=before, after=max(before, VERSION))


async def version(database: Database) -> int:
    """Return the schema's version; 0: there is none.

    Raises:
        StoreError: It is newer than this release can read.
    """
    return await database.run(lambda connection: _version(connection, database))


async def _version(connection: Connection, database: Database) -> int:
    cursor = await connection.execute(_FOUND, (database.address.schema,))
    if await cursor.fetchone() is None:
        return 0
    cursor = await connection.execute(database.sql("SELECT max(version), max(oldest) FROM {s}.schema_version"))
    found, oldest = (await cursor.fetchone()) or (0, 0)
    if (oldest or 0) > VERSION:
        raise StoreError(
            f"the store {database.address.shown} has schema {found}, and this release reads up to {VERSION}",
            hint="a newer release has migrated it: upgrade this one",
            details={"retryable": False, "schema": found},
        )
    return found or 0


async def _migrate(connection: Connection, database: Database) -> None:
    """Under a lock that ends with the transaction: who comes second finds everything done."""
    digest = hashlib.sha256(f"engine store {database.address.schema}".encode()).digest()
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '600s'")
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (int.from_bytes(digest[:8], signed=True),))
        found = await _version(connection, database)
        if not found:
            await _create(connection, database)
        for number, step in enumerate(STEPS[found:], found + 1):
            await connection.execute(database.sql(step.statements))
            await connection.execute(
                database.sql("INSERT INTO {s}.schema_version (version, oldest) VALUES (%s, %s)"), (number, step.oldest)
            )


async def _create(connection: Connection, database: Database) -> None:
    schema = database.address.schema
    cursor = await connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,))
    try:
        if await cursor.fetchone() is None:
            await connection.execute(database.sql("CREATE SCHEMA {s}"))
        await connection.execute(
            database.sql(
                "CREATE TABLE {s}.schema_version (version integer PRIMARY KEY, oldest integer NOT NULL,"
                " migrated_at timestamptz NOT NULL DEFAULT now())"
            )
        )
    except psycopg.errors.InsufficientPrivilege as exc:
        user = database.address.user or "the store's user"
        raise StoreError(
            f"the store {database.address.shown} has no tables yet, and {user} may not create them",
            hint=f"as the database's owner: CREATE SCHEMA {schema} AUTHORIZATION {user}",
            details={"retryable": False, "sqlstate": exc.sqlstate},
        ) from exc
