"""The living graph of a run's steps."""

from __future__ import annotations

import time

from tests.dag.graphs import FAILED, World, done, step


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
    began = time.perf_counter()
    chain = World([step(0), *(step(i, "look", i - 1) for i in range(1, 2000))])
    chain.end("0", FAILED)
    assert len(chain.finish().statuses) == 2000
    assert len(World([step(i) for i in range(2000)], max_parallel=3).finish().statuses) == 2000
    assert time.perf_counter() - began < 5
