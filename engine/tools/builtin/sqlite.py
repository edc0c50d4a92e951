"""Copies tables of a SQLite file into DuckDB with Python's own sqlite3.

The file is read as bytes through the jail and opened in memory: SQLite itself never opens a path.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.tools.builtin.jail import Workspace
from schemas.errors import ToolFailedError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LARGEST_BYTES = 256_000_000
MOST_ROWS = 1_000_000
_BATCH = 10_000
_TYPES = {"integer": "BIGINT", "real": "DOUBLE"}  # what SQLite stored → DuckDB; anything else is text


def copy_tables(workspace: Workspace, path: str, sql: str, database: DuckDBPyConnection) -> None:
    """Copy the tables that a query mentions, by their own names; a lone table is also called like its file.

    Raises:
        ToolFailedError: The file is no SQLite database, is being written, or is too large.
    """
    stem = Path(path).stem
    with closing(_open(workspace, path)) as source:
        names = _tables(source, path)
        for name in names:
            alone = len(names) == 1 and stem.lower() in sql.lower()
            if not alone and name.lower() not in sql.lower():
                continue
            target = _free_name(database, name, stem)
            _copy(source, name, target, database)
            if alone and stem.lower() != target.lower():
                database.execute(f"CREATE VIEW {_identifier(stem)} AS SELECT * FROM {_identifier(target)}")


def _open(workspace: Workspace, path: str) -> sqlite3.Connection:
    data = bytearray(_bytes(workspace, path))
    if not data.startswith(b"SQLite format 3\0") or len(data) < 100:
        raise ToolFailedError(f"'{path}' is no SQLite database")
    if _unfinished(workspace, path):
        raise ToolFailedError(
            f"'{path}' has changes that are still in its -wal file", hint="close the program that writes it"
        )
    # File format version 2 means write-ahead log, which a database in memory cannot have; without a log file the two
    # are the same. Source: sqlite.org/fileformat.html, section 1.3.3.
    data[18] = data[19] = 1
    source = sqlite3.connect(":memory:", check_same_thread=True)
    source.deserialize(bytes(data))
    source.execute("PRAGMA trusted_schema=OFF")
    source.execute("PRAGMA query_only=ON")
    return source


def _bytes(workspace: Workspace, path: str) -> bytes:
    with workspace.open_read(path) as file:
        if os.fstat(file).st_size > LARGEST_BYTES:
            raise ToolFailedError(
                f"'{path}' is larger than {LARGEST_BYTES // 1_000_000} MB", hint="export it as Parquet"
            )
        with os.fdopen(file, "rb", closefd=False) as stream:
            return stream.read(LARGEST_BYTES)


def _unfinished(workspace: Workspace, path: str) -> bool:
    try:
        return bool(_bytes(workspace, path + "-wal"))
    except ToolFailedError:
        return False


def _tables(source: sqlite3.Connection, path: str) -> list[str]:
    try:
        rows = source.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' "
            "AND coalesce(sql, '') NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
        ).fetchall()
    except sqlite3.DatabaseError as exc:
        raise ToolFailedError(f"'{path}' cannot be read: {exc}") from None
    return [str(row[0]) for row in rows]


def _free_name(database: DuckDBPyConnection, name: str, stem: str) -> str:
    taken = {str(row[0]).lower() for row in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    return name if name.lower() not in taken else f"{stem}_{name}"


def _copy(source: sqlite3.Connection, name: str, target: str, database: DuckDBPyConnection) -> None:
    try:
        cursor = source.execute(f"SELECT * FROM {_identifier(name)}")
        columns = [str(column[0]) for column in cursor.description]
        types = [_type(source, name, column) for column in columns]
        rows = cursor.fetchmany(MOST_ROWS + 1)
    except sqlite3.Error as exc:
        raise ToolFailedError(f"the SQLite table '{name}' cannot be read: {exc}") from None
    if len(rows) > MOST_ROWS:
        raise ToolFailedError(f"the SQLite table '{name}' has more than {MOST_ROWS} rows", hint="export it as Parquet")
    declared = ", ".join(f"{_identifier(column)} {kind}" for column, kind in zip(columns, types, strict=True))
    database.execute(f"CREATE TABLE {_identifier(target)} ({declared})")
    lists = ", ".join(f"unnest(?::{kind}[])" for kind in types)
    for batch in _batches(rows):
        columns_of_batch = zip(zip(*batch, strict=True), types, strict=True)
        values = [[_cell(value, kind) for value in column] for column, kind in columns_of_batch]
        database.execute(f"INSERT INTO {_identifier(target)} SELECT {lists}", values)


def _type(source: sqlite3.Connection, name: str, column: str) -> str:
    """SQLite types values, not columns: look at what is stored."""
    rows = source.execute(f"SELECT DISTINCT typeof({_identifier(column)}) FROM {_identifier(name)}").fetchall()
    stored = {str(row[0]) for row in rows} - {"null"}
    if stored == {"integer", "real"}:
        return "DOUBLE"
    return _TYPES.get(stored.pop(), "VARCHAR") if len(stored) == 1 else "VARCHAR"


def _cell(value: Any, kind: str) -> Any:
    if value is None or kind != "VARCHAR":
        return value
    return value.hex() if isinstance(value, bytes) else str(value)


def _batches(rows: list[Any]) -> Iterator[list[Any]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
