"""What a plan means to a run that is under way: what it keeps, what is to do, what still counts."""

from __future__ import annotations

import pytest

from engine.planning import Planned, as_ended, keeps, todo_calls, wanted
from schemas.errors import PlanParseError, TokenBudgetError
from schemas.events import (
    CancelRequested,
    GoalChanged,
    LoggedEvent,
    PlanAccepted,
    PlanStarted,
    ReplanStarted,
    StepEnded,
)
from schemas.planning import PlanText
from schemas.result import StepResult
from schemas.trigger import Trigger
from tests.dag.graphs import FAILED, World, done, plan, step

REPLAN = ReplanStarted(revision=2, triggers=(Trigger(kind="step_failed", step_id="1"),), asked_at=1)


def test_a_plan_keeps_the_unstarted_steps_it_refers_to() -> None:
    """B42: what a new plan, or its answer, refers to of an earlier one stays; what ended or is its own is not kept."""
    world = World([step(1), step(2, "look", 1), step(3, "look", 1), step(4, "look", 1)])
    world.end("1")
    world.end("2")
    new = plan(step(5, "look", 2, 3), step(6, "look", 5), answer="{{4.x}} {{1}}")
    assert keeps(world.state, new) == ("3", "4")


def test_what_is_to_do_leaves_out_what_is_done() -> None:
    """B44: alike are only the steps still to do: a failed one as it was sent, a done one not at all."""
    world = World([step(1), step(2, "search", tool_input={"query": "{{1}}"})])
    world.end("1", done("tea"))
    world.end("2", FAILED)
    (call,) = todo_calls(world.state, plan(step(1), step(2, "search", tool_input={"query": "{{1}}"})))
    assert "tea" in repr(call)


@pytest.mark.parametrize(
    ("before", "item", "counts"),
    [
        ((), PlanText(text="x"), True),
        ((CancelRequested(),), PlanText(text="x"), False),
        ((CancelRequested(),), TokenBudgetError("spent"), True),
        ((GoalChanged(task="else"),), PlanText(text="x"), False),
        ((GoalChanged(task="else"),), PlanParseError("no plan"), False),
    ],
)
def test_what_a_planner_says_counts_while_it_is_wanted(
    before: tuple[LoggedEvent, ...], item: PlanText | PlanParseError, counts: bool
) -> None:
    """B41: after a changed goal nothing of the old plan counts; after a stop only why there is no plan."""
    state = World([step(1)]).finish().state
    for event in (REPLAN, *before):
        state.apply(event)
    assert wanted(state, Planned(2, item)) is counts
    assert not wanted(state, Planned(1, item))


def test_a_step_cancelled_because_its_plan_was_replaced_is_discarded() -> None:
    """B42: it is not told as cancelled, which would sound as if the person had done it; other ends stay as they are."""
    world = World([], drafts=())
    state = world.state
    for event in (REPLAN, PlanAccepted(revision=2, plan=plan(step(1)))):
        state.apply(event)
    cancelled = StepEnded(step_id="1", result=StepResult(status="cancelled", attempts=1))
    assert as_ended(state, cancelled).result.status == "cancelled"
    state.graph.steps["1"].void = True
    assert as_ended(state, cancelled).result.status == "discarded"
    assert as_ended(state, StepEnded(step_id="1", result=done())).result.status == "done"


def test_a_replan_is_told_of_what_came_before_it_only() -> None:
    """B43: once the planner is asked, its triggers are spent: the next replan has reasons of its own."""
    state = World([step(1)]).state
    state.apply(GoalChanged(task="else"))
    state.apply(PlanStarted(revision=2, mode="react"))
    assert (state.triggers, state.task) == ([], "else")
