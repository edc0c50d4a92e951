"""What a run still needs of the place where it is gone on with."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from engine.needs import require_tools
from schemas.errors import ConfigError
from tests.runs import FakeTool, engine_of, plan_of, step


@pytest.mark.anyio
async def test_only_open_steps_need_their_tools() -> None:
    """A run whose step is open needs its tool; one whose steps are done needs none."""
    engine = engine_of(FakeTool("look", seconds=60.0))
    async with engine.start(plan=plan_of(step("1")), run_id="r1") as run:
        async with aclosing(run.events()) as items:
            while (await anext(items)).kind != "step_started":
                pass
        with pytest.raises(ConfigError, match="not declared here: look"):
            await require_tools(engine.store, "r1", ())
        await require_tools(engine.store, "r1", ("look",))
    done = engine_of()
    await done.apply(plan_of(step("1")), run_id="r2")
    await require_tools(done.store, "r2", ())


@pytest.mark.anyio
async def test_merging_needs_no_tool() -> None:
    """What the scheduler does itself, a ``reduce``, is at hand in every place."""
    engine = engine_of(FakeTool("look", seconds=60.0))
    merging = step("2", "reduce", "1", tool_input={"values": ["{{1}}"]})
    async with engine.start(plan=plan_of(step("1"), merging), run_id="r1") as run:
        async with aclosing(run.events()) as items:
            while (await anext(items)).kind != "step_started":
                pass
        await require_tools(engine.store, "r1", ("look",))
