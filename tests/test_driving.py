"""Runs that are begun by one driver and gone on with by another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.durable.memory import MemoryLog
from engine.durable.opening import open_store
from engine.presence import Presence
from engine.testing import ScriptedProvider, scripted_engine
from schemas.errors import ConflictError, NotFoundError
from tests.runs import FakeTool, engine_of, plan_of, step

PLAN = plan_of(step("1", "look"), step("2", "look", "1"), answer="{{2}}")


def two_engines(*tools: Any) -> tuple[Any, Any]:
    """Two engines on one store."""
    store = MemoryLog(anyio.current_time)
    return engine_of(*tools, store=store), engine_of(*tools, store=store)


@pytest.mark.anyio
async def test_a_submitted_run_waits_for_a_driver() -> None:
    """What is submitted is there, queued, and whoever drives it gives its answer."""
    one, other = two_engines(FakeTool("look", "x"))
    run_id = await one.submit(plan=PLAN)
    assert (await one.store.summary(run_id)).status == "queued"
    row = await other.drive(run_id)
    assert (row.status, row.claims, row.driver) == ("completed", 1, "")
    assert (await one.attach(run_id).result()).answer == "x"


@pytest.mark.anyio
async def test_a_run_that_is_driven_is_refused() -> None:
    """A second driver is told who drives the run; one that is over, or is not there, is refused too."""
    one, other = two_engines(FakeTool("look", "x", seconds=1.0))
    async with one.start(plan=PLAN, run_id="r") as run:
        with pytest.raises(ConflictError, match="is driven by library"):
            await other.drive("r")
        with pytest.raises(ConflictError, match="this very process"):
            await one.drive("r")
        await run.result()
    with pytest.raises(ConflictError, match=r"over \(completed\)"):
        await other.drive("r")
    with pytest.raises(NotFoundError):
        await other.drive("none")


@pytest.mark.anyio
async def test_a_driver_that_is_replaced_starts_nothing_more() -> None:
    """Two live drivers do not alternate: the second claim wins, and the first shows the run from the store."""
    look = FakeTool("look", "x", seconds=1.0)
    one, other = two_engines(look)
    async with one.start(plan=PLAN, run_id="r") as run:
        await anyio.sleep(0.5)
        async with other.resume("r", force=True) as taken:
            assert (await taken.result()).answer == "x"
            assert (await run.result()).answer == "x"
            assert "taken over" in run.taken_over
    events = [record.event for record in await one.store.load("r")]
    assert [event.kind for event in events].count("step_started") == 3
    assert len(look.calls) == 3
    assert (await one.store.summary("r")).claims == 2


@pytest.mark.anyio
async def test_its_heartbeat_ends_with_the_run(tmp_path: Path) -> None:
    """A run in a store that other processes share ends when it is over: nothing goes on beating for it."""
    store = await open_store(str(tmp_path / "runs.db"))
    engine = engine_of(FakeTool("look", "x"), store=store)
    with anyio.fail_after(20):
        assert (await engine.apply(PLAN)).answer == "x"
        assert await store.drivers() == []
    await store.aclose()


@pytest.mark.anyio
async def test_a_driver_that_leaves_hands_its_runs_over() -> None:
    """What runs ends, nothing else starts, and the next driver goes on without doing anything again."""
    look = FakeTool("look", "x", seconds=1.0)
    one, other = two_engines(look)
    run_id = await one.submit(plan=PLAN)
    async with anyio.create_task_group() as group:
        group.start_soon(one.drive, run_id)
        await anyio.sleep(0.5)
        await one.drain()
        (driver,) = await one.store.drivers()
        assert driver.draining
    assert (await one.store.summary(run_id)).status == "queued"
    assert len(look.calls) == 1
    assert (await one.drive(run_id)).status == "queued"  # it takes nothing any more
    assert (await other.drive(run_id)).status == "completed"
    assert len(look.calls) == 2
    kinds = [record.event.kind for record in await one.store.load(run_id)]
    assert kinds.count("run_parked") == 2
    assert "step_interrupted" not in kinds


@pytest.mark.anyio
async def test_a_plan_that_is_being_written_is_handed_over_when_it_is_written() -> None:
    """A driver that leaves waits for its planner, so that nobody pays for the plan twice."""
    provider = ScriptedProvider([{"steps": [{"look": {}}, {"answer": "{{1}}"}]}], first_token_s=1.0)
    store, look = MemoryLog(anyio.current_time), FakeTool("look", "x")
    one, other = (scripted_engine(provider, [look]) for _ in range(2))
    one.store = other.store = store
    one.presence, other.presence = (Presence(store, "library", 8.0) for _ in range(2))
    run_id = await one.submit("look", mode="plan")
    async with anyio.create_task_group() as group:
        group.start_soon(one.drive, run_id)
        await anyio.sleep(0.5)
        await one.drain()
    assert look.calls == []
    assert (await other.drive(run_id)).status == "completed"
    assert len(provider.requests) == 1
