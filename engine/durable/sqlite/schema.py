"""The tables of the file, and how a file of an earlier release becomes one of this.

Migrations are numbered functions, each in one transaction, forward only. A released one is never changed: a new one is
added. ``PRAGMA user_version`` holds the number of the last one; ``application_id`` tells our files from others'.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from engine.durable.sqlite.faults import foreign_error, newer_error, older_error
from schemas.care import Migrated

APPLICATION_ID = 0x504C414E  # "PLAN"
PAGE_BYTES = 4096  # deflated results of 2 KB fit twice, and an append writes few bytes

# A run's events lie beside each other: place = the run's number << 31 | the event's number. So a plain rowid table
# needs no second index, and appending to a run touches one page.
SEQ_BITS = 31

# Budgets count in whole billionths, written out: they may be longer than SQLite's integers.
_FIRST = """
CREATE TABLE runs (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL,
    status TEXT NOT NULL,
    task TEXT NOT NULL,
    user TEXT NOT NULL,
    started_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    cost_usd REAL,
    driver TEXT NOT NULL,
    claims INTEGER NOT NULL,
    waits_for TEXT NOT NULL,
    until REAL,
    format INTEGER NOT NULL,
    forked_from TEXT NOT NULL,
    moved INTEGER NOT NULL
);
CREATE INDEX runs_by_status ON runs (status, until);
CREATE INDEX runs_by_driver ON runs (driver) WHERE driver <> '';
CREATE INDEX runs_by_move ON runs (moved);
CREATE TABLE events (place INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body NOT NULL);
CREATE TABLE live (place INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE drivers (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    beat_at REAL NOT NULL
);
CREATE TABLE artifacts (
    sha256 TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    held INTEGER NOT NULL,
    held_at REAL NOT NULL,
    data BLOB
);
CREATE TABLE artifact_uses (n INTEGER NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (n, sha256)) WITHOUT ROWID;
CREATE INDEX artifact_uses_by_content ON artifact_uses (sha256);
CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE accounts (
    scope TEXT NOT NULL,
    measure TEXT NOT NULL,
    cap TEXT,
    kept TEXT NOT NULL,
    spent TEXT NOT NULL,
    reserved TEXT NOT NULL,
    warned INTEGER NOT NULL,
    period TEXT NOT NULL,
    zone TEXT NOT NULL,
    began INTEGER NOT NULL,
    PRIMARY KEY (scope, measure)
) WITHOUT ROWID;
CREATE TABLE reservations (
    id TEXT NOT NULL,
    scope TEXT NOT NULL,
    measure TEXT NOT NULL,
    amount TEXT NOT NULL,
    began INTEGER NOT NULL,
    charged INTEGER NOT NULL,
    owner TEXT NOT NULL,
    expires REAL,
    PRIMARY KEY (id, scope, measure)
) WITHOUT ROWID;
CREATE TABLE notes (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    line TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX notes_by_key ON notes (kind, key, position);
"""

# What the gateway keeps. The sums of days are those of ``usage`` without the runs: most questions are about them, and
# they stay few however many runs there are.
_COUNTS = """
    calls INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL,
    unpriced_calls INTEGER NOT NULL,
    failed_calls INTEGER NOT NULL,
    cached_answers INTEGER NOT NULL,
"""
_GATEWAY = f"""
CREATE TABLE api_keys (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL UNIQUE,
    previous_hash TEXT,
    body TEXT NOT NULL
);
CREATE INDEX api_keys_by_previous ON api_keys (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE TABLE usage (
    run_id TEXT NOT NULL,
    day TEXT NOT NULL,
    key TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    agent TEXT NOT NULL,
    role TEXT NOT NULL,
{_COUNTS.strip(chr(10))}
    PRIMARY KEY (run_id, day, key, provider, model, agent, role)
) WITHOUT ROWID;
CREATE INDEX usage_by_day ON usage (day);
CREATE TABLE usage_days (
    day TEXT NOT NULL,
    key TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    agent TEXT NOT NULL,
    role TEXT NOT NULL,
{_COUNTS.strip(chr(10))}
    PRIMARY KEY (day, key, provider, model, agent, role)
) WITHOUT ROWID;
CREATE TABLE usage_batches (name TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX usage_batches_by_age ON usage_batches (at);
CREATE TABLE answers (key TEXT PRIMARY KEY, until REAL NOT NULL, answer BLOB NOT NULL);
CREATE INDEX answers_by_age ON answers (until);
ALTER TABLE accounts ADD COLUMN extra TEXT NOT NULL DEFAULT '0';
ALTER TABLE accounts ADD COLUMN paused REAL NOT NULL DEFAULT 0;
"""

# The audit trail: one chain (``head``) over all rows, which only goes on at its end; ``audit_anchor`` is the last row
# that went by age.
_AUDIT = """
CREATE TABLE audit (
    n INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    run_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    body NOT NULL,
    head TEXT NOT NULL
);
CREATE INDEX audit_by_run ON audit (run_id);
CREATE INDEX audit_by_time ON audit (at);
CREATE TABLE audit_anchor (n INTEGER NOT NULL, head TEXT NOT NULL);
"""


def _first(db: sqlite3.Connection) -> None:
    """The first release."""
    for statement in _FIRST.split(";\n"):
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _gateway(db: sqlite3.Connection) -> None:
    """API keys, counted usage, kept answers."""
    for statement in _GATEWAY.split(";\n"):
        db.execute(statement)


def _assistants(db: sqlite3.Connection) -> None:
    """Whose assistant's a run is; of runs that are there already it is not told."""
    db.execute("ALTER TABLE runs ADD COLUMN assistant TEXT NOT NULL DEFAULT ''")


def _audit(db: sqlite3.Connection) -> None:
    """The audit trail."""
    for statement in _AUDIT.split(";\n"):
        db.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _gateway, _assistants, _audit)
VERSION = len(MIGRATIONS)


def version_of(db: sqlite3.Connection, path: Path) -> int:
    """Return the version of a file's schema; 0: the file is empty.

    Raises:
        StoreError: It is another program's database, or a newer release's.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        if version or application or db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise foreign_error(path)
        return 0
    if version > VERSION:
        raise newer_error(path, version, VERSION)
    return version


def prepare(db: sqlite3.Connection, path: Path, *, migrate: bool) -> Migrated:
    """Bring a file to this release's schema and return what was done; an empty one always.

    Raises:
        StoreError: The file is not ours, is newer than this release, or is older and ``migrate`` is False.
        sqlite3.Error: It cannot be read or written; every migration that was not finished left nothing behind.
    """
    before = version_of(db, path)
    if before == VERSION:
        return Migrated(before=before, after=VERSION)
    if before and not migrate:
        raise older_error(path, before, VERSION)
    backup = ""
    if before:
        backup = str(_backup(db, path, before))
    else:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    for number, step in enumerate(MIGRATIONS, 1):
        _step(db, path, number, step)
    return Migrated(before=before, after=VERSION, backup=backup)


def _step(db: sqlite3.Connection, path: Path, number: int, step: Callable[[sqlite3.Connection], None]) -> None:
    """Do one migration, unless another process was faster."""
    db.execute("BEGIN IMMEDIATE")
    try:
        if version_of(db, path) < number:
            step(db)
            db.execute(f"PRAGMA user_version = {number}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _backup(db: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy the file beside itself before it is changed; the first copy of a version stays."""
    kept = path.with_name(f"{path.name}.schema-{version}.backup")
    if not kept.exists():
        unfinished = kept.with_name(f"{kept.name}.part")
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(unfinished)) as copy:
            db.backup(copy)
        unfinished.replace(kept)
    return kept
