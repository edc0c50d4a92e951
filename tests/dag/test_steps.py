"""The living graph of a run's steps."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dag.decide import decide
from engine.dag.state import RunState
from schemas.driving import StepPostponed
from schemas.events import LoggedEvent
from schemas.tool import ToolSpec
from tests.dag.graphs import FAILED, TOOLS, World, done, step

CAPS = {"slow": 1, "few": 2, "look": None}


def test_steps_stand_in_plan_order() -> None:
    """Steps are listed as the plan lists them, instances behind their foreach, ended ones left out where asked."""
    world = World([step("b"), step("a", foreach=[1, 2]), step("c", "look", "a")])
    world.end("b")
    assert [one.id for one in world.state.graph.plan_steps()] == ["b", "a", "c"]
    assert [one.id for one in world.state.graph.in_order()] == ["a", "a[0]", "a[1]", "c"]


def test_a_failure_blocks_what_needs_it_and_nothing_else() -> None:
    """Everything behind a failed step is skipped with the reason; an independent branch goes on."""
    world = World([step(1), step(2, "look", 1), step(3, "look", 2), step(4), step(5, "look", 4)])
    world.end("1", FAILED)
    assert world.finish().statuses == {"1": "failed", "4": "done", "5": "done", "2": "skipped", "3": "skipped"}
    assert [world.ended[i].reason for i in "23"] == [
        "it needs step 1, which failed",
        "it needs step 2, which could not run",
    ]


def test_instances_that_write_one_file_run_one_by_one() -> None:
    """Instances of a foreach are ordered among themselves where their items name the same resource."""
    world = World([step(1, "write", foreach=["a", "b", "a"], tool_input={"path": "{{item}}"})])
    assert world.running == ["1[0]", "1[1]"]
    assert world.end("1[0]") == ["1[2]"]


def test_what_a_tool_returned_is_never_a_reference() -> None:
    """A result that looks like a reference reaches the next step as it is."""
    world = World([step(1), step(2, tool_input={"x": "{{1}}", "y": "<{{1}}>"})])
    world.end("1", done("{{9.secret}}"))
    assert world.inputs["2"] == {"x": "{{9.secret}}", "y": "<{{9.secret}}>"}


def test_thousands_of_steps_take_a_second() -> None:
    """A chain of 2,000 steps that a failure blocks, and a fan-out of 2,000 under a cap, are folded in seconds."""
    began = time.process_time()
    chain = World([step(0), *(step(i, "look", i - 1) for i in range(1, 2000))])
    chain.end("0", FAILED)
    assert len(chain.finish().statuses) == 2000
    assert len(World([step(i) for i in range(2000)], max_parallel=3).finish().statuses) == 2000
    assert time.process_time() - began < 5


@settings(max_examples=30)
@given(st.data())
def test_what_starts_next_follows_from_the_events_alone(data: st.DataObject) -> None:
    """B62: whoever folds a run's events later starts the same steps in the same order as who drove it until then."""
    capped = {name: TOOLS["look"].model_copy(update={"name": name, "max_parallel": cap}) for name, cap in CAPS.items()}
    steps = [
        step(i, data.draw(st.sampled_from(list(CAPS))), *data.draw(st.sets(st.integers(1, i - 1), max_size=2)))
        if i > 1
        else step(i, "slow")
        for i in range(1, 12)
    ]
    lived = World(steps, tools=capped)
    while lived.running:
        took = done().model_copy(update={"duration_s": data.draw(st.sampled_from((0.1, 1.0, 9.0)))})
        place = len(lived.events) + 1
        lived.end(data.draw(st.sampled_from(lived.running)), took)
        assert follows(lived.events[:place], capped) == lived.events[place:]


def follows(events: list[LoggedEvent], tools: dict[str, ToolSpec]) -> list[LoggedEvent]:
    """What somebody decides who has folded these events."""
    state, decided = RunState("r", tools), list[LoggedEvent]()

    def emit(event: LoggedEvent) -> None:
        state.apply(event)
        decided.append(event)

    for event in events:
        state.apply(event)
    decide(state, emit)
    return decided


@pytest.mark.parametrize(("instead", "voids"), [(False, []), (True, ["1"])])
def test_what_was_put_off_is_broken_off_by_a_plan_that_stands_instead(instead: bool, voids: list[str]) -> None:
    """A call that was put off to a later time goes on beside another plan, but not where that stands instead."""
    world = World([step(1)])
    world.state.apply(StepPostponed(step_id="1", until=9e9, attempts=1))
    world.state.graph.adopt((step(2),), (), 2, instead=instead)
    assert [one.id for one in world.state.graph.voids()] == voids
