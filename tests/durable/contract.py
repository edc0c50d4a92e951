"""What every RunLog must do. A store's test class inherits this and gives a fixture ``log``."""

from __future__ import annotations

import hashlib
from typing import Any

import anyio
import pytest

from schemas.errors import ConflictError, NotFoundError
from schemas.events import LoggedEvent, PlanStarted, RunStarted, StepEnded, StepStarted
from schemas.protocols import RunLog
from schemas.result import StepResult

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


def revision(event: LoggedEvent) -> int:
    """The number that tells an event of ``numbered`` apart."""
    assert isinstance(event, PlanStarted)
    return event.revision
