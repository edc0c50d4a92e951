"""The journal: one writer, that gives way to whoever wrote in between."""

from __future__ import annotations

import anyio
import pytest

from engine.dag.state import RunState
from engine.durable.artifacts import Artifacts
from engine.durable.memory import MemoryLog
from engine.journal import Inbox, Journal
from schemas.events import Answer, CancelRequested, GoalChanged, PlanStarted, RunStarted, StepEnded, Warned
from schemas.result import StepResult


async def begun() -> tuple[MemoryLog, Journal]:
    """A journal whose run has begun."""
    log = MemoryLog()
    journal = Journal(log, "r", lambda: RunState("r", {}), Artifacts(log))
    journal.emit(RunStarted(task="t", mode="plan"))
    assert await journal.flush() is not None
    return log, journal


@pytest.mark.anyio
async def test_a_batch_is_numbered_and_written_once() -> None:
    """What was emitted is folded at once, written together, and not again."""
    log, journal = await begun()
    journal.emit(PlanStarted())
    assert journal.state.planning
    assert [record.seq for record in await journal.flush() or ()] == [2]
    assert await journal.flush() == []
    assert len(await log.load("r")) == journal.head == 2


@pytest.mark.anyio
async def test_decisions_give_way_and_facts_stay() -> None:
    """B35: when somebody wrote in between, decisions are dropped, facts kept, and what they wrote is folded in."""
    log, journal = await begun()
    await log.append("r", 1, [CancelRequested(reason="enough")])
    journal.emit(PlanStarted())
    assert journal.fact(Warned(code="x", message="it happened"))
    assert await journal.flush() is None
    assert [record.event.kind for record in await journal.reload()] == ["cancel_requested"]
    assert (journal.state.stop, journal.state.planning) == ("cancelled", False)
    assert [record.event.kind for record in await journal.flush() or ()] == ["warning"]


@pytest.mark.anyio
@pytest.mark.parametrize("said", [CancelRequested(reason="enough"), GoalChanged(task="another")])
async def test_an_answer_that_came_too_late_is_left_out(said: CancelRequested | GoalChanged) -> None:
    """B45: an answer written before a cancel or a new goal was seen claims to be whole: it is dropped."""
    log, journal = await begun()
    await log.append("r", 1, [said])
    assert journal.fact(Answer(text="all of it", source="react"))
    assert await journal.flush() is None
    await journal.reload()
    assert journal.state.answer is None
    assert await journal.flush() == []


@pytest.mark.anyio
async def test_a_fact_the_run_moved_past_is_left_out() -> None:
    """B35: a result for a step that nobody planned, or that has ended, is not written."""
    _, journal = await begun()
    assert not journal.fact(StepEnded(step_id="9", result=StepResult(status="done")))
    assert await journal.flush() == []


@pytest.mark.anyio
async def test_an_inbox_hands_out_all_in_order() -> None:
    """An inbox waits while it is empty, then hands out everything, oldest first."""
    inbox: Inbox[int] = Inbox()
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: _put(inbox))
        assert await inbox.take() == [1, 2]
        inbox.put(3)
        assert await inbox.take() == [3]


async def _put(inbox: Inbox[int]) -> None:
    inbox.put(1)
    inbox.put(2)


@pytest.mark.anyio
async def test_who_holds_an_inbox_is_alone() -> None:
    """While an inbox is held its reader is given nothing, and nobody else can hold it; then the reader goes on."""
    inbox, taken = Inbox[int](), list[int]()
    assert not inbox.hold()  # its reader is at work
    async with anyio.create_task_group() as group:
        group.start_soon(_take, inbox, taken)
        await anyio.wait_all_tasks_blocked()
        assert inbox.hold()
        assert not inbox.hold()
        await _put(inbox)
        await anyio.wait_all_tasks_blocked()
        assert taken == []
        inbox.release()
    assert taken == [1, 2]


@pytest.mark.anyio
async def test_an_inbox_with_something_in_it_is_its_readers() -> None:
    """What came first is taken first: an inbox that holds something cannot be held."""
    inbox, taken = Inbox[int](), list[int]()
    async with anyio.create_task_group() as group:
        group.start_soon(_take, inbox, taken)
        await anyio.wait_all_tasks_blocked()
        await _put(inbox)
        assert not inbox.hold()
    assert taken == [1, 2]


async def _take(inbox: Inbox[int], taken: list[int]) -> None:
    taken += await inbox.take()
