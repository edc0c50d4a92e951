"""The systems that can be compared, and what makes each of them."""

from __future__ import annotations

import pytest

from engine.comparison.systems import SYSTEMS, Capped, Whole, systems_named
from engine.planner.llm import LLMPlanner
from engine.react.llm import ReactPlanner
from engine.synth.template import partial_answer
from schemas.errors import ConfigError
from schemas.planning import PlanReady, PlanRequest
from schemas.tool import ToolSpec
from tests.synth.scripted import ScriptedModel, call, reply

ADD = ToolSpec(name="add", effects="none", input_schema={"type": "object", "properties": {"a": {"type": "integer"}}})
ASKED = PlanRequest(task="add 1", tools=(ADD,))


def test_names() -> None:
    """Names are taken in their order, each once, whatever their case; ``all`` is every system."""
    assert [system.name for system in systems_named([" React", "plan", "react", ""])] == ["react", "plan"]
    assert systems_named(["all"]) == tuple(SYSTEMS.values())


@pytest.mark.parametrize(("names", "said"), [(["recat"], "did you mean react?"), ([" "], "plan-no-stream")])
def test_wrong_names(names: list[str], said: str) -> None:
    """An unknown name, or none, says which there are."""
    with pytest.raises(ConfigError) as caught:
        systems_named(names)
    assert said in caught.value.hint


@pytest.mark.anyio
async def test_whole() -> None:
    """Without streaming the plan comes, and none of its steps before it."""
    model = ScriptedModel([reply('{"steps": [{"add": {"a": 1}}, {"answer": "{{1}}"}]}', size=4)])
    deltas = [delta.kind async for delta in Whole(LLMPlanner()).plan(ASKED, model)]
    assert "step" not in deltas
    assert deltas[-1] == "ready"


@pytest.mark.anyio
async def test_capped() -> None:
    """One call a turn: the provider is asked for one, and a second one is not made."""
    model = ScriptedModel([reply("", call("add", {"a": 1}), call("add", {"a": 2}, "c2"))])
    *_, last = [delta async for delta in Capped(ReactPlanner(partial_answer), 1).plan(ASKED, model)]
    assert isinstance(last, PlanReady)
    assert [step.tool_input for step in last.plan.steps] == [{"a": 1}]
    assert model.requests[0].parallel_tool_calls is False
