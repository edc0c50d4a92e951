"""The tables, and how they came to be."""

from __future__ import annotations

import re

import anyio
import psycopg
import pytest

from engine.durable.postgres import schema
from engine.durable.postgres.schema import STEPS, VERSION, Step
from engine.durable.postgres.store import PostgresStore
from schemas.bookkeeping import UsageQuery
from schemas.errors import StoreError
from schemas.events import PlanStarted
from schemas.runs import RunQuery
from tests.durable.cluster import Cluster
from tests.durable.contract import FIRST
from tests.durable.postgres.fixture import statements
from tests.durable.sqlite.fixture import FOLDER, KEY

pytestmark = pytest.mark.anyio
RELEASED = sorted(FOLDER.glob("postgres-*.sql"))


async def test_many_start_at_once(postgres_url: str) -> None:
    """Ten processes that find an empty database make the tables once."""
    stores: list[PostgresStore] = []

    async def opens() -> None:
        stores.append(await PostgresStore.open(postgres_url))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(opens)
    assert await stores[0].database.fetch("SELECT version FROM {s}.schema_version") == [
        (number,) for number in range(1, VERSION + 1)
    ]
    for number, store in enumerate(stores):
        await store.append(f"r{number}", 0, [FIRST])
        await store.aclose()


async def test_two_stores_in_one_database(postgres_url: str) -> None:
    """Stores of different schemas see nothing of each other, not even their notifications."""
    one, two = [await PostgresStore.open(f"{postgres_url}?schema={name}") for name in ("one", "two")]
    for store in (one, two):
        await store.append("r", 0, [FIRST])
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(one.wait, "r", 1)
            await anyio.sleep(0.1)
            await two.append("r", 1, [PlanStarted(), PlanStarted()])
            await anyio.sleep(0.1)
            await one.append("r", 1, [PlanStarted()])
    assert (await one.summary("r")).head == 2
    for store in (one, two):
        await store.aclose()


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
async def test_every_released_schema_is_brought_up(path: object, postgres_url: str) -> None:
    """What a release wrote is opened by this one: nothing is lost, every event can be read, and the rows are right."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(path.read_bytes())  # type: ignore[attr-defined]
    store = await PostgresStore.open(postgres_url)
    rows = await store.find(RunQuery())
    assert {row.status for row in rows} == {"queued", "running", "waiting", "completed", "failed", "cancelled"}
    for row in rows:
        assert len(await store.load(row.id)) == row.head
        await store.append(row.id, row.head, [PlanStarted()])
    assert [fault for fault in await store.check() if fault.code != "server"] == []
    assert [driver.id for driver in await store.drivers()] == ["d1"]
    later = str(path).rpartition("-")[2] != "1.sql"
    assert await store.key_store.find("1" * 64) == (KEY if later else None)
    assert [row.run_id for row in await store.usage_book.read(UsageQuery(by=("run_id",)))] == ["completed"] * later
    told = [one.entry.about for one in await store.audit_book.read()]
    assert told == ["app"] * (str(path).rpartition("-")[2] > "3.sql")
    await store.aclose()


def test_a_released_step_is_never_edited() -> None:
    """The steps of every released schema are word for word those it was released with."""
    for path in RELEASED:
        number = int(re.sub(r"\D", "", path.stem))
        assert path.read_text().startswith(statements(number)), "a change is a new step"


async def test_a_newer_schema(store: PostgresStore, postgres_url: str) -> None:
    """A schema that a newer release made is refused in one line, unless that release says older ones may go on."""
    await store.database.fetch(f"INSERT INTO {{s}}.schema_version (version, oldest) VALUES ({VERSION + 1}, {VERSION})")
    await (await PostgresStore.open(postgres_url)).aclose()
    await store.database.fetch("UPDATE {s}.schema_version SET oldest = version")
    with pytest.raises(StoreError, match=f"has schema {VERSION + 1}, and this release reads up to {VERSION}") as caught:
        await PostgresStore.open(postgres_url)
    assert "upgrade" in caught.value.hint
    assert not caught.value.details["retryable"]


async def test_a_step_that_fails(store: PostgresStore, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that breaks off is undone whole; who opens without leave to migrate is told what to do."""
    await store.append("r", 0, [FIRST])
    broken = Step("CREATE TABLE {s}.later (x int); CREATE TABLE {s}.later (x int);", oldest=1)
    monkeypatch.setattr(schema, "STEPS", (*STEPS, broken))
    monkeypatch.setattr(schema, "VERSION", VERSION + 1)
    with pytest.raises(StoreError, match='relation "later" already exists'):
        await PostgresStore.open(postgres_url)
    assert await store.database.fetch("SELECT to_regclass('engine.later')") == [(None,)]
    monkeypatch.setattr(schema, "STEPS", (*STEPS, Step("CREATE TABLE {s}.later (x int)", oldest=1)))
    assert (await store.migrate()).model_dump() == {"before": VERSION, "after": VERSION + 1, "backup": ""}
    assert (await store.migrate()).before == VERSION + 1
    assert len(await store.load("r")) == 1


async def test_looking_does_not_migrate(cluster: Cluster, postgres_url: str) -> None:
    """Opened without leave to migrate, an empty database stays empty, and what needs tables says so."""
    store = await PostgresStore.open(postgres_url, migrated=False)
    with pytest.raises(StoreError, match="has no tables") as caught:
        await store.runs()
    assert "engine store migrate" in caught.value.hint
    assert cluster.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'engine'", postgres_url) == [(0,)]
    await store.aclose()
