"""What it costs that nothing is lost: appends, whole chains, bytes kept, the way back into a run."""

from __future__ import annotations

import gc
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from benchmarks.baselines.environment import python_with
from benchmarks.cases.dispatch import dispatching
from benchmarks.cases.waiting import takeover, waiting
from benchmarks.graphs import chain
from benchmarks.report.rows import Row
from benchmarks.server import NotInstalledError, running
from benchmarks.simulated.graph_runs import apply, kept_text, noise, text_plan
from benchmarks.worker import ROOT
from engine.api import Engine
from engine.durable.opening import open_store
from schemas.events import LoggedEvent, RunStarted, StepEnded, StepStarted
from schemas.live import LiveText
from schemas.result import StepResult
from schemas.settings import Limits, Settings
from schemas.stores import RunStore

SMALL, LARGE = 100, 2048
STEPS = 200
APPEND_LIMITS_MS = {"SQLite": (1.2, 0.25), "Postgres": (2.5, 1.2)}
SIZE_LIMIT_MB = 1.0
RESUME_EVENTS, RESUME_LIMIT_MS = 2_000, 50.0
CHUNKS, CHUNKS_LIMIT_MS = 1_000, 1_000.0
LANGGRAPH = "LangGraph"


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[RunStore]:
    """Open a store and close it."""
    store = await open_store(url)
    try:
        yield store
    finally:
        await store.aclose()


def appends(name: str, url: str, runs: int) -> Iterator[Row]:
    """Yield ms a step that is made durable: its end and the next one's start, 100 B each, in one append."""
    limits = APPEND_LIMITS_MS[name]
    for label, writers, each, limit in (("alone", 1, 200, limits[0]), ("100 in parallel", 100, 20, limits[1])):
        taken = [anyio.run(_append, url, writers, each) for _ in range(runs + 1)][1:]
        yield Row(f"a durable step, {label}, {name}", statistics.median(taken) * 1000, "ms", limit=limit)


async def _append(url: str, writers: int, each: int) -> float:
    batch: list[LoggedEvent] = [
        StepEnded(step_id="1", tool="t", result=StepResult(status="done", value=noise(SMALL), attempts=1)),
        StepStarted(step_id="2", tool="t", input={"text": noise(SMALL)}),
    ]

    async def write(store: RunStore, run_id: str) -> None:
        for number in range(each):
            await store.append(run_id, 1 + 2 * number, batch)

    async with opened(url) as store:
        stamp = f"{time.time_ns():x}"
        for writer in range(writers):
            await store.append(f"{stamp}-{writer}", 0, [RunStarted(task="t", mode="plan")])
        began = time.perf_counter()
        async with anyio.create_task_group() as group:
            for writer in range(writers):
                group.start_soon(write, store, f"{stamp}-{writer}")
        return (time.perf_counter() - began) / (writers * each)


def chains(name: str, new_url: Callable[[], str], python: str | None, runs: int) -> Iterator[Row]:
    """Yield ms a step of whole durable runs, and what they leave in the store, beside LangGraph's checkpointer."""
    for size in (SMALL, LARGE):
        ours: list[float] = []
        theirs: list[float] = []
        for turn in range(-1, runs):
            mine, other = _pair(new_url, python, size, ours_first=bool(turn % 2))
            if turn >= 0:
                ours.append(mine)
                theirs += [] if other is None else [other]
        against = statistics.median(theirs) * 1000 / STEPS if theirs else None
        label = f"chain {STEPS}, results of {size:,} B, {name}: a step"
        yield Row(label, statistics.median(ours) * 1000 / STEPS, "ms", LANGGRAPH, against)


def _pair(new_url: Callable[[], str], python: str | None, size: int, *, ours_first: bool) -> tuple[float, float | None]:
    if ours_first:
        mine = anyio.run(_run_chain, new_url(), size)
        return mine, _langgraph(python, new_url(), size)
    other = _langgraph(python, new_url(), size)
    return anyio.run(_run_chain, new_url(), size), other


async def _run_chain(url: str, size: int) -> float:
    plan = text_plan(chain(STEPS), size)
    async with opened(url) as store:
        engine = Engine(Settings(limits=Limits(max_parallel=None)), store=store, tools=[kept_text], environ={})
        began = time.perf_counter()
        await apply(engine, plan)
        return time.perf_counter() - began


def _langgraph(python: str | None, store: str, size: int) -> float | None:
    if python is None:
        return None
    asked = json.dumps({"store": store.removeprefix("sqlite:"), "steps": STEPS, "result_bytes": size})
    command = [python, "-m", "benchmarks.baselines.langgraph_durable_worker"]
    done = subprocess.run(command, input=asked + "\n", cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"LangGraph broke off: {done.stderr.strip().splitlines()[-1:]}")
    reply: dict[str, Any] = json.loads(done.stdout)
    return float(reply["wall_s"])


def sizes(python: str | None) -> Iterator[Row]:
    """Yield MB kept of a chain of 200 steps with 2 KB results, beside LangGraph."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "engine.db"), Path(folder, "langgraph.db")
        anyio.run(_run_chain, f"sqlite:{ours}", LARGE)
        other = None if _langgraph(python, str(theirs), LARGE) is None else _megabytes(theirs)
        yield Row(
            f"kept of a chain {STEPS}, results of {LARGE:,} B, SQLite",
            _megabytes(ours), "MB", LANGGRAPH, other, SIZE_LIMIT_MB,
        )  # fmt: skip


def _megabytes(path: Path) -> float:
    """Everything that lies beside a database under its name, logs and artifacts too."""
    files = [path, *(found for found in path.parent.rglob("*") if found.is_file() and path.name in str(found))]
    return sum(file.stat().st_size for file in set(files)) / 1e6


def resuming(name: str, url: str, runs: int) -> Iterator[Row]:
    """Yield ms to load and fold a run of 2,000 events."""
    taken = [anyio.run(_resume, url) for _ in range(runs + 1)][1:]
    label = f"load and fold {RESUME_EVENTS:,} events, {name}"
    yield Row(label, statistics.median(taken) * 1000, "ms", limit=RESUME_LIMIT_MS)


async def _resume(url: str) -> float:
    settings = Settings(limits=Limits(max_parallel=None))
    run_id = f"resume-{time.time_ns():x}"
    async with opened(url) as store:
        engine = Engine(settings, store=store, tools=[kept_text], environ={})
        await apply(engine, text_plan(chain(RESUME_EVENTS // 2), SMALL), run_id)
    async with opened(url) as store:  # as another process would
        handle = Engine(settings, store=store, tools=[kept_text], environ={}).attach(run_id)
        await store.summary(run_id)
        gc.collect()
        began = time.perf_counter()
        await handle.result()
        return time.perf_counter() - began


def streaming(name: str, url: str, runs: int) -> Iterator[Row]:
    """Yield CPU ms of a thousand chunks of live text handed to the store as a run would: every tenth of a second."""
    del runs  # a store may let each tick take its time
    taken = [anyio.run(_stream, url)]
    label = f"CPU of {CHUNKS:,} chunks of live text, {name}"
    yield Row(label, statistics.median(taken) * 1000, "ms", limit=CHUNKS_LIMIT_MS)


async def _stream(url: str) -> float:
    chunks = [LiveText(stream="answer", offset=8 * number, text="chunk of") for number in range(CHUNKS)]
    async with opened(url) as store:
        run_id = f"live-{time.time_ns():x}"
        await store.append(run_id, 0, [RunStarted(task="t", mode="plan")])
        began = time.process_time()
        for start in range(0, CHUNKS, 5):  # 50 tokens a second
            await store.put_live(run_id, chunks[start : start + 5])
        return time.process_time() - began


@contextmanager
def _postgres() -> Generator[Callable[[], str] | None]:
    """Start a Postgres that syncs every commit; gives the URL of a new database each time, or None without initdb."""
    try:
        server = running({"fsync": "on", "full_page_writes": "on"})
    except NotInstalledError as exc:
        print(f"LEFT OUT: Postgres: {exc}", file=sys.stderr)
        yield None
        return
    try:
        yield server.database
    finally:
        server.remove()


GROUPS = ("append", "chain", "size", "resume", "live", "waiting", "dispatch", "takeover")


def measured(runs: int, groups: Sequence[str] = GROUPS) -> Iterator[Row]:
    """Yield the rows of the report on durability, on SQLite and on a Postgres of its own (fsync on)."""
    python = python_with("langgraph_durable") if {"chain", "size"} & set(groups) else None
    with tempfile.TemporaryDirectory() as folder, _postgres() as database:
        names = itertools.count()
        fresh: dict[str, Callable[[], str]] = {"SQLite": lambda: f"sqlite:{folder}/{next(names)}.db"}
        if database is not None:
            fresh["Postgres"] = database
        for name, new_url in fresh.items():
            rows: dict[str, Callable[[], Iterator[Row]]] = {
                "append": partial(appends, name, new_url(), runs),
                "chain": partial(chains, name, new_url, python, runs),
                "resume": partial(resuming, name, new_url(), runs),
                "live": partial(streaming, name, new_url(), runs),
                "waiting": partial(waiting, name, new_url),
            }
            for group in groups:
                if group in rows:
                    yield from rows[group]()
        if "size" in groups:
            yield from sizes(python)
        if "dispatch" in groups and database is not None:
            yield from dispatching(database, runs)
        if "takeover" in groups and database is not None:
            yield from takeover(database, runs)
