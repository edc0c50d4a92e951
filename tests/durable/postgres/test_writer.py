"""Appends that go together, and what becomes of them when the connection breaks."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import anyio
import pytest

from engine.durable.postgres.store import PostgresStore
from schemas.driving import RunClaimed
from schemas.errors import ConflictError, StoreError
from schemas.events import LoggedEvent, PlanStarted, RunStarted, StepEnded
from schemas.result import StepResult
from schemas.runs import RunQuery
from tests.durable.cluster import Cluster, running
from tests.durable.contract import FIRST
from tests.durable.postgres.proxy import Proxy, between
from tests.durable.postgres.writers import Told, check, write

pytestmark = pytest.mark.anyio


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    """A proxy to a new database."""
    async with between(postgres_url) as made:
        yield made


@pytest.fixture
async def through(proxy: Proxy) -> AsyncIterator[PostgresStore]:
    """A store behind the proxy."""
    opened = await PostgresStore.open(proxy.url)
    yield opened
    await opened.aclose()


async def test_what_waits_goes_together(store: PostgresStore) -> None:
    """A hundred appends at once take a few commits, and each is numbered in its own run."""
    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(store.append, f"r{number}", 0, [FIRST])
    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(store.append, f"r{number}", 1, [PlanStarted(), PlanStarted()])
    ((commits, events),) = await store.database.fetch("SELECT count(DISTINCT xmin::text), count(*) FROM {s}.events")
    assert events == 300
    assert commits <= 8
    assert {row.head for row in await store.find(RunQuery())} == {3}


async def test_who_lost_harms_nobody(store: PostgresStore) -> None:
    """Of appends that go together, those that expect another head are refused, and the others are written."""
    for number in range(10):
        await store.append(f"r{number}", 0, [FIRST])
    lost: list[tuple[int, int]] = []

    async def go_on(number: int) -> None:
        try:
            await store.append(f"r{number}", 1 + number % 2, [PlanStarted()])
        except ConflictError as error:
            lost.append((number, error.details["head"]))

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(go_on, number)
    assert sorted(lost) == [(1, 1), (3, 1), (5, 1), (7, 1), (9, 1)]
    assert [row.head for row in await store.find(RunQuery())] == [1, 2] * 5


async def test_one_that_is_refused_harms_nobody(store: PostgresStore) -> None:
    """An append that Postgres cannot take fails alone."""
    for number in range(5):
        await store.append(f"r{number}", 0, [FIRST])
    refused: list[StoreError] = []

    async def go_on(number: int) -> None:
        events: list[LoggedEvent] = [PlanStarted()]
        if number == 2:
            events = [StepEnded(step_id="1", result=StepResult(status="done", value="x")).model_copy()]
            object.__setattr__(events[0], "kind", "step\x00ended")
        try:
            await store.append(f"r{number}", 1, events)
        except StoreError as error:
            refused.append(error)

    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(go_on, number)
    assert [error.details.get("retryable") for error in refused] == [False]
    assert [row.head for row in await store.find(RunQuery())] == [2, 2, 1, 2, 2]


async def test_any_text_is_kept(store: PostgresStore) -> None:
    """NULs and half surrogate pairs in a task, a user, a driver and a result come back, and are found."""
    odd = "a\x00b\ud800c"
    ended = StepEnded(step_id="1", result=StepResult(status="done", value={odd: odd}))
    await store.append("r", 0, [RunStarted(task=odd, mode="plan", user=odd), RunClaimed(driver=odd), ended])
    assert (await store.load("r"))[2].event == ended
    row = await store.summary("r")
    assert (row.task, row.user, row.driver) == (odd, odd, odd)
    for query in (RunQuery(user=odd), RunQuery(driver=odd), RunQuery(text=odd.upper())):
        assert [found.id for found in await store.find(query)] == ["r"]


async def test_a_lost_acknowledgement_is_found_out(proxy: Proxy, through: PostgresStore) -> None:
    """The connection breaks after the commit and before its answer: the append is acknowledged all the same, once."""
    await through.append("r", 0, [FIRST])
    await anyio.sleep(0.1)  # the notification of the first append is through
    proxy.cut_before = b"C"
    written = await through.append("r", 1, [PlanStarted(revision=7)])
    assert proxy.cuts == 1
    assert [record.seq for record in written] == [2]
    assert await through.load("r", 1) == written


async def test_an_outcome_that_stays_unknown_is_told(proxy: Proxy, through: PostgresStore) -> None:
    """Without patience the error says that the outcome is unknown; the same append again finds it out."""
    await through.append("r", 0, [FIRST])
    through.database.patience_s = 0.0
    await anyio.sleep(0.1)  # the notification of the first append is through
    proxy.cut_before = b"C"
    with pytest.raises(StoreError) as caught:
        await through.append("r", 1, [PlanStarted(revision=7)])
    assert (caught.value.details["retryable"], caught.value.details["unknown"]) == (True, True)
    assert [record.seq for record in await through.append("r", 1, [PlanStarted(revision=7)])] == [2]
    with pytest.raises(ConflictError):
        await through.append("r", 1, [PlanStarted(revision=7)])
    assert len(await through.load("r")) == 2


async def test_a_lost_race_of_unknown_outcome_is_a_conflict(proxy: Proxy, through: PostgresStore) -> None:
    """Where somebody else's events stand after an append of unknown outcome, it is a conflict."""
    await through.append("r", 0, [FIRST])
    through.database.patience_s = 0.0
    await anyio.sleep(0.1)  # the notification of the first append is through
    proxy.cut_before = b"2"  # before the statement is run to its end: the server rolls it back, or not
    with pytest.raises(StoreError):
        await through.append("r", 1, [PlanStarted(revision=7)])
    through.database.patience_s = 5.0
    head = len(await through.load("r"))
    await through.append("r", head, [PlanStarted(revision=8)])
    if head == 1:
        with pytest.raises(ConflictError):
            await through.append("r", 1, [PlanStarted(revision=7)])


async def test_a_task_that_is_cancelled_leaves_no_doubt(store: PostgresStore) -> None:
    """A cancelled append has landed or not by the time its scope is left; asyncio's own cancel breaks nothing else."""
    await store.append("r", 0, [FIRST])
    with anyio.move_on_after(0):
        await store.append("r", 1, [PlanStarted()])
    assert len(await store.load("r")) == 2
    task = asyncio.create_task(store.append("r", 2, [PlanStarted()]))
    await asyncio.sleep(0)
    task.cancel()
    await store.append("s", 0, [FIRST])
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_connections_that_are_cut(cluster: Cluster, postgres_url: str) -> None:
    """While twenty writers append, every connection is cut again and again: nothing acknowledged is lost or doubled."""
    store, told = await PostgresStore.open(postgres_url), Told()
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(write, store, f"r{number}", told)
        for _ in range(12):
            await anyio.sleep(0.03)
            cluster.cut(postgres_url)
        while told.count() < 100:
            await anyio.sleep(0.01)
        told.stop = True
    await check(store, told)
    await store.aclose()


@pytest.mark.parametrize(("patience_s", "pause_s"), [(0.1, 0.3), pytest.param(30.0, 10.0, marks=pytest.mark.slow)])
async def test_a_server_that_is_stopped(patience_s: float, pause_s: float) -> None:
    """The server crashes, and is stopped; both times writers go on when it is back, and nothing is lost or doubled."""
    own = running({"fsync": "on"} if pause_s > 1 else None)
    store, told = await PostgresStore.open(own.database(), patience_s=patience_s), Told()
    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(write, store, f"r{number}", told)
        for how in (signal.SIGQUIT, signal.SIGINT):
            await anyio.sleep(0.2)
            own.stop(how)
            await anyio.sleep(pause_s)
            own.start()
            before = told.count()
            with anyio.fail_after(30):
                while told.count() < before + 20:
                    await anyio.sleep(0.01)
        told.stop = True
    assert told.errors or patience_s > pause_s
    await check(store, told)
    await store.aclose()
    own.remove()
