"""When a plan is repaired, what the planner is then told, and when it stops."""

from __future__ import annotations

from typing import Any

import pytest

from engine.testing import ScriptedProvider
from engine.tools.function import tool
from schemas.errors import ModelRequestError, ToolFailedError
from schemas.plan import Plan
from schemas.protocols import ToolContext
from tests.runs import Calls, FakeTool, Run, engine_of, plan_of, ran, step, virtually, watching

NO = ToolFailedError("the disk is full")


def steps(*items: Any) -> dict[str, Any]:
    """A planner's reply in the compact grammar."""
    return {"steps": list(items)}


def text_of(provider: ScriptedProvider, index: int) -> str:
    """All text of the request with this number."""
    return "\n".join(message.text for message in provider.requests[index].messages)


def triggers(run: Run) -> list[list[str]]:
    """The kinds of the triggers of each replan."""
    return [[trigger.kind for trigger in event.triggers] for event in run.events("replan_started")]


@pytest.mark.anyio
async def test_a_step_that_failed_for_good_is_planned_around() -> None:
    """B41: a step that failed for good leads to a new plan, whose result is the answer."""
    provider = ScriptedProvider([steps({"bad": {}}), steps({"look": {}}, {"answer": "got {{2}}"})])
    run = await ran(engine_of(FakeTool("look", 7), FakeTool("bad", NO), provider=provider))
    assert triggers(run) == [["step_failed"]]
    assert (run.result.status, run.result.answer, run.result.replans) == ("completed", "got 7", 1)


NEEDS = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}


@pytest.mark.anyio
async def test_the_executor_may_say_it_lacks_information() -> None:
    """B41: an executor model that says what is missing leads to a new plan that is told so."""
    lacks = Calls((("not_enough_information", {"missing": "which city"}),))
    provider = ScriptedProvider([steps({"step": {"inquire": {}}}), lacks, steps({"look": {}}, {"answer": "{{2}}"})])
    plan = plan_of(step("1", "inquire"))
    engine = engine_of(
        FakeTool("look", 7), FakeTool("inquire", input_schema=NEEDS), script=[lacks, *provider.script[2:]]
    )  # pyright: ignore[reportIndexIssue]
    run = await ran(engine, plan, limits=engine.limits())
    assert triggers(run) == [["lacks_information"]]
    assert "which city" in str(run.events("replan_started")[0].triggers[0].message)
    assert run.result.answer == "7"


@pytest.mark.anyio
async def test_many_failures_lead_to_a_new_plan() -> None:
    """B41: half of at least four steps failed, none of them critical: a new plan is due all the same."""
    plan = plan_of(step("1"), step("2"), step("3", "bad", critical=False), step("4", "bad", critical=False))
    engine = engine_of(
        FakeTool("look", 7), FakeTool("bad", NO), script=[steps({"look": {"n": 1}}, {"answer": "x{{5}}"})]
    )
    run = await ran(engine, plan, limits=engine.limits())
    assert triggers(run) == [["error_rate"]]
    assert run.result.answer == "x7"


@pytest.mark.anyio
async def test_too_few_failures_do_not() -> None:
    """B41: failures below the rate, or of fewer than four steps, lead to no new plan."""
    for rest in (1, 4):
        done = [step(str(n)) for n in range(rest)]
        plan = plan_of(*done, step("x", "bad", critical=False))
        engine = engine_of(FakeTool("look", 7), FakeTool("bad", NO))
        run = await ran(engine, plan, limits=engine.limits())
        assert (triggers(run), run.result.status) == ([], "completed")


@pytest.mark.anyio
async def test_a_result_that_contradicts_what_was_expected() -> None:
    """B41: a result that breaks the step's expected_output fails the step and leads to a new plan."""
    plan = plan_of(step("1", expected_output={"type": "object", "required": ["price"]}))
    engine = engine_of(
        FakeTool("look", {"cost": 1}), FakeTool("other", 7), script=[steps({"other": {}}, {"answer": "{{2}}"})]
    )
    run = await ran(engine, plan, limits=engine.limits())
    assert triggers(run) == [["contradicts_expected"]]
    assert "price" in run.events("replan_started")[0].triggers[0].message
    assert run.result.answer == "7"


def test_a_changed_goal_leads_to_a_new_plan() -> None:
    """B41: a goal changed while steps run leads to a new plan at once, made for the new goal; what is done stays."""
    tools = FakeTool("look", 7), FakeTool("slow", seconds=10.0)
    provider = ScriptedProvider([steps({"look": {}}, {"slow": {}}), steps({"answer": "only {{1}}"})])

    async def go() -> tuple[Run, float]:
        from anyio import current_time, sleep

        async with watching(engine_of(*tools, provider=provider)) as (run, over):
            await sleep(1.0)
            await run.steer("just look")
            await run.done()
            took = current_time()
        return over[0], took

    run, _ = virtually(go)
    assert triggers(run) == [["goal_changed"]]
    assert "just look" in text_of(provider, 1)
    assert (run.result.answer, len(tools[0].calls)) == ("only 7", 1)


def test_a_goal_changed_while_the_plan_or_the_answer_is_written() -> None:
    """B41: a goal changed while a model writes is not lost: that reply is broken off and the new goal planned."""
    for first, asked in ((["w" * 400], 2), ([steps({"look": {}}), "w" * 400], 3)):
        provider = ScriptedProvider([*first, steps({"answer": "new"})], chunk=20, token_s=0.5)

        async def go(provider: ScriptedProvider = provider) -> Run:
            from anyio import sleep

            async with watching(engine_of(provider=provider)) as (run, over):
                await sleep(20.0)
                await run.steer("something else")
            return over[0]

        run = virtually(go)
        assert (run.result.answer, len(provider.requests)) == ("new", asked)


@pytest.mark.anyio
async def test_a_step_may_ask_for_a_new_plan() -> None:
    """B41: a tool asks for a new plan; its own result stands."""

    @tool(effects="none")
    async def look(context: ToolContext) -> int:
        """Look."""
        context.request_replan("there are two files")
        return 7

    provider = ScriptedProvider([steps({"look": {}}, {"answer": "x"}), steps({"answer": "both of {{1}}"})])
    run = await ran(engine_of(look, provider=provider))
    assert triggers(run) == [["requested"]]
    assert "there are two files" in text_of(provider, 1)
    assert run.result.answer == "both of 7"


def test_replanning_overlaps_with_what_still_runs() -> None:
    """B42: the planner is asked while an independent step runs; it may refer to it and to what is done; no rerun."""
    tools = FakeTool("look", 7), FakeTool("slow", 8, seconds=10.0), FakeTool("bad", NO, seconds=1.0)
    provider = ScriptedProvider(
        [
            steps({"look": {}}, {"slow": {}}, {"bad": {}}),
            steps({"look": {"x": "{{1}}", "y": "{{2}}"}}, {"answer": "{{1}} {{2}} {{4}}"}),
        ]
    )
    run = virtually(lambda: ran(engine_of(*tools, provider=provider)))
    assert run.at("step_ended", "3") == 1.0
    asked = next(record.at for record in run.records if record.event.kind == "replan_started") - run.records[0].at
    assert (asked, run.seconds) == (1.0, 10.0)
    assert run.starts() == ["1", "2", "3", "4"]
    assert tools[0].calls == [{}, {"x": 7, "y": 8}]
    assert run.result.answer == "7 8 7"


@pytest.mark.anyio
async def test_the_planner_is_told_why_and_what_was_tried() -> None:
    """B43: the second request holds the failed step's tool, input, error and attempts, the results, the old plan."""
    bad = FakeTool("bad", NO)
    provider = ScriptedProvider(
        [steps({"look": {"q": "weather"}}, {"bad": {"path": "/x/y"}}), steps({"answer": "gave up, {{1}}"})]
    )
    run = await ran(engine_of(FakeTool("look", {"rain": True}), bad, provider=provider), "find 3 things")
    told = provider.requests[1].messages[-1].text  # the system message explains the fences
    for piece in (
        "find 3 things",
        "/x/y",
        "the disk is full",
        '"rain"',
        '<tried>\n{"steps"',
        'tool="bad" status="failed"',
    ):
        assert piece in told
    assert run.result.answer.startswith("gave up")


@pytest.mark.anyio
async def test_attempts_are_told() -> None:
    """B43: a step that was tried three times is told to have been."""
    from schemas.errors import ToolUnavailableError

    down = FakeTool("bad", ToolUnavailableError("down"), retry={"base_delay_s": 0.001})
    provider = ScriptedProvider([steps({"bad": {}}), steps({"answer": "no"})])
    await ran(engine_of(FakeTool("look"), down, provider=provider))
    assert '"attempts":3' in text_of(provider, 1)


def always(counter: list[int]) -> Any:
    """A planner that never gives up: each plan calls bad with something new."""

    def reply(request: Any) -> Any:
        if request.output is None:
            return "nothing worked"
        counter.append(1)
        number = len(counter)
        return steps(*({"bad": {"n": number * 100 + k, "text": f"{'abcdefgh'[k]}{number}" * 3}} for k in range(number)))

    return reply


@pytest.mark.anyio
@pytest.mark.parametrize("most", [0, 1, 3])
async def test_replans_are_capped(most: int) -> None:
    """B44: after max_replans the run ends failed, with a partial answer that says what is missing and why."""
    counter: list[int] = []
    engine = engine_of(FakeTool("look"), FakeTool("bad", NO), script=always(counter), limits={"max_replans": most})
    run = await ran(engine)
    assert (len(counter), run.result.replans, run.result.status) == (1 + most, most, "failed")
    assert run.result.partial
    assert "the disk is full" in run.result.answer
    assert run.result.error is not None
    assert run.result.error.code == ("replan_limit" if most else "tool.failed")


@pytest.mark.anyio
async def test_the_same_plan_again_is_not_tried() -> None:
    """B44: a new plan that is too much like one that failed is not run, and the run says so."""
    bad = FakeTool("bad", NO)
    provider = ScriptedProvider(lambda _: steps({"bad": {"path": "/x"}}))
    run = await ran(engine_of(FakeTool("look"), bad, provider=provider))
    assert len(bad.calls) == 1
    assert run.events("plan_rejected")[0].error.details["similarity"] == 1.0
    assert (run.result.status, len(provider.requests)) == ("failed", 2)


@pytest.mark.anyio
async def test_the_same_plan_under_other_numbers_is_not_tried() -> None:
    """B44: the plan that failed first, offered again two plans later in another order, is recognised."""
    tools = FakeTool("look"), FakeTool("bad", NO), FakeTool("worse", NO)
    first = steps({"bad": {"path": "/x"}}, {"worse": {"path": "/y"}})
    other = steps({"bad": {"path": "/entirely/elsewhere", "deep": True}}, {"look": {"a": 1}}, {"look": {"b": 2}})
    again = steps({"worse": {"path": "/y"}}, {"bad": {"path": "/x"}})
    run = await ran(engine_of(*tools, provider=ScriptedProvider([first, other, again, "partial"])))
    assert [event.revision for event in run.events("plan_rejected")] == [3]
    assert run.result.status == "failed"


@pytest.mark.anyio
async def test_after_a_cap_react_may_take_over() -> None:
    """B44: where allowed, ReAct goes on after the cap, knows what was done, and its answer counts."""

    def reply(request: Any) -> Any:
        if request.output is not None:
            return steps({"bad": {"path": "/x"}})
        if any(part.kind == "tool_call" for m in request.messages for part in m.parts if "look" in str(part)):
            return "found it: 7"
        return Calls((("look", {}),))

    limits = {"react_fallback": True, "max_replans": 0}
    engine = engine_of(FakeTool("look", 7), FakeTool("bad", NO), script=reply, limits=limits)
    run = await ran(engine)
    assert run.kinds("mode_changed") == ["mode_changed"]
    assert (run.result.status, run.result.answer) == ("completed", "found it: 7")


@pytest.mark.anyio
async def test_a_model_that_writes_no_plan_may_take_turns() -> None:
    """B44: where allowed, ReAct goes on where not even the first plan could be read."""

    def reply(request: Any) -> Any:
        if request.output is not None:
            return "{"
        return "found it: 7" if len(request.messages) > 2 else Calls((("look", {}),))

    run = await ran(engine_of(FakeTool("look", 7), script=reply, limits={"react_fallback": True}))
    assert run.kinds("mode_changed") == ["mode_changed"]
    assert (run.result.status, run.result.answer) == ("completed", "found it: 7")


@pytest.mark.anyio
async def test_a_planner_that_fails_in_a_repair_keeps_what_is_done() -> None:
    """B44: when the planner cannot be asked again, the run ends failed with what it has."""
    script = [steps({"look": {}}, {"bad": {}}), ModelRequestError("no key"), "I found 7, but no disk"]
    run = await ran(engine_of(FakeTool("look", 7), FakeTool("bad", NO), script=script))
    assert (run.result.status, run.result.partial) == ("failed", True)
    assert "7" in run.result.answer


def test_what_waited_for_a_repair_that_came_to_nothing_goes_on() -> None:
    """B44: a step with effects that could start only while a repair was planned is done when there is no new plan."""
    look, send = FakeTool("look", 7, seconds=30.0), FakeTool("send", "sent", effects="effectful")
    first = steps({"bad": {}}, {"look": {}}, {"step": {"send": {}}, "depends_on": ["2"]})
    script = [first, "w" * 400, "w" * 400, "w" * 400, "7, but no disk"]
    provider = ScriptedProvider(script, chunk=20, token_s=0.5)
    engine = engine_of(look, send, FakeTool("bad", NO), provider=provider)
    run = virtually(lambda: ran(engine, approve="all"))
    assert run.kinds("plan_rejected") == ["plan_rejected"]
    assert run.at("step_started", "3") > run.at("step_ended", "2") + 1.0
    assert (len(send.calls), run.result.steps["3"].status) == (1, "done")


def test_a_changed_goal_that_comes_to_no_plan() -> None:
    """B44: nothing more with effects is done for a goal that changed; the answer says that the new one is missing."""
    look, send = FakeTool("look", 7, seconds=60.0), FakeTool("send", "sent", effects="effectful")
    first = steps({"look": {}}, {"step": {"send": {}}, "depends_on": ["1"]})
    provider = ScriptedProvider([first, "w" * 400, "w" * 400, "w" * 400, "7"], chunk=20, token_s=0.5)

    async def go() -> Run:
        from anyio import sleep

        async with watching(engine_of(look, send, provider=provider), approve="all") as (run, over):
            await sleep(30.0)
            await run.steer("find the moon")
        return over[0]

    run = virtually(go)
    assert (send.calls, run.result.steps["2"].status) == ([], "skipped")
    assert (run.result.status, run.result.partial) == ("failed", True)
    assert "find the moon" in run.result.answer


@pytest.mark.anyio
async def test_an_applied_plan_is_not_repaired_unless_allowed() -> None:
    """B41: a plan that a person applies is repaired only where the caller's limits allow replans."""
    plan: Plan = plan_of(step("1", "bad"))
    run = await ran(engine_of(FakeTool("look"), FakeTool("bad", NO)), plan)
    assert (run.result.status, triggers(run)) == ("failed", [])


@pytest.mark.anyio
async def test_what_a_step_asked_for_is_no_failure() -> None:
    """B44: a plan that was left because a step asked for a new one did not fail: its rest may be planned again."""

    @tool(effects="none")
    async def look(context: ToolContext) -> int:
        """Look."""
        context.request_replan("think again")
        return 7

    rest = {"step": {"other": {"x": 1}}, "depends_on": [1]}
    again = steps({"other": {"x": 1}}, {"answer": "{{1}} {{3}}"})
    run = await ran(engine_of(look, FakeTool("other", 8), script=[steps({"look": {}}, rest), again]))
    assert (run.result.status, run.result.answer) == ("completed", "7 8")
