"""A run as the one who drives it holds it."""

from __future__ import annotations

import pytest

from schemas.driving import RunClaimed
from schemas.events import LoggedRecord
from tests.runs import FakeTool, engine_of, plan_of, step


@pytest.mark.anyio
async def test_a_resumed_run_is_shown_from_any_event_on() -> None:
    """With a number its written events come first and none twice; without, what this driver does."""
    engine = engine_of(FakeTool("look", "x"))
    await engine.submit(plan=plan_of(step("1"), answer="{{1}}"), run_id="r")
    await engine.store.append("r", 1, [RunClaimed(driver="dead")])
    async with engine.resume("r") as run:
        await run.done()
        seen = [item.seq async for item in run.events(after=0) if isinstance(item, LoggedRecord)]
    assert seen == list(range(1, len(await engine.store.load("r")) + 1))
    await engine.submit(plan=plan_of(step("1"), answer="{{1}}"), run_id="s")
    async with engine.resume("s") as run:
        first, *_ = [item async for item in run.events() if isinstance(item, LoggedRecord)]
    assert (first.seq, first.event.kind) == (2, "run_claimed")
