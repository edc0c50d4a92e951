"""The log that lives as long as the process."""

from __future__ import annotations

import pytest

from engine.durable.memory import MemoryLog
from schemas.events import PlanStarted
from tests.durable.contract import RunStoreContract


class TestMemoryLog(RunStoreContract):
    """MemoryLog keeps the contract of all logs."""

    @pytest.fixture
    def log(self) -> MemoryLog:
        """An empty log."""
        return MemoryLog()


@pytest.mark.anyio
async def test_the_clock_is_given() -> None:
    """Events of one append carry the time the clock gives."""
    times = iter([5.0, 7.5])
    log = MemoryLog(clock=lambda: next(times))
    await log.append("r", 0, [PlanStarted(), PlanStarted()])
    await log.append("r", 2, [PlanStarted()])
    assert [record.at for record in await log.load("r")] == [5.0, 5.0, 7.5]


@pytest.mark.anyio
async def test_what_was_loaded_does_not_grow() -> None:
    """A list that was handed out is the reader's own."""
    log = MemoryLog()
    written = await log.append("r", 0, [PlanStarted()])
    before = await log.load("r")
    written.clear()
    await log.append("r", 1, [PlanStarted()])
    assert (len(before), len(await log.load("r"))) == (1, 2)
