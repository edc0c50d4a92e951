"""What runs cost that wait, and how soon a run goes on whose worker was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import anyio

from benchmarks.report.rows import Row
from engine.api import Engine
from engine.durable.opening import open_store
from schemas.driving import RunClaimed, RunParked
from schemas.events import CancelRequested, RunStarted, StepStarted
from schemas.plan import Plan, Step
from schemas.stores import RunStore

RUNS, IDLE_S, WAKES = 10_000, 45.0, 20  # as long as the longest pause between two looks at everything
CPU_LIMIT, WAKE_LIMIT_MS, TAKEOVER_LIMIT_S = 2.0, 50.0, 10.0
_TOOLS = '''"""Tools of the benchmark."""

import time


def rest(seconds: float) -> str:
    """Take a while."""
    time.sleep(seconds)
    return "rested"
'''
_CONFIG = """
store: {url}
tools:
  - python: "{module}:rest"
    effects: none
"""


def waiting(name: str, new_url: Callable[[], str]) -> Iterator[Row]:
    """Yield CPU % and threads of a process that watches 10,000 parked runs, and ms until an answer is seen."""
    share, threads, wakes = anyio.run(_waiting, new_url())
    yield Row(f"{RUNS:,} parked runs watched, {name}: CPU", share * 100, "%", limit=CPU_LIMIT)
    yield Row(f"{RUNS:,} parked runs watched, {name}: threads more", threads, "", limit=5)
    yield Row(f"a parked run is answered elsewhere, {name}: seen after", max(wakes) * 1000, "ms", limit=WAKE_LIMIT_MS)


async def _waiting(url: str) -> tuple[float, int, list[float]]:
    async with AsyncExitStack() as stack:
        here, elsewhere = await open_store(url), await open_store(url)
        stack.push_async_callback(elsewhere.aclose)
        stack.push_async_callback(here.aclose)
        await _park(elsewhere)
        before = threading.active_count()
        seen: dict[int, float] = {}
        share, threads, wakes = 0.0, 0, list[float]()

        async def watch(number: int) -> None:
            await here.wait(f"p{number}", 2)
            seen[number] = time.perf_counter()

        async with anyio.create_task_group() as group:
            for number in range(RUNS):
                group.start_soon(watch, number)
            await anyio.sleep(2.0)
            began, at = time.process_time(), time.perf_counter()
            await anyio.sleep(IDLE_S)
            share = (time.process_time() - began) / (time.perf_counter() - at)
            threads = threading.active_count() - before
            for number in range(0, RUNS, RUNS // WAKES):
                asked = time.perf_counter()
                await elsewhere.append(f"p{number}", 2, [CancelRequested()])
                while number not in seen:
                    await anyio.sleep(0.001)
                wakes.append(seen[number] - asked)
            group.cancel_scope.cancel()
        return share, threads, wakes


async def _park(store: RunStore) -> None:
    async def park(first: int) -> None:
        for number in range(first, RUNS, 100):
            await store.append(f"p{number}", 0, [RunStarted(task="t", mode="plan"), RunParked(reason="approval")])

    async with anyio.create_task_group() as group:
        for first in range(100):
            group.start_soon(park, first)


def takeover(new_url: Callable[[], str], runs: int) -> Iterator[Row]:
    """Yield seconds from the kill −9 of a worker, with defaults, until another goes on with its run."""
    taken = [anyio.run(_takeover, new_url()) for _ in range(min(runs, 3))]
    yield Row("takeover of a killed worker's run, worst", max(taken), "s", limit=TAKEOVER_LIMIT_S)


async def _takeover(url: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        module = f"resting_{uuid.uuid4().hex[:8]}"  # this process knows one of that name from the last time
        Path(folder, f"{module}.py").write_text(_TOOLS, encoding="utf-8")
        config = Path(folder, "engine.yaml")
        config.write_text(_CONFIG.format(url=url, module=module), encoding="utf-8")
        command = [sys.executable, "-m", "engine.cli", "worker", "--config", str(config)]
        workers = [subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) for _ in range(2)]
        store = await open_store(url)
        try:
            async with Engine(str(config), store=store) as engine:
                plan = Plan(steps=(Step(id="1", tool="rest", tool_input={"seconds": 60.0}),), answer="{{1}}")
                run_id = await engine.submit(plan=plan)
            with anyio.fail_after(60):
                await _until(store, run_id, StepStarted, 1)
                driver = (await store.summary(run_id)).driver
                pid = next(known.pid for known in await store.drivers() if known.id == driver)
                os.kill(pid, signal.SIGKILL)
                killed = time.perf_counter()
                await _until(store, run_id, RunClaimed, 2)
                return time.perf_counter() - killed
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
            await store.aclose()


async def _until(store: RunStore, run_id: str, kind: type, times: int) -> None:
    """Wait until a run's log holds so many events of a kind."""
    seen = found = 0
    while True:
        for record in await store.load(run_id, seen):
            seen = record.seq
            found += isinstance(record.event, kind)
        if found >= times:
            return
        await store.wait(run_id, seen)
