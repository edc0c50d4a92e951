"""What follows from a claim: a function of the log alone."""

from __future__ import annotations

from engine.dag.decide import decide
from schemas.driving import RunClaimed, RunParked
from schemas.events import (
    ApprovalAnswered,
    ApprovalRequested,
    CancelRequested,
    LoggedEvent,
    PlanAccepted,
    ReplanStarted,
    StepEnded,
    StepStarted,
)
from schemas.plan import Plan
from schemas.result import StepResult
from schemas.tool import ToolSpec
from tests.dag.graphs import TOOLS, World, step

ONE = {**TOOLS, "one": ToolSpec(name="one", effects="none", max_parallel=1)}


def claimed(world: World, *before: LoggedEvent) -> list[LoggedEvent]:
    """Let another driver claim the run, and return what it decides."""
    for event in (*before, RunClaimed(driver="d2")):
        world.state.apply(event)
    decided: list[LoggedEvent] = []

    def emit(event: LoggedEvent) -> None:
        world.state.apply(event)
        decided.append(event)

    decide(world.state, emit)
    return decided


def told(events: list[LoggedEvent]) -> list[tuple[str, object]]:
    """Each event with the step it is about."""
    return [(event.kind, getattr(event, "step_id", None)) for event in events]


def test_what_only_reads_or_is_idempotent_runs_again() -> None:
    """B62: such steps are interrupted in plan order and started anew, with the input and the key they had."""
    world = World([step(1, "write", tool_input={"path": "a"}), step(2, "look", tool_input={"x": 1})])
    decided = claimed(world)
    assert told(decided)[:2] == [("step_interrupted", "1"), ("step_interrupted", "2")]
    started = [event for event in decided if isinstance(event, StepStarted)]
    assert {event.step_id: (event.input, event.idempotency_key) for event in started} == {
        "1": ({"path": "a"}, "r:1"),
        "2": ({"x": 1}, ""),
    }


def test_an_effect_is_asked_about_and_the_rest_goes_on() -> None:
    """A step in doubt waits for a person; what neither needs it nor touches what it touches does not."""
    world = World([step(1, "send"), step(2), step(3, "look", 1), step(4, "look", 2)])
    decided = claimed(world, StepEnded(step_id="2", tool="look", result=StepResult(status="done")))
    assert told(decided) == [("step_interrupted", "1"), ("approval_requested", "1"), ("step_started", "4")]
    (asked,) = world.state.pending_approvals()
    assert (asked.subject, asked.approval_id, world.state.settled()) == ("in_doubt", "a1", False)


def test_a_question_that_was_not_written_any_more_is_asked() -> None:
    """Killed between saying that a step is in doubt and asking about it, the next driver asks."""
    world = World([step(1, "send")])
    whole = claimed(world)
    again = World([step(1, "send")])
    for event in (RunClaimed(driver="d2"), whole[0]):
        again.state.apply(event)
    assert told(claimed(again)) == [("approval_requested", "1")]


def test_a_stopped_run_asks_nobody() -> None:
    """A run that was cancelled ends; of an effect in flight it stays open whether it happened."""
    world = World([step(1, "send"), step(2)])
    decided = claimed(world, CancelRequested())
    ends = {event.step_id: event.result for event in decided if isinstance(event, StepEnded)}
    assert {key: (end.status, end.in_doubt) for key, end in ends.items()} == {
        "1": ("cancelled", True),
        "2": ("cancelled", False),
    }
    assert not any(isinstance(event, ApprovalRequested) for event in decided)


def test_a_new_plan_does_not_drop_a_step_in_doubt() -> None:
    """B62: a replan that does not name it leaves the question open: the effect may have happened."""
    world = World([step(1, "send"), step(2)])
    claimed(world)
    for event in (
        ReplanStarted(revision=2, triggers=(), asked_at=1),
        PlanAccepted(revision=2, plan=Plan(steps=(step(3),))),
    ):
        world.state.apply(event)
    decide(world.state, world.take)
    assert [asked.step_id for asked in world.state.pending_approvals()] == ["1"]
    assert "1" not in world.ended


def test_what_a_step_in_doubt_touched_waits() -> None:
    """B62: a new plan's effects wait until a person has said whether the one in doubt happened."""
    world = World([step(1, "send")])
    claimed(world)
    for event in (
        ReplanStarted(revision=2, triggers=(), asked_at=1),
        PlanAccepted(revision=2, plan=Plan(steps=(step(2, "send"), step(1, "send")))),
    ):
        world.state.apply(event)
    decide(world.state, world.take)
    assert world.started == ["1"]
    world.take(ApprovalAnswered(approval_id="a1", decision="done", result="x"))
    decide(world.state, world.take)
    assert world.started == ["1", "2"]
    assert world.ended["1"].value == "x"


def test_threads_of_a_dead_process_hold_no_slot() -> None:
    """A blocking call that was abandoned by the driver before counts against no cap any more."""
    world = World([step(1, "one"), step(2, "one")], tools=ONE)
    world.end("1", StepResult(status="failed", attempts=1, abandoned=True))
    assert world.running == []
    assert told(claimed(world)) == [("step_started", "2")]


def test_claims_without_progress_are_counted() -> None:
    """Each claim counts until the run gets further; one that insists, and a driver that lets go, begin anew."""
    world = World([step(1), step(2, "look", 1)])
    tenure = world.state.tenure
    for number in range(3):
        world.state.apply(RunClaimed(driver=f"d{number}"))
    assert tenure.idle_claims == 3
    world.state.apply(RunClaimed(driver="d9", forced=True))
    assert (tenure.idle_claims, tenure.driver) == (1, "d9")
    world.state.apply(RunParked(reason="set_aside"))
    assert (tenure.idle_claims, tenure.driver) == (1, "")
    world.state.apply(RunParked(reason="handover"))
    assert tenure.idle_claims == 0
    world.state.apply(RunClaimed(driver="d10"))
    world.state.apply(StepEnded(step_id="1", tool="look", result=StepResult(status="done")))
    assert tenure.idle_claims == 0
