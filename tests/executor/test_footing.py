"""A tool that leaves something behind in its task: only its own step fails, and the run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from tests.runs import FakeTool, Run, engine_of, plan_of, ran, step

Misdeed = Callable[[Any], Awaitable[Any]]


async def open_scope(_: Any) -> int:
    """Leave a cancel scope open."""
    anyio.CancelScope().__enter__()
    return 1


async def open_cancelled_scopes(_: Any) -> int:
    """Leave two scopes open, one of them cancelled, and wait in them."""
    anyio.CancelScope().__enter__().cancel()
    anyio.CancelScope().__enter__()
    await anyio.sleep(1)
    return 1


async def open_timer(_: Any) -> int:
    """Leave a scope open that would cancel whatever runs a moment later."""
    anyio.move_on_after(0.05).__enter__()
    return 1


async def open_group(_: Any) -> int:
    """Leave a task group open in which a task runs that would never end."""
    group = await anyio.create_task_group().__aenter__()
    group.start_soon(anyio.sleep_forever)
    return 1


async def open_scope_and_raise(_: Any) -> int:
    """Leave a scope open by an exception."""
    anyio.CancelScope().__enter__()
    raise ValueError("no")


async def cancel_itself(_: Any) -> int:
    """Cancel the task it runs in; that lands at the next await, wherever it is."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    return 1


async def cancel_itself_and_wait(_: Any) -> int:
    """Cancel the task it runs in and let it land."""
    await cancel_itself(_)
    await asyncio.sleep(0.1)
    return 1


OPEN = [open_scope, open_cancelled_scopes, open_timer, open_group]


async def _around(misdeed: Misdeed, **spec: Any) -> Run:
    """Run a misdeed before a step, beside one, and after one of its chain."""
    waits = FakeTool("look", 7, seconds=0.1)
    steps = step("1"), step("2", "bad", "1"), step("3", "look", "2"), step("4", "after"), step("5", "bad", "4")
    steps = (*steps, step("6", "after", "5"), step("7", "after", "4"))
    tools = waits, FakeTool("bad", misdeed, retry={"max_attempts": 1}, **spec), FakeTool("after", 8, seconds=0.1)
    return await ran(
        engine_of(*tools),
        plan_of(*steps),
        limits=engine_of().limits().model_copy(update={"time_limit_s": 20.0, "max_replans": 0}),
    )


@pytest.mark.anyio
@pytest.mark.parametrize("timeout_s", [None, 5.0])
@pytest.mark.parametrize("misdeed", [*OPEN, open_scope_and_raise], ids=lambda each: each.__name__)
async def test_what_a_tool_leaves_open_fails_its_step_only(misdeed: Misdeed, timeout_s: float | None) -> None:
    """B39: a cancel scope or task group that a tool never closes fails its step; its siblings and the run live."""
    run = await _around(misdeed, timeout_s=timeout_s)
    ends = {key: end.status for key, end in run.ends().items()}
    assert ends == {"1": "done", "2": "failed", "3": "skipped", "4": "done", "5": "failed", "6": "skipped", "7": "done"}
    error = run.ends()["2"].error
    assert error is not None
    assert error.message == (
        "bad raised ValueError: no"
        if misdeed is open_scope_and_raise
        else "bad left a cancel scope or a task group open"
    )


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)  # trio's tasks cannot be cancelled by hand
@pytest.mark.parametrize("misdeed", [cancel_itself, cancel_itself_and_wait], ids=lambda each: each.__name__)
async def test_a_tool_that_cancels_its_task_fails_its_step_only(misdeed: Misdeed) -> None:
    """B39: a tool that cancels the task it runs in fails its step; what runs in that task next does not notice."""
    run = await _around(misdeed)
    assert [run.ends()[key].status for key in "124567"] == ["done", "failed", "done", "failed", "skipped", "done"]
    error = run.ends()["5"].error
    assert error is not None
    assert error.message == "bad cancelled the task it ran in"


@pytest.mark.anyio
async def test_a_step_goes_on_in_the_task_that_was_put_right() -> None:
    """B39: the step after a misdeed runs in a sound task: it waits, has a time limit, and can be cancelled."""
    tools = FakeTool("bad", open_group), FakeTool("look", seconds=0.05, timeout_s=5.0), FakeTool("slow", seconds=60.0)
    steps = step("1", "bad", critical=False), step("2", "slow")
    engine = engine_of(*tools)
    run = await ran(engine, plan_of(*steps), limits=engine.limits().model_copy(update={"time_limit_s": 0.5}))
    assert {key: end.status for key, end in run.ends().items()} == {"1": "failed", "2": "cancelled"}


@pytest.mark.anyio
async def test_what_runs_in_a_task_group_left_open_is_ended() -> None:
    """B39: a task that a tool started in a group it never closed does not run on after its step."""
    ended: list[str] = []

    async def forever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("background")

    async def start_and_leave(_: Any) -> int:
        group = await anyio.create_task_group().__aenter__()
        group.start_soon(forever)
        await anyio.sleep(0.01)
        return 1

    await ran(
        engine_of(FakeTool("bad", start_and_leave), FakeTool("look", seconds=0.05)),
        plan_of(step("1", "bad"), step("2")),
    )
    assert ended == ["background"]
