"""B51: the planner asks a person, waits, and plans on with the answer."""

from __future__ import annotations

import json
from typing import Any

import anyio
import pytest

from engine.durable.memory import MemoryLog
from engine.testing import ScriptedProvider
from schemas.errors import ConflictError, ToolArgumentsError
from schemas.fence import read_fences
from schemas.model import ModelRequest, ToolResultPart
from tests.runs import Calls, FakeTool, engine_of, ran, watching
from tests.test_loop_people import asked
from tests.test_loop_replan import steps

ASKS = steps({"ask": "Which Oslo?"})
PLANS = steps({"look": {}}, {"answer": "{{1}}"})


def engine(*replies: Any, **more: Any) -> tuple[Any, ScriptedProvider]:
    """An engine whose planner says these."""
    provider = ScriptedProvider(list(replies))
    return engine_of(FakeTool("look", "sunny"), provider=provider, **more), provider


def told(request: ModelRequest, label: str) -> list[str]:
    """What stands in the fences of a label of a request."""
    return [found.text for message in request.messages for found in read_fences(message.text) if found.label == label]


async def until(run: Any, approval_id: str) -> None:
    """Wait until one approval is pending."""
    while [a.approval_id for a in await run.pending()] != [approval_id]:
        await anyio.sleep(0.001)


@pytest.mark.anyio
async def test_a_question_waits_and_its_answer_reaches_the_planner() -> None:
    """B51: the run waits with the question, nothing ends; the answer stands in the next request, which plans anew."""
    made, provider = engine(ASKS, PLANS)
    async with watching(made) as (run, over):
        (request,) = await asked(run)
        assert (request.subject, request.question, request.step_id) == ("question", "Which Oslo?", None)
        await run.answer(None, "done", result="the one in Norway")
    result, records = over[0].result, list(over[0].records)
    assert (result.answer, result.status, result.replans) == ("sunny", "completed", 0)
    assert told(provider.requests[1], "asked") == ['{"question":"Which Oslo?","answer":"the one in Norway"}']
    assert told(provider.requests[1], "tried") == []
    assert [record async for record in made.replay(records)] == records


@pytest.mark.anyio
async def test_several_questions_in_a_row_keep_their_order() -> None:
    """B51: each answer leads to the next request, which shows every question with its answer, in order."""
    made, provider = engine(ASKS, steps({"ask": "When?"}), PLANS)
    async with watching(made, limits=made.limits(max_replans=0)) as (run, over):
        for name, answer in (("a1", "Norway"), ("a2", "today")):
            await until(run, name)
            await run.answer(name, "done", result=answer)
    assert over[0].result.answer == "sunny"
    assert [json.loads(text)["answer"] for text in told(provider.requests[2], "asked")] == ["Norway", "today"]


@pytest.mark.anyio
async def test_a_refused_question_tells_the_planner_that_there_is_no_answer() -> None:
    """B51: the reason reaches the planner, which plans with what there is."""
    made, provider = engine(ASKS, PLANS)
    async with watching(made) as (run, over):
        await asked(run)
        await run.reject("a1", "find out yourself")
    assert over[0].result.answer == "sunny"
    (text,) = told(provider.requests[1], "asked")
    assert '"answer":null,"no_answer_because":"find out yourself"' in text


@pytest.mark.anyio
async def test_beyond_the_cap_a_question_is_the_answer() -> None:
    """B51: the planner is told that nobody answers a further question; asked all the same, it is the answer."""
    made, provider = engine(ASKS, steps({"ask": "When?"}))
    async with watching(made, limits=made.limits(max_questions=1)) as (run, over):
        await asked(run)
        await run.answer(None, "done", result="Norway")
    assert over[0].events("answer")[0].source == "question"
    assert over[0].result.answer == "When?"
    assert "Nobody answers a further question" in provider.requests[1].messages[-1].text


@pytest.mark.parametrize("options", [{"approve": "none"}, {"max_questions": 0}])
@pytest.mark.anyio
async def test_with_nobody_to_ask_the_question_is_the_answer(options: dict[str, Any]) -> None:
    """B51: as long as nobody is there, a run ends with the planner's question."""
    made, _ = engine(ASKS)
    if "max_questions" in options:
        options = {"limits": made.limits(**options)}
    run = await ran(made, **options)
    assert (run.result.answer, run.events("answer")[0].source) == ("Which Oslo?", "question")
    assert run.events("approval_requested") == []


@pytest.mark.anyio
async def test_what_is_no_answer_is_refused_and_the_question_stays() -> None:
    """B51: no text, an approval, an answer twice, another user's: refused, the question is as it was."""
    made, _ = engine(ASKS, PLANS)
    async with watching(made, user="ann") as (run, over):
        (request,) = await asked(run)
        for wrong in ("", {"a": 1}, None):
            with pytest.raises(ToolArgumentsError):
                await run.answer("a1", "done", result=wrong)
        with pytest.raises(ConflictError, match="a question"):
            await run.approve("a1")
        with pytest.raises(Exception, match="another user"):
            await run.answer("a1", "done", result="x", by="bob")
        assert await run.pending() == [request]
        await run.answer("a1", "done", result="Norway", by="ann")
        with pytest.raises(ConflictError, match="already answered"):
            await run.answer("a1", "done", result="Minnesota")
    assert over[0].result.status == "completed"


@pytest.mark.anyio
async def test_a_question_outlives_its_process() -> None:
    """B51: parked, the question costs no process; answered later, whoever goes on plans with the answer."""
    store = MemoryLog()
    made, _ = engine(ASKS, store=store)
    async with made.start("x", mode="plan", run_id="r", park=True) as run:
        await run.done()
        assert run.parked is not None
        assert run.parked.reason == "approval"
    await made.attach("r").answer(None, "done", result="Norway")
    other, provider = engine(PLANS, store=store)
    assert (await other.drive("r")).status == "completed"
    assert len(told(provider.requests[0], "asked")) == 1
    records = await store.load("r")
    assert [record async for record in other.replay(records)] == records


@pytest.mark.anyio
async def test_a_new_goal_makes_a_question_moot() -> None:
    """B51: steered while it waits, the run plans for the new goal, and the old question waits no more."""
    for mode, replies in (
        ("plan", (ASKS, PLANS)),
        ("react", (Calls((("ask", {"question": "Which?"}),)), "It is sunny.")),
    ):
        made, _ = engine(*replies)
        async with watching(made, "the weather", mode=mode) as (run, over):
            await asked(run)
            await run.steer("the weather in Rome")
        assert "sunny" in over[0].result.answer


@pytest.mark.anyio
async def test_a_turn_asks_beside_its_calls() -> None:
    """B51: in ReAct a question is a call that the person answers; the next turn sees it as that call's result."""
    made, provider = engine(Calls((("look", {}), ("ask", {"question": "Which?"}))), "It is sunny there.")
    async with watching(made, "the weather", mode="react") as (run, over):
        (request,) = await asked(run)
        assert request.question == "Which?"
        await run.answer("a1", "done", result="Norway")
    assert over[0].result.answer == "It is sunny there."
    parts = [part for part in provider.requests[1].messages[-1].parts if isinstance(part, ToolResultPart)]
    assert [part.content for part in parts] == ['"sunny"', "Norway"]
    records = list(over[0].records)
    assert [record async for record in made.replay(records)] == records
