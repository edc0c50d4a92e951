"""What every RunLog must do. A store's test class inherits this and gives a fixture ``log``."""

from __future__ import annotations

import hashlib
from typing import Any

import anyio
import pytest

from schemas.driving import RunClaimed, RunParked
from schemas.errors import ConflictError, NotFoundError
from schemas.events import (
    ApprovalAnswered,
    CancelRequested,
    GoalChanged,
    LoggedEvent,
    ModelCalled,
    PlanStarted,
    RunEnded,
    RunStarted,
    StepEnded,
    StepStarted,
)
from schemas.live import LiveEvent, LiveProgress, LiveReset, LiveText
from schemas.result import StepResult, Usage
from schemas.runs import Driver, RunQuery
from schemas.stores import RunLog, RunStore

FIRST = RunStarted(task="t", mode="plan")


def numbered(count: int) -> list[LoggedEvent]:
    """Events that tell themselves apart."""
    return [PlanStarted(revision=number) for number in range(count)]


@pytest.mark.anyio
class RunLogContract:
    """Inherit as ``class TestX(RunLogContract)`` and define the fixture ``log``."""

    async def test_events_are_numbered_from_one(self, log: RunLog) -> None:
        """Appended events come back numbered without gaps, as they were, with run and time."""
        written = await log.append("r", 0, [FIRST, *numbered(2)])
        written += await log.append("r", 3, numbered(1))
        assert [record.seq for record in written] == [1, 2, 3, 4]
        assert [record.event for record in written] == [FIRST, *numbered(2), *numbered(1)]
        assert {record.run_id for record in written} == {"r"}
        assert [record.at for record in written] == sorted(record.at for record in written)
        assert await log.load("r") == written

    async def test_only_what_came_later_is_loaded(self, log: RunLog) -> None:
        """A reader that saw the first events gets exactly the rest, and nothing when it saw all."""
        await log.append("r", 0, numbered(5))
        assert [record.seq for record in await log.load("r", 3)] == [4, 5]
        assert await log.load("r", 5) == []

    @pytest.mark.parametrize("expected", [0, 1, 3, 99])
    async def test_another_head_is_a_conflict(self, log: RunLog, expected: int) -> None:
        """Behind the head or beyond it: the append is refused whole, and nothing is written."""
        await log.append("r", 0, numbered(2))
        with pytest.raises(ConflictError):
            await log.append("r", expected, numbered(3))
        assert len(await log.load("r")) == 2

    async def test_a_gap_does_not_create_a_run(self, log: RunLog) -> None:
        """An append past the head of a run that does not exist is refused and creates none."""
        with pytest.raises(ConflictError):
            await log.append("r", 1, numbered(1))
        assert await log.runs() == []

    async def test_a_race_has_one_winner_a_position(self, log: RunLog) -> None:
        """Of fifty writers that append at the same head exactly one wins each position; the others are told."""
        lost: list[int] = []

        async def write(number: int) -> None:
            head = 0
            while True:
                try:
                    await log.append("r", head, [PlanStarted(revision=number)])
                except ConflictError:
                    lost.append(number)
                    await anyio.lowlevel.checkpoint()
                    head = len(await log.load("r"))
                else:
                    return

        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(write, number)
        records = await log.load("r")
        assert [record.seq for record in records] == list(range(1, 51))
        assert sorted(revision(record.event) for record in records) == list(range(50))
        assert len(lost) >= 49

    async def test_waiting_ends_with_the_next_event(self, log: RunLog) -> None:
        """A reader that waits behind the head is woken by the append; one that is behind returns at once."""
        await log.append("r", 0, numbered(1))
        await log.wait("r", 0)
        woken: list[int] = []

        async def reader(after: int) -> None:
            await log.wait("r", after)
            woken.append(after)

        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                for after in (1, 1, 2):
                    group.start_soon(reader, after)
                await anyio.wait_all_tasks_blocked()
                assert woken == []
                await log.append("r", 1, numbered(1))
                await log.append("r", 2, numbered(1))
        assert sorted(woken) == [1, 1, 2]

    async def test_a_cancelled_wait_harms_nobody(self, log: RunLog) -> None:
        """One reader gives up; the other is still woken."""
        await log.append("r", 0, numbered(1))
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(log.wait, "r", 1)
                with anyio.move_on_after(0.01) as scope:
                    await log.wait("r", 1)
                assert scope.cancelled_caught
                await log.append("r", 1, numbered(1))

    async def test_a_cancelled_append_is_all_or_nothing(self, log: RunLog) -> None:
        """An append that is cancelled landed whole or not at all, and the log goes on from what it says."""
        await log.append("r", 0, numbered(1))
        with anyio.CancelScope() as scope:
            scope.cancel()
            await log.append("r", 1, numbered(3))
        head = len(await log.load("r"))
        assert head in (1, 4)
        assert [record.seq for record in await log.append("r", head, numbered(1))] == [head + 1]

    async def test_runs_are_listed_oldest_first_and_apart(self, log: RunLog) -> None:
        """Runs do not see each other, and are listed in the order of their first events."""
        for run_id in ("b", "a", "c"):
            await log.append(run_id, 0, [FIRST])
        await log.append("a", 1, numbered(2))
        assert await log.runs() == ["b", "a", "c"]
        assert (len(await log.load("a")), len(await log.load("b"))) == (3, 1)

    async def test_what_is_not_there(self, log: RunLog) -> None:
        """An unknown run or artifact is a NotFoundError."""
        for missing in (log.load("x"), log.wait("x", 0), log.get_artifact("0" * 64)):
            with pytest.raises(NotFoundError):
                await missing

    async def test_artifacts_are_kept_by_content(self, log: RunLog) -> None:
        """Bytes come back under their SHA-256; keeping them twice is keeping them once; nothing is text."""
        for data in (b"", b"\x00\xff" * 1000, b"x" * 5_000_000):
            digest = await log.put_artifact(data)
            assert digest == hashlib.sha256(data).hexdigest() == await log.put_artifact(data)
            assert await log.get_artifact(digest) == data

    @pytest.mark.parametrize(
        "value", [None, True, 0, -1.5, 10**30, "", "é😀\u2028\x00", [[], {}], {"a": {"b": [None]}}, {"": "</x>"}]
    )
    async def test_every_json_value_comes_back(self, log: RunLog, value: Any) -> None:
        """Inputs and results of any JSON value are read back equal."""
        events = [
            StepStarted(step_id="1", tool="t", input={"v": value}),
            StepEnded(step_id="1", result=StepResult(status="done", value=value)),
        ]
        await log.append("r", 0, events)
        assert [record.event for record in await log.load("r")] == events


@pytest.mark.anyio
class RunStoreContract(RunLogContract):
    """What every store must do beside its log."""

    async def test_a_summary_follows_the_events(self, log: RunStore) -> None:
        """A row says where a run stands after every batch: queued, claimed, parked, ended."""
        await log.append("r", 0, [RunStarted(task="count " * 200, mode="plan", user="ann")])
        row = await log.summary("r")
        assert (row.status, row.driver, row.claims, row.head, row.user) == ("queued", "", 0, 1, "ann")
        assert len(row.task) == 500
        await log.append("r", 1, [RunClaimed(driver="d1"), ModelCalled(role="planner", model="m", usage=paid(0.5))])
        await log.append("r", 3, [ModelCalled(role="planner", model="m", usage=paid(0.25))])
        row = await log.summary("r")
        assert (row.status, row.driver, row.claims, row.cost_usd) == ("running", "d1", 1, 0.75)
        await log.append("r", 4, [RunParked(reason="timer", until=7.5)])
        row = await log.summary("r")
        assert (row.status, row.driver, row.waits_for, row.until, row.head) == ("waiting", "", "timer", 7.5, 5)
        await log.append("r", 5, [RunClaimed(driver="d2"), ModelCalled(role="planner", model="m", usage=paid(None))])
        await log.append("r", 7, [ModelCalled(role="planner", model="m", usage=paid(1)), RunEnded(status="failed")])
        row = await log.summary("r")
        assert (row.status, row.driver, row.claims, row.cost_usd) == ("failed", "", 2, None)
        assert (row.waits_for, row.until, row.ended) == ("", None, True)
        assert row.updated_at >= row.started_at > 0

    async def test_an_answer_makes_a_parked_run_wanted(self, log: RunStore) -> None:
        """A parked run that somebody spoke to is queued; a run that is driven, or over, stays what it is."""
        signals: list[LoggedEvent] = [
            ApprovalAnswered(approval_id="a1", decision="approve"), CancelRequested(), GoalChanged(task="u")
        ]  # fmt: skip
        for number, signal in enumerate(signals):
            run_id = f"r{number}"
            await log.append(run_id, 0, [RunStarted(task="t", mode="plan", driver="d"), signal])
            assert (await log.summary(run_id)).status == "running"
            await log.append(run_id, 2, [RunParked(reason="approval", until=5.0)])
            await log.append(run_id, 3, [signal])
            row = await log.summary(run_id)
            assert (row.status, row.waits_for, row.until, row.driver) == ("queued", "", None, "")
            await log.append(run_id, 4, [RunParked(reason="approval"), signal])
            assert (await log.summary(run_id)).status == "queued"
            await log.append(run_id, 6, [signal, RunClaimed(driver="d")])
            assert (await log.summary(run_id)).status == "running"

    async def test_a_driven_run_that_asks_waits(self, log: RunStore) -> None:
        """A run whose running tool asks is waiting, and stays driven; an answer, or its driver, makes it run again."""
        await log.append("r", 0, [RunStarted(task="t", mode="plan", driver="d")])
        await log.asks("r", "other", "question")
        assert (await log.summary("r")).status == "running"
        await log.asks("r", "d", "question")
        row = await log.summary("r")
        assert (row.status, row.waits_for, row.driver, row.parked) == ("waiting", "question", "d", False)
        assert [row.id for row in await log.find(RunQuery(status=("waiting",)))] == ["r"]
        await log.asks("r", "d", "")
        assert (await log.summary("r")).status == "running"
        await log.asks("r", "d", "question")
        await log.append("r", 1, [RunEnded(status="failed")])
        await log.asks("r", "d", "question")
        assert (await log.summary("r")).status == "failed"

    async def test_a_run_handed_over_is_wanted(self, log: RunStore) -> None:
        """A run that its driver let go of because it leaves is queued at once."""
        await log.append("r", 0, [RunStarted(task="t", mode="plan", driver="d")])
        await log.append("r", 1, [RunParked(reason="handover")])
        row = await log.summary("r")
        assert (row.status, row.waits_for, row.until, row.driver) == ("queued", "", None, "")

    async def test_a_lost_append_leaves_the_summary_alone(self, log: RunStore) -> None:
        """A refused batch changes nothing in the row either."""
        await log.append("r", 0, [FIRST])
        with pytest.raises(ConflictError):
            await log.append("r", 0, [RunEnded(status="completed")])
        assert (await log.summary("r")).status == "queued"

    async def test_runs_are_found_by_what_is_asked(self, log: RunStore) -> None:
        """Newest first, by status, user, assistant, text or id, driver, time due; cut into pages."""
        for number in range(5):
            user = "ann" if number % 2 else "bob"
            begun = RunStarted(task=f"Task {number} ÄÖ", mode="plan", user=user, assistant="a" if number == 4 else "")
            await log.append(f"r{number}", 0, [begun])
        await log.append("r1", 1, [RunClaimed(driver="d1")])
        await log.append("r2", 1, [RunParked(reason="timer", until=100.0)])
        await log.append("r3", 1, [RunParked(reason="approval")])

        async def ids(query: RunQuery) -> list[str]:
            return [row.id for row in await log.find(query)]

        assert await ids(RunQuery()) == ["r4", "r3", "r2", "r1", "r0"]
        assert await ids(RunQuery(limit=2, offset=1)) == ["r3", "r2"]
        assert await ids(RunQuery(user="ann")) == ["r3", "r1"]
        assert await ids(RunQuery(status=("running", "queued"))) == ["r4", "r1", "r0"]
        assert await ids(RunQuery(text="task 2 äö")) == ["r2"]
        assert await ids(RunQuery(text="100%")) == []
        assert (await ids(RunQuery(text="r3")), await ids(RunQuery(text="R3"))) == (["r3"], [])
        assert (await ids(RunQuery(assistant="a")), len(await ids(RunQuery(assistant="")))) == (["r4"], 4)
        assert await ids(RunQuery(driver="d1")) == ["r1"]
        assert (await ids(RunQuery(due=99.0)), await ids(RunQuery(due=100.0))) == ([], ["r2"])
        first = await log.summary("r0")
        assert await ids(RunQuery(before=first.started_at)) == []
        assert len(await ids(RunQuery(since=first.started_at))) == 5

    async def test_a_deleted_run_is_gone(self, log: RunStore) -> None:
        """Nothing of it is found again, the others stay, and its name may be used anew."""
        await log.append("a", 0, [FIRST])
        await log.append("b", 0, [FIRST])
        await log.delete("a")
        assert [row.id for row in await log.find(RunQuery())] == await log.runs() == ["b"]
        for missing in (log.load("a"), log.summary("a"), log.delete("a")):
            with pytest.raises(NotFoundError):
                await missing
        assert [record.seq for record in await log.append("a", 0, [FIRST])] == [1]

    async def test_who_waits_for_a_deleted_run_is_told(self, log: RunStore) -> None:
        """A wait for a run that is deleted meanwhile ends: there is no such run."""
        await log.append("a", 0, [FIRST])
        ended: list[str] = []

        async def waits() -> None:
            with pytest.raises(NotFoundError):
                await log.wait("a", 1)
            ended.append("log")

        async def waits_live() -> None:
            with pytest.raises(NotFoundError):
                await log.wait_live("a", 1, 0)
            ended.append("live")

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(waits)
                group.start_soon(waits_live)
                await anyio.sleep(0.05)
                await log.delete("a")
        assert sorted(ended) == ["live", "log"]

    async def test_progress_is_handed_on(self, log: RunStore) -> None:
        """Progress of steps comes back between the text, as it was put in."""
        await log.append("a", 0, [FIRST])
        put = [text("x", 0), LiveProgress(step_id="1", message="half", fraction=0.5), text("y", 1)]
        await log.put_live("a", put)
        _, items = await log.live("a")
        assert [item for item in items if isinstance(item, LiveProgress)] == [put[1]]

    async def test_drivers_come_and_go(self, log: RunStore) -> None:
        """A driver's row holds its heartbeat by the store's clock; one that was dismissed cannot beat."""
        before = await log.now()
        await log.enroll(Driver(id="d", kind="worker", host="h", pid=7, boot_id="b", timeout_s=2.0))
        (known,) = await log.drivers()
        assert (known.kind, known.host, known.pid, known.boot_id) == ("worker", "h", 7, "b")
        assert before - 0.01 <= known.beat_at <= await log.now() + 0.01
        assert await log.beat("d")
        assert not known.stale(known.beat_at + 1.9)
        assert known.stale(known.beat_at + 2.1)
        await log.enroll(known.model_copy(update={"draining": True}))
        assert [driver.draining for driver in await log.drivers()] == [True]
        await log.dismiss("d")
        await log.dismiss("d")
        assert await log.drivers() == []
        assert not await log.beat("d")

    async def test_live_text_reaches_other_readers(self, log: RunStore) -> None:
        """Live text is read from any position on, whole and in order, and wakes who waits for it."""
        await log.append("r", 0, [FIRST])
        await log.put_live("r", [text("Hel", 0), text("lo ", 3)])
        place, items = await log.live("r")
        assert joined(items) == "Hello "
        with anyio.fail_after(5):
            async with anyio.create_task_group() as group:
                group.start_soon(log.wait_live, "r", 1, place)
                await anyio.wait_all_tasks_blocked()
                await log.put_live("r", [text("é😀", 6)])
        later, more = await log.live("r", place)
        assert joined(more) == "é😀"
        assert await log.live("r", later) == (later, [])
        await log.put_live("r", [LiveReset(stream="answer", reason="again", generation=1)])
        (_, (reset,)) = await log.live("r", later)
        assert isinstance(reset, LiveReset)
        assert reset.generation == 1
        with anyio.fail_after(5):
            await log.wait_live("r", 0, 10**9)  # the log itself is beyond event 0


def paid(cost_usd: float | None) -> Usage:
    """One call's usage."""
    return Usage(calls=1, cost_usd=cost_usd)


def text(written: str, offset: int) -> LiveText:
    """A piece of the answer."""
    return LiveText(stream="answer", offset=offset, text=written)


def joined(items: list[LiveEvent]) -> str:
    """The text of pieces that follow on each other."""
    return "".join(item.text for item in items if isinstance(item, LiveText))


def revision(event: LoggedEvent) -> int:
    """The number that tells an event of ``numbered`` apart."""
    assert isinstance(event, PlanStarted)
    return event.revision
