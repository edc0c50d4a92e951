"""Questions over a table, written as one SELECT."""

from __future__ import annotations

import json

import pytest

from gateway.providers.offline.queries import write_query
from schemas.fence import fence
from tests.gateway.providers.offline.asking import Offered, plan, text

QUERY = Offered(
    "rows",
    "Query data tables in files (CSV, Parquet) with SQL.",
    {"sql": text("One SELECT statement in DuckDB's SQL. DESCRIBE sales lists its columns.")},
)
READ = Offered("read_file", "Read a text file.", {"path": text("Path of the file")}, None, {"text": text("")})
TOTAL = 'SELECT "region", sum("units") AS "total units" FROM "sales.csv" GROUP BY "region" ORDER BY 2 DESC'


@pytest.mark.parametrize(
    ("task", "query"),
    [
        ("What are the three largest units in sales.csv?", 'SELECT * FROM "sales.csv" ORDER BY "units" DESC LIMIT 3'),
        ("how many rows are in sales.csv?", 'SELECT count(*) AS "rows" FROM "sales.csv"'),
        ("Show me the first 5 rows of sales.csv", 'SELECT * FROM "sales.csv" LIMIT 5'),
        ("rows of sales.csv where units > 1,000", 'SELECT * FROM "sales.csv" WHERE "units" > 1000'),
        ("Which region has the highest total units in sales.csv?", f"{TOTAL} LIMIT 1"),
        ("total units by region in sales.csv", TOTAL),
        ("按 region 统计 sales.csv 中 units 的总和", TOTAL),
        ("sales.csv の region ごとの units の合計", TOTAL),
        ("sales.csv에서 region별 units 합계를 알려 줘", TOTAL),
        ("Summe der units nach region in sales.csv", TOTAL),
        ("¿Cuántas filas tiene sales.csv?", 'SELECT count(*) AS "rows" FROM "sales.csv"'),
        ("average \"price\" of 'x.txt'", None),
        ("Which rows of sales.csv look suspicious?", None),
        ("List the products in sales.csv", 'SELECT DISTINCT "products" FROM "sales.csv" ORDER BY 1'),
        ("which regions are in sales.csv?", 'SELECT DISTINCT "regions" FROM "sales.csv" ORDER BY 1'),
        ("Show all the contents of sales.csv", 'SELECT * FROM "sales.csv"'),
        ("Show me the details of sales.csv", None),
        ("Describe the products in sales.csv", None),
    ],
)
def test_questions_over_a_table(task: str, query: str | None) -> None:
    """Columns are called by the task's own words; a question with a word left over gives no query."""
    assert write_query(task) == query


def test_a_value_cannot_leave_its_quotes() -> None:
    """A quote in a value or a name is doubled."""
    query = write_query("rows of 'a\"b.csv' where name is \"o'neil\"")
    assert query == """SELECT * FROM "a""b.csv" WHERE lower(CAST("name" AS VARCHAR)) = 'o''neil'"""


def test_sql_is_never_a_phrase() -> None:
    """An argument that takes SQL gets a statement or nothing."""
    items = plan("Query sales.csv for what is odd about it", [QUERY])
    assert "ask" in items[0]
    assert plan('Query the table with "SELECT 1"', [QUERY]) == [{"rows": "SELECT 1"}]


def test_columns_are_described() -> None:
    """The columns are asked for with the statement that the tool's description names."""
    assert plan("What columns does sales.csv have?", [QUERY]) == [{"rows": 'DESCRIBE "sales.csv"'}]


def test_the_task_s_one_table_serves_all_clauses() -> None:
    """A clause that counts rows and names no file means the one file of the task."""
    items = plan("Read sales.csv and count the rows", [READ, QUERY])
    assert items[1] == {"rows": 'SELECT count(*) AS "rows" FROM "sales.csv"'}


def test_an_unknown_column_is_looked_up_by_its_letters() -> None:
    """After the error that names the column, it is looked up once by its letters."""
    tried = 'SELECT avg("price") AS "average price" FROM "sales.csv"'
    told = {"input": {"sql": tried}, "error": 'Referenced column "price" not found in FROM clause!'}
    past = fence("finished", json.dumps(told), step="1", tool="rows", status="failed")
    items = plan("average price in sales.csv", [QUERY], past, fence("first_id", "2"))
    assert items[0] == {"rows": "SELECT avg(COLUMNS('(?i)price')) FROM \"sales.csv\""}
    told = {"input": {"sql": write_query("List the products in sales.csv")}, "error": 'column "products" not found'}
    past = fence("finished", json.dumps(told), step="1", tool="rows", status="failed")
    items = plan("List the products in sales.csv", [QUERY], past, fence("first_id", "2"))
    assert items[0] == {"rows": "SELECT DISTINCT COLUMNS('(?i)products?') FROM \"sales.csv\" ORDER BY 1"}


def test_a_single_value_is_taken_out_of_its_row() -> None:
    """What goes on from a query of one value takes that value, not the number of rows."""
    returns = {"rows": {"type": "array", "items": {"type": "object"}}, "row_count": {"type": "integer"}}
    query = Offered(QUERY.name, QUERY.description, QUERY.arguments, None, returns)
    calc = Offered("calc", "Evaluate an arithmetic expression.", {"expression": text("Such as (3+4)*2")})
    items = plan("Count the rows of sales.csv, then multiply that by 2", [query, calc])
    assert items[1] == {"calc": '{{1.rows[0]."rows"}} * 2'}
