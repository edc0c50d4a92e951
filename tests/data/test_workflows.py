"""Recorded scientific workflows through the engine, on a clock that jumps: nothing is added to the critical path."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from benchmarks.data import workflows
from benchmarks.graphs import Graph, bound_s, critical_path_s, scaled
from engine.testing import FakeTool
from schemas.plan import Plan, Step
from tests.runs import Run, engine_of, ran, virtually

NAMES = ["1000genome", "blast", "epigenomics", "montage", "sarek", "seismology", "srasearch"]
CRITICAL_S = 100.0


def graph_of(bench_data: Path, name: str) -> Graph:
    """A workflow with its times scaled to a critical path of 100 s; numbered, as its own ids hold dots."""
    (graph,) = [graph for full, graph in workflows(bench_data).items() if full.startswith(name)]
    numbers = {step.id: str(number) for number, step in enumerate(graph, 1)}
    return tuple(
        replace(step, id=numbers[step.id], parents=tuple(numbers[parent] for parent in step.parents))
        for step in scaled(graph, CRITICAL_S)
    )


def plan_over(graph: Graph) -> Plan:
    """The workflow as a plan; each step is told how long to take."""
    steps = tuple(
        Step(id=step.id, tool="work", tool_input={"seconds": step.seconds}, depends_on=step.parents) for step in graph
    )
    return Plan(goal="workflow", steps=steps, answer="done")


async def work(arguments: Any) -> str:
    """Take as long as told."""
    await anyio.sleep(arguments["seconds"])
    return "ok"


def run_of(graph: Graph, cap: int | None = None) -> Run:
    """Run a workflow on the virtual clock."""

    async def run() -> Run:
        engine = engine_of(FakeTool("work", work), limits={"max_parallel": cap})
        return await ran(engine, plan_over(graph))

    return virtually(run)


@pytest.mark.parametrize("name", NAMES)
def test_the_makespan_is_the_critical_path(bench_data: Path, name: str) -> None:
    """B28: without a cap a workflow takes exactly its critical path, and says so."""
    graph = graph_of(bench_data, name)
    run = run_of(graph)
    assert run.result.status == "completed"
    assert run.seconds == pytest.approx(critical_path_s(graph), rel=1e-9)
    assert run.result.duration_s == pytest.approx(CRITICAL_S, rel=1e-9)
    assert run.result.critical_path_s == pytest.approx(CRITICAL_S, rel=1e-9)
    assert run.result.sequential_s == pytest.approx(sum(step.seconds for step in graph), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_each_step_starts_with_the_end_of_its_last_parent(bench_data: Path, name: str) -> None:
    """B27: there is no barrier: every step starts at the very moment its last parent ends, and ends once."""
    graph = graph_of(bench_data, name)
    run = run_of(graph)
    for step in graph:
        ready = max((run.at("step_ended", parent) for parent in step.parents), default=0.0)
        assert run.at("step_started", step.id) == pytest.approx(ready, abs=1e-6)
    assert len(run.events("step_ended")) == len(graph)


@pytest.mark.parametrize("cap", [4, 8])
@pytest.mark.parametrize("name", NAMES)
def test_a_cap_holds_and_stays_near_its_bound(bench_data: Path, name: str, cap: int) -> None:
    """B28: under a cap of k the makespan is never above Graham's 2 - 1/k times its bound."""
    graph = graph_of(bench_data, name)
    run = run_of(graph, cap)
    running = peak = 0
    for record in run.records:
        running += (record.event.kind == "step_started") - (record.event.kind == "step_ended")
        peak = max(peak, running)
    assert peak <= cap
    assert run.seconds <= bound_s(graph, cap) * (2 - 1 / cap) * (1 + 1e-9)
