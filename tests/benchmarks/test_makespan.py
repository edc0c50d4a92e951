"""How long runs take against what no scheduler can beat, and against asyncio by hand."""

from __future__ import annotations

import pytest

from benchmarks.cases import bounds, overhead
from benchmarks.graphs import Graph, TimedStep, bound_s, chain, fan_out, layered, scaled
from benchmarks.simulated.clock import virtually
from benchmarks.simulated.graph_runs import apply, engine_with, plan_of

SEEDS = pytest.mark.parametrize("seeds", [range(8), pytest.param(bounds.SEEDS, marks=pytest.mark.slow)], ids=len)


@SEEDS
def test_without_a_cap_a_run_takes_its_critical_path(seeds: range) -> None:
    """B28: on a virtual clock chains and 200-step DAGs with long-tailed times take exactly their critical path."""
    assert [row.measure for row in bounds.uncapped({}, seeds) if not row.met] == []


@SEEDS
def test_under_a_cap_a_run_stays_near_the_bound(seeds: range) -> None:
    """B28: at k = 4, 8, 16 the median of the DAGs is within 10 % of the bound, and none is above Graham's 2 − 1/k."""
    rows = list(bounds.capped(seeds))
    assert len(rows) == 6
    assert [(row.measure, row.value) for row in rows if not row.met] == []


def test_the_longest_way_goes_first() -> None:
    """B28: a chain of ten that stands last in the plan is begun first, beside forty steps that lead nowhere."""
    shorts = fan_out(40, 1.0)
    links = [TimedStep(f"c{step.id}", tuple(f"c{parent}" for parent in step.parents), 1.0) for step in chain(10)]
    graph = (*shorts, *links)
    engine, plan = engine_with(4), plan_of(graph)
    _, took = virtually(lambda: apply(engine, plan))
    assert took <= bounds.MEDIAN_RATIO * bound_s(graph, 4)


@pytest.mark.slow
@pytest.mark.parametrize("graph", [chain(50, 0.02), scaled(layered(4), 2.0)], ids=["chain", "layered"])
def test_real_sleeps_cost_no_more_than_by_hand(graph: Graph) -> None:
    """B28: with real sleeps the makespan is at most 1.01 times that of asyncio by hand, by the median of nine pairs."""
    row = overhead.beside_by_hand("real sleeps", graph, runs=9)
    assert row.met, row.cells()
