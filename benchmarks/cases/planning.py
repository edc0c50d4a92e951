"""What planning costs: tokens, checks, and the wait for a plan that is still being written."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio

from benchmarks.graphs import layered
from benchmarks.report.rows import Row
from engine.api import Engine
from engine.dag.build import check_plan
from engine.dag.state import RunState
from engine.tools.function import tool
from schemas.errors import PlanError
from schemas.events import PlanAccepted, PlanStarted, RunStarted
from schemas.plan import Plan, Step
from schemas.planning import PlanDelta, PlanReady, PlanRequest, StepDraft
from schemas.protocols import ModelClient
from schemas.settings import Settings
from schemas.tool import ToolSpec

PAUSE_S = 0.3
START_LIMIT_MS = 5.0
BUILD_LIMITS_MS = {8: 1.0, 1000: 60.0}
SEARCH = ToolSpec(
    name="search",
    effects="none",
    input_schema={
        "type": "object",
        "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
        "required": ["query"],
        "additionalProperties": False,
    },
)


class PausingPlanner:
    """Hands on two steps, pauses in mid-plan, and only then ends the plan."""

    steps = (
        Step(id="1", tool="first", tool_input={}),
        Step(id="2", tool="second", tool_input={}, depends_on=("1",)),
    )

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncIterator[PlanDelta]:
        """Write the plan with its pause."""
        del model
        for step in self.steps:
            yield StepDraft(step=step)
        await anyio.sleep(PAUSE_S)
        yield PlanReady(plan=Plan(goal=request.task, answer="done", steps=self.steps))


def stall(runs: int) -> Iterator[Row]:
    """Yield how late a step starts that gets ready while the planner pauses in mid-plan."""
    late = [anyio.run(_lateness) * 1000 for _ in range(runs + 1)][1:]
    yield Row("start of a step ready in a planner's pause: median", statistics.median(late), "ms", limit=START_LIMIT_MS)
    yield Row("start of a step ready in a planner's pause: worst", max(late), "ms", limit=START_LIMIT_MS)


def build(runs: int) -> Iterator[Row]:
    """Yield the time from a plan's data to a run that can start: read, checked, graph built."""
    tools = {"search": SEARCH}
    for count, limit in BUILD_LIMITS_MS.items():
        plan = _plan_data(count)
        taken = [_build_s(plan, tools) * 1000 for _ in range(runs + 2)][2:]
        yield Row(f"plan of {count:,} steps read, checked and built", statistics.median(taken), "ms", limit=limit)


async def _lateness() -> float:
    """Seconds from the end of the first step to the start of the second."""
    moments: list[float] = []

    @tool(effects="none")
    async def first() -> None:
        """Take a moment."""
        await anyio.sleep(PAUSE_S / 10)
        moments.append(time.perf_counter())

    @tool(effects="none")
    async def second() -> None:
        """Follow."""
        moments.append(time.perf_counter())

    engine = Engine(Settings(), tools=[first, second], environ={}, planner=PausingPlanner())
    started = time.perf_counter()
    await engine.run("two steps", mode="plan")
    if moments[1] - started > PAUSE_S:
        return moments[1] - started  # it waited for the whole plan
    return moments[1] - moments[0]


def _plan_data(count: int) -> dict[str, Any]:
    graph = layered(0, count) if count >= 100 else layered(0, 200)[:count]
    steps: list[dict[str, Any]] = []
    for step in graph:
        query = " ".join(["facts", *(f"{{{{{parent}}}}}" for parent in step.parents)])
        steps.append({"id": step.id, "tool": "search", "tool_input": {"query": query}})
    return {"goal": "find out", "steps": steps}


def _build_s(data: dict[str, Any], tools: dict[str, ToolSpec]) -> float:
    started = time.perf_counter()
    plan = Plan.model_validate(data)
    if problems := check_plan(plan, tools):
        raise PlanError("the benchmark's own plan is refused", details={"problems": [str(p) for p in problems]})
    state = RunState("run", tools)
    for event in (
        RunStarted(task=plan.goal, mode="plan"),
        PlanStarted(),
        PlanAccepted(revision=1, plan=plan),
    ):
        state.apply(event)
    return time.perf_counter() - started
