"""The ParallelQA questions with their oracle plans, applied as files and streamed as a model writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from benchmarks.data import Call, compact, parallelqa
from engine.testing import FakeTool, ScriptedProvider
from schemas.plan import Plan, Step
from tests.runs import Run, engine_of, ran, virtually

SECONDS = 1.0
CAPS: dict[str, Any] = {"limits": {"max_parallel": None, "max_steps": 50}}
ARGUMENT = {"search": "query", "math": "question"}


def said(tool: str) -> Callable[[dict[str, Any]], str]:
    """A tool's reply: itself around what it was asked, so that an answer shows every call it rests on."""
    return lambda arguments: f"{tool}({arguments[ARGUMENT[tool]]})"


def tools() -> list[FakeTool]:
    """The data set's two tools; each call takes one second."""
    return [
        FakeTool(name, said(name), seconds=SECONDS, input_schema=_schema(argument))
        for name, argument in ARGUMENT.items()
    ]


def _schema(argument: str) -> dict[str, Any]:
    return {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}


def last(calls: tuple[Call, ...]) -> list[Call]:
    """The calls whose results no other call uses."""
    used = {number for call in calls for number in call.after}
    return [call for call in calls if call.number not in used]


def canonical(calls: tuple[Call, ...]) -> Plan:
    """An oracle plan as a plan file holds it, dependencies spelled out, its answer from the last results."""
    steps = tuple(
        Step(
            id=str(call.number),
            tool=call.tool,
            tool_input={ARGUMENT[call.tool]: call.text},
            depends_on=tuple(map(str, call.after)),
        )
        for call in calls
    )
    return Plan(goal="question", steps=steps, answer=" ".join(f"{{{{{call.number}}}}}" for call in last(calls)))


def expected(calls: tuple[Call, ...]) -> str:
    """The answer, worked out by hand: every call's reply with the replies it uses inside."""
    replies: dict[int, str] = {}
    for call in calls:
        text = " ".join([call.argument, *(replies[number] for number in call.after)])
        replies[call.number] = f"{call.tool}({text})"
    return " ".join(replies[call.number] for call in last(calls))


def depth(calls: tuple[Call, ...]) -> int:
    """Calls on the longest chain."""
    depths: dict[int, int] = {}
    for call in calls:
        depths[call.number] = 1 + max((depths[number] for number in call.after), default=0)
    return max(depths.values())


def check(calls: tuple[Call, ...], run: Run) -> None:
    """The answer is filled, each call was made once, and everything that could run at once did."""
    assert (run.result.status, run.result.error) == ("completed", None)
    assert run.result.answer == expected(calls)
    assert sorted(run.starts(), key=int) == [str(call.number) for call in calls]
    for call in calls:
        ready = max((run.at("step_ended", str(number)) for number in call.after), default=0.0)
        assert run.at("step_started", str(call.number)) == pytest.approx(ready)
    assert run.seconds == pytest.approx(depth(calls) * SECONDS)


def test_the_oracle_plans_are_all_there(bench_data: Path) -> None:
    """The set holds 56 plans, each call after those it uses."""
    plans = parallelqa(bench_data)
    assert len(plans) == 56
    assert all(number < call.number for calls in plans.values() for call in calls for number in call.after)


def test_applied_plans_run_in_parallel_and_answer(bench_data: Path) -> None:
    """B28: each oracle plan, applied, takes exactly its depth in seconds and fills its answer without a model."""
    for calls in parallelqa(bench_data).values():

        async def run(calls: tuple[Call, ...] = calls) -> Run:
            provider = ScriptedProvider([])
            done = await ran(engine_of(*tools(), provider=provider, **CAPS), canonical(calls))
            assert provider.requests == []
            return done

        check(calls, virtually(run))


@pytest.mark.parametrize("chunk", [1, 7, 0])
def test_streamed_plans_take_one_model_call(bench_data: Path, chunk: int) -> None:
    """B13: each plan as a model writes it, in any chunking, runs the same and costs one model call, its answer too."""
    for number, calls in parallelqa(bench_data).items():

        async def run(number: str = number, calls: tuple[Call, ...] = calls) -> Run:
            provider = ScriptedProvider([compact(calls)], chunk=chunk)
            done = await ran(engine_of(*tools(), provider=provider, **CAPS), f"question {number}")
            assert len(provider.requests) == 1
            return done

        done = virtually(run)
        check(calls, done)
        assert done.result.usage.calls == 1


def test_steps_start_while_the_plan_is_written(bench_data: Path) -> None:
    """B32: with a model that writes for seconds, the first search ends before the plan is whole, in every plan."""
    for number, calls in parallelqa(bench_data).items():

        async def run(number: str = number, calls: tuple[Call, ...] = calls) -> Run:
            provider = ScriptedProvider([compact(calls)], chunk=8, token_s=0.1)
            return await ran(engine_of(*tools(), provider=provider, **CAPS), f"question {number}")

        done = virtually(run)
        accepted = next(r.at for r in done.records if r.event.kind == "plan_accepted") - done.records[0].at
        assert done.at("step_ended", "1") < accepted
        assert done.result.answer == expected(calls)


def test_a_failed_search_is_named_and_its_siblings_kept(bench_data: Path) -> None:
    """B34: where one search fails, every call that does not use it is still made, and the report names the search."""
    for calls in parallelqa(bench_data).values():
        lost = _users(calls, calls[0].number)

        async def run(calls: tuple[Call, ...] = calls) -> Run:
            broken, math = tools()
            broken = FakeTool("search", _failing(calls[0].argument), seconds=SECONDS, input_schema=_schema("query"))
            provider = ScriptedProvider(["partial"])
            return await ran(engine_of(broken, math, provider=provider, **CAPS), canonical(calls))

        done = virtually(run)
        kept = {i for i, result in done.result.steps.items() if result.status == "done"}
        assert kept == {str(call.number) for call in calls} - {str(number) for number in lost}
        assert re.search(r"step 1 .*search.*failed", done.result.error.message if done.result.error else "")


def _failing(argument: str) -> Callable[[dict[str, Any]], Any]:
    def reply(arguments: dict[str, Any]) -> Any:
        if arguments["query"] == argument:
            return ValueError("no such page")
        return said("search")(arguments)

    return reply


def _users(calls: tuple[Call, ...], number: int) -> set[int]:
    """The call and all that use it, directly or through others."""
    lost = {number}
    for call in calls:
        if lost & set(call.after):
            lost.add(call.number)
    return lost


def test_the_virtual_clock_costs_no_time() -> None:
    """The clock these tests run on jumps: ten minutes pass at once."""
    assert virtually(_ten_minutes) == pytest.approx(600)


async def _ten_minutes() -> float:
    began = anyio.current_time()
    await anyio.sleep(600)
    return anyio.current_time() - began
