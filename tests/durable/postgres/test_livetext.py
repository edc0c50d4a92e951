"""Live text between processes."""

from __future__ import annotations

import signal

import anyio
import pytest

from engine.durable.postgres.store import PostgresStore
from schemas.errors import NotFoundError
from schemas.events import RunEnded
from tests.durable.cluster import running
from tests.durable.contract import FIRST, joined, text

pytestmark = pytest.mark.anyio


async def test_a_tick_is_one_write(store: PostgresStore) -> None:
    """What many runs put within a tick is written together, one row a run."""
    for number in range(20):
        await store.append(f"r{number}", 0, [FIRST])
    async with anyio.create_task_group() as group:
        for number in range(20):
            for piece in range(3):
                group.start_soon(store.put_live, f"r{number}", [text("x", piece)])
    ((rows, commits),) = await store.database.fetch("SELECT count(*), count(DISTINCT xmin::text) FROM {s}.live")
    assert rows == 20
    assert commits <= 2
    assert joined((await store.live("r7"))[1]) == "xxx"


async def test_the_end_trims_it(store: PostgresStore) -> None:
    """A run's live text goes with its end; what comes late is dropped; a reader keeps its position."""
    await store.append("r", 0, [FIRST])
    await store.put_live("r", [text("half", 0)])
    place, _ = await store.live("r")
    await store.append("r", 1, [RunEnded(status="completed")])
    with anyio.fail_after(5):
        while (await store.live("r"))[1]:
            await anyio.sleep(0.01)
    await store.put_live("r", [text("late", 4)])
    assert await store.live("r", place) == (place, [])


async def test_no_such_run(store: PostgresStore) -> None:
    """Text of a run that is not there is refused, beside others that are written."""
    await store.append("r", 0, [FIRST])
    async with anyio.create_task_group() as group:
        group.start_soon(store.put_live, "r", [text("x", 0)])
        with pytest.raises(NotFoundError):
            await store.put_live("nowhere", [text("x", 0)])
    for missing in (store.live("nowhere"), store.wait_live("nowhere", 0, 0)):
        with pytest.raises(NotFoundError):
            await missing
    assert joined((await store.live("r"))[1]) == "x"


async def test_a_crash_empties_it() -> None:
    """A server that crashed has lost the live text and nothing else; positions go on rising, so that readers go on."""
    own = running()
    store = await PostgresStore.open(own.database())
    await store.append("r", 0, [FIRST])
    await store.put_live("r", [text("before", 0)])
    place, _ = await store.live("r")
    own.stop(signal.SIGQUIT)
    await store.put_live("r", [text("while", 6)])
    own.start()
    assert len(await store.load("r")) == 1
    assert await store.live("r", place) == (place, [])
    await store.put_live("r", [text("after", 11)])
    later, items = await store.live("r", place)
    assert later > place
    assert joined(items) == "after"
    await store.aclose()
    own.remove()
