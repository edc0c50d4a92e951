"""Runs come to workers: dispatched by the transaction that makes them wanted, handed on when a worker dies."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from engine.durable.dispatch import PostgresDispatcher, prepare
from engine.durable.postgres.address import Address
from engine.durable.postgres.store import PostgresStore
from schemas.driving import RunClaimed, RunParked
from schemas.errors import WorkerLostError
from schemas.events import ApprovalAnswered, RunEnded, RunStarted
from schemas.runs import Driver
from schemas.settings import Workers
from tests.durable.cluster import Cluster, running

pytestmark = pytest.mark.anyio
SUBMITTED = RunStarted(task="t", mode="plan")
ANSWER = ApprovalAnswered(approval_id="a1", decision="approve")
ENDED = RunEnded(status="completed")


@pytest.fixture
def anyio_backend() -> str:
    """Psycopg runs on asyncio."""
    return "asyncio"


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    """An empty store."""
    opened = await PostgresStore.open(postgres_url)
    yield opened
    await opened.aclose()


class Drives:
    """Stands for an engine: notes which runs it is asked to drive, and does with each what a test says."""

    def __init__(self, store: PostgresStore, name: str = "d") -> None:
        self.store = store
        self.name = name
        self.seen: list[str] = []
        self.hold = anyio.Event()
        self.hold.set()
        self.fails = 0
        self.then: Callable[[str, int], Awaitable[None]] | None = None

    async def __call__(self, run_id: str) -> None:
        self.seen.append(run_id)
        if self.fails:
            self.fails -= 1
            raise RuntimeError("out of luck")
        head = (await self.store.summary(run_id)).head
        await self.store.append(run_id, head, [RunClaimed(driver=self.name)])
        await self.hold.wait()
        if self.then is not None:
            await self.then(run_id, head + 1)
        else:
            await self.store.append(run_id, head + 1, [ENDED])

    async def times(self, count: int, within_s: float = 10.0) -> None:
        """Wait until so many runs were driven."""
        with anyio.fail_after(within_s):
            while len(self.seen) < count:
                await anyio.sleep(0.005)


@asynccontextmanager
async def working(
    url: str, drives: Drives, *, timeout_s: float = 8, poll_s: float = 1
) -> AsyncIterator[PostgresDispatcher]:
    """A worker at work, which is drained at the end."""
    new = PostgresDispatcher(url, Workers(poll_s=poll_s), timeout_s=timeout_s)
    async with new as dispatcher, anyio.create_task_group() as group:
        group.start_soon(dispatcher.work, drives)
        yield dispatcher
        drives.hold.set()
        dispatcher.drain()


async def statuses(store: PostgresStore) -> set[str]:
    """Where all runs stand."""
    return {(await store.summary(run_id)).status for run_id in await store.runs()}


async def until_over(store: PostgresStore) -> None:
    """Wait until every run is over."""
    with anyio.fail_after(10):
        while await statuses(store) != {"completed"}:
            await anyio.sleep(0.01)


def jobs(cluster: Cluster, url: str, what: str = "status, lock") -> list[tuple[object, ...]]:
    """The rows of the queue."""
    return cluster.execute(f"SELECT {what} FROM engine_dispatch_v1.procrastinate_jobs ORDER BY id", url)


async def test_many_workers_start_at_once(store: PostgresStore, postgres_url: str) -> None:
    """Eight workers that find no tables make them once."""
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(prepare, Address.read(postgres_url))


async def test_a_submitted_run_is_driven_once(store: PostgresStore, postgres_url: str, cluster: Cluster) -> None:
    """Runs that are submitted before and after the worker starts are driven, each once, and leave no job behind."""
    drives = Drives(store)
    await store.append("before", 0, [SUBMITTED])
    async with working(postgres_url, drives):
        await drives.times(1)
        await store.append("after", 0, [SUBMITTED])
        await until_over(store)
    assert drives.seen == ["before", "after"]
    assert jobs(cluster, postgres_url) == []


async def test_a_run_that_has_its_driver_is_left_to_it(
    store: PostgresStore, postgres_url: str, cluster: Cluster
) -> None:
    """A run that its own process drives, or that waits for a person, is no worker's."""
    drives = Drives(store)
    await store.enroll(Driver(id="me"))
    async with working(postgres_url, drives):
        await store.append("own", 0, [SUBMITTED.model_copy(update={"driver": "me"})])
        await store.append("own", 1, [RunParked(reason="approval")])
        assert jobs(cluster, postgres_url) == []
    assert drives.seen == []


async def test_an_answer_dispatches_in_its_own_transaction(
    store: PostgresStore, postgres_url: str, cluster: Cluster
) -> None:
    """Whoever answers a parked run has dispatched it when the answer is written, with no worker there at all."""
    async with PostgresDispatcher(postgres_url, Workers()):
        await store.append("r", 0, [SUBMITTED.model_copy(update={"driver": "me"}), RunParked(reason="approval")])
        await store.append("r", 2, [ANSWER])
        await store.append("r", 3, [ANSWER])
        assert jobs(cluster, postgres_url) == [("todo", "r")]


async def test_a_parked_run_that_is_answered_goes_on_at_once(store: PostgresStore, postgres_url: str) -> None:
    """An answer wakes a worker by notification, not by its next look; also one that comes while the run is let go."""
    drives = Drives(store)
    woken: list[float] = []

    async def park(run_id: str, head: int) -> None:
        woken.append(time.monotonic())
        if len(woken) > 5:
            await store.append(run_id, head, [ENDED])
        else:
            await store.append(run_id, head, [RunParked(reason="approval")])
            await store.append(run_id, head + 1, [ANSWER])  # before the worker has let the run go

    drives.then = park
    async with working(postgres_url, drives, poll_s=30):
        await store.append("r", 0, [SUBMITTED])
        await drives.times(6)
        await until_over(store)
    assert woken[-1] - woken[0] < 5


async def test_a_parked_run_is_driven_when_its_time_has_come(store: PostgresStore, postgres_url: str) -> None:
    """A run parked until a time is driven then, not before, however rarely a worker looks."""
    drives = Drives(store)
    until = await store.now() + 0.4
    async with working(postgres_url, drives):
        await store.append(
            "r", 0, [SUBMITTED.model_copy(update={"driver": "x"}), RunParked(reason="timer", until=until)]
        )
        await drives.times(1)
        assert await store.now() >= until
        await until_over(store)


async def test_a_run_of_a_newer_release_is_left_alone(
    store: PostgresStore, postgres_url: str, cluster: Cluster
) -> None:
    """A run whose events this release cannot read stays for a worker that can."""
    drives = Drives(store)
    async with working(postgres_url, drives):
        await store.append("new", 0, [SUBMITTED.model_copy(update={"driver": "x"}), RunParked(reason="approval")])
        cluster.execute("UPDATE engine.runs SET format = 2 WHERE id = 'new'", postgres_url)
        await store.append("new", 2, [ANSWER])
        await store.append("old", 0, [SUBMITTED])
        await drives.times(1)
        await anyio.sleep(0.2)
    assert drives.seen == ["old"]
    newer = Drives(store)
    async with (
        PostgresDispatcher(postgres_url, Workers(), log_format=2) as dispatcher,
        anyio.create_task_group() as group,
    ):
        group.start_soon(dispatcher.work, newer)
        await newer.times(1)
        dispatcher.drain()
    assert newer.seen == ["new"]


async def test_a_drive_that_raises_is_tried_again(store: PostgresStore, postgres_url: str) -> None:
    """A run whose drive broke off is offered again, a little later."""
    drives = Drives(store)
    drives.fails = 2
    async with working(postgres_url, drives, timeout_s=1):
        await store.append("r", 0, [SUBMITTED])
        await until_over(store)
    assert drives.seen == ["r", "r", "r"]


async def test_a_draining_worker_takes_no_further_run(
    store: PostgresStore, postgres_url: str, cluster: Cluster
) -> None:
    """After ``drain`` the runs driven are finished, new ones wait for somebody else, and the worker's row is gone."""
    drives = Drives(store)
    drives.hold = anyio.Event()
    async with PostgresDispatcher(postgres_url, Workers()) as dispatcher, anyio.create_task_group() as group:
        group.start_soon(dispatcher.work, drives)
        await store.append("first", 0, [SUBMITTED])
        await drives.times(1)
        dispatcher.drain()
        await store.append("second", 0, [SUBMITTED])
        await anyio.sleep(0.2)
        drives.hold.set()
    assert drives.seen == ["first"]
    assert jobs(cluster, postgres_url) == [("todo", "second")]
    assert cluster.execute("SELECT * FROM engine_dispatch_v1.procrastinate_workers", postgres_url) == []


async def test_a_job_fetched_while_the_worker_leaves_is_handed_back(
    store: PostgresStore, postgres_url: str, cluster: Cluster
) -> None:
    """A job that the database gave out in the moment of ``drain`` is not begun, and waits for somebody else."""
    drives = Drives(store)
    async with PostgresDispatcher(postgres_url, Workers()) as dispatcher:
        connector = dispatcher._connector  # pyright: ignore[reportPrivateUsage]
        fetch = connector.execute_query_one_async

        async def fetched(query: Any, **arguments: Any) -> dict[str, Any]:
            row = await fetch(query, **arguments)
            if row.get("task_name"):
                dispatcher.drain()
            return row

        connector.execute_query_one_async = fetched
        await store.append("r", 0, [SUBMITTED])
        with anyio.fail_after(10):
            await dispatcher.work(drives)
    assert drives.seen == []
    assert jobs(cluster, postgres_url) == [("todo", "r")]


async def test_a_lost_job_is_found_by_the_sweep(store: PostgresStore, postgres_url: str, cluster: Cluster) -> None:
    """Runs without a job, also those of a driver who is gone, are found when a worker starts."""
    async with PostgresDispatcher(postgres_url, Workers()):
        await store.append("lost", 0, [SUBMITTED])
        await store.append("orphan", 0, [SUBMITTED.model_copy(update={"driver": "gone"})])
        await store.append("over", 0, [SUBMITTED, ENDED])
        cluster.execute("DELETE FROM engine_dispatch_v1.procrastinate_jobs", postgres_url)
    drives = Drives(store)
    async with working(postgres_url, drives):
        await drives.times(2)
        await anyio.sleep(0.1)
    assert sorted(drives.seen) == ["lost", "orphan"]


async def test_the_acknowledgement_of_the_dead_ends_nothing(
    store: PostgresStore, postgres_url: str, cluster: Cluster
) -> None:
    """A worker taken for dead that finishes after all does not end the job of the worker who has its run by then."""
    slow, quick = Drives(store, "slow"), Drives(store, "quick")
    slow.hold, quick.hold = anyio.Event(), anyio.Event()

    async def do_nothing(run_id: str, head: int) -> None:
        """A fenced driver writes nothing."""

    slow.then = do_nothing
    async with working(postgres_url, slow, timeout_s=3_600) as first:
        await store.append("r", 0, [SUBMITTED])
        await slow.times(1)
        async with working(postgres_url, quick, timeout_s=1):
            await quick.times(1)
            slow.hold.set()
            with anyio.fail_after(5):
                while first.driven:
                    await anyio.sleep(0.01)
            await anyio.sleep(0.1)
            assert jobs(cluster, postgres_url) == [("failed", "r"), ("doing", "r")]
        assert await statuses(store) == {"completed"}
        assert len(quick.seen) == 1


async def test_a_worker_without_a_row_leaves(store: PostgresStore, postgres_url: str, cluster: Cluster) -> None:
    """A worker that others have declared dead cancels what it drives, takes nothing more and says so."""
    drives = Drives(store)
    drives.hold = anyio.Event()
    async with PostgresDispatcher(postgres_url, Workers(), timeout_s=1) as dispatcher:
        await store.append("r", 0, [SUBMITTED])
        with pytest.RaisesGroup(WorkerLostError, flatten_subgroups=True), anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(dispatcher.work, drives)
                await drives.times(1)
                cluster.execute("DELETE FROM engine_dispatch_v1.procrastinate_workers", postgres_url)
                await store.append("later", 0, [SUBMITTED])
        assert dispatcher.driven == ()


@pytest.mark.slow
async def test_a_worker_outlives_its_database_being_away() -> None:
    """The server stops and comes back: workers wait, lose nothing, hear of new runs, declare nobody dead."""
    server = running()
    url = server.database()
    store = await PostgresStore.open(url)
    drives = Drives(store)
    drives.hold = anyio.Event()
    async with working(url, drives, timeout_s=2, poll_s=30), working(url, Drives(store, "other"), timeout_s=2):
        await store.append("before", 0, [SUBMITTED])
        await anyio.sleep(0.5)
        server.stop()
        await anyio.sleep(3)
        server.start()
        await anyio.sleep(3)
        assert jobs(server, url, "status") in ([("doing",)], [])
        drives.hold.set()
        await store.append("after", 0, [SUBMITTED])
        await until_over(store)
    await store.aclose()
    server.remove()
