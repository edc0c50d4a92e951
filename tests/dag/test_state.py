"""The state of a run as a fold over its events."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dag.decide import decide
from engine.dag.state import RunState
from schemas.errors import StoreError
from schemas.events import (
    Answer,
    ApprovalAnswered,
    BudgetExhausted,
    CancelRequested,
    LoggedEvent,
    PlanAccepted,
    PlanStarted,
    ReplanStarted,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
    ThreadEnded,
)
from schemas.plan import Plan, Step
from schemas.result import ArtifactRef, ErrorInfo, StepResult
from schemas.tool import ToolSpec
from schemas.trigger import Trigger
from tests.dag.graphs import FAILED, TOOLS, World, done, step

BUDGET = BudgetExhausted(scope="run:r", measure="seconds", spent=1, limit=1)


@pytest.mark.parametrize(
    "event",
    [
        StepEnded(step_id="9", result=done()),
        StepStarted(step_id="1", tool="look"),
        StepEnded(step_id="1", result=done()),
        ApprovalAnswered(approval_id="a1", decision="approve"),
    ],
)
def test_what_contradicts_the_log_is_refused(event: Any) -> None:
    """A step nobody planned, a second end, a start after the end or an answer to nothing is refused."""
    state = World([step(1)]).finish().state
    with pytest.raises(StoreError):
        state.apply(event)


def test_nothing_follows_the_end() -> None:
    """There is one answer, and nothing after run_ended."""
    state = World([step(1)]).finish().state
    state.apply(Answer(text="x"))
    with pytest.raises(StoreError, match="second answer"):
        state.apply(Answer(text="y"))
    state.apply(RunEnded(status="completed"))
    with pytest.raises(StoreError, match="after run_ended"):
        state.apply(RunEnded(status="completed"))


@pytest.mark.parametrize("late", [CancelRequested(), BUDGET])
def test_what_stops_a_run_comes_too_late_once_it_is_answered(late: LoggedEvent) -> None:
    """B45: a run that has its whole answer is complete, whatever says stop from then on."""
    state = World([step(1)]).finish().state
    state.apply(Answer(text="x"))
    state.apply(late)
    assert (state.stop, state.stop_reason) == (None, "")


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (FAILED, "step_failed"),
        (
            StepResult(status="failed", error=ErrorInfo(code="x", message="", details={"lacks": True})),
            "lacks_information",
        ),
        (
            StepResult(status="failed", error=ErrorInfo(code="x", message="", details={"contradicts": True})),
            "contradicts_expected",
        ),
        (StepResult(status="failed", error=ErrorInfo(code="step.rejected", message="")), "rejected"),
        (StepResult(status="done", attempts=1, replan="more data"), "requested"),
    ],
)
def test_why_a_replan_is_due(result: StepResult, kind: str) -> None:
    """Each way a step asks for another plan is a trigger of its own kind that names the step."""
    world = World([step(1)])
    world.end("1", result)
    assert [(trigger.kind, trigger.step_id) for trigger in world.state.triggers] == [(kind, "1")]


def test_an_uncritical_failure_is_no_reason() -> None:
    """A step that is not critical may fail without a replan."""
    world = World([step(1, critical=False)])
    world.end("1", FAILED)
    assert world.state.triggers == []


def test_large_values_come_from_artifacts() -> None:
    """A result kept as an artifact is loaded when the log is folded; later steps see the value."""
    ref = ArtifactRef(sha256="ab", size_bytes=3, preview="")
    state = RunState("r", TOOLS, load=lambda found: {"big": found.sha256})
    for event in (
        RunStarted(task="t", mode="plan"),
        PlanStarted(),
        PlanAccepted(revision=1, plan=Plan(steps=(step(1),))),
    ):
        state.apply(event)
    state.apply(StepStarted(step_id="1", tool="look"))
    state.apply(StepEnded(step_id="1", result=StepResult(status="done", artifact=ref, attempts=1)))
    assert state.graph.values == {"1": {"big": "ab"}}
    with pytest.raises(StoreError, match="not loaded"):
        RunState("r", TOOLS)._load(ref)  # pyright: ignore[reportPrivateUsage]


def test_an_abandoned_thread_keeps_its_slot() -> None:
    """A step whose blocking thread still runs has ended, but its slot is free only once the thread has."""
    world = World([step(1), step(2)], max_parallel=1)
    abandoned = FAILED.model_copy(update={"abandoned": True})
    assert world.end("1", abandoned) == []
    world.take(ThreadEnded(step_id="1"))
    decide(world.state, world.take)
    assert world.running == ["2"]


def test_an_edited_input_keeps_steps_apart() -> None:
    """A call that a person points at another file waits for the step that is writing that file."""
    tools = {**TOOLS, "ask": ToolSpec(name="ask", effects="idempotent", writes=("file:{path}",), approval="always")}
    world = World([step(1, "write", tool_input={"path": "a"}), step(2, "ask", tool_input={"path": "b"})], tools)
    (asked,) = world.state.pending_approvals()
    world.take(ApprovalAnswered(approval_id=asked.approval_id, decision="edit", input={"path": "a"}))
    decide(world.state, world.take)
    assert world.running == ["1"]
    assert world.end("1") == ["2"]
    assert world.inputs["2"] == {"path": "a"}


def replanned(*steps: Step) -> World:
    """A run whose step 1 failed, under a second plan."""
    world = World([step(1), step(2), step(3, "look", 2), step(4, "look", 1)])
    world.end("1", FAILED)
    world.take(ReplanStarted(revision=2, triggers=(Trigger(kind="step_failed"),), asked_at=5))
    world.take(PlanAccepted(revision=2, plan=Plan(steps=steps)))
    decide(world.state, world.take)
    return world


def test_a_new_plan_replaces_what_has_not_started() -> None:
    """What is done or running stays; what had not started is discarded, once; the failed plan is remembered."""
    world = replanned(step(5, "look", 2))
    assert world.running == ["2"]
    assert world.end("2") == ["5"]
    assert world.finish().statuses == {"1": "failed", "3": "discarded", "4": "discarded", "2": "done", "5": "done"}
    assert [[one.id for one in plan.steps] for plan in world.state.failed_plans] == [["1", "2", "3", "4"]]
    assert world.state.replans == 1


def test_ids_that_are_no_small_numbers_are_not_counted_on() -> None:
    """Superscripts, words and endless digits are ids like others; counting goes on after the highest number."""
    world = World([step("²"), step("x"), step(7), step("9" * 64)])
    assert world.state.graph.highest_id == 7
    assert len(world.running) == 4
