"""What the judge's verdict does to a run: only where it is asked, logged, replayed, and never in the way."""

from __future__ import annotations

from typing import Any

import pytest

from engine.testing import ScriptedProvider
from schemas.errors import ModelRequestError
from schemas.model import ModelRequest
from tests.runs import Calls, FakeTool, Run, engine_of, plan_of, ran, step

pytestmark = pytest.mark.anyio
ASK = {"expected_output": "ask"}


class Judge:
    """Replies as the judge, and as the planner where it is asked again."""

    def __init__(self, verdict: Any, plan: Any = None) -> None:
        self.verdict = verdict
        self.plan = plan
        self.asked: list[ModelRequest] = []

    def __call__(self, request: ModelRequest) -> Any:
        if request.tool_choice == "verdict":
            self.asked.append(request)
            return self.verdict
        return self.plan or ModelRequestError("nobody else is asked")


def verdict(fits: Any, reason: str = "it is about Oslo") -> Calls:
    """A judge's reply."""
    return Calls((("verdict", {"reason": reason, "fits": fits}),))


async def judged(
    by: Judge, expected: Any = "the weather in Rome", judge: dict[str, str] = ASK, **settings: Any
) -> tuple[Run, Any]:
    """Run one step whose result is expected to be something."""
    provider = ScriptedProvider(by)
    engine = engine_of(FakeTool("look", "rain in Oslo"), provider=provider, judge=judge, **settings)
    one = step("1", expected_output=expected, description="look up the weather")
    return await ran(engine, plan_of(one, answer="{{1}}")), engine


async def test_a_contradiction_fails_the_step() -> None:
    """B41: the judge's no fails the step with its reason; the verdict and its cost are in the record."""
    run, _ = await judged(judge := Judge(verdict(False)))
    error = run.ends()["1"].error
    assert error is not None
    assert (error.message, error.details["contradicts"]) == (
        "the result contradicts expected_output: it is about Oslo",
        True,
    )
    assert [(e.fits, e.reason) for e in run.events("step_judged")] == [(False, "it is about Oslo")]
    assert [(call.role, call.step_id) for call in run.events("model_called")] == [("judge", "1")]
    shown = judge.asked[0].messages[1].text
    assert all(text in shown for text in ("the weather in Rome", "rain in Oslo", "look up the weather"))


async def test_a_contradiction_leads_to_a_new_plan() -> None:
    """B41: what the judge finds wrong is planned around."""
    judge = Judge(verdict(False), {"steps": [{"other": {}}, {"answer": "{{2}}"}]})
    tools = FakeTool("look", "x"), FakeTool("other", "good")
    engine = engine_of(*tools, provider=ScriptedProvider(judge), judge=ASK)
    one = plan_of(step("1", expected_output="a name"), answer="{{1}}")
    run = await ran(engine, one, limits=engine.limits(max_replans=1))
    assert [[t.kind for t in e.triggers] for e in run.events("replan_started")] == [["contradicts_expected"]]
    assert run.result.answer == "good"


@pytest.mark.parametrize(
    ("expected", "settings"),
    [("words", {"judge": {"expected_output": "off"}}), ({"type": "string"}, {}), (None, {})],
)
async def test_nobody_is_asked_in_vain(expected: Any, settings: dict[str, Any]) -> None:
    """No call where it is off, where a schema decides, or where nothing is expected."""
    run, _ = await judged(judge := Judge(verdict(False)), expected, **settings)
    assert (run.result.status, judge.asked) == ("completed", [])


@pytest.mark.parametrize("reply", [ModelRequestError("down"), "I would say yes", verdict("maybe")])
async def test_a_judge_that_fails_changes_nothing(reply: Any) -> None:
    """A judge that is down or gives no verdict: one warning, and the step is done."""
    run, _ = await judged(Judge(reply))
    assert (run.result.status, run.result.answer) == ("completed", "rain in Oslo")
    assert [w.split(":")[0] for w in run.result.warnings] == ["the result of step 1 was not judged"]


async def test_a_verdict_the_budget_does_not_cover_is_not_asked_for() -> None:
    """The judge's call does not fit the budget: a warning, and the run is not ended by it."""
    run, _ = await judged(judge := Judge(verdict(False)), budget={"run_tokens": 100})
    assert (run.result.status, judge.asked) == ("completed", [])
    assert run.kinds("budget_exhausted", "warning") == ["warning"]


@pytest.mark.parametrize("reply", [verdict(True), verdict(False), ModelRequestError("down")])
async def test_it_replays(reply: Any) -> None:
    """B65: a judged run replays event for event, and nobody is asked again."""
    run, engine = await judged(judge := Judge(reply))
    assert [record async for record in engine.replay(run.records)] == run.records
    assert len(judge.asked) == 1
