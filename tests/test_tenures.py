"""Runs that had several drivers, and forks, played again: what each driver decided follows from the record alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
from engine.testing import FakeTool
from schemas.errors import StoreError
from schemas.events import LoggedRecord
from tests.properties.resuming import Past
from tests.runs import engine_of, plan_of, step, virtually
from tests.test_replaying import changed

PLAN = plan_of(step("1"), step("2", "slow"), step("3", "send", "1"), step("4", "look", "3"), answer="{{2}} {{4}}")


def engine_at(store: MemoryLog) -> Engine:
    """Return the engine of a new process; what it calls takes its time."""
    slow = FakeTool("slow", "slow", seconds=0.5)
    send = FakeTool("send", "sent", seconds=0.1, effects="effectful")
    planned: dict[str, Any] = {"steps": [{"look": {}}, {"look": {"of": "{{1}}"}}, {"answer": "{{2}}"}]}
    look = FakeTool("look", "seen", seconds=0.1, input_schema={"type": "object"})
    return engine_of(look, slow, send, script=lambda _: planned, store=store)


async def broken_off(kind: str, step_id: str | None = None) -> tuple[Engine, list[LoggedRecord]]:
    """Kill a run after the last event of a kind, and let another process bring it to its end.

    It is a run of PLAN where a step of it is named, else of what its planner writes.
    """
    first = engine_at(MemoryLog(anyio.current_time))
    async with first.start("look twice", plan=PLAN if step_id else None, mode="plan", approve="all", run_id="r") as run:
        await run.result()
    records = await first.store.load("r")
    last = max(r.seq for r in records if r.event.kind == kind and step_id in (None, getattr(r.event, "step_id", None)))
    store = Past(MemoryLog())
    await store.fill(records[:last])
    second = engine_at(store)
    async with second.resume("r") as run:
        with anyio.move_on_after(0.05):
            await run.done()
        for asked in await run.pending():
            await run.answer(asked.approval_id, "done", result="sent before")
        await run.result()
    return second, await store.load("r")


async def replays(engine: Engine, records: Sequence[LoggedRecord]) -> bool:
    """Whether a record comes out as it is."""
    return [record async for record in engine.replay(records)] == list(records)


@pytest.mark.parametrize(("step_id", "running"), [("1", 1), ("3", 2)], ids=["in mid-batch", "in doubt"])
def test_a_run_broken_off_in_mid_step(step_id: str, running: int) -> None:
    """B65: a run whose driver died while steps ran, or were begun, replays event for event, an effect in doubt too."""

    async def go() -> None:
        second, records = await broken_off("step_started", step_id)
        assert [r.event.kind for r in records].count("step_interrupted") == running
        assert await replays(second, records)

    virtually(go)


@pytest.mark.parametrize("kind", ["run_started", "plan_started", "plan_step", "plan_accepted", "step_started"])
def test_a_planner_broken_off(kind: str) -> None:
    """B65: a run whose driver died anywhere in planning, its model's reply lost with it, replays event for event."""

    async def go() -> None:
        assert await replays(*await broken_off(kind))

    virtually(go)


def test_a_driver_that_left() -> None:
    """B65: a run whose driver started nothing more before it handed it over replays event for event."""

    async def go() -> None:
        one = engine_at(MemoryLog(anyio.current_time))
        await one.submit(plan=PLAN, approve="all", run_id="r")
        async with anyio.create_task_group() as group:
            group.start_soon(one.drive, "r")
            await anyio.sleep(0.05)
            await one.drain()
        two = engine_at(one.store)  # pyright: ignore[reportArgumentType]
        assert (await two.drive("r")).status == "completed"
        records = await two.store.load("r")
        place = next(n for n, record in enumerate(records) if record.event.kind == "run_parked")
        assert [record.event.kind for record in records[place - 2 : place]] == ["step_ended"] * 2
        assert await replays(two, records)

    virtually(go)


@pytest.mark.parametrize("from_step", ["3", "4", None])
def test_a_fork(from_step: str | None) -> None:
    """B65: a fork replays event for event, from what it was given of the run it comes of."""

    async def go() -> None:
        engine = engine_at(MemoryLog(anyio.current_time))
        run_id = (await engine.apply(PLAN, approve="all")).run_id
        fork = await engine.fork(run_id, from_step)
        assert (await engine.drive(fork)).status == "completed"
        records = await engine.store.load(fork)
        assert any(record.event.kind == "step_reused" for record in records)
        assert await replays(engine, records)

    virtually(go)


def test_a_driver_that_died_is_checked_too() -> None:
    """B65: what a driver decided before it died is decided anew: where the record says otherwise, it is refused."""

    async def go() -> None:
        engine, records = await broken_off("step_started")
        tampered, seq = changed(records, "step_started", input={"of": "elsewhere"})
        with pytest.raises(StoreError, match=f"at event {seq}"):
            await replays(engine, tampered)

    virtually(go)
