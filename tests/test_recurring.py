"""Schedules are fired: once, however many processes there are, and not after they were cancelled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio

from engine.driving import Driving
from engine.durable.memory import MemoryLog
from engine.recurring import Recurring
from engine.schedules import Schedules
from engine.testing import ScriptedProvider, scripted_engine
from schemas.bookkeeping import ApiKey
from schemas.schedules import ScheduleSettings
from tests.runs import virtually

BEGIN = 1_780_272_000.0  # 2026-06-01 00:00 UTC
FIVE = {"name": "news", "task": "look", "every": "5 min", "mode": "plan"}


def store_here() -> MemoryLog:
    """A store on the virtual clock."""
    return MemoryLog(lambda: BEGIN + anyio.current_time())


def firing(store: MemoryLog, *configured: dict[str, Any], **fields: Any) -> Recurring:
    """One process that fires schedules; it drives no runs."""
    engine = scripted_engine(ScriptedProvider([]), store=store, **fields)
    return Recurring(engine, Schedules(store, [ScheduleSettings.model_validate(one) for one in configured]))


async def for_seconds(seconds: float, *processes: Recurring) -> None:
    """Let processes run for so long, then end them."""
    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as group:
            for one in processes:
                group.start_soon(one.run)


async def end_all(store: MemoryLog, engine: Driving) -> None:
    """End every run there is."""
    for run_id in await store.runs():
        if not (await store.summary(run_id)).ended:
            async with engine.resume(run_id) as handle:
                await handle.cancel("enough")
                await handle.done()


def test_b58_every_five_minutes_starts_a_run_each() -> None:
    """B58: every 5 min, over an hour and a second, that is twelve runs, the first after 300 s."""

    async def main() -> Sequence[float]:
        store = store_here()
        await for_seconds(3_601, firing(store, {**FIVE, "overlap": "allow"}))
        return [(await store.summary(run_id)).started_at - BEGIN for run_id in await store.runs()]

    assert [round(at) for at in virtually(main)] == [300 * n for n in range(1, 13)]


def test_b59_several_processes_start_each_run_once() -> None:
    """B59: three processes on one store start one run a time between them, and agree on when it all began."""

    async def main() -> int:
        store = store_here()
        await for_seconds(1_000, *(firing(store, {**FIVE, "overlap": "allow"}) for _ in range(3)))
        return len(await store.runs())

    assert virtually(main) == 3


def test_b59_cancelled_while_asleep_nothing_more_is_started() -> None:
    """B59: a process that is ended while it sleeps starts no run at the next time, and ends none."""

    async def main() -> list[str]:
        store = store_here()
        await for_seconds(290, firing(store, FIVE))
        await anyio.sleep(600)
        return await store.runs()

    assert virtually(main) == []


async def _while_it_sleeps(act: Callable[[Schedules], Awaitable[Any]]) -> MemoryLog:
    """Return a store whose schedule was changed by another process, 2 s before it was due a second time."""
    store = store_here()
    process, other = firing(store), Schedules(store)
    await other.add(ScheduleSettings.model_validate({**FIVE, "overlap": "allow"}))
    async with anyio.create_task_group() as group:
        group.start_soon(process.run)
        await anyio.sleep(598)
        await act(other)
        await anyio.sleep(400)
        group.cancel_scope.cancel()
    return store


def test_b59_removed_while_asleep_nothing_more_is_started() -> None:
    """B59: a schedule that is removed in one process starts no further run in another, and no run ends by it."""

    async def remove(schedules: Schedules) -> None:
        await schedules.remove(await schedules.find("news"))

    async def main() -> list[str]:
        store = await _while_it_sleeps(remove)
        return [(await store.summary(run_id)).status for run_id in await store.runs()]

    assert virtually(main) == ["queued"]


def test_b59_paused_while_asleep_nothing_more_is_started() -> None:
    """B59: neither does one that is paused; once it is resumed, what was due meanwhile is left out."""

    async def pause(schedules: Schedules) -> None:
        await schedules.switch(await schedules.find("news"), paused=True)

    async def main() -> tuple[int, float | None]:
        store = await _while_it_sleeps(pause)
        schedules = Schedules(store)
        resumed = await schedules.switch(await schedules.find("news"), paused=False)
        now = await store.now()
        return len(await store.runs()), resumed.state(now).next_at

    assert virtually(main) == (1, BEGIN + 1_200)


def test_b59_after_a_restart_it_goes_on_once() -> None:
    """B59: of all the times that nobody was there for one run is started, which is said, and then it goes on."""

    async def main() -> tuple[int, int, int]:
        store = store_here()
        settings = {**FIVE, "overlap": "allow"}
        await for_seconds(301, firing(store, settings))
        await anyio.sleep(3_000)
        process = firing(store, settings)
        await for_seconds(1, process)
        after_restart = len(await store.runs())
        missed = (await process.schedules.read())[0].fired[-1].missed
        await for_seconds(299, process)
        return after_restart, missed, len(await store.runs())

    assert virtually(main) == (2, 9, 3)


def test_a_process_that_dies_before_it_wrote_down_what_it_started_starts_no_second_run() -> None:
    """The run's id is its schedule's and time's: without the line in the store the next process finds the run."""

    async def main() -> int:
        store = store_here()
        await for_seconds(301, firing(store, FIVE))
        await store.notes.drop("schedules.fired")
        await for_seconds(1, firing(store, FIVE))
        return len(await store.runs())

    assert virtually(main) == 1


def test_a_run_that_goes_on_is_not_started_beside() -> None:
    """While the run before goes on or waits, a time is left out, and why is kept."""

    async def main() -> tuple[int, str, int]:
        store = store_here()
        process = firing(store, FIVE)
        await for_seconds(601, process)
        first, reason = len(await store.runs()), (await process.schedules.read())[0].fired[-1].reason
        await end_all(store, process.engine)
        await for_seconds(300, process)
        return first, reason, len(await store.runs())

    first, reason, second = virtually(main)
    assert (first, second) == (1, 2)
    assert "still goes on" in reason


def test_missed_times_may_be_left_out() -> None:
    """With ``missed: skip`` nothing is started for times that nobody was there for."""

    async def main() -> tuple[int, str]:
        store = store_here()
        settings = {**FIVE, "missed": "skip"}
        await for_seconds(10, firing(store, settings))
        await anyio.sleep(450)
        process = firing(store, settings)
        await for_seconds(1, process)
        return len(await store.runs()), (await process.schedules.read())[0].fired[-1].reason

    assert virtually(main) == (0, "nobody was there to start it")


def test_a_revoked_key_starts_no_runs() -> None:
    """The runs of a schedule are its user's: once that key is revoked, none is started."""

    async def main() -> tuple[int, str]:
        store = store_here()
        key = ApiKey(id="k1", name="ann", hash="0" * 64, created_at=BEGIN, revoked_at=BEGIN)
        await store.key_store.add(key)
        process = firing(store, {**FIVE, "user": "ann"})
        await for_seconds(301, process)
        return len(await store.runs()), (await process.schedules.read())[0].fired[-1].reason

    count, reason = virtually(main)
    assert count == 0
    assert "'ann' is revoked" in reason


def test_what_cannot_be_started_is_said_and_the_rest_goes_on() -> None:
    """A schedule whose assistant is gone says so; others are fired."""

    async def main() -> tuple[str, int]:
        store = store_here()
        process = firing(store, {**FIVE, "assistant": "gone"}, {**FIVE, "name": "other"})
        await for_seconds(301, process)
        return (await process.schedules.find("news")).fired[-1].reason, len(await store.runs())

    reason, count = virtually(main)
    assert "there is no assistant 'gone'" in reason
    assert count == 1


def test_its_caps_are_its_runs() -> None:
    """What a schedule says a run may cost and take is what its runs may, and never more than the engine's."""

    async def main() -> Any:
        store = store_here()
        process = firing(store, {**FIVE, "run_usd": 0.5, "max_steps": 400}, budget={"run_usd": 2.0})
        await for_seconds(301, process)
        return (await store.load((await store.runs())[0]))[0].event

    started = virtually(main)
    assert (started.limits.budget_usd, started.limits.max_steps) == (0.5, 12)
