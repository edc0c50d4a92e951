"""What the engine itself costs: CPU a step that does nothing, and time lost on steps that take some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.graphs import Graph, TimedStep, chain, fan_out, layered, scaled
from benchmarks.report import Row
from benchmarks.worker import Contender, in_turns

LANGGRAPH, BY_HAND, ENGINE = "LangGraph", "asyncio by hand", "engine"
CPU_LIMIT_US, CPU_RATIO = 100.0, 0.25
MAKESPAN_RATIO = 1.01
CHAIN_50_LIMIT_MS = 535.0


def cpu(contenders: Mapping[str, Contender], runs: int) -> Iterator[Row]:
    """Yield CPU µs a no-op step beside LangGraph's."""
    names = [name for name in (ENGINE, LANGGRAPH) if name in contenders]
    for label, graph in {"fan-out 1,000": fan_out(1000), "chain 200": chain(200)}.items():
        taken = in_turns({name: contenders[name] for name in names}, graph, runs, warm_ups=2)
        each = {name: sample.cpu_s / len(graph) * 1e6 for name, sample in taken.items()}
        yield Row(
            f"CPU a no-op step, {label}", each[ENGINE], "µs", LANGGRAPH, each.get(LANGGRAPH), CPU_LIMIT_US, CPU_RATIO
        )


def makespan(contenders: Mapping[str, Contender], runs: int) -> Iterator[Row]:
    """Yield makespans with real sleeps beside asyncio by hand, which keeps no state, and LangGraph."""
    graphs: dict[str, Graph] = {
        "chain 50 × 10 ms": chain(50, 0.01),
        "chain 20, log-normal": scaled(_chain_of(layered(1)), 1.0),
        **{f"layered 200, log-normal, seed {seed}": scaled(layered(seed), 2.0) for seed in (1, 2, 3)},
    }
    for label, graph in graphs.items():
        taken = in_turns(contenders, graph, runs)
        ours = taken[ENGINE].wall_s * 1000
        limit = CHAIN_50_LIMIT_MS if label == "chain 50 × 10 ms" else None
        yield Row(f"makespan, {label}", ours, "ms", BY_HAND, taken[BY_HAND].wall_s * 1000, limit, MAKESPAN_RATIO)
        if LANGGRAPH in taken:
            yield Row(f"makespan, {label}", ours, "ms", LANGGRAPH, taken[LANGGRAPH].wall_s * 1000)


def workflows(contenders: Mapping[str, Contender], graphs: Mapping[str, Graph], runs: int) -> Iterator[Row]:
    """Yield makespans of real workflows, scaled to a critical path of one second, beside asyncio by hand."""
    chosen = {name: contenders[name] for name in (ENGINE, BY_HAND)}
    for name, graph in graphs.items():
        taken = in_turns(chosen, scaled(graph, 1.0), runs)
        ours, other = taken[ENGINE].wall_s * 1000, taken[BY_HAND].wall_s * 1000
        yield Row(f"makespan, {name} ({len(graph)} steps)", ours, "ms", BY_HAND, other, None, MAKESPAN_RATIO)


def _chain_of(graph: Graph) -> Graph:
    """The first 20 times of a graph, one after another."""
    return tuple(TimedStep(link.id, link.parents, step.seconds) for link, step in zip(chain(20), graph, strict=False))
