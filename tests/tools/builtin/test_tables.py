"""``query_table``: SQL over files, and everything it must not do."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.tools.builtin import builtin_tools, tables
from schemas.errors import ToolArgumentsError, ToolError, ToolFailedError
from tests.tools.context import Context

pytestmark = pytest.mark.anyio


ONE_LOOP = pytest.mark.parametrize("anyio_backend", ["asyncio"])  # what DuckDB says is the same on either


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each test gets a copy of."""
    tmp_path = tmp_path_factory.mktemp("tables")
    (tmp_path / "outside.csv").write_text("secret\n1\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "sales.csv").write_text("region,amount\nnorth,10.5\nsouth,20\nnorth,1\n")
    (inside / "people.json").write_text(json.dumps([{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bo"}]))
    with duckdb.connect() as database:
        database.execute(f"COPY (SELECT 1 AS id, DATE '2024-05-17' AS day) TO '{inside}/days.parquet' (FORMAT parquet)")
    with closing(sqlite3.connect(inside / "shop.db")) as shop:
        shop.execute("CREATE TABLE orders (id INTEGER, code TEXT, price REAL, note)")
        shop.execute("INSERT INTO orders VALUES (1, '007', 2.5, NULL), (2, '', 3, x'ff')")
        shop.execute("CREATE TABLE clients (id INTEGER)")
        shop.commit()
    return tmp_path


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A workspace with the same table in four forms, beside a file that must not be seen."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "inside"


async def query(folder: Path, sql: str, **arguments: Any) -> Any:
    """Run the tool."""
    (tool,) = builtin_tools(["query_table"], folder)
    return await tool.call({"sql": sql, **arguments}, Context())


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (
            "SELECT region, sum(amount) AS total FROM sales GROUP BY 1 ORDER BY 2 DESC",
            [{"region": "south", "total": 20}, {"region": "north", "total": 11.5}],
        ),
        ("SELECT count(*) AS n FROM 'sales.csv';", [{"n": 3}]),
        ("SELECT name FROM people JOIN days USING (id)", [{"name": "Ann"}]),
        ("SELECT day FROM days", [{"day": "2024-05-17"}]),
        ("SELECT code, price, note FROM orders ORDER BY id", [
            {"code": "007", "price": 2.5, "note": None}, {"code": "", "price": 3, "note": "ff"},
        ]),
        ("WITH t AS (SELECT 1 AS a) SELECT a, a AS a FROM t -- note", [{"a": 1, "a_1": 1}]),
        ("SELECT TIMESTAMPTZ '2024-01-01 00:00:00+00' IS NOT NULL AS t, 'nan'::double AS x", [{"t": True, "x": None}]),
        ("SELECT 1.10::DECIMAL(4,2) AS d, [1, 2] AS l, {'k': DATE '2024-01-01'} AS s", [
            {"d": 1.1, "l": [1, 2], "s": {"k": "2024-01-01"}},
        ]),
    ],
)  # fmt: skip
async def test_queries(folder: Path, sql: str, rows: list[dict[str, Any]]) -> None:
    """CSV, JSON, Parquet and SQLite are tables called like their files, and every cell is plain JSON."""
    assert (await query(folder, sql))["rows"] == rows


async def test_a_time_with_a_zone_needs_no_other_package(folder: Path) -> None:
    """Times with a zone come as text."""
    assert isinstance((await query(folder, "SELECT now() AS t"))["rows"][0]["t"], str)


async def test_columns_can_be_looked_up(folder: Path) -> None:
    """DESCRIBE and SHOW TABLES work, so a planner can look before it asks."""
    described = await query(folder, "DESCRIBE sales")
    assert [row["column_name"] for row in described["rows"]] == ["region", "amount"]
    assert "sales" in str(await query(folder, "SHOW TABLES"))


async def test_rows_are_capped_and_said(folder: Path) -> None:
    """More rows than asked for are cut, not fetched."""
    found = await query(folder, "SELECT * FROM range(100000000000)", max_rows=2)
    assert (found["row_count"], found["truncated"]) == (2, True)


@ONE_LOOP
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_csv('../outside.csv')",
        "SELECT * FROM '../outside.csv'",
        "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
        "SELECT * FROM 's3://bucket/x.parquet'",
        "SELECT * FROM sqlite_scan('shop.db', 'orders')",
        "SELECT * FROM query('COPY sales TO ''x.csv''')",
        "SELECT getenv('HOME')",
        "COPY sales TO 'stolen.csv'",
        "COPY (SELECT 1) TO '/tmp/stolen.csv'",
        "EXPORT DATABASE 'stolen'",
        "ATTACH 'shop.db' AS s",
        "ATTACH '/tmp/new.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA version",
        "PRAGMA enable_external_access=true",
        "SET enable_external_access=true",
        "SET memory_limit='100GB'",
        "RESET lock_configuration",
        "CREATE TABLE x (a INT)",
        "DROP VIEW sales",
        "INSERT INTO sales VALUES ('x', 1)",
        "CALL pragma_version()",
        "PREPARE p AS SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT 1); COPY sales TO 'stolen.csv'; SELECT (1",
        "",
        ";",
        "-- nothing",
        "not sql",
        "SELECT \x00",
    ],
)
async def test_everything_but_reading_is_refused(folder: Path, sql: str) -> None:
    """No file outside, no network, no extension, no setting and no write is reached by any statement."""
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(ToolError):
        await query(folder, sql)
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize("sql", ["CREATE TABLE x (a INT)", "PRAGMA version", "SELECT 1; SELECT 2", ";"])
async def test_other_statements_are_named(folder: Path, sql: str) -> None:
    """A statement that is no SELECT is refused for what it is, before it runs."""
    with pytest.raises(ToolArgumentsError, match="not one SELECT statement"):
        await query(folder, sql)


async def test_a_python_variable_is_no_table(folder: Path) -> None:
    """DuckDB's habit of reading variables of the process is off."""
    with pytest.raises(ToolArgumentsError, match="does not exist"):
        await query(folder, "SELECT * FROM paths")


async def test_links_to_files_outside_are_no_tables(folder: Path) -> None:
    """A link in the workspace is neither found nor, when named, followed."""
    (folder / "linked.csv").symlink_to(folder.parent / "outside.csv")
    for files in (None, ["linked.csv"], ["../outside.csv"], [str(folder.parent / "outside.csv")]):
        with pytest.raises(ToolError):
            await query(folder, "SELECT * FROM linked, outside", files=files)


async def test_a_file_name_is_data(folder: Path) -> None:
    """Quotes and wildcards in a file's name are part of the name."""
    (folder / 'it\'s "q" *[1].csv').write_text("a\n5\n")
    assert (await query(folder, "SELECT a FROM it_s_q_1_"))["rows"] == [{"a": 5}]


async def test_mistakes_come_with_the_tables_there_are(folder: Path) -> None:
    """An unknown table or column says what there is."""
    with pytest.raises(ToolArgumentsError) as caught:
        await query(folder, "SELECT * FROM sale")
    assert "sales (sales.csv)" in caught.value.hint
    with pytest.raises(ToolArgumentsError, match="price"):
        await query(folder, "SELECT price FROM sales")


async def test_a_query_is_stopped_at_its_time_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that would take for ever is interrupted."""
    monkeypatch.setattr(tables, "LONGEST_QUERY_S", 0.3)
    began = time.monotonic()
    with pytest.raises(ToolFailedError, match="took more than"):
        await query(folder, "SELECT count(*) FROM range(1000000000) a, range(1000) b WHERE a.range * b.range = 7")
    assert time.monotonic() - began < 3


async def test_memory_is_capped(folder: Path) -> None:
    """A query beyond its memory fails; it neither grows the process nor fills the disk."""
    with pytest.raises(ToolFailedError, match="memory"):
        await query(folder, "SELECT count(*) FROM (SELECT list(range) AS l FROM range(300000000)) WHERE len(l) > 1")


@pytest.mark.parametrize("data", [b"no database", b"SQLite format 3\0" + b"\xff" * 4096])
async def test_a_broken_database_is_an_error(folder: Path, data: bytes) -> None:
    """A file that only looks like SQLite fails the call and nothing else."""
    (folder / "bad.db").write_bytes(data)
    with pytest.raises(ToolFailedError):
        await query(folder, "SELECT * FROM bad", files=["bad.db"])


async def test_a_wrong_column_names_the_near_ones(folder: Path) -> None:
    """The columns that DuckDB proposes for a wrong name are in the error, on one line."""
    with pytest.raises(ToolArgumentsError) as caught:
        await query(folder, "SELECT amuont FROM sales")
    assert "amuont" in caught.value.message
    assert '"amount"' in caught.value.message
    assert "\n" not in caught.value.message
