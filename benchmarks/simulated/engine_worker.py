"""Our engine as a contender: what ``engine.apply(plan)`` costs, the plan's checks and the run's log included."""

from __future__ import annotations

from benchmarks.graphs import Graph
from benchmarks.simulated.graph_runs import apply, engine_with, plan_of
from benchmarks.worker import Run, serve


def prepare(graph: Graph) -> Run:
    """Return a run of the graph; making the engine and the plan object is no part of it."""
    engine, plan = engine_with(), plan_of(graph)
    return lambda: apply(engine, plan)


if __name__ == "__main__":
    serve(prepare)
