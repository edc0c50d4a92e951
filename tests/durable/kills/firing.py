"""Processes that fire a schedule, each killed at a random moment, and what is left of its times."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter

import anyio

from engine import Engine
from engine.durable.opening import open_store
from engine.recurring import Recurring
from engine.schedules import Firing, Schedules
from schemas.schedules import ScheduleSettings

EVERY_S = 1.0
SETTINGS = ScheduleSettings.model_validate(
    {"name": "often", "task": "look", "every": EVERY_S, "mode": "plan", "overlap": "allow"}
)


def fire(url: str) -> None:
    """Fire until somebody kills this process; runs are only begun, nobody drives them."""

    async def main() -> None:
        store = await open_store(url)
        engine = Engine({"statistics": False}, store=store, environ={})
        await Recurring(engine, Schedules(store, [SETTINGS])).run()

    anyio.run(main)


async def fired(url: str, kills: int, seed: int) -> tuple[list[float], list[Firing]]:
    """Have two processes fire, one of which is killed again and again; return the runs' times, and what is told."""
    chance = random.Random(seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.durable.kills.firing"])
    alive = [context.Process(target=fire, args=(url,), daemon=True) for _ in range(2)]
    store = await open_store(url)
    try:
        for process in alive:
            process.start()
        for _ in range(kills):
            before = len(await store.runs())
            while len(await store.runs()) == before:
                await anyio.sleep(0.01)
            await anyio.sleep(chance.uniform(0.0, EVERY_S))
            gone = alive.pop(chance.randrange(2))
            gone.kill()
            gone.join()
            alive.append(context.Process(target=fire, args=(url,), daemon=True))
            alive[-1].start()
        await anyio.sleep(2.5 * EVERY_S)
        (schedule,) = await Schedules(store, [SETTINGS]).read()
        assert schedule.began is not None
        return [_due(run_id, schedule.began) for run_id in await store.runs()], list(schedule.fired)
    finally:
        for process in alive:
            process.kill()
            process.join()
        await store.aclose()


def _due(run_id: str, began: float) -> float:
    """The time that a run's id says, in periods since the schedule began."""
    at = time.mktime(time.strptime(run_id.split("-")[1], "%Y%m%dT%H%M%SZ")) - time.timezone
    return round((at - began) / EVERY_S)


def doubled(times: list[float]) -> list[float]:
    """The times at which more than one run was started."""
    return [at for at, count in Counter(times).items() if count > 1]
