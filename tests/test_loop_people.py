"""People in the loop: approvals of steps and plans, edits, refusals; budgets that say stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from engine.api import Engine
from engine.durable.memory import MemoryLog
from engine.handle import RunHandle
from engine.testing import ScriptedProvider
from schemas.errors import ConflictError, NotFoundError, PlanError, StepRejectedError, ToolArgumentsError
from schemas.events import ApprovalRequested, LoggedEvent, LoggedRecord
from schemas.result import Usage
from tests.runs import FakeTool, Run, engine_of, plan_of, ran, step, virtually, watching
from tests.test_loop_replan import steps, text_of

SCHEMA = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}


def mail(**spec: Any) -> FakeTool:
    """A tool that a person has to approve."""
    return FakeTool("mail", "sent", effects="effectful", approval="always", input_schema=SCHEMA, **spec)


async def asked(run: RunHandle, count: int = 1) -> list[ApprovalRequested]:
    """Wait until so many approvals are pending."""
    for _ in range(2000):
        pending = await run.pending()
        if len(pending) >= count:
            return pending
        await anyio.sleep(0.001)
    raise AssertionError(f"no {count} approvals in two seconds")


MAIL = plan_of(step("1"), step("2", "mail", tool_input={"to": "{{1}}"}), step("3"), answer="{{2}}")


@pytest.mark.anyio
async def test_approved_runs_once_and_shows_what_will_be_sent() -> None:
    """B46: the resolved input is shown, independent steps go on, nothing is sent before; approved, it runs once."""
    tool = mail()
    async with watching(engine_of(FakeTool("look", "ann"), tool), MAIL) as (run, over):
        (request,) = await asked(run)
        assert (request.step_id, request.input, tool.calls) == ("2", {"to": "ann"}, [])
        await run.approve(request.approval_id)
    assert tool.calls == [{"to": "ann"}]
    assert over[0].result.answer == "sent"
    assert over[0].result.steps["3"].status == "done"


@pytest.mark.anyio
async def test_independent_steps_go_on_while_a_person_thinks() -> None:
    """B46: everything that does not need the answer is done before it comes."""
    plan = plan_of(
        step("1", "mail", tool_input={"to": "x"}),
        *(step(str(n), "look", *([str(n - 1)] if n > 2 else [])) for n in range(2, 8)),
    )
    async with watching(engine_of(FakeTool("look"), mail()), plan) as (run, over):
        await asked(run)
        await anyio.sleep(0.05)
        ended = [r.event.step_id for r in await run._log.load(run.run_id) if r.event.kind == "step_ended"]
        assert ended == ["2", "3", "4", "5", "6", "7"]
        await run.approve()
    assert over[0].result.status == "completed"


@pytest.mark.anyio
async def test_rejected_with_a_reason_reaches_the_planner() -> None:
    """B46: a refusal fails the step with the person's reason, which the planner is told; nothing is sent."""
    tool = mail()
    provider = ScriptedProvider([steps({"mail": {"to": "all"}}), steps({"answer": "not sent"})])
    async with watching(engine_of(FakeTool("look"), tool, provider=provider)) as (run, over):
        await asked(run)
        await run.reject(reason="never write to all")
    assert tool.calls == []
    assert over[0].result.steps["1"].error is not None
    assert "never write to all" in over[0].result.steps["1"].error.message
    assert "never write to all" in text_of(provider, 1)
    assert over[0].result.answer == "not sent"


@pytest.mark.anyio
async def test_edited_runs_as_edited() -> None:
    """B46: an edit is checked against the schema and what runs is what was edited; a wrong one changes nothing."""
    tool = mail()
    async with watching(engine_of(FakeTool("look", "ann"), tool), MAIL) as (run, over):
        await asked(run)
        with pytest.raises(ToolArgumentsError, match="to"):
            await run.approve(tool_input={"to": 5})
        assert len(await run.pending()) == 1
        await run.approve(tool_input={"to": "{{bob}}"})
    assert tool.calls == [{"to": "{{bob}}"}]
    assert over[0].result.status == "completed"


@pytest.mark.anyio
@pytest.mark.parametrize(("mode", "sent", "status"), [("all", 1, "completed"), ("none", 0, "failed")])
async def test_a_policy_answers_for_people(mode: str, sent: int, status: str) -> None:
    """B46: with approvals set to all or none nobody is asked."""
    tool = mail()
    run = await ran(engine_of(FakeTool("look", "ann"), tool), MAIL, approve=mode)
    assert (len(tool.calls), run.result.status, run.kinds("approval_requested")) == (sent, status, [])


@pytest.mark.anyio
async def test_two_pending_are_answered_each_by_its_id() -> None:
    """B47: a bare answer to two is refused and lists both; each id reaches its own; twice or unknown is refused."""
    plan = plan_of(*(step(n, "mail", tool_input={"to": n}) for n in ("x", "y")))
    tool = FakeTool("mail", "sent", approval="always", input_schema=SCHEMA)
    async with watching(engine_of(tool), plan) as (run, over):
        first, second = await asked(run, 2)
        with pytest.raises(NotFoundError, match=f"{first.approval_id}, {second.approval_id}"):
            await run.approve()
        await run.reject(second.approval_id, "no")
        with pytest.raises(ConflictError, match="already answered"):
            await run.approve(second.approval_id)
        with pytest.raises(NotFoundError, match="no approval 'a9'"):
            await run.approve("a9")
        assert [request.approval_id for request in await run.pending()] == [first.approval_id]
        await run.approve(first.approval_id)
    ends = over[0].ends()
    assert {first.step_id: "done", second.step_id: "failed"} == {key: end.status for key, end in ends.items()}
    assert [call["to"] for call in tool.calls] == [first.step_id]


@pytest.mark.anyio
async def test_another_user_is_refused() -> None:
    """B47: another user's answer is refused and the request stays; its own user's counts."""
    tool = mail()
    async with watching(engine_of(FakeTool("look", "ann"), tool), MAIL, user="ann") as (run, over):
        (request,) = await asked(run)
        for attempt in (run.approve(by="bob"), run.reject(request.approval_id, by="bob")):
            with pytest.raises(StepRejectedError, match="another user"):
                await attempt
        assert await run.pending() == [request]
        await run.approve(by="ann")
    assert over[0].result.status == "completed"


@pytest.mark.anyio
async def test_two_answers_at_once_count_once() -> None:
    """B47: of several answers given at the same moment exactly one counts."""
    tool, refused = mail(), 0
    async with watching(engine_of(FakeTool("look", "ann"), tool), MAIL) as (run, over):
        (request,) = await asked(run)

        async def answer() -> None:
            nonlocal refused
            try:
                await run.approve(request.approval_id)
            except ConflictError:
                refused += 1

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(answer)
    assert (refused, len(tool.calls), len(over[0].events("approval_answered"))) == (4, 1, 1)


@pytest.mark.anyio
async def test_an_answer_after_the_end_is_refused() -> None:
    """B47: an answer to a run that is over is refused and says so."""
    engine = engine_of()
    async with engine.start(plan=plan_of(step("1"))) as run:
        await run.done()
        with pytest.raises(ConflictError, match="is over"):
            await run.approve("a1")


PLANNED = steps({"look": {"q": 1}}, {"step": {"act": {}}, "depends_on": [1]}, {"answer": "{{2}}"})


def planned(script: list[Any]) -> tuple[Engine, FakeTool, FakeTool, ScriptedProvider]:
    """An engine whose planner replies from a script, with a tool that looks and one that acts."""
    look, act = FakeTool("look", 1), FakeTool("act", 2, effects="effectful")
    provider = ScriptedProvider(script)
    return engine_of(look, act, provider=provider), look, act, provider


@pytest.mark.anyio
async def test_nothing_starts_before_the_plan_is_approved() -> None:
    """B49: with the plan to be approved first, not even a read-only step starts; approved, everything runs."""
    engine, look, act, _ = planned([PLANNED])
    async with watching(engine, approve="plan") as (run, over):
        (request,) = await asked(run)
        assert (request.subject, [s.tool for s in request.plan.steps] if request.plan else []) == (
            "plan",
            ["look", "act"],
        )
        await anyio.sleep(0.02)
        assert look.calls + act.calls == []
        await run.approve()
    assert (over[0].result.answer, len(look.calls), len(act.calls)) == ("2", 1, 1)


@pytest.mark.anyio
async def test_an_edited_plan_runs_as_edited() -> None:
    """B49: an edited plan is checked, and only what it says runs; a broken edit is refused and nothing has changed."""
    engine, look, act, _ = planned([PLANNED])
    async with watching(engine, approve="plan") as (run, over):
        await asked(run)
        with pytest.raises(PlanError):
            await run.approve(plan=plan_of(step("1", "nowhere")))
        await run.approve(
            plan=plan_of(step("1", tool_input={"q": 2}), step("9", tool_input={"x": "{{1}}"}), answer="{{9}}")
        )
    assert (look.calls, act.calls, over[0].result.answer) == ([{"q": 2}, {"x": 1}], [], "1")
    assert over[0].result.steps["2"].status == "discarded"


@pytest.mark.anyio
async def test_a_rejected_plan_is_planned_anew() -> None:
    """B49: a plan refused with a reason is planned again; the planner is told the reason; the new one is asked too."""
    engine, look, act, provider = planned([PLANNED, steps({"look": {"q": 3}}, {"answer": "{{3}}"})])
    async with watching(engine, approve="plan") as (run, over):
        await asked(run)
        await run.reject(reason="only look, do not act")
        (request,) = await asked(run)
        assert request.revision == 2
        await run.approve()
    assert "only look, do not act" in text_of(provider, 1)
    assert (look.calls, act.calls, over[0].result.status) == ([{"q": 3}], [], "completed")


@pytest.mark.anyio
async def test_a_plan_refused_for_good_ends_the_run() -> None:
    """B49: where no new plan is allowed, a refused plan ends the run, with the reason, and nothing ran."""
    engine, look, act, _ = planned([PLANNED])
    async with watching(engine, approve="plan", limits=engine.limits(max_replans=0)) as (run, over):
        await asked(run)
        await run.reject(reason="too dear")
    assert over[0].result.status == "failed"
    assert "too dear" in over[0].result.answer
    assert look.calls + act.calls == []


@pytest.mark.anyio
async def test_a_goal_changed_while_a_plan_waits_withdraws_it() -> None:
    """B49: when the goal changes while a plan waits for approval, that request is withdrawn; the new plan is asked."""
    engine, look, _, _ = planned([PLANNED, steps({"look": {"q": 3}}, {"answer": "{{3}}"})])
    async with watching(engine, approve="plan") as (run, over):
        await asked(run)
        await run.steer("just look")
        while (await asked(run))[0].revision == 1:
            await anyio.sleep(0.001)
        assert [request.revision for request in await run.pending()] == [2]
        await run.approve()
    assert (look.calls, over[0].result.status) == ([{"q": 3}], "completed")


PRICED = {"name": "script", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 1.0}


def priced(script: Any, tokens: int, *tools: Any, **settings: Any) -> tuple[Engine, ScriptedProvider]:
    """An engine whose every reply takes so many tokens at a dollar a million."""
    provider = ScriptedProvider(script, usage=Usage(calls=1, input_tokens=tokens, cost_usd=None))
    models = [{"name": "scripted", "kind": "openai", "models": [PRICED]}]
    return engine_of(*tools, provider=provider, model_providers=models, **settings), provider


TALKS = [steps({"look": {}}, {"bad": {}}), *[steps({"bad": {"n": n, "t": "x" * n}}) for n in range(20)]]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("budget", "code"), [({"run_usd": 0.0465}, "budget.cost"), ({"run_tokens": 46_500}, "budget.tokens")]
)
async def test_a_spent_budget_ends_model_calls(budget: dict[str, Any], code: str) -> None:
    """B45: a budget that is spent mid-run ends all model calls: a warning at 90 %, a partial answer with the reason."""
    bad = FakeTool("bad", ValueError("no"))
    engine, provider = priced(
        TALKS, 23_000, FakeTool("look", "found it"), bad, budget={**budget, "synthesizer_share": 0}
    )
    run = await ran(engine)
    assert len(provider.requests) == 2
    assert run.kinds("budget_warning", "budget_exhausted") == ["budget_warning", "budget_exhausted"]
    assert run.result.error is not None
    assert (run.result.status, run.result.partial, run.result.error.code) == ("failed", True, code)
    assert "found it" in run.result.answer
    assert "budget" in run.result.answer


@pytest.mark.anyio
async def test_a_share_is_left_for_the_answer() -> None:
    """B45: the part kept for the answer cannot be spent by the planner."""
    bad = FakeTool("bad", ValueError("no"))
    budget = {"run_tokens": 50_000, "synthesizer_share": 0.5}
    engine, provider = priced(TALKS, 23_000, FakeTool("look", "found it"), bad, budget=budget)
    run = await ran(engine)
    assert (len(provider.requests), run.result.status) == (1, "failed")


@pytest.mark.anyio
async def test_a_budget_that_covers_no_call_says_so() -> None:
    """B45: a budget too small for the first call asks no model; the answer says why."""
    engine, provider = priced(TALKS, 10, budget={"run_tokens": 1})
    run = await ran(engine)
    assert (provider.requests, run.result.status) == ([], "failed")
    assert "budget" in run.result.answer


def test_a_spent_budget_lets_running_steps_finish() -> None:
    """B45: steps that run when the money is gone finish and stand in the answer; nothing new starts."""
    slow, bad = FakeTool("slow", "late result", seconds=10.0), FakeTool("bad", ValueError("no"), seconds=1.0)

    async def go() -> Run:
        script = [steps({"slow": {}}, {"bad": {}}, {"look": {"x": "{{1}}"}}), "never"]
        engine, _ = priced(
            script, 23_000, FakeTool("look"), slow, bad, budget={"run_tokens": 24_000, "synthesizer_share": 0}
        )
        return await ran(engine)

    run = virtually(go)
    assert (run.seconds, run.result.status) == (10.0, "failed")
    assert {key: end.status for key, end in run.ends().items()} == {"1": "done", "2": "failed", "3": "skipped"}
    assert "late result" in run.result.answer


def test_the_time_limit_ends_the_run() -> None:
    """B45: at 90 % of the seconds there is a warning, at 100 % running steps are cancelled and the run ends."""
    engine_limits = {"budget": {"run_seconds": 10.0}}

    async def go() -> Run:
        tools = FakeTool("look", "quick"), FakeTool("slow", seconds=60.0)
        return await ran(engine_of(*tools, **engine_limits), plan_of(step("1"), step("2", "slow")))

    run = virtually(go)
    assert run.seconds == 10.0
    assert run.events("budget_warning")[0].spent == 9.0
    assert run.result.error is not None
    assert (run.result.error.code, run.ends()["2"].status) == ("budget.time", "cancelled")
    assert "quick" in run.result.answer


@pytest.mark.parametrize("phase", ["planner", "synthesizer"])
def test_the_time_limit_ends_model_calls_too(phase: str) -> None:
    """B45: the time limit breaks off a model that is still writing the plan or the answer."""
    script = ["w" * 4000] if phase == "planner" else [steps({"look": {}}), "w" * 4000]
    provider = ScriptedProvider(script, chunk=4, token_s=1.0)
    run = virtually(lambda: ran(engine_of(FakeTool("look", 7), provider=provider, budget={"run_seconds": 30.0})))
    assert run.seconds == 30.0
    assert (run.result.status, run.result.error and run.result.error.code) == ("failed", "budget.time")


@pytest.mark.anyio
async def test_a_tiny_time_limit_is_no_crash() -> None:
    """B45: a limit that is over before the first step ends the run as any other does."""
    run = await ran(engine_of(FakeTool("look", seconds=0.05), budget={"run_seconds": 1e-6}), plan_of(step("1")))
    assert run.result.status == "failed"


def test_whoever_cancels_does_not_wait_for_what_a_spent_budget_lets_finish() -> None:
    """B38: a run whose budget is spent lets its steps finish, but not against a person who cancels it."""
    slow, bad = FakeTool("slow", seconds=600.0), FakeTool("bad", ValueError("no"), seconds=1.0)
    script = [steps({"slow": {}}, {"bad": {}}), "never asked"]
    engine, provider = priced(script, 23_000, slow, bad, budget={"run_tokens": 25_000, "synthesizer_share": 0})

    async def go() -> Run:
        async with watching(engine) as (run, over):
            await anyio.sleep(10.0)
            await run.cancel("enough")
        return over[0]

    run = virtually(go)
    assert (len(provider.requests), run.kinds("budget_exhausted")) == (1, ["budget_exhausted"])
    assert (run.result.status, run.result.steps["1"].status, run.seconds) == ("cancelled", "cancelled", 10.0)


class Crossed(MemoryLog):
    """A store on which a person cancels in the moment in which the driver takes an approved plan."""

    handle: RunHandle | None = None

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append; before the plan the person speaks."""
        if self.handle is not None and any(event.kind == "plan_accepted" for event in events):
            handle, self.handle = self.handle, None
            await handle.cancel("enough")
        return await super().append(run_id, expected_seq, events)


@pytest.mark.anyio
async def test_an_approved_plan_is_not_taken_behind_a_cancel() -> None:
    """B65: who cancels between a plan's approval and its beginning is heard first, live and when it is played again."""
    store = Crossed()
    engine = engine_of(FakeTool("look", 7), store=store, script=[steps({"look": {}})])
    async with watching(engine, approve="plan") as (run, over):
        await asked(run)
        store.handle = run
        await run.approve()
    assert (over[0].kinds("plan_accepted"), over[0].result.status) == ([], "cancelled")
    assert [record async for record in engine.replay(over[0].records)] == over[0].records


@pytest.mark.anyio
async def test_a_given_plan_is_not_taken_behind_a_cancel() -> None:
    """B65: who cancels before a given plan is begun is heard first: nothing is left of it."""
    store = Crossed()
    engine = engine_of(FakeTool("look", 7), store=store)
    run_id = await engine.submit(plan=plan_of(step("1")))
    store.handle = engine.attach(run_id)
    assert (await engine.drive(run_id)).status == "cancelled"
    records = await store.load(run_id)
    kinds = [record.event.kind for record in records]
    assert kinds == ["run_started", "run_claimed", "cancel_requested", "answer", "run_ended"]
    assert [record async for record in engine.replay(records)] == records
