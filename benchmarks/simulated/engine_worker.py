"""Our engine as a contender: what ``Engine(...).apply(plan)`` costs, the plan's checks and the run's log included."""

from __future__ import annotations

from benchmarks.graphs import Graph
from benchmarks.simulated.graph_runs import apply, plan_of
from benchmarks.worker import Run, serve


def prepare(graph: Graph) -> Run:
    """Return a run of the graph; making the engine is part of it, making the plan object is not."""
    plan = plan_of(graph)
    return lambda: apply(plan)


if __name__ == "__main__":
    serve(prepare)
