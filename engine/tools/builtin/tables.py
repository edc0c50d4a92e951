"""``query_table``: SQL over CSV, Parquet, JSON and SQLite files of the workspace, by DuckDB.

The database is in memory and sees nothing but the files opened for it (by descriptor, through the jail): external
access is off and the configuration locked before the query is looked at. SQLite files are copied in by Python's own
sqlite3, so no extension is loaded.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, cast

from pydantic import Field

from engine.tools.builtin.jail import Workspace
from engine.tools.builtin.sqlite import copy_tables
from engine.tools.function import FunctionTool, tool
from schemas.errors import EngineError, ToolArgumentsError, ToolFailedError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY = "512MB"
LONGEST_QUERY_S = 30.0
MOST_DATA_FILES = 500
MOST_UNASKED = 50  # tables offered to a query that names none: SHOW TABLES
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": MEMORY,
    "threads": "2",
    "temp_directory": "",  # beyond its memory a query fails; it never fills the disk
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # else a table name may mean a Python variable
}
_READERS = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".parquet": "read_parquet",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}
_SQLITE = frozenset({".sqlite", ".sqlite3", ".db"})
_DESCRIPTORS = next((folder for folder in ("/proc/self/fd", "/dev/fd") if Path(folder).is_dir()), "/dev/fd")


class Rows(TypedDict):
    """Rows of a query; truncated when there were more."""

    columns: list[str]
    rows: list[dict[str, Any]]
    row_count: int
    truncated: bool


def query_table(workspace: Workspace) -> FunctionTool[Any, Rows]:
    """Return the tool ``query_table`` on a workspace."""

    @tool(effects="none", kind="builtin", reads=("file:*",), timeout_s=LONGEST_QUERY_S + 15, expected_s=0.3)
    def query_table(
        sql: Annotated[str, Field(min_length=1, max_length=20_000)],
        files: list[str] | None = None,
        max_rows: Annotated[int, Field(ge=1, le=10_000)] = 200,
    ) -> Rows:
        """Query data tables in files (CSV, Parquet, JSON, SQLite) with SQL: filter, group, sum, count, join, sort rows.

        Args:
            sql: One SELECT statement in DuckDB's SQL. A table is called like its file: sales.csv is FROM sales.
                DESCRIBE sales lists its columns.
            files: Paths of the data files to use; found by the table names in the query when left out.
            max_rows: Most rows to return.

        Returns:
            The rows as objects by column name.
        """
        paths = _data_files(workspace, files)
        try:
            with _database(workspace, sql, paths) as database:
                return _select(database, sql, max_rows)
        except EngineError:
            raise
        except Exception as exc:
            raise _refusal(exc, paths) from None

    return query_table


def _data_files(workspace: Workspace, files: list[str] | None) -> list[str]:
    if files is None:
        found = (entry.path for entry in workspace.files())
        return list(islice((path for path in found if _suffix(path) in _READERS.keys() | _SQLITE), MOST_DATA_FILES))
    for path in files:
        if _suffix(path) not in _READERS.keys() | _SQLITE:
            kinds = ", ".join([*_READERS, *sorted(_SQLITE)])
            raise ToolArgumentsError(f"files: '{path}' is of no kind that can be queried", hint=f"there are {kinds}")
    return files


@contextmanager
def _database(workspace: Workspace, sql: str, paths: list[str]) -> Generator[DuckDBPyConnection]:
    """A database that holds the tables a query may mean, locked and with a time limit."""
    import duckdb  # a quarter of a second: only when a query is made

    with ExitStack() as stack:
        database = stack.enter_context(duckdb.connect(":memory:", config=_CONFIG))
        limit = threading.Timer(LONGEST_QUERY_S, database.interrupt)
        limit.daemon = True
        limit.start()
        stack.callback(limit.cancel)
        opened: dict[str, str] = {}
        plain = [path for path in paths if _suffix(path) not in _SQLITE]
        mentioned = [path for path in plain if _mentioned(path, sql)]
        for path in paths:
            if _suffix(path) in _SQLITE:
                copy_tables(workspace, path, sql, database)
            elif path in (mentioned or plain[:MOST_UNASKED]):
                file = stack.enter_context(workspace.open_read(path))
                opened[path] = f"{_DESCRIPTORS}/{file}"
        database.execute(f"SET allowed_paths=[{', '.join(map(_quoted, opened.values()))}]")
        _create_views(database, opened)
        database.execute("SET enable_external_access=false")
        database.execute("SET lock_configuration=true")
        yield database


def _create_views(database: DuckDBPyConnection, opened: Mapping[str, str]) -> None:
    """Call each file by its path, its name, its name without suffix, and that in plain letters; unless two share it."""
    names = {path: dict.fromkeys([path, Path(path).name, _stem(path), _plain(path)]) for path in opened}
    shared = Counter(name.lower() for group in names.values() for name in {name.lower() for name in group})
    for path, file in opened.items():
        source = f"{_READERS[_suffix(path)]}({_quoted(file)})"
        for name in names[path]:
            if shared[name.lower()] == 1:
                database.execute(f"CREATE OR REPLACE VIEW {_identifier(name)} AS SELECT * FROM {source}")


def _select(database: DuckDBPyConnection, sql: str, max_rows: int) -> Rows:
    statements = database.extract_statements(sql)
    if len(statements) != 1 or statements[0].type.name != "SELECT":
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise ToolArgumentsError(f"sql: it holds {kinds}, not one SELECT statement", hint="only reading is possible")
    query = f"(\n{statements[0].query.strip().rstrip(';')}\n)"
    described = database.execute(f"DESCRIBE SELECT * FROM {query}").fetchall()
    # Fetching a time with a zone would need another package: as text it needs none.
    casts = ", ".join(
        f"CAST({_identifier(name)} AS VARCHAR) AS {_identifier(name)}" for name, kind, *_ in described if "ZONE" in kind
    )
    star = f"* REPLACE ({casts})" if casts else "*"
    cursor = database.execute(f"SELECT {star} FROM {query} LIMIT {max_rows + 1}")
    columns = [str(column[0]) for column in cursor.description or ()]
    found = cursor.fetchall()
    rows = [dict(zip(columns, map(_cell, row), strict=True)) for row in found[:max_rows]]
    return Rows(columns=columns, rows=rows, row_count=len(rows), truncated=len(found) > max_rows)


def _cell(value: Any) -> Any:
    """A cell as JSON: decimals as numbers, dates in ISO form, NaN and infinity as null, bytes as hex digits."""
    match value:
        case Decimal():
            return (int(value) if value == value.to_integral_value() else float(value)) if value.is_finite() else None
        case float():
            return value if isfinite(value) else None
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case list() | tuple():
            return [_cell(item) for item in cast("Iterable[Any]", value)]
        case dict():
            return {str(key): _cell(item) for key, item in cast("dict[Any, Any]", value).items()}
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)


def _refusal(exc: Exception, paths: list[str]) -> ToolArgumentsError | ToolFailedError:
    name = type(exc).__name__
    first, *rest = str(exc).splitlines() or [""]
    candidates = next((line for line in rest if line.startswith(("Candidate", "Did you mean"))), "")
    message = f"{first.rstrip('.')}. {candidates}" if candidates else first
    message = re.sub(rf"{_DESCRIPTORS}/\d+", "the file", message)
    if name == "InterruptException":
        return ToolFailedError(f"the query took more than {LONGEST_QUERY_S:g} s", hint="select fewer rows or columns")
    if name == "OutOfMemoryException":
        return ToolFailedError(f"the query needs more than {MEMORY} of memory", hint="select fewer rows or columns")
    tables = ", ".join(f"{_stem(path)} ({path})" for path in paths[:20])
    return ToolArgumentsError(f"sql: {message}", hint=f"tables: {tables}" if tables else "there are no data files")


def _mentioned(path: str, sql: str) -> bool:
    return any(name.lower() in sql.lower() for name in (_stem(path), _plain(path)))


def _suffix(path: str) -> str:
    return Path(path).suffix.lower()


def _stem(path: str) -> str:
    return Path(path).stem


def _plain(path: str) -> str:
    return re.sub(r"\W+", "_", _stem(path))


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
