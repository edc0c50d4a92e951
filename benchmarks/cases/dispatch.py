"""What it costs to bring runs to workers: jobs that do nothing, runs of one step, the way from submit to first step."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager

import anyio

from benchmarks.graphs import chain
from benchmarks.report.rows import Row
from benchmarks.simulated.graph_runs import kept_text, text_plan
from engine.api import Engine
from engine.durable.opening import open_dispatcher, open_store
from schemas.events import RunStarted
from schemas.settings import Settings, Workers
from schemas.stores import Dispatcher, RunStore

JOBS, RUNS, ALONE = 500, 200, 50
BYTES = 100
TIMEOUT_S = 30.0
JOB_LIMIT_MS, RUN_LIMIT_MS, START_LIMIT_MS = 1000 / 250, 1000 / 60, 25.0


def dispatching(new_url: Callable[[], str], runs: int) -> Iterator[Row]:
    """Yield ms a job and a run that a worker with ten at once takes, and ms until a lone run's first step starts."""
    jobs = [anyio.run(_jobs, new_url()) for _ in range(runs)]
    yield Row("a job that does nothing, one worker", statistics.median(jobs) * 1000, "ms", limit=JOB_LIMIT_MS)
    driven = [anyio.run(_runs, new_url()) for _ in range(runs)]
    yield Row("a run of one step, one worker", statistics.median(driven) * 1000, "ms", limit=RUN_LIMIT_MS)
    waits = sorted(anyio.run(_waits, new_url()))
    late = waits[int(len(waits) * 0.95)]
    yield Row("submitted to first step, 95 %, a worker that waits", late * 1000, "ms", limit=START_LIMIT_MS)


@asynccontextmanager
async def _opened(url: str) -> AsyncGenerator[tuple[RunStore, Dispatcher]]:
    store = await open_store(url)
    try:
        async with open_dispatcher(url, Workers(), TIMEOUT_S) as dispatcher:
            yield store, dispatcher
    finally:
        await store.aclose()


async def _jobs(url: str) -> float:
    """Seconds a job that does nothing takes."""
    done = 0

    async def drive(run_id: str) -> None:
        nonlocal done
        del run_id
        done += 1
        if done == JOBS:
            dispatcher.drain()

    async with _opened(url) as (store, dispatcher):
        async with anyio.create_task_group() as group:
            for number in range(JOBS):
                group.start_soon(store.append, f"job-{number}", 0, [RunStarted(task="t", mode="plan")])
        began = time.perf_counter()
        await dispatcher.work(drive)
        return (time.perf_counter() - began) / JOBS


async def _runs(url: str) -> float:
    """Seconds a run of one step takes, ten at once, all submitted before."""
    done = 0
    async with _opened(url) as (store, dispatcher):
        engine = Engine(Settings(), store=store, tools=[kept_text], environ={}, kind="worker")

        async def drive(run_id: str) -> None:
            nonlocal done
            await engine.drive(run_id)
            done += 1
            if done == RUNS:
                dispatcher.drain()

        for _ in range(RUNS):
            await engine.submit(plan=text_plan(chain(1), BYTES))
        began = time.perf_counter()
        async with engine.presence.held():
            await dispatcher.work(drive)
        return (time.perf_counter() - began) / RUNS


async def _waits(url: str) -> list[float]:
    """Seconds from the first event of each run to its first step, by the store's clock."""
    waits: list[float] = []
    async with _opened(url) as (store, dispatcher):
        engine = Engine(Settings(), store=store, tools=[kept_text], environ={}, kind="worker")
        client = Engine(Settings(), store=store, tools=[kept_text], environ={})

        async def drive(run_id: str) -> None:
            await engine.drive(run_id)

        async with engine.presence.held(), anyio.create_task_group() as group:
            group.start_soon(dispatcher.work, drive)
            for _ in range(ALONE):
                run_id = await client.submit(plan=text_plan(chain(1), BYTES))
                await client.attach(run_id).result()
                at = {record.event.kind: record.at for record in await store.load(run_id)}
                waits.append(at["step_started"] - at["run_started"])
                await anyio.sleep(0.02)
            dispatcher.drain()
    return waits
