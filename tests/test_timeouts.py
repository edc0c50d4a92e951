"""Requests that run out: after a declared time the declared default is the decision, wherever the run is."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.durable.memory import MemoryLog
from schemas.approving import Approvals
from schemas.policies import ApprovalPolicy
from schemas.tool import ToolSpec
from tests.runs import FakeTool, Run, engine_of, plan_of, step, virtually, watching

MAIL = plan_of(step("1", "mail"), answer="{{1}}")


def mail(**policy: Any) -> FakeTool:
    """A tool that somebody has to approve."""
    return FakeTool("mail", "sent", effects="effectful", approval=ApprovalPolicy(ask="always", **policy))


def left_alone(tool: FakeTool, after: Any = None, **settings: Any) -> Run:
    """Run a plan that somebody is asked about, and answer only as ``after`` does."""

    async def play() -> Run:
        async with watching(engine_of(tool, **settings), MAIL) as (run, over):
            if after is not None:
                await after(run)
        return over[0]

    return virtually(play)


def test_nobody_answers_and_the_call_is_refused() -> None:
    """After its time a request is refused, which the log says, by whom and why; the tool is not called."""
    tool = mail()
    run = left_alone(tool, approvals=Approvals(timeout_s=60))
    (requested,), (answered,) = run.events("approval_requested"), run.events("approval_answered")
    assert requested.expires_at == pytest.approx(requested.timeout_s + run.records[0].at, abs=1)
    assert (answered.decision, answered.by, answered.reason) == ("reject", "timeout", "nobody answered in 60 s")
    assert 59 <= run.seconds <= 62
    error = run.result.steps["1"].error
    assert error is not None
    assert (error.message, tool.calls) == ("rejected: nobody answered in 60 s", [])


def test_a_default_may_be_to_go_on() -> None:
    """Where a tool's policy declares approval as its default, the call is made once its time is over."""
    tool = mail(timeout_s=30, by_default="approve")
    run = left_alone(tool)
    assert (run.result.answer, len(tool.calls)) == ("sent", 1)
    assert 29 <= run.seconds <= 32


def test_an_answer_in_time_counts() -> None:
    """What a person says before the time is over is the decision, and nothing comes after it."""

    async def agree(run: Any) -> None:
        await anyio.sleep(50)
        await run.approve()

    run = left_alone(mail(), agree, approvals=Approvals(timeout_s=60))
    assert run.result.answer == "sent"
    assert [event.by for event in run.events("approval_answered")] == [""]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_parked_run_is_due_when_its_request_runs_out(restarted: bool) -> None:
    """Nobody drives a parked run; its row says when it is due, and whoever takes it up then takes the default."""

    async def play() -> None:
        store = MemoryLog(anyio.current_time)
        settings: dict[str, Any] = {"store": store, "approvals": Approvals(timeout_s=60)}
        engine = engine_of(mail(), **settings)
        async with engine.start(plan=MAIL, run_id="r", park=True) as run:
            await run.done()
        row = await store.summary("r")
        assert row.status == "waiting"
        assert row.until == pytest.approx(60, abs=1)
        await anyio.sleep(3600)
        other = engine_of(mail(), **settings) if restarted else engine
        assert (await other.drive("r")).ended
        records = await store.load("r")
        assert [r.event.by for r in records if r.event.kind == "approval_answered"] == ["timeout"]
        assert [record async for record in other.replay(records)] == records

    virtually(play)


def test_questions_and_clients_calls_run_out_too() -> None:
    """What is no yes or no is refused when its time is over, whatever the default: there is no answer to take."""

    async def play() -> Run:
        engine = engine_of(FakeTool("look"), approvals=Approvals(timeout_s=60, by_default="approve"))
        plan = plan_of(step("1", "locate"))
        async with watching(engine, plan, client_tools=[ToolSpec(name="locate")]) as (_, over):
            pass
        return over[0]

    run = virtually(play)
    assert [(e.decision, e.by) for e in run.events("approval_answered")] == [("reject", "timeout")]
    assert run.result.steps["1"].status == "failed"
