"""Kills and freezes drivers at random moments, answers as an honest person would, and checks what is left."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import anyio

from engine import Engine
from engine.dag.state import RunState
from engine.durable.opening import open_store
from engine.handle import RunHandle
from schemas.driving import RunClaimed
from schemas.errors import ConflictError, NotFoundError
from schemas.events import ApprovalRequested, LoggedRecord, RunStarted, StepEnded, StepStarted
from schemas.runs import RunQuery
from schemas.stores import RunStore
from schemas.tool import ToolSpec
from tests.durable.kills.victim import settings, victim
from tests.durable.kills.world import TASKS, Done, Planner, record, tools, value_of

LONGEST_S, LONGEST_HARM_S = 180.0, 4.0
"""How long a trial may take, and more for each harm: on a machine with much else to do."""


@dataclass(frozen=True, slots=True)
class Plot:
    """How a trial goes.

    Attributes:
        url: The store.
        folder: Where the world's record lies.
        seed: Of everything random.
        runs: How many runs are driven at the same time.
        workers: How many processes drive.
        kills: How many of them are killed.
        freezes: How many are frozen instead, for longer than a driver may be silent, and woken.
        timeout_s: How long a driver may be silent.
    """

    url: str
    folder: Path
    seed: int
    runs: int
    workers: int
    kills: int = 0
    freezes: int = 0
    timeout_s: float = 2.0

    @property
    def world(self) -> Path:
        """The world's record."""
        return self.folder / f"world-{self.seed}.jsonl"


async def suffer(plot: Plot) -> dict[str, str]:
    """Go through a trial and return every run's answer by its id.

    Raises:
        AssertionError: A promise was broken.
        TimeoutError: A run never ended.
    """
    store = await open_store(plot.url)
    run_ids: list[str] = []
    await _submit(store, plot, run_ids)
    processes = Processes(plot)
    try:
        with anyio.fail_after(LONGEST_S + LONGEST_HARM_S * (plot.kills + plot.freezes)):
            async with anyio.create_task_group() as group:
                group.start_soon(_answer_all, store, plot)
                await _harm(plot, processes, store, run_ids)
                await processes.finish(store)
                group.cancel_scope.cancel()
        return await _checked(store, plot, run_ids)
    finally:
        processes.end()
        await store.aclose()


class Processes:
    """The drivers, each a process of its own, forked from one that has imported everything."""

    def __init__(self, plot: Plot) -> None:
        self._plot = plot
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.durable.kills.victim"])
        self._started = 0
        self.alive: list[BaseProcess] = []

    def fill(self) -> None:
        """Start as many as there should be."""
        self.alive = [process for process in self.alive if process.is_alive()]
        while len(self.alive) < self._plot.workers:
            self._started += 1
            plot = self._plot
            output = str(plot.folder / f"said-{plot.seed}.txt")
            seed = plot.seed * 10_000 + self._started
            process = self._context.Process(
                target=victim, args=(plot.url, str(plot.world), seed, plot.timeout_s, output), daemon=True
            )
            process.start()
            self.alive.append(process)

    async def finish(self, store: RunStore) -> None:
        """Let them work until every run is over."""
        while await store.find(RunQuery(status=("queued", "running", "waiting"), limit=1)):
            self.fill()
            await anyio.sleep(0.05)

    def end(self) -> None:
        """Leave none behind."""
        for process in self.alive:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGCONT)
                process.kill()
            process.join(10)


async def _submit(store: RunStore, plot: Plot, run_ids: list[str]) -> None:
    """Submit runs until ``plot.runs`` are to be done."""
    engine = Engine(settings(plot.timeout_s), store=store, tools=tools(plot.world, 0), planner=Planner(0), environ={})
    for number in range(len(run_ids), len(run_ids) + plot.runs - len(await _heads(store))):
        run_ids.append(f"{plot.seed}-{number}")
        await engine.submit(f"{kind_of(run_ids[-1])} {number}", mode="plan", run_id=run_ids[-1])


def kind_of(run_id: str) -> str:
    """What a run is about, which is all its answer depends on."""
    return TASKS[int(run_id.rpartition("-")[2]) % len(TASKS)]


async def _harm(plot: Plot, processes: Processes, store: RunStore, run_ids: list[str]) -> None:
    """Kill, or freeze and wake, at random moments; there is always work, and each harm hits a process that lives."""
    chance = random.Random(plot.seed)
    harms = ["kill"] * plot.kills + ["freeze"] * plot.freezes
    chance.shuffle(harms)
    while harms:
        processes.fill()
        await _submit(store, plot, run_ids)
        await _moved(store)
        await anyio.sleep(chance.uniform(0.0, 0.1))
        process = chance.choice(processes.alive)
        if process.pid is None or not process.is_alive():
            continue
        with suppress(ProcessLookupError):  # it may have just come to its end: then another is harmed
            if harms[-1] == "kill":
                process.kill()
                process.join()
                if process.exitcode != -signal.SIGKILL:
                    continue
            else:
                os.kill(process.pid, signal.SIGSTOP)
                await anyio.sleep(plot.timeout_s * 1.5)
                os.kill(process.pid, signal.SIGCONT)
            harms.pop()


async def _moved(store: RunStore) -> None:
    """Wait until somebody gets on with a run, or all are over."""
    before = await _heads(store)
    while before:
        await anyio.sleep(0.01)
        now = await _heads(store)
        if any(head > before.get(run_id, head) for run_id, head in now.items()):
            return
        before = now


async def _heads(store: RunStore) -> dict[str, int]:
    return {row.id: row.head for row in await store.find(RunQuery(status=("queued", "running", "waiting")))}


async def _answer_all(store: RunStore, plot: Plot) -> None:
    """Be the person: approve what is asked, and say of a call in doubt what the world's record shows."""
    engine = Engine(settings(plot.timeout_s), store=store, tools=tools(plot.world, 0), planner=Planner(0), environ={})
    while True:
        for row in await store.find(RunQuery(status=("running", "waiting"))):
            handle = engine.attach(row.id)
            for asked in await handle.pending():
                with suppress(ConflictError, NotFoundError):  # the run went on without it
                    await _answer(handle, asked, plot, row.id)
        await anyio.sleep(0.02)


async def _answer(handle: RunHandle, asked: ApprovalRequested, plot: Plot, run_id: str) -> None:
    if asked.subject != "in_doubt":
        await handle.approve(asked.approval_id)
        return
    happened = any(done.run_id == run_id and done.step_id == asked.step_id for done in record(plot.world))
    if happened:
        value = value_of(asked.tool, asked.input or {})
        await handle.answer(asked.approval_id, "done", result=value)
    else:
        await handle.answer(asked.approval_id, "approve")


async def _checked(store: RunStore, plot: Plot, run_ids: list[str]) -> dict[str, str]:
    """Check every promise on what is left."""
    done = record(plot.world)
    answers: dict[str, str] = {}
    assert sorted(await store.runs()) >= sorted(run_ids), "a run is lost"
    for run_id in run_ids:
        records = await store.load(run_id)
        assert [r.seq for r in records] == list(range(1, len(records) + 1))
        state = RunState(run_id, {spec.name: spec for spec in _specs(records)})
        for r in records:
            state.apply(r.event)
        status = state.ended.status if state.ended is not None else "not ended"
        assert status == "completed", f"{run_id}: {status}: {state.ended}"
        assert state.answer is not None
        answers[run_id] = state.answer.text
        work = [one for one in done if one.run_id == run_id]
        _check_work(run_id, records, work, once=not plot.freezes)
        _check_hands(run_id, records, work)
    return answers


def _specs(records: Sequence[LoggedRecord]) -> tuple[ToolSpec, ...]:
    first = records[0].event
    return first.tools if isinstance(first, RunStarted) else ()


def _check_work(run_id: str, records: Sequence[LoggedRecord], work: Sequence[Done], *, once: bool) -> None:
    """No finished step is called again, one idempotency key a step; unless somebody froze, effects happen once.

    (A process that is frozen between the log and the effect acts when it wakes: fencing protects the log, not the
    world. That is what the keys are for.)
    """
    started = Counter(r.event.step_id for r in records if isinstance(r.event, StepStarted))
    called = Counter(one.step_id for one in work)
    for step_id, times in called.items():
        assert times <= started[step_id], f"{run_id}: step {step_id} was called {times} times, begun {started[step_id]}"
        assert len({one.key for one in work if one.step_id == step_id}) == 1, f"{run_id}: keys of {step_id} differ"
    effects = Counter(one.step_id for one in work if one.tool in ("put", "pay"))
    assert not once or all(times == 1 for times in effects.values()), f"{run_id}: effects {effects}"
    ends = Counter(r.event.step_id for r in records if isinstance(r.event, StepEnded))
    assert all(times == 1 for times in ends.values()), f"{run_id}: ends {ends}"


def _check_hands(run_id: str, records: Sequence[LoggedRecord], work: Sequence[Done]) -> None:
    """Only who had claimed the run when a step was begun called its tool: a driver that was taken over starts none."""
    hands: defaultdict[str, set[str]] = defaultdict(set)
    by = ""
    for r in records:
        if isinstance(r.event, RunClaimed):
            by = r.event.by
        elif isinstance(r.event, StepStarted):
            hands[r.event.step_id].add(by)
    for one in work:
        assert any(str(one.pid) in hand for hand in hands[one.step_id]), f"{run_id}: {one} is not of {hands}"
