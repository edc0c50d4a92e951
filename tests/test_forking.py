"""Forks: what was done before a step is kept and never called again; the step and what follows run anew."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from engine.api import Engine
from engine.testing import FakeTool
from schemas.errors import ConfigError, NotFoundError, PlanError, ToolFailedError
from schemas.events import LoggedRecord
from schemas.plan import Plan
from schemas.result import RunResult
from tests.runs import engine_of, plan_of, step

pytestmark = pytest.mark.anyio
IN = {"type": "object", "properties": {"of": {}, "path": {"type": "string"}}}


def tool(name: str, does: Any = None, **spec: Any) -> FakeTool:
    """A tool that gives back what it was sent, unless told otherwise."""

    def back(sent: dict[str, Any]) -> Any:
        return sent.get("of", name)

    return FakeTool(name, does or back, input_schema=IN, **spec)


CHAIN = plan_of(
    step("1", "look", tool_input={"of": 1}),
    step("2", "look", tool_input={"of": "{{1}}"}),
    step("3", "send", tool_input={"of": "{{2}}"}),
    step("4", "look", tool_input={"of": 4}),
    answer="{{3}} {{4}}",
)


async def done(engine: Engine, run_id: str) -> tuple[RunResult, list[LoggedRecord]]:
    """Drive a fork to its end, agreeing to everything."""
    async with engine.resume(run_id) as run:
        result = await run.result()
    return result, await engine.store.load(run_id)


async def forked(engine: Engine, ran: Plan, *args: Any, **change: Any) -> tuple[RunResult, list[LoggedRecord]]:
    """Run a plan, forget its calls, and drive a fork of it."""
    run_id = (await engine.apply(ran, approve="all")).run_id
    for name in engine.tools.specs():
        known = engine.tools.get(name)
        if isinstance(known, FakeTool):
            known.calls.clear()
    return await done(engine, await engine.fork(run_id, *args, **change))


async def test_a_fork_keeps_what_was_done_before_the_step() -> None:
    """B64: a fork calls the step with its edited input and what needs it, and nothing else."""
    look, send = tool("look"), tool("send", effects="effectful")
    result, records = await forked(engine_of(look, send), CHAIN, "2", tool_input={"of": "new"})
    assert (look.calls, send.calls) == ([{"of": "new"}], [{"of": "new"}])
    assert result.answer == "new 4"
    assert [r.event.step_id for r in records if r.event.kind == "step_reused"] == ["1", "4"]
    assert records[0].event.forked_from == result.run_id or records[0].event.forked_from  # pyright: ignore[reportAttributeAccessIssue]


async def test_effects_that_happen_again_are_named() -> None:
    """B64: a fork says which steps with effects will run again; one after them has nothing to say."""
    engine = engine_of(tool("look"), tool("send", effects="effectful"))
    _, records = await forked(engine, CHAIN, "2")
    assert [r.event.message for r in records if r.event.kind == "warning"] == [
        "step 3 (send) had effects, and will run again with a new key"
    ]
    _, records = await forked(engine, CHAIN, "4")
    assert not [r for r in records if r.event.kind == "warning"]


async def test_what_touches_the_same_resource_runs_again() -> None:
    """B64: a step that reads what the step writes comes after it though it needs no result of it."""
    write, read = tool("write", effects="idempotent", writes=("file:{path}",)), tool("read", reads=("file:{path}",))
    plan = plan_of(
        step("1", "write", tool_input={"path": "a", "of": 1}),
        step("2", "read", tool_input={"path": "a"}),
        step("3", "read", tool_input={"path": "b"}),
    )
    await forked(engine_of(write, read), plan, "1", tool_input={"path": "a", "of": 2})
    assert read.calls == [{"path": "a"}]


async def test_a_fork_of_a_failed_run_does_what_is_not_done() -> None:
    """B64: without a step only what is not done runs again: effects that happened are not repeated."""
    send = tool("send", [ToolFailedError("no"), "sent"], effects="effectful")
    mail, look = tool("mail", effects="effectful"), tool("look")
    plan = plan_of(
        step("1", "send", tool_input={"of": 1}),
        step("2", "mail", tool_input={"of": 2}),
        step("3", "look", tool_input={"of": "{{1}}"}),
        answer="{{3}}",
    )
    engine = engine_of(send, mail, look)
    run = await engine.apply(plan, approve="all")
    assert run.status == "failed"
    result, _ = await done(engine, await engine.fork(run.run_id))
    assert (result.answer, len(send.calls), len(mail.calls)) == ("sent", 2, 1)


async def test_an_edited_plan_keeps_unchanged_steps() -> None:
    """B64: of another plan the steps that are the same call are kept: what they are called with decides."""
    look, send = tool("look"), tool("send", effects="effectful")
    plan = plan_of(
        step("1", "look", tool_input={"of": 1}),
        step("2", "look", tool_input={"of": 1}, description="the same, written out"),
        step("3", "send", tool_input={"of": "{{2}}"}),
        step("5", "look", tool_input={"of": "{{3}}"}),
        answer="{{5}}",
    )
    result, _ = await forked(engine_of(look, send), CHAIN, plan=plan)
    assert (result.answer, look.calls, send.calls) == ("1", [{"of": 1}], [])


@pytest.mark.parametrize("bytes_inline", [65_536, 10])
async def test_a_foreach_is_kept_whole(bytes_inline: int) -> None:
    """B64: a foreach that is done stays one list, large or small."""
    look = tool("look")
    plan = plan_of(
        step("1", "look", tool_input={"of": ["one", "two", "three"]}),
        step("2", "look", foreach="{{1}}", tool_input={"of": "{{item}}"}),
        step("3", "look", tool_input={"of": "{{2}}"}),
        answer="{{3[2]}}",
    )
    result, _ = await forked(engine_of(look, limits={"result_bytes": bytes_inline}), plan, "3")
    assert (result.answer, look.calls) == ("three", [{"of": ["one", "two", "three"]}])


async def test_items_of_an_unfinished_foreach_are_kept() -> None:
    """B64: of a run that was cancelled in a foreach, the items that are done are not done again."""
    slow = tool("slow", seconds=0.02, max_parallel=1)
    plan = plan_of(step("1", "slow", foreach=[1, 2, 3], tool_input={"of": "{{item}}"}), answer="{{1}}")
    engine = engine_of(slow)
    async with engine.start(plan=plan, run_id="r") as handle, aclosing(handle.events()) as items:
        async for item in items:
            if isinstance(item, LoggedRecord) and item.event.kind == "step_ended":
                break
    ended = len([r for r in await engine.store.load("r") if r.event.kind == "step_ended" and r.event.result.value])
    slow.calls.clear()
    result, _ = await done(engine, await engine.fork("r"))
    assert result.answer == "1, 2, 3"
    assert (ended >= 1, len(slow.calls)) == (True, 3 - ended)


async def test_an_unknown_step_names_those_there_are() -> None:
    """B64: a step that the run does not have is refused with the ids it has, and the nearest one."""
    engine = engine_of(tool("look"), tool("send", effects="effectful"))
    run = await engine.apply(CHAIN, approve="all")
    with pytest.raises(NotFoundError, match=r"has no step '2\[0\]'; it has 1, 2, 3, 4") as caught:
        await engine.fork(run.run_id, "2[0]")
    assert caught.value.hint == "did you mean '2'?"
    with pytest.raises(NotFoundError, match="there is no run nope"):
        await engine.fork("nope", "2")
    with pytest.raises(ConfigError, match="no step that takes it"):
        await engine.fork(run.run_id, tool_input={"of": 1})
    with pytest.raises(PlanError):
        await engine.fork(run.run_id, "3", tool_input={"of": "{{9}}"})
    assert await engine.store.runs() == [run.run_id]


async def test_a_step_that_a_replan_dropped() -> None:
    """B64: a fork from a step that the last plan replaced goes on with the plan that held it."""
    look, send = tool("look"), tool("send", [ToolFailedError("no"), "sent", "sent again"], effects="effectful")
    script = [
        {"steps": [{"look": {"of": 1}}, {"send": {"of": "{{1}}"}}, {"answer": "{{2}}"}]},
        {"steps": [{"send": {"of": 7}}, {"answer": "{{3}}"}]},
    ]
    engine = engine_of(look, send, script=script)
    run = await engine.run("do 5 things", mode="plan", approve="all")
    assert (run.answer, run.replans) == ("sent", 1)
    look.calls.clear()
    result, _ = await done(engine, await engine.fork(run.run_id, "2", tool_input={"of": "better"}))
    assert (result.answer, look.calls, send.calls[2:]) == ("sent again", [], [{"of": "better"}])
