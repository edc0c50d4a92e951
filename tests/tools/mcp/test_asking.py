"""What a server asks in the middle of a call: a person, a model, its folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.handle import RunHandle
from engine.testing import ScriptedProvider
from engine.tools.mcp.asking import content_of
from schemas.approvals import ApprovalRequested
from schemas.result import StepResult
from tests.tools.mcp.wild import engine_of, plan_of, wild

pytestmark = pytest.mark.anyio
ONE_LOOP = pytest.mark.parametrize("anyio_backend", ["asyncio"])  # each starts a server: both loops in two tests
READING: dict[str, Any] = {"effects": "none", "max_attempts": 1}


async def asked(run: RunHandle) -> ApprovalRequested:
    """Wait for the next question of a run."""
    while not (pending := await run.pending()):
        await anyio.sleep(0.01)
    return pending[0]


async def answered(tool: str, decision: Any, result: Any = None) -> tuple[ApprovalRequested, StepResult]:
    """Run a tool that asks, answer, and return the question and how the step ended."""
    async with engine_of(wild(**READING)) as engine, engine.start(plan=plan_of((tool, {}))) as run:
        question = await asked(run)
        await run.answer(question.approval_id, decision, result=result)
        return question, (await run.result()).steps["1"]


async def test_a_form_is_filled_by_a_person() -> None:
    """A server's form is a question of the run, with its schema; the answer goes back as the server wants it."""
    question, step = await answered("wild_ask", "done", {"age": 40})
    assert (question.subject, question.step_id, question.question) == ("elicitation", "1", "wild: How old?")
    assert question.answer_schema is not None
    assert question.answer_schema["required"] == ["age"]
    assert step.value == {"result": {"action": "accept", "content": {"age": 40}}}


@ONE_LOOP
async def test_a_refusal_declines() -> None:
    """Whoever refuses to answer declines, in the server's terms; the call goes on."""
    _, step = await answered("wild_ask", "reject")
    assert step.value == {"result": {"action": "decline"}}


@ONE_LOOP
async def test_a_question_goes_over_to_the_call_that_is_left() -> None:
    """Over stdio nothing says whose question it is: one that was taken for a call that ends is asked for another."""
    plan = plan_of(("wild_ask_amid", {}), ("wild_between", {}))
    async with engine_of(wild(**READING)) as engine, engine.start(plan=plan) as run:
        with anyio.fail_after(10):
            while (question := await asked(run)).step_id != "1":
                await anyio.sleep(0.05)
        await run.answer(question.approval_id, "done", result={"age": 40})
        steps = (await run.result()).steps
    assert steps["1"].value == {"result": {"action": "accept", "content": {"age": 40}}}
    assert steps["2"].value == "done"


@ONE_LOOP
async def test_a_page_is_shown_as_a_link() -> None:
    """A server that wants a page visited has its link shown; the answer says that it was."""
    question, step = await answered("wild_ask_page", "done", "done")
    assert "https://example.com/in" in question.question
    assert step.value == {"result": {"action": "accept"}}


@ONE_LOOP
async def test_nobody_is_there() -> None:
    """A run that asks nobody declines at once."""
    engine = engine_of(wild(**READING))
    result = await engine.apply(plan_of(("wild_ask", {})), approve="none")
    assert result.steps["1"].value == {"result": {"action": "decline"}}


@ONE_LOOP
async def test_the_deadline_stands_still_while_a_person_thinks() -> None:
    """A call with a limit of a second waits for its person for longer, and does not time out."""
    entry = wild(timeout_s=1, **READING)
    async with engine_of(entry) as engine, engine.start(plan=plan_of(("wild_ask", {}))) as run:
        question = await asked(run)
        await anyio.sleep(1.3)
        await run.answer(question.approval_id, "done", result={"age": 1})
        assert (await run.result()).steps["1"].status == "done"


@ONE_LOOP
async def test_a_model_is_asked_on_the_runs_account() -> None:
    """With ``sampling: true`` a server may ask a model; the call counts to the run and its step."""
    engine = engine_of(wild(mcp={"sampling": True}, **READING), script=ScriptedProvider(["hi"]))
    result = await engine.apply(plan_of(("wild_sample", {})))
    assert result.steps["1"].value["result"]["content"] == {"type": "text", "text": "hi"}
    assert result.usage.calls == 1


@ONE_LOOP
async def test_without_leave_no_model_is_asked() -> None:
    """A server is told that it cannot sample, unless the configuration allows it."""
    result = await engine_of(wild(**READING)).apply(plan_of(("wild_sample", {})))
    assert "error" in result.steps["1"].value
    assert result.usage.calls == 0


@ONE_LOOP
async def test_roots_are_what_the_configuration_says(tmp_path: Path) -> None:
    """A server is told the folders of ``roots``, and that there are none to be told where it names none."""
    with_roots = await engine_of(wild(mcp={"roots": [str(tmp_path)]}, **READING)).apply(plan_of(("wild_roots", {})))
    without = await engine_of(wild(**READING)).apply(plan_of(("wild_roots", {})))
    assert with_roots.steps["1"].value == {"result": {"roots": [{"uri": tmp_path.as_uri(), "name": tmp_path.name}]}}
    assert "error" in without.steps["1"].value


async def test_a_cancelled_run_waits_for_nobody(tmp_path: Path) -> None:
    """A run that is cancelled while a server asks ends, and the server's question with it."""
    log = tmp_path / "log"
    async with engine_of(wild("good", log, **READING)) as engine:
        async with engine.start(plan=plan_of(("wild_ask", {}))) as run:
            await asked(run)
            await run.cancel()
            assert (await run.result()).status == "cancelled"
        assert engine.servers.states()[0].up
    answers = [json.loads(line) for line in log.read_text().splitlines()]  # it read all that it was sent
    assert any(message.get("method") == "notifications/cancelled" for message in answers)


@pytest.mark.parametrize(
    ("answer", "content"),
    [({"age": 1}, {"age": 1}), ("42", {"age": 42}), (42, {"age": 42}), ("old", {"age": "old"})],
)
def test_a_plain_answer_fills_the_only_field(answer: Any, content: dict[str, Any]) -> None:
    """Who answers with a text where a form has one field has filled it."""
    assert content_of({"properties": {"age": {"type": "integer"}}, "required": ["age"]}, answer) == content
