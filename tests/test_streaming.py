"""Streams of runs: read to the end, and left in every way a reader may leave."""

from __future__ import annotations

import gc

import anyio
import pytest

from engine.api import Engine
from schemas.errors import PlanError
from tests.runs import FakeTool, engine_of, plan_of, step

PLAN = plan_of(step("1"))


async def over(engine: Engine, run_id: str) -> str:
    """Wait until a run's log says that it is over, and return how it ended."""
    with anyio.fail_after(30):
        while (last := (await engine.store.load(run_id))[-1].event).kind != "run_ended":
            await anyio.sleep(0.01)
    return last.status if last.kind == "run_ended" else ""


@pytest.mark.anyio
async def test_a_stream_is_read_to_its_end() -> None:
    """The stream has every event, each with its kind, and ends with the run."""
    kinds = [item.kind async for item in engine_of().stream("", plan=PLAN)]
    assert (kinds[0], kinds[-1]) == ("run_started", "run_ended")


@pytest.mark.anyio
async def test_a_break_cancels_the_run_and_nothing_else() -> None:
    """A loop that is left by break goes on behind it, and its run is cancelled."""
    engine = engine_of(FakeTool("look", seconds=60.0))
    async for _ in engine.stream("", plan=PLAN, run_id="r1"):
        break
    gc.collect()
    assert await over(engine, "r1") == "cancelled"


@pytest.mark.anyio
async def test_an_error_of_the_reader_comes_out_as_it_is() -> None:
    """What is raised in the loop is raised behind it, with nothing on top, and the run is cancelled."""
    engine = engine_of(FakeTool("look", seconds=60.0))

    async def read() -> None:
        async for _ in engine.stream("", plan=PLAN, run_id="r1"):
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        await read()
    assert caught.value.__context__ is None
    caught.value.__traceback__ = None  # it holds the frame, and that the stream
    gc.collect()
    assert await over(engine, "r1") == "cancelled"


@pytest.mark.anyio
async def test_a_block_waits_until_the_run_is_over() -> None:
    """Behind ``async with`` the run is cancelled, and its log says so."""
    engine = engine_of(FakeTool("look", seconds=60.0))
    async with engine.stream("", plan=PLAN, run_id="r1") as items:
        assert (await anext(items)).kind == "run_started"
    assert (await engine.store.load("r1"))[-1].event.kind == "run_ended"


@pytest.mark.anyio
async def test_a_cancelled_reader_takes_its_run_along() -> None:
    """A deadline around the loop cancels the run, which is over when the deadline's block is."""
    engine = engine_of(FakeTool("look", seconds=60.0))
    with anyio.move_on_after(0.3) as scope:
        async for _ in engine.stream("", plan=PLAN, run_id="r1"):
            pass
    assert scope.cancelled_caught
    assert (await engine.store.load("r1"))[-1].event.kind == "run_ended"


@pytest.mark.anyio
async def test_what_cannot_start_raises_where_it_is_read() -> None:
    """A plan that cannot run is the error of the first event."""
    with pytest.raises(PlanError, match="9"):
        async for _ in engine_of().stream("", plan=plan_of(step("1", "look", "9"))):
            pass


@pytest.mark.anyio
async def test_a_stream_that_is_never_read_starts_nothing() -> None:
    """A stream that nobody reads leaves no run."""
    engine = engine_of()
    async with engine.stream("", plan=PLAN):
        pass
    assert await engine.store.runs() == []
