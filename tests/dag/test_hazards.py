"""Which steps must not overlap."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dag.hazards import NOTHING, Access, HazardIndex, access, conflicts
from schemas.tool import ToolSpec
from tests.dag.graphs import FAILED, TOOLS, World, step

MOVE = ToolSpec(name="move", effects="idempotent", reads=("file:{source}",), writes=("file:{target}",))


@pytest.mark.parametrize(
    ("spec", "tool_input", "reads", "writes"),
    [
        (TOOLS["read"], {"path": "a/../b"}, {("file", "b")}, set()),
        (TOOLS["read"], {"path": "/b"}, {("file", "b")}, set()),
        (TOOLS["write"], {"path": "{{1.path}}"}, set(), {("file", "*")}),
        (TOOLS["write"], None, set(), {("file", "*")}),
        (MOVE, {"source": "a", "target": 3}, {("file", "a")}, {("file", "3")}),
    ],
)
def test_what_a_call_touches(
    spec: ToolSpec, tool_input: dict[str, object] | None, reads: set[object], writes: set[object]
) -> None:
    """A resource is a template over the arguments; an argument not known yet stands for its whole class."""
    touched = access(spec, tool_input)
    assert (set(touched.reads), set(touched.writes)) == (reads, writes)
    assert access(TOOLS["look"], {}) is NOTHING


RESOURCES = st.frozensets(st.tuples(st.sampled_from("fg"), st.sampled_from("ab*")), max_size=2)
ACCESSES = st.one_of(
    st.builds(Access, reads=RESOURCES),
    st.builds(Access, reads=RESOURCES, writes=RESOURCES, effectful=st.just(True)),
    st.just(Access(effectful=True, undeclared=True)),
)


@given(st.lists(ACCESSES, max_size=12))
def test_every_conflict_is_ordered_and_nothing_else(touched: list[Access]) -> None:
    """B24: Two steps are ordered, in plan order, exactly when one touches what the other writes."""
    index = HazardIndex()
    after = [index.add(str(number), one) for number, one in enumerate(touched)]
    ordered = nx.DiGraph([(int(first), second) for second, firsts in enumerate(after) for first in firsts])
    ordered.add_nodes_from(range(len(touched)))
    reached = nx.transitive_closure_dag(ordered)
    for first, second in combinations(range(len(touched)), 2):
        if conflicts(touched[first], touched[second]):
            assert reached.has_edge(first, second)
    assert all(conflicts(touched[first], touched[second]) for first, second in ordered.edges)


def test_undeclared_effects_run_one_by_one() -> None:
    """B24: Effectful tools that declare nothing never overlap, in plan order, with no dependency between them."""
    world = World([step(1, "send"), step(2, "send"), step(3, "look"), step(4, "send")])
    assert world.running == ["1", "3"]
    assert (world.end("1"), world.end("2")) == (["2"], ["4"])


def test_a_writer_waits_for_readers_and_holds_later_ones() -> None:
    """B24: Readers of one file run side by side, its writer after them, later readers after it, others at once."""
    path = {"tool_input": {"path": "a"}}
    world = World(
        [
            step(1, "read", **path),
            step(2, "read", **path),
            step(3, "write", **path),
            step(4, "read", **path),
            step(5, "write", tool_input={"path": "b"}),
        ]
    )
    assert world.started == ["1", "2", "5"]
    assert (world.end("2"), world.end("1"), world.end("3")) == ([], ["3"], ["4"])


def test_a_hazard_only_orders() -> None:
    """B24: A failure does not block a step that merely touches the same resource."""
    path = {"tool_input": {"path": "a"}}
    world = World([step(1, "write", **path), step(2, "write", **path)]).finish(lambda *_: FAILED)
    assert world.started == ["1", "2"]
    assert world.statuses == {"1": "failed", "2": "failed"}
