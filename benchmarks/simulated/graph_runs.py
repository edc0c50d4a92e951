"""A graph of timed steps as a plan, and its run by the engine."""

from __future__ import annotations

import base64
import random

import anyio

from benchmarks.graphs import Graph
from engine.api import Engine
from engine.tools.function import tool
from schemas.errors import StepError
from schemas.plan import Plan, Step
from schemas.result import RunResult
from schemas.settings import Limits, Settings


@tool(effects="none")
async def work(seconds: float) -> None:
    """Take some time.

    Args:
        seconds: How long.
    """
    await anyio.sleep(seconds)


@tool(effects="none")
async def nothing() -> None:
    """Do nothing."""


@tool(effects="none")
async def kept_text(size: int) -> str:
    """Return text that is worth keeping, no two alike, and hard to compress.

    Args:
        size: Its length in characters.
    """
    return noise(size)


def noise(size: int) -> str:
    """Return random letters and digits."""
    return base64.b64encode(random.randbytes(size))[:size].decode()


def text_plan(graph: Graph, size: int) -> Plan:
    """Return a graph as a plan whose steps each give a text of ``size`` characters."""
    steps = tuple(
        Step(id=step.id, tool="kept_text", tool_input={"size": size}, depends_on=step.parents) for step in graph
    )
    return Plan(goal="run the graph", answer="done", steps=steps)


def plan_of(graph: Graph) -> Plan:
    """Return a graph as a plan; a step that takes no time calls a tool that does nothing."""
    steps = tuple(
        Step(id=step.id, tool="work", tool_input={"seconds": step.seconds}, depends_on=step.parents)
        if step.seconds
        else Step(id=step.id, tool="nothing", tool_input={}, depends_on=step.parents)
        for step in graph
    )
    return Plan(goal="run the graph", answer="done", steps=steps)


def engine_with(max_parallel: int | None = None) -> Engine:
    """Return an engine with a cap on simultaneous steps, otherwise as it is out of the box, no key in sight."""
    return Engine(Settings(limits=Limits(max_parallel=max_parallel)), tools=[work, nothing], environ={})


async def apply(engine: Engine, plan: Plan, run_id: str | None = None) -> RunResult:
    """Run a plan.

    Raises:
        StepError: The run did not complete; a benchmark of half a run would be worthless.
    """
    result = await engine.apply(plan, run_id=run_id)
    if result.status != "completed" or len(result.steps) != len(plan.steps):
        raise StepError(f"the run ended {result.status}", details={"error": str(result.error)})
    return result
