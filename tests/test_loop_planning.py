"""From the task to an answer: plans that stream, repairs, questions, branches, modes, and the events of it all."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

import anyio
import pytest

from engine.testing import ScriptedProvider
from schemas.errors import ModelRequestError, ModelUnavailableError
from schemas.events import LoggedRecord
from schemas.live import LiveReset, LiveText
from tests.runs import Calls, FakeTool, Run, engine_of, plan_of, ran, step, virtually
from tests.test_loop_replan import steps

THREE = steps({"look": {"n": 1}}, {"look": {"n": 2}}, {"act": {}}, {"answer": "{{1}} {{2}} {{3}}"})


def test_read_only_steps_start_while_the_plan_is_written() -> None:
    """B32: each read-only step starts the moment it is complete in the reply; the effect waits for the whole plan."""
    tools = FakeTool("look", 7, seconds=1.0), FakeTool("act", 8, effects="effectful")
    provider = ScriptedProvider([THREE], chunk=1, token_s=4.0)  # a second a character
    text = json.dumps(THREE, separators=(",", ":"))
    run = virtually(lambda: ran(engine_of(*tools, provider=provider)))
    whole = float(len(text))
    assert run.at("step_started", "1") == text.index("}}") + 2
    assert run.at("step_started", "2") == text.index("}}", text.index("}}") + 2) + 2
    assert run.at("step_started", "3") == whole
    assert (run.seconds, run.result.answer) == (whole, "7 7 8")


def test_an_effect_never_starts_before_the_plan_is_accepted() -> None:
    """B32: whatever the effects, order and chunking, no step that changes something starts before plan_accepted."""
    for effects in ("effectful", "idempotent"):
        for chunk in (1, 7, 50):
            tools = FakeTool("look"), FakeTool("act", effects=effects)
            plan = steps({"act": {}}, {"look": {}}, {"act": {"x": 1}}, {"look": {"x": 2}})
            provider = ScriptedProvider([plan, "done"], chunk=chunk, token_s=0.1)
            run = virtually(lambda tools=tools, provider=provider: ran(engine_of(*tools, provider=provider)))
            accepted = run.kinds().index("plan_accepted")
            early = [r.event.tool for r in run.records[:accepted] if r.event.kind == "step_started"]
            assert set(early) <= {"look"}
            assert run.result.status == "completed"


BAD = [{"look": {"n": 1}}, {"look": {"n": 2}}, {"serach": {}}, {"act": {}}, {"look": {"n": 4}}]


def five_with_one_bad(repaired: dict[str, Any], seconds: float = 0.0) -> tuple[Run, FakeTool, FakeTool]:
    """A plan of five of which one names no tool, and its repair."""
    look, act = FakeTool("look", lambda a: a["n"], seconds=seconds), FakeTool("act", effects="effectful")
    provider = ScriptedProvider([steps(*BAD), repaired], chunk=1, token_s=0.4)
    return virtually(lambda: ran(engine_of(look, act, provider=provider))), look, act


def test_one_bad_step_of_five_stops_every_effect() -> None:
    """B14: while one step of five names no tool nothing with effects runs; the errors name it and what there is."""
    run, _, act = five_with_one_bad(steps({"answer": "none"}))
    assert act.calls == []
    (repair,) = run.events("plan_repair")
    assert "serach" in repair.errors[0]
    assert "look" in repair.errors[0]
    assert run.result.answer == "none"


@pytest.mark.parametrize("seconds", [0.0, 1000.0], ids=["done", "still running"])
def test_a_started_step_that_the_repair_names_again_is_kept(seconds: float) -> None:
    """B14: a read-only step that had started is kept where the repaired plan has it; the other is discarded."""
    run, look, act = five_with_one_bad(steps({"look": {"n": 2}}, {"act": {}}, {"answer": "got {{1}}"}), seconds)
    assert (run.result.status, run.result.answer) == ("completed", "got 2")
    assert [call["n"] for call in look.calls if call["n"] == 2] == [2]
    assert len(act.calls) == 1
    if seconds:
        first = run.ends()["1"]
        assert (first.status, first.reason) == ("discarded", "replaced by plan 1")


@pytest.mark.anyio
async def test_too_many_steps_are_repaired_or_refused() -> None:
    """B23: more steps than allowed are asked for again with the limit named; a plan that stays too long never runs."""
    long, short = steps(*({"act": {"n": n}} for n in range(5))), steps({"act": {}}, {"answer": "{{1}}"})
    for script, status, calls in (([long, short], "completed", 1), ([long] * 3, "failed", 0)):
        act = FakeTool("act", 7, effects="effectful")
        engine = engine_of(FakeTool("look"), act, script=[*script], limits={"max_steps": 3})
        run = await ran(engine)
        assert (run.result.status, len(act.calls)) == (status, calls)
        assert "3" in run.events("plan_repair")[0].errors[0]


@pytest.mark.anyio
async def test_an_applied_plan_may_be_longer() -> None:
    """B23: the planner's cap on steps never binds a plan that a person applies."""
    run = await ran(engine_of(limits={"max_steps": 1}), plan_of(step("1"), step("2"), step("3")))
    assert (run.result.status, len(run.starts())) == ("completed", 3)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "reply",
    [steps({"ask": "Which city?"}), {"steps": [], "question": "Which city?"}, {"steps": [], "reason": "Which city?"}],
)
async def test_a_question_is_the_answer(reply: dict[str, Any]) -> None:
    """B19: a planner that must know more, where nobody is there, asks no other model: its question is the answer."""
    provider = ScriptedProvider([reply])
    run = await ran(engine_of(provider=provider, limits={"max_questions": 0}))
    assert (run.result.status, run.result.answer) == ("completed", "Which city?")
    assert (len(provider.requests), run.starts()) == (1, [])


def branching(value: int) -> Any:
    """A plan of two branches by the value of step 1, and what depends on them."""
    yes = [{"value": "{{1}}", "op": "gt", "to": 5}]
    no = [{"value": "{{1}}", "op": "le", "to": 5}]
    items = (
        {"look": {}},
        {"step": {"up": {}}, "when": yes},
        {"step": {"down": {}}, "when": no},
        {"step": {"up": {"after": 1}}, "depends_on": [2]},
        {"step": {"down": {"after": 1}}, "depends_on": [3]},
        {"step": {"join": {}}, "depends_on": [2, 3]},
        {"answer": "{{2}} {{3}}"},
    )
    return engine_of(
        FakeTool("look", value),
        FakeTool("up", "UP"),
        FakeTool("down", "DOWN"),
        FakeTool("join"),
        script=[steps(*items)],
    )


@pytest.mark.anyio
@pytest.mark.parametrize(("value", "taken", "other"), [(9, {"2", "4"}, {"3", "5"}), (1, {"3", "5"}, {"2", "4"})])
async def test_only_the_branch_that_holds_runs(value: int, taken: set[str], other: set[str]) -> None:
    """B21: the branch whose condition holds runs, the other and what needs only it is skipped; the join runs."""
    run = await ran(branching(value))
    assert set(run.starts()) == {"1", "6"} | taken
    ends = run.ends()
    assert {key for key, end in ends.items() if end.status == "skipped"} == other
    assert "its condition does not hold" in ends[min(other)].reason
    assert run.result.status == "completed"
    assert ("UP" in run.result.answer, "DOWN" in run.result.answer) == (value == 9, value == 1)


@pytest.mark.anyio
async def test_a_plan_with_its_answer_takes_one_model_call() -> None:
    """B53: a plan that brings its answer along makes exactly one model call."""
    provider = ScriptedProvider([steps({"look": {}}, {"answer": "got {{1}}"})])
    run = await ran(engine_of(FakeTool("look", 7), provider=provider))
    assert (run.result.answer, len(provider.requests), run.result.usage.calls) == ("got 7", 1, 1)


@pytest.mark.anyio
async def test_an_applied_plan_needs_no_model() -> None:
    """B53: a complete plan with an answer asks no model; one without succeeds all the same when the model is down."""
    plan = plan_of(step("1"), answer=None)
    provider = ScriptedProvider(lambda _: ModelRequestError("no key"))
    engine = engine_of(FakeTool("look", "blue"), provider=provider)
    assert (await ran(engine, plan.model_copy(update={"answer": "{{1}}"}))).result.answer == "blue"
    assert provider.requests == []
    run = await ran(engine, plan)
    assert (run.result.status, run.result.partial) == ("completed", False)
    assert "blue" in run.result.answer
    assert "could not finish" not in run.result.answer


TASKS = {"Hello!": "direct", "investigate why the disk is full": "react", "look up 5 prices": "plan"}


@pytest.mark.anyio
@pytest.mark.parametrize("task", TASKS)
async def test_auto_chooses_a_mode_by_the_task(task: str) -> None:
    """B53: auto answers small talk at once, explores what asks for it, and plans the rest; each gives its answer."""

    def reply(request: Any) -> Any:
        return steps({"look": {}}, {"answer": "planned {{1}}"}) if request.output else "said"

    run = await ran(engine_of(FakeTool("look", 7, description="look up prices"), script=reply), task, mode="auto")
    assert run.result.status == "completed"
    assert run.events("run_started")[0].mode == TASKS[task]
    assert run.result.answer == ("planned 7" if TASKS[task] == "plan" else "said")
    assert run.events("run_started")[0].mode_reason


@pytest.mark.anyio
@pytest.mark.parametrize("reply", ["", "   \n", ModelRequestError("no key"), ModelUnavailableError("down")], ids=str)
@pytest.mark.parametrize("task", TASKS)
async def test_no_reply_is_ever_empty(task: str, reply: Any) -> None:
    """B53: whatever the mode, a model that says nothing or fails leaves a reply that says so, never an empty one."""
    retries = [reply] * 12 if isinstance(reply, ModelUnavailableError) else None
    engine = engine_of(FakeTool("look", 7, description="look up prices"), script=retries or (lambda _: reply))
    run = await ran(engine, task, mode="auto")
    assert run.result.answer.strip()
    if not isinstance(reply, str):
        assert run.result.status == "failed"
        assert run.result.error is not None
        assert str(reply) in run.result.error.message


def test_parallel_calls_of_a_turn_run_in_parallel() -> None:
    """B57: the calls of one ReAct turn run side by side, and the next turn gets all their results in order."""
    slow = FakeTool("look", lambda a: f"found {a['n']}", seconds=5.0)
    script = [Calls(tuple(("look", {"n": n}) for n in range(4))), "all found"]
    provider = ScriptedProvider(script)
    run = virtually(lambda: ran(engine_of(slow, provider=provider), "look around", mode="react"))
    assert (run.seconds, slow.peak, run.result.answer) == (5.0, 4, "all found")
    told = [p.content for m in provider.requests[1].messages for p in m.parts if p.kind == "tool_result"]
    assert ["found" in content for content in told] == [True] * 4


@pytest.mark.anyio
async def test_turns_are_capped() -> None:
    """B57: after the last turn allowed the model is asked for an answer; the run says that it is not whole."""
    count = 0

    def reply(request: Any) -> Any:
        nonlocal count
        count += 1
        return "this far" if request.tool_choice == "none" else Calls((("look", {"n": count}),))

    run = await ran(engine_of(FakeTool("look", 7), script=reply, limits={"max_turns": 3}), "x", mode="react")
    assert (count, len(run.starts())) == (3, 2)
    assert (run.result.status, run.result.partial) == ("failed", True)
    assert "this far" in run.result.answer


@pytest.mark.anyio
async def test_turns_after_a_fallback_are_counted_from_its_beginning() -> None:
    """B57: a run that fell back to ReAct after its replans has all its turns, and hears of each failure once."""

    def reply(request: Any) -> Any:
        if request.output is not None:
            return steps({"look": {"n": len(asked)}})
        turns.append(request)
        return "found it" if len(turns) == 3 else Calls((("look", {"turn": len(turns)}),))

    asked: list[Any] = []
    turns: list[Any] = []

    def look(arguments: Any) -> Any:
        asked.append(arguments)
        return ValueError("broken") if "n" in arguments else "seen"

    limits = {"max_turns": 4, "max_replans": 2, "react_fallback": True, "similarity": 1.0}
    run = await ran(engine_of(FakeTool("look", look), script=reply, limits=limits))
    assert (run.kinds("mode_changed"), len(turns)) == (["mode_changed"], 3)
    assert (run.result.status, run.result.answer) == ("completed", "found it")


@pytest.mark.anyio
async def test_a_turn_that_could_not_be_had_is_said() -> None:
    """B57: when the model cannot be asked for the next turn, the run ends failed, with what it has and why."""
    script = [Calls((("look", {}),)), ModelRequestError("no credit left"), "I found 7"]
    run = await ran(engine_of(FakeTool("look", 7), script=script), "x", mode="react")
    assert (run.result.status, run.result.partial) == ("failed", True)
    assert run.result.error is not None
    assert "no credit left" in run.result.error.message
    assert "no credit left" in " ".join(run.result.missing)


@pytest.mark.anyio
async def test_the_same_call_three_times_ends_it() -> None:
    """B57: the same call with the same arguments for the third time stops the run with that reason."""

    def reply(request: Any) -> Any:
        return "stuck" if request.tool_choice == "none" else Calls((("look", {"a": 1, "b": 2}),))

    look = FakeTool("look", 7)
    run = await ran(engine_of(look, script=reply), "x", mode="react")
    assert len(look.calls) == 2
    assert "three times" in " ".join(run.result.missing)
    assert run.result.answer.startswith("stuck\n\n")
    assert "three times" in run.result.answer


@pytest.mark.anyio
async def test_a_failed_call_is_told_to_the_next_turn() -> None:
    """B57: in ReAct a failed call ends nothing: the model is told and goes on."""
    provider = ScriptedProvider([Calls((("look", {}),)), "it is broken"])
    run = await ran(engine_of(FakeTool("look", ValueError("broken pipe")), provider=provider), "x", mode="react")
    assert any(
        "broken pipe" in p.content for m in provider.requests[1].messages for p in m.parts if p.kind == "tool_result"
    )
    assert (run.result.status, run.result.answer) == ("completed", "it is broken")


def test_react_stops_at_the_time_limit() -> None:
    """B57: a ReAct run is bound by its budget like any other."""

    def reply(request: Any) -> Any:
        return Calls((("look", {"n": len(request.messages)}),))

    engine_fields: dict[str, Any] = {"budget": {"run_seconds": 7.0}, "limits": {"max_turns": 100}}
    run = virtually(
        lambda: ran(engine_of(FakeTool("look", seconds=2.0), script=reply, **engine_fields), "x", mode="react")
    )
    assert (run.seconds, run.result.status) == (7.0, "failed")


@pytest.mark.anyio
async def test_events_come_in_their_order_and_numbered() -> None:
    """B60: run_started, plan_started, steps, plan_accepted, answer, run_ended last; numbers from 1 without a gap."""
    run = await ran(engine_of(FakeTool("look", 7), FakeTool("act", 8, effects="effectful"), script=[THREE]))
    assert [record.seq for record in run.records] == list(range(1, len(run.records) + 1))
    kinds = run.kinds()
    assert kinds[:2] == ["run_started", "plan_started"]
    assert kinds[-2:] == ["answer", "run_ended"]
    assert set(kinds[2 : kinds.index("plan_accepted")]) <= {"plan_step", "step_started", "step_ended", "model_called"}
    assert kinds.count("plan_accepted") == kinds.count("run_ended") == kinds.count("answer") == 1
    for name in run.result.steps:
        own = [r.event.kind for r in run.records if getattr(r.event, "step_id", None) == name]
        assert own == ["step_started", "step_ended"]


@pytest.mark.anyio
async def test_what_is_streamed_is_what_is_logged() -> None:
    """B60: whoever watches sees each logged event once, in order, as the log has it; live text adds up."""
    provider = ScriptedProvider([steps({"look": {}}), "the whole answer"], chunk=3)
    engine = engine_of(FakeTool("look", 7), provider=provider)
    seen: list[Any] = []
    async with aclosing(engine.stream("look up 5 prices", mode="plan", run_id="r1")) as items:
        async for item in items:
            seen.append(item)
    records = [item for item in seen if isinstance(item, LoggedRecord)]
    assert records == await engine.store.load("r1")
    text = ""
    for item in seen:
        if isinstance(item, LiveText) and item.stream == "answer":
            assert item.offset == len(text)
            text += item.text
        elif isinstance(item, LiveReset) and item.stream == "answer":
            text = ""
    assert text == "the whole answer"


@pytest.mark.anyio
async def test_a_watcher_resumes_after_its_last_number() -> None:
    """B60: from any number on the log gives exactly the events that follow."""
    engine = engine_of()
    run = await ran(engine, plan_of(step("1"), step("2", "look", "1")), run_id="r1")
    for number in range(len(run.records) + 1):
        assert [r.seq for r in await engine.store.load("r1", number)] == [r.seq for r in run.records[number:]]


@pytest.mark.anyio
async def test_hooks_see_each_event_once_in_order() -> None:
    """B79: sync and async hooks see each event of their kind once, in order; one that raises harms nothing."""
    engine = engine_of()
    ended: list[str] = []
    every: list[int] = []

    @engine.on("step_ended")
    def note(record: LoggedRecord) -> None:
        ended.append(record.to_json()["step_id"])

    @engine.on("step_ended")
    def broken(record: LoggedRecord) -> None:
        raise RuntimeError(f"no {record.seq}")

    @engine.on()
    async def slow(record: LoggedRecord) -> None:
        await anyio.sleep(0.001)
        every.append(record.seq)

    @engine.on("run_ended")
    async def broken_too(record: LoggedRecord) -> None:
        raise ValueError(record.seq)

    run = await ran(engine, plan_of(*(step(str(n), "look", *([str(n - 1)] if n else [])) for n in range(5))))
    assert (run.result.status, ended) == ("completed", ["0", "1", "2", "3", "4"])
    assert every == [record.seq for record in run.records]


@pytest.mark.anyio
async def test_a_plan_without_end_is_stopped_and_paid_for() -> None:
    """A reply of 5,000 steps is closed at the first one too many; the record says why and what it used by then."""
    long = steps(*({"look": {"n": number}} for number in range(5_000)))
    provider = ScriptedProvider([long, steps({"look": {}}, {"answer": "{{1}}"})], chunk=10)
    run = await ran(engine_of(FakeTool("look", 7), provider=provider, limits={"max_steps": 3}))
    stopped, *_ = run.events("model_called")
    assert (run.result.status, run.result.answer) == ("completed", "7")
    assert stopped.error is not None
    assert "4 steps, at most 3 are allowed" in stopped.error.message
    assert 0 < stopped.usage.output_tokens < 50
    assert len(provider.requests) == 2
