"""Watching a run: every event once, text from where one broke off, one look into the store for all who watch."""

from __future__ import annotations

import random
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import pytest

from engine.durable.memory import MemoryLog
from engine.following import Following
from engine.streams import GENERATIONS_AN_EVENT, Cursor, Streams
from engine.testing import FakeTool, ScriptedProvider
from schemas.approvals import ApprovalAnswered, ApprovalRequested
from schemas.driving import RunClaimed, RunParked
from schemas.errors import NotFoundError, StoreError
from schemas.events import Answer, LoggedEvent, LoggedRecord, PlanStarted, RunEnded, RunStarted, StepEnded
from schemas.live import LiveEvent, LiveProgress, LiveReset, LiveText
from schemas.result import StepResult
from tests.runs import engine_of
from tests.test_streams import Reader

pytestmark = pytest.mark.anyio
BEGIN: LoggedEvent = RunStarted(task="t", mode="plan")
END = (Answer(text="done"), RunEnded(status="completed"))


class CountingLog(MemoryLog):
    """Counts the looks into it, and cannot be read for as many loads as it is told."""

    looks = 0
    failing = 0

    async def wait_live(self, run_id: str, seq: int, after: int) -> None:
        self.looks += 1
        await super().wait_live(run_id, seq, after)

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        self.failing -= 1
        if self.failing >= 0:
            raise StoreError("no")
        return await super().load(run_id, after)


class SlowLog(MemoryLog):
    """Gives what it read only once an event is set."""

    held: anyio.Event | None = None

    async def load(self, run_id: str, after: int = 0) -> list[LoggedRecord]:
        found = await super().load(run_id, after)
        if self.held is not None:
            await self.held.wait()
        return found


class Watcher:
    """Follows a run in a task of its own and keeps what it saw."""

    def __init__(self, following: Following, cursor: Cursor | None = None, **how: Any) -> None:
        self._items = following.follow("r", cursor, **how)
        self.seen: list[LoggedRecord | LiveEvent] = []
        self.over = False

    async def watch(self) -> None:
        async with aclosing(self._items) as items:
            async for item in items:
                self.seen.append(item)
        self.over = True

    @property
    def numbers(self) -> list[int]:
        return [item.seq for item in self.seen if isinstance(item, LoggedRecord)]

    @property
    def text(self) -> str:
        return "".join(item.text for item in self.seen if isinstance(item, LiveText))


def text(at: int, words: str, generation: int = GENERATIONS_AN_EVENT) -> LiveText:
    return LiveText(stream="answer", offset=at, text=words, generation=generation)


@pytest.fixture
async def log() -> CountingLog:
    log = CountingLog()
    await log.append("r", 0, [BEGIN])
    return log


async def test_events_and_text_of_another_process(log: CountingLog) -> None:
    """B60: a reader of a run that others drive sees each event once, text as it grows, and ends with it."""
    watcher = Watcher(Following(log))
    async with anyio.create_task_group() as group:
        group.start_soon(watcher.watch)
        await anyio.wait_all_tasks_blocked()
        await log.append("r", 1, [PlanStarted()])
        await log.put_live("r", [text(0, "he")])
        await anyio.wait_all_tasks_blocked()
        await log.put_live("r", [text(2, "llo")])
        await anyio.wait_all_tasks_blocked()
        assert (watcher.numbers, watcher.text) == ([1, 2], "hello")
        await log.append("r", 2, END)
    assert (watcher.numbers, watcher.over) == ([1, 2, 3, 4], True)


async def test_one_look_for_all(log: CountingLog) -> None:
    """However many watch a run, one of them looks into the store; when it leaves, another one does."""
    following = Following(log)
    watchers = [Watcher(following) for _ in range(20)]
    async with anyio.create_task_group() as group:
        async with anyio.create_task_group() as first:
            first.start_soon(watchers[0].watch)
            await anyio.wait_all_tasks_blocked()
            for watcher in watchers[1:]:
                group.start_soon(watcher.watch)
            await anyio.wait_all_tasks_blocked()
            assert log.looks == 1
            first.cancel_scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert log.looks == 2
        await log.append("r", 1, END)
    assert [watcher.numbers for watcher in watchers[1:]] == [[1, 2, 3]] * 19


async def test_a_new_driver_is_told_at_once(log: CountingLog) -> None:
    """B60: text that a dead driver left half written is void for its readers at the claim, not at the next word."""
    async with aclosing(Following(log).follow("r")) as items:
        await log.put_live("r", [text(0, "half an ans")])
        seen = [await anext(items), await anext(items)]
        await log.append("r", 1, [RunClaimed(driver="d")])
        seen += [await anext(items), await anext(items)]
    assert [item.kind for item in seen] == ["run_started", "text", "run_claimed", "reset"]


async def test_what_is_driven_here_comes_straight_from_its_driver(log: CountingLog) -> None:
    """Events, text and progress of a run driven in this process reach its readers without the store being asked."""
    following = Following(log)
    watcher = Watcher(following)
    async with anyio.create_task_group() as group:
        with following.feeding("r") as publish:
            group.start_soon(watcher.watch)
            await anyio.wait_all_tasks_blocked()
            for item in (text(0, "a"), text(1, "b"), LiveProgress(step_id="1", message="half", fraction=0.5)):
                publish(item)
            await anyio.wait_all_tasks_blocked()
            for record in await log.append("r", 1, END):
                publish(record)
            await anyio.wait_all_tasks_blocked()
    assert (watcher.numbers, watcher.text, log.looks) == ([1, 2, 3], "ab", 0)
    assert any(isinstance(item, LiveProgress) for item in watcher.seen)


async def test_who_comes_late_to_what_is_driven_here_misses_nothing(log: CountingLog) -> None:
    """What was written while nobody watched is read from the store by who comes, without the text that it ended."""
    following = Following(log)
    with following.feeding("r") as publish:
        publish(LiveText(stream="1", offset=0, text="half", generation=GENERATIONS_AN_EVENT))
        for record in await log.append("r", 1, [StepEnded(step_id="1", result=StepResult(status="done")), *END]):
            publish(record)
        watcher = Watcher(following)
        await watcher.watch()
    assert (watcher.numbers, watcher.text) == ([1, 2, 3, 4], "")


async def test_what_is_written_while_who_comes_still_reads_is_seen() -> None:
    """An event that the driver here writes while a new reader reads the store is not lost between the two."""
    log, read = SlowLog(), anyio.Event()
    await log.append("r", 0, [BEGIN])
    following = Following(log)
    watcher = Watcher(following)
    async with anyio.create_task_group() as group:
        with following.feeding("r") as publish:
            log.held = read
            group.start_soon(watcher.watch)
            await anyio.wait_all_tasks_blocked()
            for record in await log.append("r", 1, END):
                publish(record)
            read.set()
            await anyio.wait_all_tasks_blocked()
            assert watcher.numbers == [1, 2, 3]


async def test_a_slow_reader_gets_text_joined_and_every_event(log: CountingLog) -> None:
    """B60: a reader that stops reading slows nobody; then it gets the text in one piece, and every event it missed."""
    following = Following(log)
    with following.feeding("r") as publish:
        async with aclosing(following.follow("r")) as items:
            assert isinstance(await anext(items), LoggedRecord)
            for at in range(5_000):
                publish(text(at, "x"))
            assert await anext(items) == text(0, "x" * 5_000)
            for record in await log.append("r", 1, [PlanStarted()] * 5_000):
                publish(record)
            publish(text(5_000, "y"))
            assert [(await anext(items)).seq for _ in range(5_000)] == list(range(2, 5_002))  # type: ignore[union-attr]
            assert await anext(items) == text(5_000, "y")


async def test_the_relay_hands_joined_text_on(log: CountingLog) -> None:
    """B63: a thousand pieces within a tick are one write into the store; text that its event holds is not written."""
    following, elsewhere = Following(log), Watcher(Following(log))
    async with anyio.create_task_group() as group:
        group.start_soon(elsewhere.watch)
        with following.feeding("r") as publish:
            group.start_soon(following.relay, "r")
            for at in range(1_000):
                publish(text(at, "x"))
            await anyio.wait_all_tasks_blocked()
            _, put = await log.live("r")
            assert [len(item.text) for item in put if isinstance(item, LiveText)] == [1_000]
            publish(text(1_000, "y"))
            for record in await log.append("r", 1, END):
                publish(record)
            await anyio.sleep(0.25)
            assert (await log.live("r"))[1] == put
        group.cancel_scope.cancel()
    assert (elsewhere.text, elsewhere.numbers) == ("x" * 1_000, [1, 2, 3])


async def test_progress_crosses_processes(log: CountingLog) -> None:
    """How far a step is, is seen in another process, its newest word only; what comes after its end is left out."""
    following, elsewhere = Following(log), Watcher(Following(log))
    half, more = (LiveProgress(step_id="1", message="on", fraction=part) for part in (0.5, 0.6))
    async with anyio.create_task_group() as group:
        group.start_soon(elsewhere.watch)
        with following.feeding("r") as publish:
            group.start_soon(following.relay, "r")
            publish(half)
            publish(more)
            await anyio.sleep(0.3)
            ended = await log.append("r", 1, [StepEnded(step_id="1", result=StepResult(status="done"))])
            publish(ended[0])
            publish(half)
            await anyio.sleep(0.3)
        await log.append("r", 2, END)
        await anyio.sleep(0.1)
        group.cancel_scope.cancel()
    assert [item for item in elsewhere.seen if isinstance(item, LiveProgress)] == [more]


async def test_a_parked_run_is_stayed_with_or_left(log: CountingLog) -> None:
    """A reader stays while a run is parked, or ends there, as it chooses."""
    await log.append("r", 1, [RunParked(reason="approval")])
    stays, leaves = Watcher(Following(log)), Watcher(Following(log), parked=False)
    async with anyio.create_task_group() as group:
        group.start_soon(leaves.watch)
        group.start_soon(stays.watch)
        await anyio.wait_all_tasks_blocked()
        assert (leaves.over, stays.over) == (True, False)
        await log.append("r", 2, [RunClaimed(driver="d"), *END])
    assert (leaves.numbers, stays.numbers) == ([1, 2], [1, 2, 3, 4, 5])


async def test_who_does_not_stay_leaves_when_a_tool_asks(log: CountingLog) -> None:
    """What a running tool asks ends the wait of whoever leaves a parked run; once answered nobody leaves for it."""
    asks = ApprovalRequested(approval_id="a1", subject="elicitation", step_id="1", question="Which seat?")
    await log.append("r", 1, [asks])
    async with aclosing(Following(log).follow("r", parked=False)) as items:
        assert [item.seq async for item in items if isinstance(item, LoggedRecord)] == [1, 2]
    await log.append("r", 2, [ApprovalAnswered(approval_id="a1", decision="done", result="12A"), *END])
    async with aclosing(Following(log).follow("r", parked=False)) as items:
        assert [item.seq async for item in items if isinstance(item, LoggedRecord)][-1] == 3 + len(END)


async def test_a_run_that_is_not_there(log: CountingLog) -> None:
    """B64: an unknown run is a NotFoundError, and so is one that is deleted while it is watched."""
    following = Following(log)
    with pytest.raises(NotFoundError):
        await anext(following.follow("x"))
    async with aclosing(following.follow("r")) as items:
        await anext(items)
        await log.delete("r")
        with pytest.raises(NotFoundError):
            await anext(items)


async def test_a_store_that_is_away_for_a_while_is_waited_for(log: CountingLog) -> None:
    """A store that cannot be read for a moment costs a reader time, not the stream."""
    log.failing = 2
    async with aclosing(Following(log).follow("r")) as items:
        first = await anext(items)
    assert isinstance(first, LoggedRecord)


async def test_a_run_is_watched_through_another_engine(tmp_path: Path) -> None:
    """B60: whoever attaches to a run on the same store sees its events, and its answer while it is being written."""
    url = f"sqlite:{tmp_path / 'runs.db'}"
    provider = ScriptedProvider(lambda _: "words " * 100, chunk=6, token_s=0.01)
    driving, watching = engine_of(FakeTool("look"), provider=provider, store=url), engine_of(store=url)
    async with driving, watching:
        run_id = await driving.submit("say something", mode="direct")
        seen: list[LoggedRecord | LiveEvent] = []
        async with anyio.create_task_group() as group:
            group.start_soon(driving.drive, run_id)
            async with aclosing(watching.attach(run_id).events()) as items:
                async for item in items:
                    seen.append(item)
        numbers = [item.seq for item in seen if isinstance(item, LoggedRecord)]
        text = "".join(item.text for item in seen if isinstance(item, LiveText) and item.stream == "answer")
        assert numbers == list(range(1, (await driving.store.summary(run_id)).head + 1))
    assert text
    assert ("words " * 100).startswith(text)


async def test_only_events_for_who_wants_no_text(log: CountingLog) -> None:
    """Without live text a reader gets the events alone."""
    await log.put_live("r", [text(0, "x")])
    await log.append("r", 1, END)
    watcher = Watcher(Following(log), live=False)
    await watcher.watch()
    assert (watcher.numbers, len(watcher.seen)) == ([1, 2, 3], 3)


@pytest.mark.parametrize("seed", range(8))
async def test_a_reader_that_breaks_off_anywhere_goes_on_there(log: CountingLog, seed: int) -> None:
    """B60: over resets, crashes and other processes, a reader that drops after any item and comes back has it all."""
    chance, reader = random.Random(seed), Reader()
    processes = [Following(log), Following(log)]

    async def read() -> None:
        while not any(isinstance(item, LoggedRecord) and item.event.kind == "run_ended" for item in reader.seen[-1:]):
            async with aclosing(chance.choice(processes).follow("r", reader.cursor)) as items:
                for _ in range(chance.randint(1, 4)):
                    reader.take(await anext(items))
                    if reader.cursor.seq == total:
                        return

    total = 1 + 4 + len(END)
    async with anyio.create_task_group() as group:
        group.start_soon(read)
        with anyio.fail_after(20):
            for driver in range(4):
                await _drive(log, chance, reader, processes[driver % 2])
            head = len(await log.load("r"))
            await log.append("r", head, END)
    assert [item.seq for item in reader.seen if isinstance(item, LoggedRecord)] == list(range(1, total + 1))


async def _drive(log: MemoryLog, chance: random.Random, reader: Reader, process: Following) -> None:
    """Claim the run, write, and crash once the reader has what was handed on; some is lost with the driver."""
    head = len(await log.load("r"))
    claimed = await log.append("r", head, [RunClaimed(driver="d")])
    pending: list[LiveText | LiveReset] = []
    truth = ""
    with process.feeding("r") as publish:

        def out(item: LiveEvent) -> None:
            if not isinstance(item, LiveProgress):
                pending.append(item)
            publish(item)

        publish(claimed[0])
        streams = Streams(lambda: head + 1, out)
        for _ in range(chance.randint(5, 25)):
            if chance.random() < 0.1:
                streams.reset("answer", "again")
                truth = ""
            words = "x" * chance.randint(1, 3) + str(len(truth))
            streams.text("answer", words)
            truth += words
            if chance.random() < 0.3:
                await log.put_live("r", pending)
                pending.clear()
                await anyio.sleep(0.001)
        await log.put_live("r", pending)
        while reader.texts.get("answer") != truth:
            await anyio.sleep(0.001)
        streams.text("answer", "never seen elsewhere")
