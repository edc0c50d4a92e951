"""A run's summary, read once for all who ask in the same moment."""

from __future__ import annotations

import anyio
import pytest

from engine.durable.memory import MemoryLog
from engine.summaries import Summaries
from schemas.errors import NotFoundError
from schemas.events import RunEnded, RunStarted
from schemas.runs import RunSummary

pytestmark = pytest.mark.anyio


class SlowLog(MemoryLog):
    """Counts the readings of summaries; each looks at once, and answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = 0
        self.may = anyio.Event()

    async def summary(self, run_id: str) -> RunSummary:
        self.readings += 1
        found = await super().summary(run_id)
        await self.may.wait()
        return found


async def _begun() -> SlowLog:
    log = SlowLog()
    await log.append("r", 0, [RunStarted(task="t", mode="plan")])
    return log


async def test_many_cost_two_readings() -> None:
    """A thousand who come back at once cost the store two readings: the first one's, and one for all who came after."""
    log, found = await _begun(), list[RunSummary]()
    summaries = Summaries(log)

    async def ask() -> None:
        found.append(await summaries.summary("r"))

    async with anyio.create_task_group() as group:
        for _ in range(1_000):
            group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        log.may.set()
    assert (len(found), log.readings) == (1_000, 2)


async def test_never_older_than_the_question() -> None:
    """Who asks after an event was written is told of it, though a reading was under way that did not see it."""
    log = await _begun()
    summaries, ended = Summaries(log), list[bool]()

    async def ask() -> None:
        ended.append((await summaries.summary("r")).ended)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        await log.append("r", 1, [RunEnded(status="completed")])
        group.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        log.may.set()
    assert ended == [False, True]


async def test_one_who_leaves_takes_nobody_along() -> None:
    """Where the client is gone for whom the store was to be read, those who waited with it read by themselves."""
    log, found = await _begun(), list[RunSummary]()
    summaries, leaving = Summaries(log), anyio.CancelScope()

    async def ask(scope: anyio.CancelScope) -> None:
        with scope:
            found.append(await summaries.summary("r"))

    async with anyio.create_task_group() as group:
        for scope in (anyio.CancelScope(), leaving, anyio.CancelScope(), anyio.CancelScope()):
            group.start_soon(ask, scope)
            await anyio.wait_all_tasks_blocked()
        leaving.cancel()
        await anyio.wait_all_tasks_blocked()
        log.may.set()
    assert len(found) == 3
    assert (await summaries.summary("r")).id == "r"


async def test_no_such_run() -> None:
    """Each of many who ask for a run that there is not is told so."""
    summaries, told = Summaries(MemoryLog()), list[str]()

    async def ask() -> None:
        with pytest.raises(NotFoundError) as caught:
            await summaries.summary("r")
        told.append(caught.value.message)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask)
    assert len(told) == 3
