"""What a planner is told of the steps so far."""

from __future__ import annotations

from engine.replanner.history import past_steps, plan_history, preview
from schemas.events import ReplanStarted, Trigger
from tests.dag.graphs import FAILED, World, done, step


def test_each_step_is_told_with_what_came_of_it() -> None:
    """Done steps come with a preview, failed ones with input and error, the rest with where they stand."""
    world = World([step(1, tool_input={"x": 1}), step(2, tool_input={"y": 2}), step(3), step(4, "look", 3)])
    world.end("1", done("v" * 50))
    world.end("2", FAILED)
    told = past_steps(world.state, 20)
    assert [(past.step.id, past.status) for past in told] == [
        ("1", "done"),
        ("2", "failed"),
        ("3", "running"),
        ("4", "waiting"),
    ]
    assert told[0].preview == '"' + "v" * 19 + "… (32 more characters)"
    assert (told[1].input, told[1].error, told[1].attempts) == ({"y": 2}, FAILED.error, 1)


def test_what_was_tried_is_told() -> None:
    """A replan's request holds the triggers, and the plans that failed before."""
    world = World([step(1)])
    world.end("1", FAILED)
    assert [trigger.kind for trigger in plan_history(world.state).triggers] == ["step_failed"]
    world.take(ReplanStarted(revision=2, triggers=(Trigger(kind="step_failed"),), asked_at=4))
    assert [[one.id for one in tried.steps] for tried in plan_history(world.state).tried] == [["1"]]


def test_a_preview_says_what_was_cut() -> None:
    """A short value is whole; a long one ends with the number of characters left out."""
    assert preview({"é": [1, None]}, 100) == '{"é": [1, null]}'
    assert preview("x" * 10, 5) == '"xxxx… (7 more characters)'
