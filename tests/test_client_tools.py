"""Tools that the client calls itself: offered to the planner, asked for, given back."""

from __future__ import annotations

from typing import Any

import pytest

from engine.durable.memory import MemoryLog
from engine.testing import ScriptedProvider
from schemas.errors import ConfigError, ConflictError, ToolArgumentsError
from schemas.events import RunStarted
from schemas.tool import ToolSpec
from tests.runs import Calls, FakeTool, engine_of, plan_of, ran, step, watching
from tests.test_loop_people import asked
from tests.test_loop_replan import steps

INPUT = {"type": "object", "properties": {"city": {"type": "string", "minLength": 2}}, "required": ["city"]}
LOCATE = ToolSpec(
    name="locate", input_schema=INPUT, output_schema={"type": "object", "required": ["lat"]}, effects="none"
)
MAP = plan_of(
    step("1"),
    step("2", "locate", tool_input={"city": "{{1}}"}),
    step("3", "locate", tool_input={"city": "Rome"}),
    step("4", "look", tool_input={"at": "{{2.lat}}"}),
    answer="{{4}} {{3.lat}}",
)


@pytest.mark.anyio
async def test_a_clients_calls_are_asked_for_together_and_their_results_used() -> None:
    """Calls of a client's tool wait side by side with their inputs resolved; the answers are the steps' values."""
    look = FakeTool("look", "Oslo")
    async with watching(engine_of(look), MAP, client_tools=[LOCATE]) as (run, over):
        pending = await asked(run, 2)
        assert {a.step_id: (a.subject, a.tool, a.input) for a in pending} == {
            "2": ("client_tool", "locate", {"city": "Oslo"}),
            "3": ("client_tool", "locate", {"city": "Rome"}),
        }
        for request in pending:
            await run.answer(request.approval_id, "done", result={"lat": request.step_id})
    assert over[0].result.answer == "Oslo 3"
    assert look.calls == [{}, {"at": "2"}]


@pytest.mark.anyio
async def test_a_result_that_does_not_fit_is_refused_and_the_call_still_waits() -> None:
    """What breaks the tool's output schema, or is no result at all, is refused; the request stays open."""
    plan = plan_of(step("2", "locate", tool_input={"city": "xx"}), answer="{{2.lat}}")
    async with watching(engine_of(FakeTool("look")), plan, client_tools=[LOCATE]) as (run, over):
        (request,) = await asked(run)
        with pytest.raises(ToolArgumentsError, match="none of locate"):
            await run.answer("a1", "done", result=[1])
        with pytest.raises(ConflictError, match="done or reject it"):
            await run.approve("a1")
        assert await run.pending() == [request]
        await run.answer("a1", "done", result={"lat": 7})
    assert over[0].result.answer == "7"


@pytest.mark.anyio
async def test_a_client_that_refuses_fails_the_step_with_its_reason() -> None:
    """A refused call is a failed step; what needs it does not run, and the answer says why."""
    plan = plan_of(step("2", "locate", tool_input={"city": "xx"}), step("3", "look", "2"))
    look = FakeTool("look")
    async with watching(engine_of(look), plan, client_tools=[LOCATE]) as (run, over):
        await asked(run)
        await run.reject("a1", "no GPS here")
    error = over[0].result.steps["2"].error
    assert error is not None
    assert (error.code, error.message) == ("step.rejected", "rejected: no GPS here")
    assert look.calls == []


@pytest.mark.anyio
async def test_arguments_that_do_not_fit_are_never_handed_out() -> None:
    """A client is not asked to make a call whose arguments break the tool's schema: the step fails."""
    plan = plan_of(step("1"), step("2", "locate", tool_input={"city": "{{1}}"}))
    run = await ran(engine_of(FakeTool("look", "")), plan, client_tools=[LOCATE])
    assert run.events("approval_requested") == []
    error = run.result.steps["2"].error
    assert error is not None
    assert error.code == "tool.arguments"


@pytest.mark.anyio
async def test_a_call_outlives_the_process_that_asked_for_it() -> None:
    """Parked on a client's call, a run is gone on with elsewhere: the call is listed as it was, and not repeated."""
    plan = plan_of(step("1"), step("2", "locate", tool_input={"city": "{{1}}"}), answer="{{2.lat}}")
    store, look = MemoryLog(), FakeTool("look", "Oslo")
    async with engine_of(look, store=store).start(plan=plan, client_tools=[LOCATE], run_id="r", park=True) as run:
        await run.done()
        assert run.parked is not None
    other = engine_of(look, store=store)
    (request,) = await other.attach("r").pending()
    assert (request.step_id, request.input) == ("2", {"city": "Oslo"})
    await other.attach("r").answer(None, "done", result={"lat": 1})
    assert (await other.drive("r")).status == "completed"
    assert (await other.attach("r").result()).answer == "1"
    assert len(look.calls) == 1
    records = await store.load("r")
    assert [record async for record in other.replay(records)] == records


@pytest.mark.anyio
async def test_the_planner_is_offered_a_clients_tools() -> None:
    """The planner may plan with them, in plan mode and in ReAct alike; the run's first event names them."""
    for mode, replies in (
        ("plan", [steps({"locate": {"city": "Oslo"}}, {"answer": "{{1.lat}}"})]),
        ("react", [Calls((("locate", {"city": "Oslo"}),)), "It is 60 north."]),
    ):
        engine = engine_of(FakeTool("look"), provider=ScriptedProvider(replies))
        async with watching(engine, task="where is it?", mode=mode, client_tools=[LOCATE]) as (run, over):
            await asked(run)
            await run.answer(None, "done", result={"lat": 60})
        started = over[0].records[0].event
        assert isinstance(started, RunStarted)
        assert [spec.name for spec in started.tools if spec.kind == "client"] == ["locate"]
        assert "60" in over[0].result.answer


@pytest.mark.parametrize(
    ("names", "told"),
    [(["look"], "already declared"), (["a", "a"], "given twice"), (["ask"], "reserved")],
)
@pytest.mark.anyio
async def test_a_name_that_is_taken_is_refused_before_the_run(names: list[str], told: str) -> None:
    """A client's tool may not have a reserved name, one of the engine's tools, or one twice; nothing is begun."""
    store = MemoryLog()
    engine = engine_of(FakeTool("look"), store=store)
    with pytest.raises(ConfigError, match=told):
        await engine.submit("x", client_tools=[ToolSpec(name=name) for name in names])
    assert await store.runs() == []


@pytest.mark.anyio
async def test_a_cancelled_run_says_that_a_clients_call_may_have_been_made() -> None:
    """A call with effects that was handed out when the run was cancelled is in doubt; one that only reads is not."""
    specs: list[Any] = [LOCATE, ToolSpec(name="pay", input_schema={"type": "object"})]
    plan = plan_of(step("1", "locate", tool_input={"city": "xx"}), step("2", "pay"))
    async with watching(engine_of(FakeTool("look")), plan, client_tools=specs) as (run, over):
        await asked(run, 2)
        await run.cancel("enough")
    ends = over[0].result.steps
    assert {step_id: (end.status, end.in_doubt) for step_id, end in ends.items()} == {
        "1": ("cancelled", False),
        "2": ("cancelled", True),
    }
