"""Critical path, work and bounds."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.data import workflows
from engine.dag.analyze import plan_timing, run_timing, timing
from tests.dag.graphs import World, done, step


@given(st.data(), st.integers(1, 25))
def test_the_critical_path_is_the_longest_chain(data: st.DataObject, size: int) -> None:
    """On random DAGs, in any order of listing, the critical path is the longest path that networkx finds."""
    seconds = {str(i): data.draw(st.integers(0, 50)) for i in range(size)}
    needs = {
        str(i): [str(n) for n in data.draw(st.sets(st.integers(0, max(0, i - 1)), max_size=3)) if n < i]
        for i in range(size)
    }
    shuffled = {step_id: needs[step_id] for step_id in data.draw(st.permutations(sorted(needs)))}
    found = timing(shuffled, seconds)
    peer = nx.DiGraph()
    peer.add_nodes_from([*needs, "end"])
    peer.add_weighted_edges_from((n, i, seconds[n]) for i, before in needs.items() for n in before)
    peer.add_weighted_edges_from((i, "end", seconds[i]) for i in needs)
    assert found.critical_path_s == nx.dag_longest_path_length(peer) == sum(seconds[i] for i in found.path)
    assert all(earlier in needs[later] for earlier, later in zip(found.path, found.path[1:], strict=False))
    assert found.sequential_s == sum(seconds.values())


def test_a_cycle_is_refused() -> None:
    """Steps that wait for each other have no critical path."""
    with pytest.raises(ValueError, match="wait for each other"):
        timing({"a": ["b"], "b": ["c"], "c": ["a"]}, {})


def test_a_long_chain() -> None:
    """A chain of ten thousand steps is no problem; steps that are not there count nothing."""
    needs = {str(i): [str(i - 1)] for i in range(10_000, 0, -1)}
    assert timing(needs, dict.fromkeys(needs, 1)).critical_path_s == 10_000


def test_the_lower_bound() -> None:
    """No schedule beats the critical path, nor the work over the slots."""
    found = plan_timing([step(i) for i in range(10)], {str(i): 2.0 for i in range(10)})
    assert (found.lower_bound_s(), found.lower_bound_s(20), found.lower_bound_s(4)) == (2.0, 2.0, 5.0)


def test_a_foreach_counts_its_longest_item() -> None:
    """In a run a foreach is as long as its longest item, and its work is that of all items."""
    world = World([step(1, foreach=[1, 2, 3]), step(2, "look", 1)])
    for step_id, took in (("1[0]", 1.0), ("1[1]", 5.0), ("1[2]", 2.0), ("2", 3.0)):
        world.end(step_id, done().model_copy(update={"duration_s": took}))
    found = run_timing(world.state.graph)
    assert (found.critical_path_s, found.sequential_s, found.path) == (8.0, 11.0, ("1", "2"))


def test_the_published_workflows(bench_data: Path) -> None:
    """Each of the seven scientific workflows has the critical path that networkx finds, within its work."""
    graphs = workflows(bench_data)
    assert len(graphs) == 7
    for graph in graphs.values():
        place = {one.id: index for index, one in enumerate(graph)}
        steps = [step(index, "look", *(place[n] for n in one.parents)) for index, one in enumerate(graph)]
        seconds = {str(index): one.seconds for index, one in enumerate(graph)}
        found = plan_timing(steps, seconds)
        peer = nx.DiGraph()
        peer.add_weighted_edges_from((one.id, "end", seconds[one.id]) for one in steps)
        peer.add_weighted_edges_from((n, one.id, seconds[n]) for one in steps for n in one.depends_on)
        assert found.critical_path_s == pytest.approx(nx.dag_longest_path_length(peer))
        assert found.critical_path_s <= found.sequential_s
