"""The store in one SQLite file."""

from __future__ import annotations

import random
import string
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from engine.durable.sqlite.store import SqliteStore
from schemas.care import Retention
from schemas.errors import NotFoundError
from schemas.events import LoggedEvent, ModelCalled, RunEnded, RunStarted, StepEnded, StepStarted
from schemas.result import StepResult, Usage
from schemas.runs import Driver, RunQuery
from tests.durable.contract import FIRST, RunStoreContract, numbered, text
from tests.durable.sqlite.files import ended_run, shell

CALLED = ModelCalled(role="planner", model="m", usage=Usage(calls=1, input_tokens=5_000))


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """An empty store."""
    store = SqliteStore(tmp_path / "runs.db")
    yield store
    await store.aclose()


class TestSqliteStore(RunStoreContract):
    """SqliteStore keeps the contract of all stores."""


def chain(length: int) -> list[list[LoggedEvent]]:
    """Steps that each take the 2 KB of the one before them; letters by chance, which nothing makes much smaller."""
    chance, before, steps = random.Random(1), "", list[list[LoggedEvent]]()
    for number in range(1, length + 1):
        value = "".join(chance.choices(string.ascii_letters, k=2048))
        result = StepResult(status="done", value=value, attempts=1, duration_s=0.25, usage=Usage(calls=1))
        started = StepStarted(
            step_id=str(number), tool="search", input={"text": before}, idempotency_key=f"r-{number}-1"
        )
        steps.append([started])
        steps.append([StepEnded(step_id=str(number), tool="search", result=result)])
        before = value
    return steps


@pytest.mark.anyio
async def test_a_long_chain_is_small(log: SqliteStore) -> None:
    """B63: a chain of 200 steps with results of 2 KB, each the next one's input, takes at most 1 MB on the disk."""
    head = len(await log.append("r", 0, [RunStarted(task="t", mode="plan", driver="d"), CALLED]))
    for events in chain(200):
        head += len(await log.append("r", head, events))
    await log.append("r", head, [RunEnded(status="completed")])
    assert len(await log.load("r")) == head + 1 == 403
    await log.aclose()
    assert sum(path.stat().st_size for path in log.path.parent.rglob("*") if path.is_file()) <= 1_000_000


@pytest.mark.anyio
async def test_live_text_costs_little(log: SqliteStore) -> None:
    """B63: a thousand streamed pieces cost under a second in the store, and leave nothing behind."""
    await log.append("r", 0, [FIRST])
    before = time.process_time()
    for number in range(1000):
        await log.put_live("r", [text("word ", 5 * number)])
    assert time.process_time() - before < 1.0
    assert len((await log.live("r"))[1]) == 1000
    await log.append("r", 1, [RunEnded(status="completed")])
    assert shell(log.path, "SELECT count(*) FROM live") == [(0,)]


@pytest.mark.anyio
async def test_old_runs_go_once_a_day(log: SqliteStore) -> None:
    """A process that opens the store prunes it behind the scenes, unless another did in the last day."""
    await ended_run(log, "old")
    log.prune_behind(Retention(older_than_s=0))
    while await log.runs():
        time.sleep(0.01)  # its thread needs no event loop
    await ended_run(log, "next")
    log.prune_behind(Retention(older_than_s=0))
    time.sleep(0.2)
    assert await log.runs() == ["next"]
    assert await log.check() == []


@pytest.mark.anyio
async def test_names_that_are_no_text(log: SqliteStore) -> None:
    """Half a surrogate pair, as a command line may hold one, names no run and is found in none."""
    await log.append("r", 0, [FIRST])
    with pytest.raises(NotFoundError):
        await log.load("\udcff")
    assert await log.find(RunQuery(text="\udcff")) == []


@pytest.mark.anyio
async def test_a_store_goes_on_after_it_was_closed(log: SqliteStore) -> None:
    """Closing writes what waits; the next use opens the file again."""
    for head in range(5):
        async with anyio.create_task_group() as group:
            group.start_soon(log.append, "r", head, numbered(1))
            await anyio.lowlevel.checkpoint()
            await log.aclose()
    assert len(await log.load("r")) == 5


@pytest.mark.anyio
async def test_drivers_that_died_long_ago_are_forgotten(tmp_path: Path) -> None:
    """A row that nobody renewed for hours goes when the next driver comes; one of minutes ago stays."""
    store = SqliteStore(tmp_path / "runs.db")
    for name in ("dead", "late"):
        await store.enroll(Driver(id=name))
    shell(store.path, "UPDATE drivers SET beat_at = beat_at - 8000 WHERE id = 'dead'")
    shell(store.path, "UPDATE drivers SET beat_at = beat_at - 3000 WHERE id = 'late'")
    await store.enroll(Driver(id="new"))
    assert [driver.id for driver in await store.drivers()] == ["late", "new"]
    assert not await store.beat("dead")
    await store.aclose()
