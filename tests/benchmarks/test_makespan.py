"""How long runs take against what no scheduler can beat, and against asyncio by hand."""

from __future__ import annotations

import pytest

from benchmarks.cases import bounds, overhead
from benchmarks.graphs import Graph, chain, layered, scaled
from benchmarks.worker import Contender, in_turns


def test_without_a_cap_a_run_takes_its_critical_path() -> None:
    """B28: on a virtual clock chains and 200-step DAGs with long-tailed times take exactly their critical path."""
    assert [row.measure for row in bounds.uncapped({}) if not row.met] == []


def test_under_a_cap_a_run_stays_near_the_bound() -> None:
    """B28: at k = 4, 8, 16 the median of 30 DAGs is within 10 % of the bound, and none is above Graham's 2 − 1/k."""
    rows = list(bounds.capped())
    assert len(rows) == 6
    assert [(row.measure, row.value) for row in rows if not row.met] == []


@pytest.mark.slow
@pytest.mark.parametrize("graph", [chain(50, 0.02), scaled(layered(4), 2.0)], ids=["chain", "layered"])
def test_real_sleeps_cost_no_more_than_by_hand(graph: Graph) -> None:
    """B28: with real sleeps the makespan is at most 1.01 times that of asyncio by hand, taken turn and turn about."""
    modules = {overhead.ENGINE: "benchmarks.simulated.engine_worker", overhead.BY_HAND: "benchmarks.baselines.by_hand"}
    with Contender(modules[overhead.ENGINE]) as ours, Contender(modules[overhead.BY_HAND]) as other:
        taken = in_turns({overhead.ENGINE: ours, overhead.BY_HAND: other}, graph, runs=5)
    assert taken[overhead.ENGINE].wall_s <= overhead.MAKESPAN_RATIO * taken[overhead.BY_HAND].wall_s
