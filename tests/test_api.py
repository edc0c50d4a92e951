"""The library: how runs begin, are held and left, and what is refused before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
from engine.testing import ScriptedProvider
from schemas.errors import ConfigError, ConflictError, ModelRequestError, NotFoundError, PlanError, StoreError
from schemas.events import LoggedEvent, LoggedRecord
from tests.runs import FakeTool, engine_of, plan_of, ran, step
from tests.test_loop_replan import steps

PLAN = plan_of(step("1"))


@pytest.mark.anyio
async def test_a_run_is_there_the_moment_it_is_handed_out() -> None:
    """A run can be asked for its approvals, steered and cancelled before its first step."""
    engine = engine_of()
    async with engine.start(plan=PLAN) as run:
        assert await run.pending() == []
        await run.cancel("no")
        assert (await run.result()).status == "cancelled"


@pytest.mark.anyio
async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    """What is raised while a run is held leaves the block as itself, not in a group, and the run is cancelled."""
    engine = engine_of(FakeTool("look", seconds=60.0))
    with pytest.raises(NotFoundError, match="no approval 'a9'"):
        async with engine.start(plan=PLAN, run_id="r1") as run:
            await run.approve("a9")
    assert (await engine.store.load("r1"))[-1].event.kind == "run_ended"


@pytest.mark.anyio
async def test_a_stream_may_be_left_early() -> None:
    """Leaving a stream early cancels its run and raises nothing."""
    engine = engine_of(FakeTool("look", seconds=60.0))
    async with aclosing(engine.stream("", plan=PLAN, run_id="r1")) as items:
        async for _ in items:
            break
    assert (await engine.store.load("r1"))[-1].event.kind == "run_ended"


@pytest.mark.anyio
async def test_an_id_is_taken_once() -> None:
    """A second run under a taken id is refused, and the first one's log is as it was."""
    engine = engine_of()
    first = await ran(engine, PLAN, run_id="r1")
    with pytest.raises(ConflictError, match="already is a run r1"):
        await engine.apply(plan_of(step("1"), answer="other"), run_id="r1")
    assert await engine.store.load("r1") == list(first.records)


@pytest.mark.anyio
async def test_a_bad_plan_is_refused_before_anything_starts() -> None:
    """B16: a plan that cannot run is refused with its problems, and no run was begun."""
    engine = engine_of()
    with pytest.raises(PlanError, match="9"):
        await engine.apply(plan_of(step("1", "look", "9")))
    assert await engine.store.runs() == []


class BrokenLog(MemoryLog):
    """Takes three appends, then the disk is full."""

    left = 3

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append, or fail."""
        self.left -= 1
        if self.left < 0:
            raise StoreError("the disk is full")
        return await super().append(run_id, expected_seq, events)


@pytest.mark.anyio
async def test_a_store_that_fails_ends_the_run_with_its_own_error() -> None:
    """A log that cannot be written ends the run with a StoreError, not with a group of errors."""
    engine = engine_of(store=BrokenLog())
    with pytest.raises(StoreError, match="the disk is full"):
        await engine.apply(plan_of(*(step(str(n), "look", *([str(n - 1)] if n else [])) for n in range(9))))


@pytest.mark.anyio
async def test_plan_runs_nothing_and_tells_what_it_would_take() -> None:
    """A plan that is only asked for comes with its estimate and what planning took; no tool is called."""
    look = FakeTool("look", 7)
    engine = engine_of(look, provider=ScriptedProvider([steps({"look": {}}, {"answer": "{{1}}"})]))
    preview = await engine.plan("look up 5 prices")
    assert ([s.tool for s in preview.plan.steps], look.calls) == (["look"], [])
    assert (preview.estimate.calls, preview.usage.calls) == (0, 1)
    assert await engine.store.runs() == []


@pytest.mark.anyio
@pytest.mark.parametrize(("script", "error"), [(ModelRequestError("x"), ModelRequestError), ("no plan", PlanError)])
async def test_plan_raises_why_there_is_none(script: Any, error: type[Exception]) -> None:
    """Asking for a plan raises the model's error, or the plan's, as it is."""
    with pytest.raises(error):
        await engine_of(script=lambda _: script).plan("look up 5 prices")


@pytest.mark.anyio
async def test_limits_change_only_what_is_named() -> None:
    """Limits start from the configuration; None leaves a cap as it is."""
    limits = engine_of(budget={"run_tokens": 500}).limits(max_replans=1, max_tokens=None)
    assert (limits.max_replans, limits.max_tokens) == (1, 500)


@pytest.mark.anyio
@pytest.mark.parametrize(("task", "said"), [(None, "must be text, not NoneType"), (7, "not int"), ("  ", "is empty")])
async def test_a_task_that_is_none(task: Any, said: str) -> None:
    """A task that is no text, or empty, is one clear error, and no run is begun."""
    engine = engine_of(FakeTool("look"))
    for asking in (engine.run, engine.plan):
        with pytest.raises(ConfigError, match=said):
            await asking(task)
    assert await engine.store.runs() == []


@pytest.mark.parametrize("tools", ["abc", 7, {"look": len}, ["look"], len])
def test_tools_that_are_none(tools: Any) -> None:
    """What is no list of tools or functions is one clear error that says what to write."""
    with pytest.raises(ConfigError, match="expected a list of tools") as caught:
        Engine({}, tools=tools)
    assert "tools=[" in caught.value.hint
