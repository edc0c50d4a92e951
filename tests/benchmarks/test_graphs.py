"""Graphs of timed steps and their bounds."""

from __future__ import annotations

import pytest

from benchmarks.graphs import (
    Graph,
    TimedStep,
    bound_s,
    chain,
    critical_path_s,
    fan_out,
    in_order,
    layered,
    scaled,
)

DIAMOND: Graph = (
    TimedStep("a", (), 1),
    TimedStep("b", ("a",), 2),
    TimedStep("c", ("a",), 5),
    TimedStep("d", ("b", "c"), 1),
)


def test_the_critical_path_is_the_longest_chain() -> None:
    """The critical path of a diamond goes through its slower side."""
    assert critical_path_s(DIAMOND) == 7


@pytest.mark.parametrize(("cap", "bound"), [(1, 9), (2, 7)])
def test_the_bound_is_the_path_or_the_shared_work(cap: int, bound: float) -> None:
    """One at a time takes all the work; with room the critical path remains."""
    assert bound_s(DIAMOND, cap) == bound


def test_layered_graphs_follow_their_seed() -> None:
    """The same seed gives the same graph, another seed another one."""
    assert layered(1) == layered(1)
    assert layered(1) != layered(2)


def test_layered_graphs_have_long_tails() -> None:
    """Two hundred steps, each after one to three of the layer above, the longest many times the median."""
    graph = layered(5)
    times = sorted(step.seconds for step in graph)
    assert len(graph) == 200
    assert all(1 <= len(step.parents) <= 3 for step in graph[20:])
    assert times[-1] > 5 * times[100]


def test_scaling_keeps_the_shape() -> None:
    """Scaling sets the critical path and changes no edge."""
    graph = scaled(layered(2), 3.0)
    assert critical_path_s(graph) == pytest.approx(3.0)
    assert [step.parents for step in graph] == [step.parents for step in layered(2)]


def test_parents_come_before_children() -> None:
    """Steps listed in any order are put after what they wait for, none lost."""
    shuffled = tuple(reversed(DIAMOND))
    order = [step.id for step in in_order(shuffled)]
    assert order[0] == "a"
    assert order[-1] == "d"
    assert sorted(order) == ["a", "b", "c", "d"]


def test_plain_shapes() -> None:
    """A chain waits for its predecessor, a fan-out for nothing."""
    assert [step.parents for step in chain(3, 0.1)] == [(), ("1",), ("2",)]
    assert {step.parents for step in fan_out(5)} == {()}
