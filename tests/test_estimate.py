"""What running a plan would take, before anything runs."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.testing import FakeTool, ScriptedProvider, scripted_engine
from schemas.plan import Plan, Step

pytestmark = pytest.mark.anyio


def plan_of(*steps: Step, answer: str | None = "done") -> Plan:
    return Plan(goal="g", steps=steps, answer=answer)


def calm(*names: str, **spec: Any) -> Engine:
    return scripted_engine(ScriptedProvider([]), tools=[FakeTool(name, 1, **spec) for name in names])


def test_guesses_say_so() -> None:
    """Before any call was seen a step takes what its tool declares, else a second, and the estimate says which."""
    engine = calm("a")
    found = engine.estimate(plan_of(Step(id="1", tool="a"), Step(id="2", tool="a", depends_on=("1",))))
    assert (found.seconds, found.p95_s, found.calls, found.usd) == (2.0, 2.0, 0, 0.0)
    assert [(step.calls, step.declared) for step in found.steps.values()] == [(0, False), (0, False)]


def test_model_calls_are_counted() -> None:
    """An answer to write and arguments to fill are model calls, with their tokens and time."""
    engine = calm("a", input_schema={"type": "object", "properties": {"x": {}}, "required": ["x"]})
    filled = engine.estimate(plan_of(Step(id="1", tool="a", tool_input={"x": 1}), answer=None))
    open_one = engine.estimate(plan_of(Step(id="1", tool="a"), answer=None))
    assert (filled.calls, open_one.calls) == (1, 2)
    assert open_one.tokens > filled.tokens > 0
    assert open_one.seconds > filled.seconds > 1.0


async def test_models_take_what_they_took() -> None:
    """Model calls are guessed, and said to be, until the model has answered one; then they take what that one took."""
    plan = plan_of(Step(id="1", tool="a"), answer=None)
    model = ScriptedProvider([{"steps": [{"id": "1", "tool": "a", "tool_input": {}}]}, "fine"])
    engine = scripted_engine(model, tools=[FakeTool("a", 1)])
    before = engine.estimate(plan)
    await engine.run("do a", mode="plan")
    after = engine.estimate(plan)
    assert (before.model_calls_guessed, after.model_calls_guessed) == (True, False)
    assert (before.steps_guessed, after.steps_guessed) == (1, 0)
    assert after.seconds < before.seconds


def test_rules_take_no_time() -> None:
    """The offline model's calls count as calls but take no seconds, which is no guess."""
    engine = Engine({"model_providers": [{"name": "offline", "kind": "offline"}]})
    found = engine.estimate(plan_of(Step(id="1", tool="calculate", tool_input={"expression": "1"}), answer=None))
    assert (found.calls, found.model_calls_guessed) == (1, False)
    assert found.seconds < 0.1


async def test_what_was_seen_is_used() -> None:
    """After a run the estimate rests on what the calls took: the median, and what 95 % stay below."""
    waits = [0.01, 0.02, 0.2]

    async def wait(_: Any) -> int:
        await anyio.sleep(waits.pop(0))
        return 1

    engine = scripted_engine(ScriptedProvider([]), tools=[FakeTool("wait", wait)])
    chain = (Step(id=str(n), tool="wait", depends_on=(str(n - 1),) if n > 1 else ()) for n in (1, 2, 3))
    plan = plan_of(*chain)
    await engine.apply(plan)
    found = engine.estimate(plan_of(Step(id="1", tool="wait")))
    assert found.steps["1"].calls == 3
    assert 0.02 <= found.seconds < 0.2 <= found.p95_s


async def test_the_slow_path_goes_first_in_the_next_run() -> None:
    """What tools took in earlier runs decides, under a cap, which of two ready steps starts first."""
    begun: list[str] = []

    def taking(name: str, seconds: float) -> FakeTool:
        async def call(_: Any) -> int:
            begun.append(name)
            await anyio.sleep(seconds)
            return 1

        return FakeTool(name, call)

    engine = scripted_engine(ScriptedProvider([]), tools=[taking("quick", 0.0), taking("slow", 0.05)])
    plan = plan_of(Step(id="1", tool="quick"), Step(id="2", tool="slow"))
    for _ in range(2):
        await engine.apply(plan, limits=engine.limits(max_parallel=1))
    assert begun == ["quick", "slow", "slow", "quick"]


async def test_nothing_is_kept_where_the_settings_say_so() -> None:
    """statistics: false learns nothing from a run."""
    engine = calm("a")
    engine.settings = engine.settings.model_copy(update={"statistics": False})
    await engine.apply(plan_of(Step(id="1", tool="a")))
    assert engine.estimate(plan_of(Step(id="1", tool="a"))).steps["1"].calls == 0
