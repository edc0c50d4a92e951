"""The tools of the engine as an MCP server: what a client gets for each."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.testing import FakeTool
from tests.serve.mcp.talking import ONE_LOOP, answering, engine, mail, talking, until

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ONE_LOOP)]
BOTH = pytest.mark.parametrize("mode", ["legacy", "auto"])
MAILING: Any = ("mail",)


@BOTH
async def test_a_task_is_answered(mode: str) -> None:
    """A task goes in, the answer comes out, as text and as data that fits the declared schema."""
    told: list[Any] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async with talking(engine(), mode) as client:
        await client.list_tools()
        result = await client.call_tool("run_task", {"task": "look"}, progress_callback=on_progress)
    assert (result.is_error, result.content[0].text) == (False, "done")  # type: ignore[union-attr]
    assert result.structured_content is not None
    assert result.structured_content["status"] == "completed"
    assert "1. look: done" in [message for _, _, message in told]
    assert [progress for progress, _, _ in told] == sorted({progress for progress, _, _ in told})


@BOTH
async def test_a_client_that_shows_forms_is_asked(mode: str) -> None:
    """An approval is asked of the client while the call runs; what the person says decides."""
    tool, person = mail(), answering("accept", {"decision": "approve"})
    async with talking(engine(tool, calls=MAILING), mode, elicitation_callback=person) as client:
        result = await client.call_tool("run_task", {"task": "mail it"})
    assert result.structured_content is not None
    assert (result.structured_content["status"], len(tool.calls)) == ("completed", 1)
    assert "May mail be called with this input?" in person.asked[0].message  # type: ignore[attr-defined]


@BOTH
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_form_that_is_not_filled(mode: str, action: str) -> None:
    """Declining refuses the call; dismissing leaves it open, and the result says how to answer."""
    tool = mail()
    async with talking(engine(tool, calls=MAILING), mode, elicitation_callback=answering(action)) as client:
        result = await client.call_tool("run_task", {"task": "mail it"})
    assert result.structured_content is not None
    assert tool.calls == []
    assert bool(result.structured_content["waiting"]) == (action == "cancel")


@BOTH
async def test_a_client_without_forms_answers_by_a_tool(mode: str) -> None:
    """Where the client cannot ask anybody, the result lists what waits, and answer_run goes on to the answer."""
    tool = mail()
    async with talking(engine(tool, calls=MAILING), mode) as client:
        first = await client.call_tool("run_task", {"task": "mail it"})
        assert first.structured_content is not None
        (waiting,) = first.structured_content["waiting"]
        given = {"run_id": first.structured_content["run_id"], "approval_id": waiting["approval_id"]}
        last = await client.call_tool("answer_run", {**given, "decision": "approve"})
    assert "answer_run" in first.content[0].text  # type: ignore[union-attr]
    assert last.content[0].text == "done"  # type: ignore[union-attr]
    assert len(tool.calls) == 1


async def test_a_cancelled_call_cancels_its_run() -> None:
    """A client that cancels its call ends the run."""
    made = engine(FakeTool("look", seconds=60.0))
    async with talking(made) as client, anyio.create_task_group() as group:
        group.start_soon(client.call_tool, "run_task", {"task": "look"})
        tool: Any = made.tools.get("look")
        await until(lambda: tool.calls)
        group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            (row,) = (await client.call_tool("list_runs", {})).structured_content["runs"]  # type: ignore[index]
            shown = await client.call_tool("get_run", {"run_id": row["run_id"], "wait_s": 20})
    assert shown.structured_content is not None
    assert shown.structured_content["status"] == "cancelled"


async def test_a_call_need_not_wait() -> None:
    """With wait_s the call returns with the run's id, the run goes on, and get_run or cancel_run finds it."""
    async with talking(engine(FakeTool("look", seconds=60.0))) as client:
        first = await client.call_tool("run_task", {"task": "look", "wait_s": 0.1})
        assert first.structured_content is not None
        run = {"run_id": first.structured_content["run_id"]}
        await client.call_tool("cancel_run", run)
        last = await client.call_tool("get_run", {**run, "wait_s": 20, "steps": True})
        again = await client.call_tool("cancel_run", run)
    assert first.structured_content["status"] in ("queued", "running")
    assert last.structured_content is not None
    assert last.structured_content["status"] == "cancelled"
    assert again.is_error


async def test_a_plan_is_shown_and_not_run() -> None:
    """plan_task gives the plan with an estimate, and calls nothing."""
    tool = FakeTool("look", 1)
    async with talking(engine(tool)) as client:
        result = await client.call_tool("plan_task", {"task": "look"})
    assert result.structured_content is not None
    assert [step["tool"] for step in result.structured_content["plan"]["steps"]] == ["look"]
    assert result.structured_content["seconds"] > 0
    assert tool.calls == []


@pytest.mark.parametrize(
    ("tool", "given", "said"),
    [
        ("run_task", {}, "task: missing"),
        ("run_task", {"task": "  "}, "task: empty"),
        ("run_task", {"task": "x", "budget": 1}, "budget"),
        ("run_tusk", {"task": "x"}, "there is no tool 'run_tusk'"),
        ("get_run", {"run_id": "nope"}, "there is no run nope"),
        ("answer_run", {"run_id": "nope", "decision": "maybe"}, "decision"),
        ("plan_task", {"task": "x", "assistant": "nobody"}, "there is no assistant 'nobody'"),
    ],
)
async def test_bad_calls_are_said_in_one_line(tool: str, given: dict[str, Any], said: str) -> None:
    """Wrong arguments are an error result that says what is wrong, never a broken connection."""
    async with talking(engine()) as client:
        result = await client.call_tool(tool, given)
    text = result.content[0].text  # type: ignore[union-attr]
    assert result.is_error
    assert said in text
    assert "\n" not in text
