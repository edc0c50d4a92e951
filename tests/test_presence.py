"""Drivers: rows that live as long as something is driven, heartbeats, who counts as dead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import anyio
import pytest

from engine.durable.memory import MemoryLog
from engine.presence import Presence, boot_id, dead
from schemas.errors import ConflictError, StoreError
from schemas.runs import Driver
from tests.runs import virtually


class Shared(MemoryLog):
    """A store that others can see, and that may be away."""

    local = False
    away = False
    beats = 0

    async def beat(self, driver_id: str) -> bool:
        """Renew, or fail."""
        self.beats += 1
        if self.away:
            raise StoreError("away")
        return await super().beat(driver_id)


def test_a_row_lives_as_long_as_something_is_driven() -> None:
    """The row is there from the first run on, beats four times in its timeout, and goes with the last."""

    async def go() -> None:
        store = Shared(anyio.current_time)
        presence = Presence(store, "worker", 8.0)
        async with anyio.create_task_group() as group:
            async with presence.held() as driver, presence.held() as same:
                assert driver.id == same.id
                group.start_soon(presence.beat)
                group.start_soon(presence.beat)
                await anyio.sleep(20.5)
                (row,) = await store.drivers()
                assert (row.kind, row.pid, row.host) == ("worker", os.getpid(), socket.gethostname())
                assert (row.stale(await store.now()), store.beats) == (False, 10)
            assert await store.drivers() == []
            group.cancel_scope.cancel()

    virtually(go)


@pytest.mark.parametrize("how", ["gone", "late"])
def test_a_driver_that_was_silent_looks_whether_its_runs_are_its_own(how: str) -> None:
    """A row that is gone, or was renewed too late, is written anew, and every run looks at its log at once."""

    async def go() -> None:
        store, looked = Shared(anyio.current_time), list[float]()
        presence = Presence(store, "cli", 8.0)
        async with anyio.create_task_group() as group, presence.held() as driver:
            presence.driven["r"] = lambda: looked.append(anyio.current_time())
            group.start_soon(presence.beat)
            await anyio.sleep(4.5)
            if how == "gone":
                await store.dismiss(driver.id)
            store.away = how == "late"
            await anyio.sleep(10)
            store.away = False
            await anyio.sleep(2.5)
            assert len(looked) == 1
            assert [row.id for row in await store.drivers()] == [driver.id]
            group.cancel_scope.cancel()

    virtually(go)


def test_who_is_dead() -> None:
    """Dead is who was silent for too long, or whose process of this very machine is gone; else nobody is."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    here = Driver(id="d", host=socket.gethostname(), boot_id=boot_id() or "b", pid=os.getpid(), beat_at=100.0)
    assert not dead(here, 107.0)
    assert dead(here, 109.0)
    gone = here.model_copy(update={"pid": child.pid})
    assert dead(gone, 101.0) == bool(boot_id())
    for elsewhere in ({"host": "another"}, {"boot_id": "another"}):
        assert not dead(gone.model_copy(update=elsewhere), 101.0)


@pytest.mark.anyio
async def test_a_run_is_driven_once_in_a_process() -> None:
    """A second driver of the same process is refused, and welcome once the first has let go."""
    presence = Presence(MemoryLog(), "library", 8.0)
    with presence.taking("r"), pytest.raises(ConflictError, match="this very process"), presence.taking("r"):
        pass
    with presence.taking("r"):
        pass
