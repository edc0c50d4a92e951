"""The handle and its feeds: everything in order, live text joined."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from engine.dag.state import RunState
from engine.driven import Feed
from engine.handle import run_result
from schemas.errors import ConflictError
from schemas.events import Answer, PlanAccepted, PlanStarted, RunEnded, RunStarted, Warned
from schemas.live import LiveReset, LiveText
from schemas.plan import Plan
from tests.runs import FakeTool, engine_of, plan_of, step


async def read(feed: Feed) -> list[Any]:
    """Everything a feed gives."""
    return [item async for item in feed]


@pytest.mark.anyio
async def test_text_is_joined_while_nobody_reads() -> None:
    """Live text of one stream is joined while its reader is behind; another stream or a reset parts it."""
    feed = Feed()
    for at, letter in enumerate("abc"):
        feed.put(LiveText(stream="answer", offset=at, text=letter))
    feed.put(LiveReset(stream="answer"))
    feed.put(LiveText(stream="answer", offset=0, text="d"))
    feed.put(LiveText(stream="plan", offset=0, text="e"))
    feed.close()
    assert [getattr(item, "text", None) for item in await read(feed)] == ["abc", None, "d", "e"]


@pytest.mark.anyio
async def test_a_feed_wakes_its_reader() -> None:
    """A reader that waits gets what comes, and the end."""
    feed, seen = Feed(), []

    async def reading() -> None:
        seen.extend(await read(feed))

    async with anyio.create_task_group() as group:
        group.start_soon(reading)
        await anyio.lowlevel.checkpoint()
        feed.put(LiveReset(stream="x"))
        await anyio.lowlevel.checkpoint()
        feed.close()
    assert len(seen) == 1


def test_a_run_that_goes_on_has_no_result() -> None:
    """A run that is not over has no result."""
    with pytest.raises(ConflictError, match="not over"):
        run_result(RunState("r", {}))


@pytest.mark.anyio
async def test_cancelling_a_run_that_is_over_does_nothing() -> None:
    """B47: cancelling a run that is over leaves it as it ended; steering it is refused."""
    engine = engine_of(FakeTool("look", 7))
    async with engine.start(plan=plan_of(step("1"))) as run:
        assert (await run.result()).status == "completed"
        await run.cancel("late")
        with pytest.raises(ConflictError, match="is over"):
            await run.steer("else")
        assert (await run.result()).status == "completed"


def test_warnings_of_a_run_are_in_its_result() -> None:
    """What was ignored in a plan is told with the result."""
    state = RunState("r", {})
    events = [
        RunStarted(task="t", mode="plan"),
        Warned(code="roles", message="a weak planner"),
        PlanStarted(),
        PlanAccepted(revision=1, plan=Plan(answer="42"), warnings=("$.mood was ignored",)),
        Answer(text="42", source="template"),
        RunEnded(status="completed"),
    ]
    for event in events:
        state.apply(event)
    assert run_result(state).warnings == ("a weak planner", "$.mood was ignored")


@pytest.mark.anyio
async def test_nothing_is_kept_for_a_reader_who_cannot_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a result alone has no use for events: none is kept for him once the run goes on."""
    kept: list[str] = []
    monkeypatch.setattr(Feed, "put", lambda _, item: kept.append(item.kind))
    result = await engine_of(FakeTool("look", 7)).apply(plan_of(step("1")))
    assert result.status == "completed"
    assert set(kept) <= {"run_started"}
