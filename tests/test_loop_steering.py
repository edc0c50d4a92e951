"""A person speaks in the very tick in which a model has finished: what was said last counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from engine.durable.memory import MemoryLog
from engine.handle import RunHandle
from engine.testing import FakeTool
from schemas.errors import ConflictError
from schemas.events import Answer, LoggedEvent, LoggedRecord, RunStarted
from schemas.planning import AnswerReady, AnswerRequest, PlanDelta, PlanReady, PlanRequest, PlanText, TurnAnswer
from schemas.protocols import ModelClient
from tests.runs import Run, engine_of, plan_of, step, watching

Say = Callable[[RunHandle], Awaitable[None]]


async def steer(run: RunHandle) -> None:
    """Change the goal."""
    await run.steer("something else")


async def cancel(run: RunHandle) -> None:
    """End the run."""
    await run.cancel("enough")


class Interrupted:
    """A planner and synthesizer; a person speaks right before its first reply is handed on."""

    def __init__(self, say: Say, *, turns: bool = False) -> None:
        self._say: Say | None = say
        self._turns = turns
        self.run: RunHandle | None = None

    async def _interrupt(self) -> None:
        if self._say is not None and self.run is not None:
            say, self._say = self._say, None
            await say(self.run)

    async def plan(self, request: PlanRequest, model: ModelClient) -> AsyncIterator[PlanDelta]:
        """Plan one step that does what is asked, or answer with what was asked."""
        await self._interrupt()
        if self._turns:
            yield TurnAnswer(text=f"done: {request.task}")
            return
        send = step(str(request.first_id), "send", tool_input={"what": request.task})
        yield PlanReady(plan=plan_of(send, answer=f"{{{{{request.first_id}}}}}"))

    async def answer(self, request: AnswerRequest, model: ModelClient) -> AsyncIterator[PlanText | AnswerReady]:
        """Answer with what was asked."""
        await self._interrupt()
        yield AnswerReady(text=f"done: {request.task}")


async def interrupted(mind: Interrupted, **options: Any) -> tuple[Run, FakeTool]:
    """Run with somebody who interrupts."""

    def sent(arguments: dict[str, Any]) -> str:
        return f"sent {arguments['what']}"

    send = FakeTool("send", sent, effects="effectful")
    engine = engine_of(send)
    engine._planner = engine._react = mind  # pyright: ignore[reportPrivateUsage]
    engine._synthesizer = mind  # pyright: ignore[reportPrivateUsage]
    async with watching(engine, **options) as (run, over):
        mind.run = run
    return over[0], send


@pytest.mark.anyio
async def test_the_plan_for_the_old_goal_is_not_run() -> None:
    """B41: a goal changed in the tick in which the plan is ready: that plan is not the run's, the new one is."""
    run, send = await interrupted(Interrupted(steer))
    assert run.kinds("plan_accepted") == ["plan_accepted"]
    assert [call["what"] for call in send.calls] == ["something else"]
    assert (run.result.answer, run.result.status) == ("sent something else", "completed")


@pytest.mark.parametrize("mode", ["react", "direct"])
@pytest.mark.anyio
async def test_the_answer_to_the_old_goal_is_not_given(mode: str) -> None:
    """B41: a goal changed in the tick in which the answer is ready: the answer is to what was asked last."""
    run, _ = await interrupted(Interrupted(steer, turns=True), mode=mode)
    assert (run.result.answer, run.result.status) == ("done: something else", "completed")
    assert (run.result.partial, run.result.missing) == (False, ())


@pytest.mark.parametrize("mode", ["plan", "react", "direct"])
@pytest.mark.anyio
async def test_cancelled_before_the_answer_was_handed_on(mode: str) -> None:
    """B38: a run cancelled in the tick in which its plan or answer is ready says that it is not complete, and why."""
    run, send = await interrupted(Interrupted(cancel, turns=mode == "react"), mode=mode)
    assert (run.result.status, run.result.partial, send.calls) == ("cancelled", True, [])
    assert run.result.missing == ("enough",)


@pytest.mark.anyio
async def test_a_goal_that_cannot_be_planned_for_is_said_to_be_missing() -> None:
    """B44: a goal changed when no replan is left: the answer is partial and names the goal."""
    engine = engine_of(FakeTool("look", "x", seconds=0.02))
    limits = engine.limits(max_replans=0)
    async with watching(engine, plan_of(step("1")), limits=limits) as (run, over):
        await run.steer("find the moon")
    assert (over[0].result.status, over[0].result.partial) == ("failed", True)
    assert "find the moon" in over[0].result.answer


@pytest.mark.anyio
async def test_a_goal_changed_before_the_first_plan_costs_no_replan() -> None:
    """B41: what was said before the planner was asked is in its first request; it is asked once."""
    mind = Interrupted(steer)
    engine = engine_of(FakeTool("send", "sent", effects="effectful"))
    engine._planner = mind  # pyright: ignore[reportPrivateUsage]
    async with watching(engine) as (run, over):
        await run.steer("the moon")
    assert over[0].kinds("plan_started", "replan_started") == ["plan_started"]
    assert over[0].events("step_started")[0].input == {"what": "the moon"}


class Late(MemoryLog):
    """A store on which a person changes the goal right behind the answer."""

    handle: RunHandle | None = None
    refused: ConflictError | None = None

    async def append(self, run_id: str, expected_seq: int, events: Sequence[LoggedEvent]) -> list[LoggedRecord]:
        """Append; then the person speaks."""
        records = await super().append(run_id, expected_seq, events)
        if any(record.event.kind == "answer" for record in records) and self.handle is not None:
            try:
                await self.handle.steer("something else")
            except ConflictError as exc:
                self.refused = exc
        return records


@pytest.mark.anyio
async def test_behind_its_answer_a_run_has_no_other_goal() -> None:
    """B41: a goal that comes when the answer is written is refused, and the run is what it answered."""
    store = Late()
    engine = engine_of(FakeTool("look", 7), store=store)
    async with watching(engine, plan_of(step("1"), answer="{{1}}")) as (run, over):
        store.handle = run
    assert store.refused is not None
    assert (over[0].result.answer, over[0].result.status) == ("7", "completed")


@pytest.mark.anyio
async def test_an_answer_that_is_not_the_last_event_yet() -> None:
    """B41: a run whose driver died behind its answer has no other goal either."""
    store = MemoryLog()
    await store.append("r", 0, [RunStarted(task="t", mode="direct"), Answer(text="7", source="direct")])
    with pytest.raises(ConflictError, match="has its answer already"):
        await engine_of(store=store).attach("r").steer("something else")
