"""The graph as a good programmer would write it for this one occasion: a future a step, nothing else."""

from __future__ import annotations

import asyncio

from benchmarks.graphs import Graph, TimedStep
from benchmarks.worker import Run, serve


def prepare(graph: Graph) -> Run:
    """Return a run of the graph: each step is a task that awaits its parents' tasks."""

    async def run() -> None:
        tasks: dict[str, asyncio.Task[None]] = {}

        async def step(timed: TimedStep) -> None:
            for parent in timed.parents:
                await tasks[parent]
            if timed.seconds:
                await asyncio.sleep(timed.seconds)

        async with asyncio.TaskGroup() as group:
            for timed in graph:
                tasks[timed.id] = group.create_task(step(timed))

    return run


if __name__ == "__main__":
    serve(prepare)
