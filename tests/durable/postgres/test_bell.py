"""Waiting for runs that others drive."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from engine.durable.postgres import bell
from engine.durable.postgres.store import PostgresStore
from schemas.errors import NotFoundError, StoreError
from schemas.events import PlanStarted
from tests.durable.cluster import Cluster
from tests.durable.contract import FIRST, text

pytestmark = pytest.mark.anyio
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def test_another_process_is_woken(store: PostgresStore, postgres_url: str) -> None:
    """What one store writes, event or live text, wakes who waits at another."""
    other = await PostgresStore.open(postgres_url)
    await store.append("r", 0, [FIRST])
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(other.wait, "r", 1)
            await anyio.sleep(0.1)
            await store.append("r", 1, [PlanStarted()])
        async with anyio.create_task_group() as group:
            group.start_soon(other.wait_live, "r", 2, 0)
            await anyio.sleep(0.1)
            await store.put_live("r", [text("so far", 0)])
    await other.aclose()


async def test_waiting_costs_no_connection(store: PostgresStore, cluster: Cluster, postgres_url: str) -> None:
    """However many wait, one connection listens, beside the four that work."""
    for number in range(50):
        await store.append(f"r{number}", 0, [FIRST])
    async with anyio.create_task_group() as group:
        for number in range(500):
            group.start_soon(store.wait, f"r{number % 50}", 1)
        await anyio.sleep(0.3)
        ((sessions,),) = cluster.execute(SESSIONS, postgres_url)
        assert sessions <= 5
        group.cancel_scope.cancel()


class Looks:
    """Stands before a database: looks at what is waited for are counted, and wait to be let through.

    Args:
        store: Whose database.
        error: What each look meets instead of an answer.
    """

    def __init__(self, store: PostgresStore, monkeypatch: pytest.MonkeyPatch, error: StoreError | None = None) -> None:
        self.begun: list[list[str]] = []
        self.go_on = anyio.Event()
        fetch = store.database.fetch

        async def looked(text: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
            if "unnest" in text and isinstance(values, tuple):
                self.begun.append(values[0])
                await self.go_on.wait()
                if error is not None:
                    raise error
            return await fetch(text, values)

        monkeypatch.setattr(store.database, "fetch", looked)

    async def come(self, number: int) -> None:
        """Wait until so many looks have begun, and all there is to do beside them is done."""
        while len(self.begun) < number:
            await anyio.sleep(0.01)
        await anyio.wait_all_tasks_blocked()


async def listening(store: PostgresStore, group: TaskGroup) -> None:
    """Have the store listen: what is waited for from now on is found by a look of its own."""
    await store.append("listening", 0, [FIRST])
    group.start_soon(store.wait, "listening", 1)
    await anyio.sleep(0.3)


async def test_one_look_for_all_who_come_at_once(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who begins to wait while a look is under way is looked for by the next one, along with all the others."""
    for number in range(100):
        await store.append(f"r{number}", 0, [FIRST])
    async with anyio.create_task_group() as group:
        await listening(store, group)
        looks = Looks(store, monkeypatch)
        with anyio.fail_after(3):
            async with anyio.create_task_group() as waiting:
                for number in range(100):
                    waiting.start_soon(store.wait, f"r{number}", 0)
                await looks.come(1)
                looks.go_on.set()
        group.cancel_scope.cancel()
    assert [len(runs) for runs in looks.begun] == [1, 99]


async def test_who_looks_for_others_is_cancelled(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another looks in his place."""
    for name in ("first", "gives_up", "stays"):
        await store.append(name, 0, [FIRST])
    async with anyio.create_task_group() as group:
        await listening(store, group)
        looks = Looks(store, monkeypatch)
        with anyio.fail_after(3):
            async with anyio.create_task_group() as waiting, anyio.create_task_group() as short:
                waiting.start_soon(store.wait, "first", 0)
                await looks.come(1)
                short.start_soon(store.wait, "gives_up", 0)
                await anyio.wait_all_tasks_blocked()
                waiting.start_soon(store.wait, "stays", 0)
                await anyio.wait_all_tasks_blocked()
                looks.go_on.set()
                looks.go_on = anyio.Event()
                await looks.come(2)
                short.cancel_scope.cancel()
                looks.go_on.set()
        group.cancel_scope.cancel()
    assert looks.begun == [["first"], ["gives_up", "stays"], ["gives_up", "stays"]]


async def test_a_look_that_is_refused(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody for whom it was made is told."""
    refusal = StoreError("permission denied", details={"retryable": False})
    told: list[str] = []

    async def waits(name: str) -> None:
        await store.append(name, 0, [FIRST])
        with pytest.raises(StoreError, match="permission denied"):
            await store.wait(name, 1)
        told.append(name)

    async with anyio.create_task_group() as group:
        await listening(store, group)
        looks = Looks(store, monkeypatch, refusal)
        with anyio.fail_after(3):
            async with anyio.create_task_group() as waiting:
                for name in ("r", "s", "t"):
                    waiting.start_soon(waits, name)
                await looks.come(1)
                looks.go_on.set()
        group.cancel_scope.cancel()
    assert sorted(told) == ["r", "s", "t"]


async def test_a_notification_that_is_lost(
    store: PostgresStore, cluster: Cluster, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who died between a commit and its notification is found out by looking, every few seconds."""
    monkeypatch.setattr(bell, "LOOK_S", 0.1)
    await store.append("r", 0, [FIRST])
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(store.wait, "r", 1)
            await anyio.sleep(0.3)
            cluster.execute("UPDATE engine.runs SET head = 2", postgres_url)


async def test_a_listening_connection_that_is_cut(
    store: PostgresStore, cluster: Cluster, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its connection is cut a store listens again, and looks at everything that moved meanwhile."""
    await store.append("r", 0, [FIRST])
    await store.append("s", 0, [FIRST])
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(store.wait, "r", 1)
            group.start_soon(store.wait, "s", 1)
            await anyio.sleep(0.2)
            cluster.execute("UPDATE engine.runs SET head = 2 WHERE id = 'r'", postgres_url)
            assert cluster.cut(postgres_url) >= 1
            await anyio.sleep(0.3)
            other = await PostgresStore.open(postgres_url)
            await other.append("s", 1, [PlanStarted()])
            await other.aclose()


async def test_a_run_that_is_deleted(store: PostgresStore, postgres_url: str) -> None:
    """Who waits for a run that somebody deletes is told, wherever."""
    other = await PostgresStore.open(postgres_url)
    await store.append("r", 0, [FIRST])
    told: list[str] = []

    async def waits(at: PostgresStore) -> None:
        with pytest.raises(NotFoundError):
            await at.wait("r", 1)
        told.append("gone")

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(waits, store)
            group.start_soon(waits, other)
            await anyio.sleep(0.2)
            await store.delete("r")
    assert told == ["gone", "gone"]
    await other.aclose()


async def test_many_runs_in_one_notification(store: PostgresStore, postgres_url: str) -> None:
    """Notifications are packed, and none is larger than Postgres takes."""
    other = await PostgresStore.open(postgres_url)
    names = [f"{number:03}-{'x' * 190}" for number in range(100)]
    async with anyio.create_task_group() as group:
        for name in names:
            group.start_soon(store.append, name, 0, [FIRST])
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for name in names:
                group.start_soon(other.wait, name, 1)
            await anyio.sleep(0.3)
            for name in names:
                group.start_soon(store.append, name, 1, [PlanStarted()])
    await other.aclose()


def test_notifications_fit() -> None:
    """Any number of ids is packed into texts below 8,000 bytes, each once."""
    untold = {f"é{number}" * 20: (number, 10**15) for number in range(500)}
    texts = list(bell.packed(untold))
    assert max(len(one.encode()) for one in texts) < 8000
    assert [tuple(item) for one in texts for item in json.loads(one)] == [
        (run_id, head, place) for run_id, (head, place) in untold.items()
    ]
