"""Who waits for which run."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from engine.durable.sqlite.store import SqliteStore
from schemas.errors import NotFoundError
from schemas.events import RunEnded
from tests.durable.contract import FIRST, numbered, text

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncGenerator[tuple[SqliteStore, SqliteStore]]:
    """Two stores on one file: as two processes have them, nothing is shared but the file."""
    made = SqliteStore(tmp_path / "runs.db"), SqliteStore(tmp_path / "runs.db")
    await made[0].append("r", 0, [FIRST])
    yield made
    for store in made:
        await store.aclose()


async def test_another_process_wakes(stores: tuple[SqliteStore, SqliteStore]) -> None:
    """An append, and live text, of another process wake who waits here."""
    here, there = stores
    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(here.wait, "r", 1)
            group.start_soon(here.wait_live, "r", 2, 0)
            await anyio.sleep(0.05)
            await there.append("r", 1, numbered(1))
            await anyio.sleep(0.1)  # so that the append is not what wakes it
            await there.put_live("r", [text("a", 0)])


async def test_an_append_between_two_waits_is_seen(stores: tuple[SqliteStore, SqliteStore]) -> None:
    """What another process wrote while nobody here waited is seen by who waits next, at whatever moment."""
    here, there = stores
    with anyio.fail_after(20):
        for head in range(1, 25):
            async with anyio.create_task_group() as group:
                group.start_soon(here.wait, "r", head)
                await anyio.sleep(0.002 * (head % 12))
                await there.append("r", head, numbered(1))


async def test_a_run_deleted_elsewhere(stores: tuple[SqliteStore, SqliteStore]) -> None:
    """Who waits for a run that another process deletes is told that it is gone; who waits for another is not."""
    here, there = stores
    await there.append("s", 0, [FIRST])
    gone: list[str] = []

    async def wait(run_id: str) -> None:
        try:
            await here.wait(run_id, 1)
        except NotFoundError:
            gone.append(run_id)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(wait, "r")
            group.start_soon(wait, "s")
            await anyio.sleep(0.05)
            await there.delete("s")
            await there.append("r", 1, numbered(1))
    assert gone == ["s"]


async def test_many_wait_with_one_thread(stores: tuple[SqliteStore, SqliteStore]) -> None:
    """However many runs are waited for, one thread looks, and it sleeps when nobody waits."""
    here, there = stores
    for number in range(300):
        await there.append(f"r{number}", 0, [FIRST])
    woken: list[int] = []

    async def wait(number: int) -> None:
        await here.wait(f"r{number}", 1)
        woken.append(number)

    before = threading.active_count()
    async with anyio.create_task_group() as group:
        for number in range(300):
            group.start_soon(wait, number)
        await anyio.sleep(0.3)
        watching = [thread for thread in threading.enumerate() if thread.name == "store-watch"]
        assert threading.active_count() - before <= 5
        await there.append("r7", 1, numbered(1))
        with anyio.fail_after(10):
            while not woken:
                await anyio.sleep(0.005)
        group.cancel_scope.cancel()
    assert (len(watching), woken) == (1, [7])


async def test_live_text_ends_with_its_run(stores: tuple[SqliteStore, SqliteStore]) -> None:
    """Live text is trimmed when the run ends, and what comes later is dropped; positions stay what they were."""
    here, there = stores
    for number in range(3):
        await here.put_live("r", [text("ab", 2 * number)])
    assert (await there.live("r"))[0] == 3
    await here.append("r", 1, [RunEnded(status="completed")])
    await here.put_live("r", [text("late", 6)])
    assert await there.live("r") == (0, [])
    assert await there.live("r", 3) == (3, [])


async def test_waiting_costs_next_to_nothing(stores: tuple[SqliteStore, SqliteStore]) -> None:
    """A second of waiting takes a few hundredths of a second of CPU."""
    here, _ = stores
    with anyio.move_on_after(0.1):
        await here.wait("r", 1)
    before = time.process_time()
    with anyio.move_on_after(1.0):
        await here.wait("r", 1)
    assert time.process_time() - before < 0.15
