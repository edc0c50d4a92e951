"""When steps start: order, parallelism, caps, lists."""

from __future__ import annotations

import random
import statistics
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import anyio
import pytest

from benchmarks.graphs import Graph, TimedStep, bound_s, critical_path_s, layered
from engine.testing import ScriptedProvider
from engine.tools.model import ask_model
from schemas.model import ModelChunk, ModelRequest
from schemas.plan import Plan, Step
from tests.runs import Calls, FakeTool, Run, engine_of, plan_of, ran, step, virtually


def waiting(name: str = "work", **spec: Any) -> FakeTool:
    """A tool that takes as long as its argument says."""

    async def wait(arguments: dict[str, Any]) -> str:
        await anyio.sleep(arguments.get("s", 0.0))
        return name

    return FakeTool(name, wait, **spec)


def timed(graph: Graph) -> Plan:
    """A graph of timed steps as a plan."""
    return plan_of(*(step(node.id, "work", *node.parents, tool_input={"s": node.seconds}) for node in graph))


def tangled(seed: int, count: int = 60) -> Graph:
    """A random DAG in no layers, written in random order of its ids, with log-normal times."""
    chance = random.Random(seed)
    names = [f"n{number}" for number in range(count)]
    chance.shuffle(names)
    return tuple(
        TimedStep(
            name, tuple(chance.sample(names[:at], min(at, chance.randint(0, 4)))), 0.02 * chance.lognormvariate(0, 1.5)
        )
        for at, name in enumerate(names)
    )


async def capped(plan: Plan, cap: int | None) -> Run:
    """Run a plan of ``work`` under a cap."""
    return await ran(engine_of(waiting(), limits={"max_parallel": cap}), plan)


@pytest.mark.anyio
async def test_a_chain_starts_in_its_order() -> None:
    """B25: a chain, even written last step first and with equal times, starts exactly in its order."""
    plan = plan_of(step("c", "look", "b"), step("b", "look", "a"), step("a"))
    run = await ran(engine_of(), plan)
    assert run.starts() == ["a", "b", "c"]
    assert run.kinds("step_started", "step_ended") == ["step_started", "step_ended"] * 3


@pytest.mark.anyio
async def test_a_chain_by_references_starts_in_its_order() -> None:
    """B25: a chain whose only edges are references starts in its order, each with the value before."""
    tool = FakeTool("look", lambda a: a.get("x", 0) + 1)
    plan = plan_of(step("1"), step("2", tool_input={"x": "{{1}}"}), step("3", tool_input={"x": "{{2}}"}))
    run = await ran(engine_of(tool), plan)
    assert run.starts() == ["1", "2", "3"]
    assert run.result.steps["3"].value == 3


@pytest.mark.parametrize("slow", ["b", "c"])
def test_a_diamond_joins_once_after_both(slow: str) -> None:
    """B26: the join of a diamond starts once, when the slower branch ends."""
    times = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0, slow: 3.0}
    edges = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
    graph = tuple(TimedStep(name, edges[name], times[name]) for name in "abcd")
    run = virtually(lambda: capped(timed(graph), None))
    assert run.starts().count("d") == 1
    assert run.at("step_started", "d") == 4.0


def test_an_uneven_join_waits_for_its_longest_way() -> None:
    """B26: a → {b, d}, b → c → d runs d once, after a and c."""
    edges = {"a": (), "b": ("a",), "c": ("b",), "d": ("a", "c")}
    graph = tuple(TimedStep(name, edges[name], 1.0) for name in "dabc")
    run = virtually(lambda: capped(timed(graph), None))
    assert run.starts() == ["a", "b", "c", "d"]
    assert run.at("step_started", "d") == 3.0


def test_a_fast_branch_does_not_wait_for_a_slow_sibling() -> None:
    """B27: what follows a fast step starts the moment it ends, beside a sibling that runs ten times as long."""
    graph = (TimedStep("slow", (), 10.0), TimedStep("fast", (), 1.0), TimedStep("next", ("fast",), 1.0))
    run = virtually(lambda: capped(timed(graph), None))
    assert run.at("step_started", "next") == 1.0
    assert run.seconds == 10.0


@pytest.mark.parametrize("seed", range(8))
def test_without_a_cap_random_graphs_take_their_critical_path(seed: int) -> None:
    """B28: random DAGs in no layers with long-tailed times take exactly their critical path on a virtual clock."""
    graph = tangled(seed)
    run = virtually(lambda: capped(timed(graph), None))
    assert run.seconds == pytest.approx(critical_path_s(graph), rel=1e-9)
    assert run.result.critical_path_s == pytest.approx(critical_path_s(graph), rel=1e-9)


@pytest.mark.parametrize("graphs", [6, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("cap", [4, 8, 16])
def test_under_a_cap_graphs_stay_near_the_bound(cap: int, graphs: int) -> None:
    """B28: under a cap the median of layered DAGs is within 10 % of the bound, and none is above 2 − 1/k of it."""
    ratios: list[float] = []
    for seed in range(100, 100 + graphs):
        graph = layered(seed, count=200, median_s=0.05, sigma=1.2)
        ratios.append(virtually(lambda graph=graph: capped(timed(graph), cap)).seconds / bound_s(graph, cap))
    assert statistics.median(ratios) <= 1.10
    assert max(ratios) <= 2 - 1 / cap


@pytest.mark.anyio
async def test_a_cap_holds_and_all_complete() -> None:
    """B29: of 20 ready steps under a cap of 4 at most 4 run at once, exactly 4 do, and all complete."""
    tool = FakeTool("look", seconds=0.005)
    run = await ran(engine_of(tool, limits={"max_parallel": 4}), plan_of(*(step(str(n)) for n in range(20))))
    assert tool.peak == 4
    assert [result.status for result in run.result.steps.values()] == ["done"] * 20


@pytest.mark.anyio
async def test_a_tool_has_a_cap_of_its_own() -> None:
    """B29: a tool's own cap holds it back, and only it."""
    narrow, wide = FakeTool("narrow", seconds=0.005, max_parallel=2), FakeTool("wide", seconds=0.2)
    steps = [step(f"{tool}{n}", tool) for n in range(8) for tool in ("narrow", "wide")]
    run = await ran(engine_of(narrow, wide, limits={"max_parallel": None}), plan_of(*steps))
    assert (narrow.peak, wide.peak) == (2, 8)
    assert run.result.status == "completed"


@dataclass
class Counting(ScriptedProvider):
    """Counts how many replies are under way."""

    now: int = 0
    peak: int = 0

    async def stream(self, model: str, request: ModelRequest, *, timeout_s: float) -> AsyncGenerator[ModelChunk]:
        """Reply from the script."""
        self.now += 1
        self.peak = max(self.peak, self.now)
        try:
            async with aclosing(super().stream(model, request, timeout_s=timeout_s)) as chunks:
                async for chunk in chunks:
                    yield chunk
        finally:
            self.now -= 1


@pytest.mark.anyio
async def test_a_model_has_a_cap_of_its_own() -> None:
    """B29: steps that fill their arguments with one model make at most its ``max_parallel`` calls at once."""
    needs = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
    tool = FakeTool("look", input_schema=needs)
    provider = Counting(lambda _: Calls((("look", {"q": "x"}),)), first_token_s=0.005)
    models = [{"name": "script", "max_parallel": 3}]
    engine = engine_of(
        tool,
        provider=provider,
        model_providers=[{"name": "scripted", "kind": "offline", "models": models, "local": True}],
    )
    run = await ran(engine, plan_of(*(step(str(n), tool_input=None) for n in range(12))))
    assert (run.result.status, len(tool.calls), provider.peak) == ("completed", 12, 3)


@pytest.mark.anyio
@pytest.mark.parametrize("shape", ["fan-out", "chain"])
async def test_a_thousand_steps_complete(shape: str) -> None:
    """B30: 1,000 steps side by side and one after another complete; results stand by id."""
    tool = FakeTool("look", lambda a: a["n"])
    needs = [(str(n - 1),) if shape == "chain" and n else () for n in range(1000)]
    plan = plan_of(*(step(str(n), "look", *needs[n], tool_input={"n": n}) for n in range(1000)))
    run = await ran(engine_of(tool), plan)
    assert run.result.status == "completed"
    assert {key: result.value for key, result in run.result.steps.items()} == {str(n): n for n in range(1000)}


def test_results_do_not_depend_on_the_order_of_completion() -> None:
    """B30: steps that end in reverse order give the same results, in plan order."""
    orders = [virtually(lambda sign=sign: capped(_spread(sign), None)) for sign in (1, -1)]
    assert [list(run.result.steps) for run in orders] == [[str(n) for n in range(20)]] * 2
    assert [list(run.ends()) for run in orders] == [[str(n) for n in range(20)], [str(n) for n in range(20)][::-1]]


def _spread(sign: int) -> Plan:
    return plan_of(*(step(str(n), "work", tool_input={"s": 30.0 + sign * n}) for n in range(20)))


def each(items: Any, **fields: Any) -> Step:
    """A foreach over the list that step 1 gives."""
    return step("2", "work", foreach=items, tool_input={"s": "{{item}}"}, **fields)


def test_foreach_runs_items_in_parallel_and_keeps_their_order() -> None:
    """B31: a foreach runs an instance an item, side by side; the results stand in the order of the items."""
    lister = FakeTool("look", lambda _: [3.0, 1.0, 2.0])
    echo = FakeTool("work", _slow_echo)
    run = virtually(lambda: ran(engine_of(lister, echo), plan_of(step("1"), each("{{1}}"), answer="{{2}}")))
    assert run.result.steps["2"].value == [3.0, 1.0, 2.0]
    assert run.seconds == 3.0
    assert list(run.ends()) == ["1", "2[1]", "2[2]", "2[0]", "2"]


async def _slow_echo(arguments: dict[str, Any]) -> Any:
    await anyio.sleep(arguments["s"])
    return arguments["s"]


def test_foreach_is_held_by_the_caps() -> None:
    """B31: the instances of a foreach stay under the cap of the run and under that of their tool."""
    tools = FakeTool("work", seconds=1.0), FakeTool("tight", seconds=1.0, max_parallel=2)
    plan = plan_of(each([0] * 8), step("3", "tight", foreach=[0] * 4, tool_input={}))
    run = virtually(lambda: ran(engine_of(*tools, limits={"max_parallel": 3}), plan))
    assert run.result.status == "completed"
    assert (tools[0].peak, tools[1].peak, len(tools[0].calls)) == (3, 2, 8)


@pytest.mark.anyio
async def test_foreach_over_nothing_is_done_and_empty() -> None:
    """B31: a foreach over an empty list is done with an empty list, and what follows runs."""
    lister, after = FakeTool("look", lambda _: []), FakeTool("after", lambda a: a["all"])
    plan = plan_of(step("1"), each("{{1}}"), step("3", "after", tool_input={"all": "{{2}}"}))
    run = await ran(engine_of(lister, FakeTool("work"), after), plan)
    assert (run.result.steps["2"].status, run.result.steps["2"].value) == ("done", [])
    assert after.calls == [{"all": []}]


@pytest.mark.anyio
async def test_foreach_over_no_list_fails_that_step() -> None:
    """B31: a foreach over something that is no list fails with what it is; nothing of it runs."""
    tool = FakeTool("work")
    run = await ran(engine_of(FakeTool("look", lambda _: {"a": 1}), tool), plan_of(step("1"), each("{{1}}")))
    assert run.result.status == "failed"
    assert "is no list but dict" in str(run.result.error)
    assert tool.calls == []


@pytest.mark.anyio
async def test_what_the_last_step_reported_is_in_the_record() -> None:
    """B60: a model call of the last step stands before that step's end, and counts."""
    engine = engine_of(ask_model, script=["a haiku"])
    run = await ran(engine, plan_of(step("1", "ask_model", tool_input={"prompt": "write"}), answer="{{1}}"))
    assert run.kinds("model_called", "step_ended") == ["model_called", "step_ended"]
    assert run.result.usage.calls == 1
