"""How a run came out, judged by its state alone."""

from __future__ import annotations

import pytest

from engine.answering import ending, filled_template, verdict, without_model
from schemas.errors import ModelUnavailableError
from schemas.events import BudgetExhausted, CancelRequested, GoalChanged, LoggedEvent, PlanRejected, PlanStarted
from tests.dag.graphs import FAILED, World, done, step

SPENT = BudgetExhausted(scope="run:r", measure="tokens", spent=9, limit=9, message="the tokens are used up")
DOWN = ModelUnavailableError("nobody answers").to_info()


def test_all_done_is_complete() -> None:
    """B45: with every step done nothing is missing and there is no error."""
    found = verdict(World([step(1), step(2, "look", 1)]).finish().state, "")
    assert (found.status, found.missing, found.used, found.error) == ("completed", (), ("1", "2"), None)


def test_a_failed_step_is_named_with_its_tool_and_what_waited_for_it() -> None:
    """B33: what is missing names the failed step, its tool and cause; the error blames the step, not what waited."""
    world = World([step(1), step(2, "look", 1)])
    world.end("1", FAILED)
    found = verdict(world.finish().state, "")
    assert found.status == "failed"
    assert found.missing[0] == "step 1, look, failed: no"
    assert found.error is not None
    assert (found.error.code, found.error.details["step_id"]) == ("tool.failed", "1")


def test_a_cap_is_the_error_and_the_failure_its_cause() -> None:
    """B44: what ended the repair is the error; the first failure is kept as its cause."""
    world = World([step(1)])
    world.end("1", FAILED)
    error = verdict(world.state, "3 of 3 replans are used up").error
    assert error is not None
    assert (error.code, error.details["cause"]["code"]) == ("replan_limit", "tool.failed")


@pytest.mark.parametrize(
    ("stop", "status", "code", "why"),
    [
        (CancelRequested(reason="enough"), "cancelled", "cancelled", "enough"),
        (SPENT, "failed", "budget.tokens", "the tokens are used up"),
    ],
)
def test_a_stop_after_the_last_step_is_what_is_missing(stop: LoggedEvent, status: str, code: str, why: str) -> None:
    """B45: stopped when every step was done: the answer is partial, and the reason is what is missing."""
    state = World([step(1)]).finish().state
    state.apply(stop)
    found = verdict(state, "")
    assert (found.status, found.missing) == (status, (why,))
    assert found.error is not None
    assert found.error.code == code
    assert without_model(state, found).partial


def test_no_plan_is_why_nothing_was_done() -> None:
    """B7: a run whose planner gave no plan says why, as its error and in what is missing."""
    state = World([]).state
    state.accepted.clear()
    state.apply(PlanStarted(revision=2))
    state.apply(PlanRejected(revision=2, error=DOWN))
    found = verdict(state, "")
    assert (found.missing, found.error) == (("nobody answers",), DOWN)


def test_a_goal_nobody_planned_for_is_missing() -> None:
    """B44: a goal changed after the last plan that could be made is named, and the run is not complete."""
    state = World([step(1)]).finish().state
    state.apply(GoalChanged(task="find the moon"))
    found = verdict(state, "")
    assert found.status == "failed"
    assert "find the moon" in found.missing[0]


def test_a_template_is_filled_or_nothing() -> None:
    """B22: an answer template with an absent path is no answer; a skipped step in it is null."""
    world = World([step(1)])
    world.end("1", done({"x": 5}))
    assert filled_template("it is {{1.x}}", world.state) == "it is 5"
    assert filled_template("it is {{1.y}}", world.state) is None


def test_the_end_counts_the_steps_that_were_called() -> None:
    """B60: the last event counts calls, not steps that were skipped."""
    world = World([step(1), step(2, "look", 1)])
    world.end("1", FAILED)
    ended = ending(world.finish().state, "", 2.5)
    assert (ended.steps, ended.duration_s, ended.status) == (1, 2.5, "failed")


@pytest.mark.parametrize(("cap", "first"), [("", ""), ("3 of 3 replans are used up", ": 3 of 3 replans are used up")])
def test_each_cause_is_said_once(cap: str, first: str) -> None:
    """B44: a cause stands among what is missing, once for all that failed of it, and not in the first line too."""
    world = World([step(1), step(2), step(3)])
    for step_id in "123":
        world.end(step_id, FAILED if step_id != "3" else done(7))
    text = without_model(world.state, verdict(world.finish().state, cap)).text
    assert text.startswith(f"I could not finish this task{first}.\n")
    assert text.endswith("What is missing:\n- step 1, look, failed: no\n- step 2, look, failed like step 1")


def test_a_single_lack_is_said_in_the_first_line() -> None:
    """Where one thing is missing, it is why the task is unfinished, and no list repeats it."""
    world = World([step(1), step(2)])
    world.end("1", done(7))
    world.end("2", FAILED)
    text = without_model(world.state, verdict(world.finish().state, "")).text
    assert text.splitlines()[0] == "I could not finish this task: step 2, look, failed: no."
    assert "missing" not in text
