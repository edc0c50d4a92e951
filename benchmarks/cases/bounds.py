"""How near the schedule is to what no schedule can beat, on a virtual clock."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.graphs import Graph, bound_s, chain, critical_path_s, layered
from benchmarks.report.rows import Row
from benchmarks.simulated.clock import virtually
from benchmarks.simulated.graph_runs import apply, engine_with, plan_of

SEEDS = range(30)
CAPS = (4, 8, 16)
EXACT = 1 + 1e-9
MEDIAN_RATIO = 1.10


def uncapped(workflows: Mapping[str, Graph], seeds: Sequence[int] = SEEDS) -> Iterator[Row]:
    """Yield the largest makespan over critical path without a cap: exactly 1."""
    shapes = {
        "chain 50": [chain(50, 0.01)],
        f"layered 200, {len(seeds)} seeds": [layered(seed) for seed in seeds],
        **({f"{len(workflows)} workflows": list(workflows.values())} if workflows else {}),
    }
    for label, graphs in shapes.items():
        worst = max(_makespan(graph, None) / critical_path_s(graph) for graph in graphs)
        yield Row(f"no cap, {label}: worst", worst, "", "critical path", 1.0, None, EXACT)


def capped(seeds: Sequence[int] = SEEDS) -> Iterator[Row]:
    """Yield, per cap, the median and the worst makespan over the bound, of a layered DAG a seed."""
    graphs = [layered(seed) for seed in seeds]
    for cap in CAPS:
        spans = [(_makespan(graph, cap), graph) for graph in graphs]
        ratios = [span / bound_s(graph, cap) for span, graph in spans]
        bound = "max(critical path, work/k)"
        label = f"cap {cap}, layered 200, {len(seeds)} seeds"
        yield Row(f"{label}: median", statistics.median(ratios), "", bound, 1.0, None, MEDIAN_RATIO)
        yield Row(f"{label}: worst", max(ratios), "", bound, 1.0, None, 2 - 1 / cap)


def _makespan(graph: Graph, cap: int | None) -> float:
    engine, plan = engine_with(cap), plan_of(graph)
    return virtually(lambda: apply(engine, plan))[1]
