"""Results on their way through a whole run: merged, shown to models, held to what the plan expects of them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.testing import ScriptedProvider
from engine.tools.builtin.reduce import Reduce
from schemas.errors import ToolFailedError
from tests.runs import FakeTool, engine_of, plan_of, ran, step

pytestmark = pytest.mark.anyio


def steps(*items: Any) -> dict[str, Any]:
    """A planner's reply in the compact grammar."""
    return {"steps": list(items)}


async def test_a_merge_runs_and_replays() -> None:
    """B82: the slower feeder still comes first; the run replays event for event."""
    slow, fast = FakeTool("slow", [[1, 2]], seconds=0.02), FakeTool("fast", [[3]])
    merged = step("all", "reduce", tool_input={"values": ["{{1}}", "{{2}}"]})
    engine = engine_of(slow, fast)
    run = await ran(engine, plan_of(step("1", "slow"), step("2", "fast"), merged, answer="{{all}}"))
    assert (run.result.answer, run.result.steps["all"].value) == ("1, 2, 3", [1, 2, 3])
    assert [record async for record in engine.replay(run.records)] == run.records


async def test_finished_feeders_go_on_contributing_after_a_replan() -> None:
    """B82: a new plan merges what is done with what it repeats; nothing finished runs again."""
    first = steps({"look": {}}, {"bad": {}}, {"reduce": {"values": ["{{1}}", "{{2}}"]}}, {"answer": "{{3}}"})
    again = steps({"look": {}}, {"reduce": {"values": ["{{1}}", "{{4}}"]}}, {"answer": "{{5}}"})
    look, bad = FakeTool("look", ["a", "b"]), FakeTool("bad", ToolFailedError("no"))
    engine = engine_of(look, bad, provider=ScriptedProvider([first, again]))
    engine.tools.add(Reduce())
    run = await ran(engine)
    assert (run.result.status, run.result.answer, len(look.calls)) == ("completed", "a, b", 2)
