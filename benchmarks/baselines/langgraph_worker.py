"""LangGraph as a contender: a StateGraph without checkpointer, one node a step, joins that wait for all parents.

Runs in an environment of its own (langgraph.txt). Nodes return nothing, the cheapest a node can do there; edges
with several sources are declared as one join, so that a node runs once.
"""

# pyright: reportMissingImports=false, reportUnknownVariableType=false
# LangGraph is installed beside the project, never in it.

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from benchmarks.graphs import Graph
from benchmarks.worker import Run, serve


class State(TypedDict):
    """The smallest state there is."""

    seen: int


def prepare(graph: Graph) -> Run:
    """Return a run of the graph; building and compiling are not part of it."""
    builder = StateGraph(State)
    parents = {parent for step in graph for parent in step.parents}
    for step in graph:
        builder.add_node(step.id, _node(step.seconds))
        if len(step.parents) > 1:
            builder.add_edge(list(step.parents), step.id)
        else:
            builder.add_edge(step.parents[0] if step.parents else START, step.id)
        if step.id not in parents:
            builder.add_edge(step.id, END)
    compiled = builder.compile()
    limit = len(graph) + 10

    async def run() -> None:
        await compiled.ainvoke({"seen": 0}, {"recursion_limit": limit})

    return run


def _node(seconds: float) -> Callable[[State], Awaitable[None]]:
    async def node(state: State) -> None:
        del state
        if seconds:
            await asyncio.sleep(seconds)

    return node


if __name__ == "__main__":
    serve(prepare)
