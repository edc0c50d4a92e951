"""Whole runs under attack: a log that others write to at any moment, and tools that do what no tool should."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from engine.durable.memory import MemoryLog
from engine.testing import FakeTool, ScriptedProvider, scripted_engine
from schemas.events import LoggedEvent, LoggedRecord, Warned
from schemas.planning import FillRequest, PlanDelta, PlanRequest, Repairing, StepDraft, TurnAnswer
from schemas.protocols import ModelClient
from tests.runs import engine_of, plan_of, step

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
    engine.log = Busy({"step_ended": Warned(code="x", message="somebody else")}, loading=4)
    engine._filler = filler  # pyright: ignore[reportPrivateUsage]
    plan = plan_of(step("1"), step("2", "send", tool_input=None), answer="{{2}}")
    result = await engine.apply(plan)
    assert (result.answer, filler.asked, len(tool.calls)) == ("sent", 1, 1)


@pytest.mark.anyio
async def test_the_log_is_read_while_a_step_ends_and_its_result_is_still_checked() -> None:
    """What a step is expected to give is known also while the log is being read again."""
    engine = engine_of(FakeTool("look", "x"), FakeTool("slow", "text", seconds=0.002))
    engine.log = Busy({"step_ended": Warned(code="x", message="somebody else")}, loading=200)
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
        kinds = Counter(record.event.kind for record in await engine.log.load(run.run_id))
    assert result.answer == "never mind"
    assert (kinds["step_started"], kinds["step_ended"], kinds["run_ended"]) == (1, 1, 1)
    assert result.steps["1"].status == "discarded"
