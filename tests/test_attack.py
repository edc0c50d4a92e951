"""Whole runs under attack: a log that others write to at any moment, and tools that do what no tool should."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from engine.durable.memory import MemoryLog
from engine.executor.executor import Executor
from engine.testing import FakeTool, ScriptedProvider, scripted_engine
from schemas.events import LoggedEvent, LoggedRecord, StepStarted, Warned
from schemas.planning import (
    AnswerReady,
    AnswerRequest,
    FillRequest,
    PlanDelta,
    PlanRequest,
    PlanText,
    Repairing,
    StepDraft,
    TurnAnswer,
)
from schemas.protocols import ModelClient
from tests.runs import engine_of, plan_of, ran, step, watching

LOOK = {"steps": [{"look": {}}, {"answer": "{{1}}"}]}
NEEDS = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


class Busy(MemoryLog):
    """A log that takes its time, and that somebody else appends to right before some of our appends."""

    def __init__(self, before: dict[str, LoggedEvent], loading: int = 0) -> None:
        super().__init__()
        self._before = before
        self._loading = loading

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Let the other one be first, once a kind of event."""
        await anyio.lowlevel.checkpoint()
        for event in events:
            theirs = self._before.pop(event.kind, None)
            if theirs is not None:
                await super().append(run_id, expected_seq, [theirs])
        return await super().append(run_id, expected_seq, events)

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        """Take so many turns of the event loop."""
        for _ in range(self._loading):
            await anyio.lowlevel.checkpoint()
        return await super().load(run_id, after)


class Filler:
    """Completes arguments after a while, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def fill(self, request: FillRequest, model: ModelClient) -> dict[str, Any]:
        """Complete them."""
        del request, model
        self.asked += 1
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        return {"a": "x"}


class Mind:
    """A ReAct planner that drafts a call, takes it back, and answers."""

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncIterator[PlanDelta]:
        """Take the turn."""
        del request, model
        yield StepDraft(step=step("1", "slow"))
        await anyio.sleep(0.01)
        yield Repairing(attempt=1, errors=("not so",))
        yield TurnAnswer(text="never mind")


@pytest.mark.anyio
async def test_a_step_filled_while_the_log_is_read_again_is_neither_filled_nor_run_twice() -> None:
    """The filling ends between two reads of the log; its step is not taken for one that still has to be filled."""
    filler, tool = Filler(), FakeTool("send", "sent", effects="effectful", input_schema=NEEDS)
    engine = engine_of(FakeTool("look", "x"), tool)
    engine.store = Busy({"step_ended": Warned(code="x", message="somebody else")}, loading=4)
    engine._filler = filler  # pyright: ignore[reportPrivateUsage]
    plan = plan_of(step("1"), step("2", "send", tool_input=None), answer="{{2}}")
    result = await engine.apply(plan)
    assert (result.answer, filler.asked, len(tool.calls)) == ("sent", 1, 1)


@pytest.mark.anyio
async def test_the_log_is_read_while_a_step_ends_and_its_result_is_still_checked() -> None:
    """What a step is expected to give is known also while the log is being read again."""
    engine = engine_of(FakeTool("look", "x"), FakeTool("slow", "text", seconds=0.002))
    engine.store = Busy({"step_ended": Warned(code="x", message="somebody else")}, loading=200)
    expected = {"type": "integer"}
    result = await engine.apply(plan_of(step("1"), step("2", "slow", expected_output=expected), answer="{{1}}"))
    assert result.steps["2"].error is not None
    assert result.steps["2"].error.code == "step.output"


@pytest.mark.anyio
async def test_no_step_is_left_open_when_the_answer_comes_first() -> None:
    """Drafts that were taken back end before the run does, whether they run or wait."""
    tool = FakeTool("slow", seconds=5)
    engine = scripted_engine(ScriptedProvider([]), tools=[tool])
    engine._react = Mind()  # pyright: ignore[reportPrivateUsage]
    async with engine.start("think", mode="react") as run:
        result = await run.result()
        kinds = Counter(record.event.kind for record in await engine.store.load(run.run_id))
    assert result.answer == "never mind"
    assert (kinds["step_started"], kinds["step_ended"], kinds["run_ended"]) == (1, 1, 1)
    assert result.steps["1"].status == "discarded"


class Faulty:
    """A planner, synthesizer and filler with a bug in it."""

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncIterator[PlanDelta]:
        """Write a step, and break."""
        del request, model
        yield StepDraft(step=step("1"))
        raise KeyError("a bug")

    async def answer(self, request: AnswerRequest, model: ModelClient) -> AsyncIterator[PlanText | AnswerReady]:
        """Write a word, and break."""
        del request, model
        yield PlanText(text="It ")
        raise KeyError("a bug")

    async def fill(self, request: FillRequest, model: ModelClient) -> dict[str, Any]:
        """Break."""
        raise KeyError("a bug")


@pytest.mark.anyio
async def test_a_planner_with_a_bug_gives_no_plan_and_the_run_still_ends() -> None:
    """B35: an exception that nobody foresaw, in a planner of the user's, ends the run as failed, once, and says so."""
    engine = engine_of()
    engine._planner = Faulty()  # pyright: ignore[reportPrivateUsage]
    run = await ran(engine)
    assert (run.result.status, run.kinds("run_ended")) == ("failed", ["run_ended"])
    assert "the planner raised KeyError: 'a bug'" in run.result.answer


@pytest.mark.anyio
async def test_a_synthesizer_with_a_bug_costs_its_words_and_no_result() -> None:
    """B35: the answer is then written without it, from what the steps gave."""
    engine = engine_of(FakeTool("look", "forty-two"))
    engine._synthesizer = Faulty()  # pyright: ignore[reportPrivateUsage]
    result = (await ran(engine, plan_of(step("1"), answer=None))).result
    assert "forty-two" in result.answer
    assert any("the synthesizer raised KeyError" in warning for warning in result.warnings)


@pytest.mark.anyio
async def test_a_filler_with_a_bug_fails_its_step_only() -> None:
    """B35: the step fails and says why; its siblings are done."""
    engine = engine_of(FakeTool("look", "x"), FakeTool("send", "sent", input_schema=NEEDS))
    engine._filler = Faulty()  # pyright: ignore[reportPrivateUsage]
    result = (await ran(engine, plan_of(step("1"), step("2", "send", tool_input=None)))).result
    error = result.steps["2"].error
    assert (result.steps["1"].status, result.steps["2"].status) == ("done", "failed")
    assert error is not None
    assert "the filler raised KeyError" in error.message


@pytest.mark.anyio
async def test_a_step_cancelled_before_it_began_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """B38: a tool whose step was cancelled in the tick it started in is not called: its first lines may act."""
    tool = FakeTool("send", "sent", effects="effectful")
    begin = Executor.start

    def begin_and_cancel(self: Executor, run_id: str, event: StepStarted) -> None:
        begin(self, run_id, event)
        self.cancel(event.step_id)

    monkeypatch.setattr(Executor, "start", begin_and_cancel)
    result = await engine_of(tool).apply(plan_of(step("1", "send")))
    assert (tool.calls, result.steps["1"].status, result.steps["1"].attempts) == ([], "cancelled", 0)
    assert not result.steps["1"].in_doubt


@pytest.mark.anyio
async def test_a_cancelled_step_says_how_often_it_was_called() -> None:
    """B35: a step that is cancelled between two attempts tells the attempts that were made."""
    tool = FakeTool("look", ConnectionError("try again"))
    async with watching(engine_of(tool), plan_of(step("1"))) as (run, over):
        while len(tool.calls) < 2:
            await anyio.sleep(0.01)
        await run.cancel()
    assert over[0].result.steps["1"].attempts == len(tool.calls)


@pytest.mark.anyio
async def test_a_cancel_that_comes_with_the_end_does_nothing() -> None:
    """B47: between the run's last event and its caller's return, a cancel is not an error."""
    engine = engine_of()
    seen: list[str] = []
    async with engine.start(plan=plan_of(step("1"))) as run:
        async for item in run.events():
            if isinstance(item, LoggedRecord) and item.event.kind == "run_ended":
                await run.cancel()
                seen.append(item.event.status)
    assert seen == ["completed"]


def test_one_engine_serves_event_loops_one_after_another_and_at_once() -> None:
    """An engine is not bound to the loop, or the thread, in which it was first used."""
    engine = scripted_engine(ScriptedProvider(lambda _: LOOK), tools=[FakeTool("look", "x", seconds=0.005)])
    ended: list[str] = []

    async def use() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(engine.run, "do 5 things")
            ended.append((await engine.run("do 5 things", mode="plan")).status)

    anyio.run(use)
    anyio.run(use, backend="trio")
    threads = [threading.Thread(target=partial(anyio.run, use, backend=name)) for name in ("asyncio", "trio")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ended == ["completed"] * 4
