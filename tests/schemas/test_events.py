"""Logged events and their flat form."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from schemas import events
from schemas.events import LoggedEvent, LoggedRecord
from schemas.model import ImagePart, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from schemas.plan import Condition, Plan, Step
from schemas.result import ArtifactRef, ErrorInfo, StepResult, Usage
from schemas.tool import ToolSpec

ERROR = ErrorInfo(code="tool.failed", message="no", details={"a": [1, None]})
STEP = Step(
    id="1",
    tool="look",
    tool_input={"x": ["{{0.a}}", 1.5, None]},
    depends_on=("0",),
    when=(Condition(value="{{0}}", op="in", to=[1, "é"]),),
    foreach=[1],
    expected_output={"type": "object"},
)
PLAN = Plan(goal="g", answer="{{1}}", steps=(STEP,))
RESULT = StepResult(
    status="failed",
    value={"k": [True]},
    artifact=ArtifactRef(sha256="a", size_bytes=1, preview="p"),
    error=ERROR,
    usage=Usage(cost_usd=None),
)
PARTS = (
    TextPart(text="t"),
    ImagePart(url="https://x"),
    ReasoningPart(text="r", data="d"),
    ToolCallPart(call_id="c", name="n", arguments={"a": 1}, raw='{"a": 1}'),
    ToolResultPart(call_id="c", content="x", is_error=True),
)
EXAMPLES: list[LoggedEvent] = [
    events.RunStarted(
        task="t",
        mode="auto",
        limits=events.RunLimits(budget_usd=0.5),
        tools=(ToolSpec(name="a"),),
        models={"planner": "m"},
    ),
    events.RunClaimed(driver="d", by="host:1", forced=True),
    events.RunParked(reason="timer", until=1.5),
    events.StepInterrupted(step_id="1", again=True),
    events.StepPostponed(step_id="1", until=1.5, reason="r"),
    events.PlanningPostponed(role="planner", until=1.5),
    events.TimeCame(until=1.5),
    events.StepReused(step_id="1", result=RESULT),
    events.PlanStarted(mode="react"),
    events.ReplanStarted(revision=2, triggers=(events.Trigger(kind="error_rate"),), asked_at=9),
    events.PlanStep(revision=1, step=STEP),
    events.PlanLookedUp(revision=1, plan=PLAN, saved=Usage(calls=1), saved_s=0.5),
    events.PlanRepair(revision=1, attempt=1, errors=("e",), raw="{"),
    events.PlanAccepted(revision=1, plan=PLAN, keeps=("0",), similarity=0.5, warnings=("w",)),
    events.PlanRejected(revision=1, error=ERROR, attempts=({"raw": "x", "errors": ["e"]},)),
    events.ModelCalled(role="planner", model="m", parts=PARTS, usage=Usage(calls=1, cost_usd=0.1), error=ERROR),
    events.StepFilled(step_id="1", input={"a": [1]}),
    events.StepRehearsed(step_id="1", tool="pay", result=StepResult(status="done", value=3)),
    events.StepExpanded(step_id="1", count=3),
    events.StepStarted(step_id="1[0]", tool="look", input={"a": None}, idempotency_key="r:1"),
    events.StepRetried(step_id="1", attempt=1, delay_s=0.5, error=ERROR),
    events.StepEnded(step_id="1", tool="look", result=RESULT),
    events.StepJudged(step_id="1", fits=False, reason="too short"),
    events.ResultSummarized(step_id="1", text="short"),
    events.ThreadStuck(step_id="1", grace_s=1.5),
    events.ThreadEnded(step_id="1"),
    events.ApprovalRequested(approval_id="a1", subject="plan", plan=PLAN, input={"a": 1}),
    events.ApprovalAnswered(approval_id="a1", decision="edit", plan=PLAN, input={"a": 2}, by="me"),
    events.GoalChanged(task="other"),
    events.CancelRequested(reason="enough"),
    events.ModeChanged(mode="react", reason="cap"),
    events.BudgetWarning(scope="run:r", measure="usd", spent=0.9, limit=1.0),
    events.BudgetExhausted(scope="run:r", measure="seconds", spent=1, limit=1, message="m"),
    events.Warned(code="c", message="m"),
    events.Answer(text="é", steps_used=("1",), missing=("x",)),
    events.RunEnded(status="failed", error=ERROR, usage=Usage(calls=2, input_tokens=5)),
]


def test_every_kind_has_an_example() -> None:
    """No kind of logged event is left out below."""
    assert {type(example) for example in EXAMPLES} == set(get_args(get_args(LoggedEvent)[0]))


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.kind)
def test_each_event_comes_back_from_its_line(event: LoggedEvent) -> None:
    """A record written as one flat line of JSON is read back equal, numbers and kind in front."""
    record = LoggedRecord(run_id="r", seq=3, at=1.5, event=event)
    line = record.to_json()
    assert list(line)[:4] == ["seq", "kind", "at", "run_id"]
    assert LoggedRecord.from_json(json.loads(json.dumps(line))) == record
    assert set(type(event).model_fields) & {"seq", "at", "run_id"} == set()


@pytest.mark.parametrize("change", [{"kind": "nothing"}, {"seq": None}, {"extra": 1}, {"task": None}])
def test_a_line_that_is_no_event_is_refused(change: dict[str, Any]) -> None:
    """An unknown kind, a missing number, a field too many or a wrong type is refused."""
    line = LoggedRecord(run_id="r", seq=1, at=0.0, event=EXAMPLES[0]).to_json()
    with pytest.raises(ValidationError):
        LoggedRecord.from_json({**line, **change})


def test_the_first_line_is_slim() -> None:
    """The tools of run_started stand there without their defaults, and are read back whole."""
    tool = ToolSpec(name="a", description="d", effects="none", timeout_s=3.0)
    record = LoggedRecord(run_id="r", seq=1, at=0.0, event=events.RunStarted(task="t", mode="plan", tools=(tool,)))
    line = record.to_json()
    assert "retry" not in line["tools"][0]
    assert LoggedRecord.from_json(json.loads(json.dumps(line))) == record
