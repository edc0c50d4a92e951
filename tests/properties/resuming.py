"""Kills a played run at a position of its log, goes on with it in another engine, and checks what came of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import anyio

from engine.api import Engine
from engine.assembly import new_state_of
from engine.decisions import REPLIED
from engine.durable.artifacts import Artifacts
from engine.durable.memory import MemoryLog
from engine.handle import RunHandle, run_result
from engine.telemetry import tracer
from engine.watching import driven_seconds
from gateway.gateway import Gateway
from schemas.errors import EngineError
from schemas.events import LoggedRecord, RunStarted
from schemas.result import RunResult
from schemas.stores import RunStore
from tests.properties.history import History
from tests.properties.invariants import DEAF_S, Book, rehearsed
from tests.properties.playing import agree, settings_of
from tests.properties.world import SPECS, ChaosProvider, World

PATIENCE_S = 300.0
DOUBTS = ("done", "approve", "reject")


class Past(MemoryLog):
    """A store that holds the first events of a run, as a killed process left them."""

    def __init__(self, before: RunStore) -> None:
        super().__init__(self._time)
        self._before = before
        self._past: float | None = None
        self._last = 0.0

    def _time(self) -> float:
        if self._past is not None:
            return self._past
        self._last = max(anyio.current_time(), math.nextafter(self._last, math.inf))  # no two appends have the same
        return self._last

    async def fill(self, records: Sequence[LoggedRecord]) -> None:
        """Take these events in, at their times."""
        for record in records:
            self._past = record.at
            await self.append(record.run_id, record.seq - 1, [record.event])
        self._past = None

    async def get_artifact(self, sha256: str) -> bytes:
        """Return what either store keeps."""
        return self._artifacts[sha256] if sha256 in self._artifacts else await self._before.get_artifact(sha256)


@dataclass
class Resumed:
    """A run that was killed and gone on with."""

    engine: Engine
    world: World
    store: RunStore
    records: list[LoggedRecord]
    result: RunResult
    cut: int


async def resume(history: History, records: Sequence[LoggedRecord], before: RunStore, doubt: str) -> Resumed:
    """Go on from these events in a process of its own, answering whatever is asked."""
    world, store = World(history), Past(before)
    await store.fill(records)
    settings = settings_of(history)
    engine = Engine(settings, tools=world.tools(), store=store)
    providers = {"scripted": ChaosProvider(world)}
    engine.gateway = Gateway(settings, ledger=engine.ledger, providers=providers, tracer=tracer, chance=lambda: 0.5)
    run_id = records[0].run_id
    try:
        async with engine.resume(run_id) as run:
            await _see_to_the_end(run, doubt)
            result = await run.result()
    finally:
        world.release.set()
    return Resumed(engine, world, store, await store.load(run_id), result, len(records))


async def _see_to_the_end(run: RunHandle, doubt: str) -> None:
    for _ in range(12):
        with anyio.move_on_after(PATIENCE_S / 12):
            await run.done()
            return
        for asked in await run.pending():
            decision: Any = doubt if asked.subject == "in_doubt" else "approve"
            try:
                if asked.subject in REPLIED:
                    await agree(run, asked)
                    continue
                await run.answer(asked.approval_id, decision, result={"n": 1} if decision == "done" else None)
            except EngineError:
                continue
    await run.cancel("enough")
    await run.done()


async def check_resumed(history: History, run: Resumed) -> None:
    """What must be true of a run that changed hands."""
    records = run.records
    kinds = Counter(record.event.kind for record in records)
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    assert (kinds["run_started"], kinds["run_ended"], kinds["answer"]) == (1, 1, 1), kinds
    assert records[-1].event.kind == "run_ended"
    _check_steps(history, run)
    _check_caps(records)
    artifacts = Artifacts(run.store)
    await artifacts.fetch(records)
    state = new_state_of(records[0].run_id, artifacts)
    for record in records:
        state.apply(record.event)
    assert run_result(state) == run.result
    assert [record async for record in run.engine.replay(records)] == records


def _check_steps(history: History, run: Resumed) -> None:
    """No finished step is called again; what was in flight only if that harms nothing, or a person said so."""
    before, book = Book(history), Book(history)
    for record in run.records[: run.cut]:
        before.take(record.event)
    for record in run.records:
        book.take(record.event)
    assert book.known == set(book.ended), f"left open: {book.known - set(book.ended)}"
    said = {
        asked.event.step_id: answer.event.decision
        for asked in run.records
        for answer in run.records[run.cut :]
        if asked.event.kind == "approval_requested" and asked.event.subject == "in_doubt"
        if answer.event.kind == "approval_answered" and answer.event.approval_id == asked.event.approval_id
    }
    counts = Counter(call.step_id for call in run.world.calls if not rehearsed(book, call))
    for step_id, count in counts.items():
        tool, does = book.started[step_id].tool, book.started[step_id].input["does"]
        effectful = SPECS[tool]["effects"] == "effectful"
        assert step_id not in before.ended, f"{step_id} had ended and was called again"
        if step_id in before.started and effectful:
            assert said.get(step_id) == "approve", f"{step_id} may have happened and was called again unasked"
        attempts = book.ended[step_id].result.attempts
        put_off = does in ("later", "tomorrow")  # its calls before the cut count, and were made in another world
        assert count <= attempts if put_off else count == attempts
        assert count <= (1 if effectful and not put_off and does != "limited" else 3)


def _check_caps(records: Sequence[LoggedRecord]) -> None:
    started = records[0].event
    assert isinstance(started, RunStarted)
    replans = [r.event for r in records if r.event.kind == "replan_started"]
    counted = [
        event for event in replans if all(trigger.kind != "resumed" and not trigger.reply for trigger in event.triggers)
    ]
    assert len(counted) <= started.limits.max_replans
    if started.limits.time_limit_s is not None:
        assert driven_seconds(records) <= started.limits.time_limit_s + DEAF_S
    stopped = next((r.seq for r in records if r.event.kind in ("cancel_requested", "budget_exhausted")), None)
    assert not any(stopped and r.event.kind == "step_started" and r.seq > stopped for r in records)
