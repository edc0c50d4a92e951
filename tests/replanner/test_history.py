"""What a planner is told of the steps so far."""

from __future__ import annotations

from engine.replanner.history import past_steps, plan_history
from engine.replanner.view import Rules
from schemas.events import ReplanStarted
from schemas.settings import Results
from schemas.trigger import Trigger
from tests.dag.graphs import FAILED, World, done, step


def test_each_step_is_told_with_what_came_of_it() -> None:
    """Done steps come with a preview, failed ones with input and error, the rest with where they stand."""
    world = World([step(1, tool_input={"x": 1}), step(2, tool_input={"y": 2}), step(3), step(4, "look", 3)])
    world.end("1", done("v" * 50))
    world.end("2", FAILED)
    told = past_steps(world.state, Rules(Results(preview_tokens=5), whole_tokens=5))
    assert [(past.step.id, past.status) for past in told] == [
        ("1", "done"),
        ("2", "failed"),
        ("3", "running"),
        ("4", "waiting"),
    ]
    assert told[0].preview.endswith('It begins: "' + "v" * 19 + "…")
    assert told[0].view == "preview"
    assert (told[1].input, told[1].error, told[1].attempts) == ({"y": 2}, FAILED.error, 1)


def test_what_was_tried_is_told() -> None:
    """A replan's request holds the triggers, and the plans that failed before."""
    world = World([step(1)])
    world.end("1", FAILED)
    assert [trigger.kind for trigger in plan_history(world.state).triggers] == ["step_failed"]
    world.take(ReplanStarted(revision=2, triggers=(Trigger(kind="step_failed"),), asked_at=4))
    assert [[one.id for one in tried.steps] for tried in plan_history(world.state).tried] == [["1"]]


def test_all_results_of_a_prompt_have_one_room() -> None:
    """Together the results stay within the prompt's room: short ones whole, the longest cut first."""
    world = World([step(1), step(2), step(3)])
    for step_id, size in (("1", 10), ("2", 3_000), ("3", 3_000)):
        world.end(step_id, done("v" * size))
    told = past_steps(world.state, Rules(Results(prompt_tokens=500)))
    assert [past.view for past in told] == ["whole", "preview", "preview"]
    assert sum(len(past.preview) for past in told) < 2_200


def test_no_rules_no_results() -> None:
    """Without rules only what happened is told, not what came out."""
    world = World([step(1), step(2)])
    world.end("1", done("v"))
    assert [(past.status, past.preview) for past in past_steps(world.state, None)] == [("done", ""), ("running", "")]
    assert [past.step.id for past in past_steps(world.state, None, {"2"})] == ["2"]
