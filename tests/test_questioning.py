"""Running tools that ask people: the call waits, its deadline does not pass, the answer outlives the process."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from engine.durable.memory import MemoryLog
from engine.tools.function import tool
from schemas.errors import ConflictError, ElicitationDeclinedError, ToolArgumentsError
from schemas.events import LoggedRecord
from schemas.protocols import ToolContext
from tests.runs import FakeTool, Run, engine_of, plan_of, ran, step, virtually, watching
from tests.test_loop_people import asked

BOOK = plan_of(step("1", "book"), step("2"), answer="{{1}}")
SEAT = {"type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}


@tool(effects="effectful", timeout_s=5)
async def book(context: ToolContext) -> str:
    """Book a seat."""
    seat = await context.ask("Which seat?", SEAT)
    sure = await context.ask("Sure?")
    return f"row {seat['row']}, {sure}"


@tool(effects="none")
async def ask_twice(context: ToolContext) -> list[Any]:
    """Ask the same thing twice."""
    return [await context.ask("Which?"), await context.ask("Which?")]


@pytest.mark.anyio
async def test_a_running_tool_asks_and_goes_on_with_the_answer() -> None:
    """One question after another, independent steps go on, and the run plays again event for event."""
    engine = engine_of(FakeTool("look"), book)
    async with watching(engine, BOOK) as (run, over):
        (request,) = await asked(run)
        assert (request.subject, request.step_id, request.question) == ("elicitation", "1", "Which seat?")
        assert request.answer_schema == SEAT
        await run.answer("a1", "done", result={"row": 7})
        while [a.approval_id for a in await run.pending()] != ["a2"]:
            await anyio.sleep(0.001)
        await run.answer("a2", "done", result="yes")
    assert over[0].result.answer == "row 7, yes"
    records = list(over[0].records)
    assert [record async for record in engine.replay(records)] == records


def test_no_second_of_the_deadline_passes_while_a_person_thinks() -> None:
    """A tool with a limit of 5 s waits an hour for each answer, and is done; the wait is no part of its duration."""

    async def hours() -> Run:
        async with watching(engine_of(FakeTool("look"), book), BOOK) as (run, over):
            for name, answer in (("a1", {"row": 1}), ("a2", "yes")):
                await anyio.sleep(3600)
                await run.answer(name, "done", result=answer)
        return over[0]

    run = virtually(hours)
    assert run.result.answer == "row 1, yes"
    assert run.result.steps["1"].duration_s < 5
    assert run.seconds > 7000


@pytest.mark.anyio
async def test_an_answer_that_does_not_fit_is_refused_and_the_question_stays() -> None:
    """What breaks the answer's schema, no text where none is given, an approval: refused, and nothing has changed."""
    async with watching(engine_of(FakeTool("look"), book), BOOK) as (run, over):
        (request,) = await asked(run)
        with pytest.raises(ToolArgumentsError, match=r"no answer to approval a1.*row"):
            await run.answer("a1", "done", result={"row": "seven"})
        with pytest.raises(ConflictError, match="a question: done or reject it"):
            await run.approve("a1")
        assert await run.pending() == [request]
        await run.answer("a1", "done", result={"row": 7})
        while not await run.pending():
            await anyio.sleep(0.001)
        with pytest.raises(ToolArgumentsError, match="no answer to approval a2"):
            await run.answer("a2", "done", result="")
        await run.answer("a2", "done", result="yes")
    assert over[0].result.status == "completed"


@pytest.mark.anyio
async def test_a_declined_question_is_an_error_of_its_own() -> None:
    """A tool that does not catch it fails with the person's reason."""
    async with watching(engine_of(FakeTool("look"), book), BOOK) as (run, over):
        await asked(run)
        await run.reject("a1", "none of your business")
    error = over[0].result.steps["1"].error
    assert error is not None
    assert error.code == ElicitationDeclinedError.code
    assert error.message == "book asked 'Which seat?', which was declined: none of your business"


@pytest.mark.anyio
async def test_with_nobody_to_ask_a_question_is_declined_at_once() -> None:
    """With approvals set to none nothing waits."""
    run = await ran(engine_of(FakeTool("look"), book), BOOK, approve="none")
    error = run.result.steps["1"].error
    assert error is not None
    assert "nobody is there" in error.message
    assert run.events("approval_requested") == []


@pytest.mark.anyio
async def test_a_blocking_tool_asks_from_its_thread() -> None:
    """A sync function has the answer returned as it is."""

    @tool(effects="none")
    def choose(context: ToolContext) -> str:
        answer: Any = context.ask("Which?")
        return f"{answer}!"

    async with watching(engine_of(choose), plan_of(step("1", "choose"), answer="{{1}}")) as (run, over):
        await asked(run)
        await run.answer(None, "done", result="this")
    assert over[0].result.answer == "this!"


@pytest.mark.anyio
async def test_the_same_question_after_a_crash_has_the_answer_it_was_given() -> None:
    """B48: killed while it waits, the same question is listed, its answer is given to the call that is made again."""
    plan = plan_of(step("1", "ask_twice"), answer="{{1}}")
    store = MemoryLog()
    engine = engine_of(ask_twice, store=store)
    kept: list[LoggedRecord] = []
    with anyio.CancelScope() as kill:
        async with engine.start(plan=plan, run_id="r") as run:
            await asked(run)
            await run.answer("a1", "done", result="first")
            while [a.approval_id for a in await run.pending()] != ["a2"]:
                await anyio.sleep(0.001)
            kept = await store.load("r")
            kill.cancel()
            await anyio.lowlevel.checkpoint()
    left = await killed(kept)
    other = engine_of(ask_twice, store=left)
    assert [a.approval_id for a in await other.attach("r").pending()] == ["a2"]
    async with other.resume("r", force=True) as again:
        await again.answer("a2", "done", result="second")
        result = await again.result()
    assert result.steps["1"].value == ["first", "second"]
    records = await left.load("r")
    assert sum(record.event.kind == "approval_requested" for record in records) == 2
    assert [record async for record in other.replay(records)] == records


@pytest.mark.anyio
async def test_a_driver_that_leaves_does_not_wait_for_an_answer_where_the_call_may_be_repeated() -> None:
    """A worker that drains lets the run go with its question open; the next one goes on with it."""
    plan, store = plan_of(step("1", "ask_twice"), answer="{{1}}"), MemoryLog()
    engine = engine_of(ask_twice, store=store)
    async with engine.start(plan=plan, run_id="r", park=True) as run:
        await asked(run)
        await engine.drain()
        with anyio.fail_after(5):
            await run.done()
    other = engine_of(ask_twice, store=store)
    await other.attach("r").answer("a1", "done", result="1")
    async with other.resume("r") as again:
        while [a.approval_id for a in await again.pending()] != ["a2"]:
            await anyio.sleep(0.001)
        await again.answer("a2", "done", result="2")
        assert (await again.result()).steps["1"].value == ["1", "2"]


async def killed(records: list[LoggedRecord]) -> MemoryLog:
    """Return a store that holds what a killed process left."""
    store = MemoryLog()
    for record in records:
        await store.append(record.run_id, record.seq - 1, [record.event])
    return store
