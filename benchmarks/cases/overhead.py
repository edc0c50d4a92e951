"""What the engine itself costs: CPU a step that does nothing, and time lost on steps that take some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from benchmarks.baselines import by_hand
from benchmarks.graphs import Graph, TimedStep, chain, fan_out, layered, scaled
from benchmarks.report.rows import Row
from benchmarks.simulated import engine_worker
from benchmarks.worker import Contender, in_pairs, in_turns

LANGGRAPH, BY_HAND, ENGINE = "LangGraph", "asyncio by hand", "engine"
CPU_LIMIT_US, CPU_RATIO = 100.0, 0.25
MAKESPAN_RATIO = 1.01
CHAIN_50_LIMIT_MS = 535.0


def cpu(contenders: Mapping[str, Contender], runs: int) -> Iterator[Row]:
    """Yield CPU µs a no-op step beside LangGraph's: of the run, and with all that each prepares for one graph.

    Ours checks the plan and builds its graph within the run, LangGraph builds and compiles before it: where every task
    has a plan of its own, both is done each time.
    """
    names = [name for name in (ENGINE, LANGGRAPH) if name in contenders]
    for label, graph in {"fan-out 1,000": fan_out(1000), "chain 200": chain(200)}.items():
        taken = in_turns({name: contenders[name] for name in names}, graph, runs, warm_ups=2)
        each = {name: sample.cpu_s / len(graph) * 1e6 for name, sample in taken.items()}
        yield Row(
            f"CPU a no-op step, {label}", each[ENGINE], "µs", LANGGRAPH, each.get(LANGGRAPH), CPU_LIMIT_US, CPU_RATIO
        )
        whole = {name: each[name] + sample.prepared_cpu_s / len(graph) * 1e6 for name, sample in taken.items()}
        yield Row(f"the same, prepared anew, {label}", whole[ENGINE], "µs", LANGGRAPH, whole.get(LANGGRAPH))


def makespan(contenders: Mapping[str, Contender], runs: int) -> Iterator[Row]:
    """Yield makespans with real sleeps beside asyncio by hand, which keeps no state, and LangGraph."""
    graphs: dict[str, Graph] = {
        "chain 50 × 10 ms": chain(50, 0.01),
        "chain 20, log-normal": scaled(_chain_of(layered(1)), 1.0),
        **{f"layered 200, log-normal, seed {seed}": scaled(layered(seed), 2.0) for seed in (1, 2, 3)},
    }
    for label, graph in graphs.items():
        yield beside_by_hand(label, graph, runs, CHAIN_50_LIMIT_MS if label == "chain 50 × 10 ms" else None)
        if LANGGRAPH in contenders:
            taken = in_turns({name: contenders[name] for name in (ENGINE, LANGGRAPH)}, graph, runs)
            ours, other = taken[ENGINE].wall_s * 1000, taken[LANGGRAPH].wall_s * 1000
            yield Row(f"makespan, {label}", ours, "ms", LANGGRAPH, other)


def workflows(graphs: Mapping[str, Graph], runs: int) -> Iterator[Row]:
    """Yield makespans of real workflows, scaled to a critical path of one second, beside asyncio by hand."""
    for name, graph in graphs.items():
        yield beside_by_hand(f"{name} ({len(graph)} steps)", scaled(graph, 1.0), runs)


def beside_by_hand(label: str, graph: Graph, runs: int, limit_ms: float | None = None) -> Row:
    """Return the makespan of a graph with real sleeps beside that of asyncio by hand, taken in pairs."""
    ours, other, ratio = in_pairs(engine_worker.prepare, by_hand.prepare, graph, runs)
    return Row(f"makespan, {label}", ours * 1000, "ms", BY_HAND, other * 1000, limit_ms, MAKESPAN_RATIO, ratio)


def _chain_of(graph: Graph) -> Graph:
    """The first 20 times of a graph, one after another."""
    return tuple(TimedStep(link.id, link.parents, step.seconds) for link, step in zip(chain(20), graph, strict=False))
