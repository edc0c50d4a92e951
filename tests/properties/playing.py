"""Plays a history on the real engine and gathers all that was seen of it."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel

from engine.api import Engine
from engine.decisions import REPLIED
from engine.durable.artifacts import Artifacts
from engine.handle import RunHandle
from engine.telemetry import tracer
from gateway.gateway import Gateway
from schemas.approving import Approvals
from schemas.errors import EngineError
from schemas.events import ApprovalRequested, LoggedRecord, RunLimits
from schemas.result import RunResult
from schemas.settings import Limits, ModelProvider, ModelSettings, Roles, Settings
from tests.properties.history import Act, History
from tests.properties.world import THEIRS, ChaosProvider, Lagging, World

PATIENCE_S = 300.0
GRACE_S = 5.0


@dataclass
class Played:
    """What was seen of one run."""

    run_id: str
    records: list[LoggedRecord] = field(default_factory=list[LoggedRecord])
    result: RunResult | None = None
    error: BaseException | None = None
    read: list[Any] = field(default_factory=list[Any])
    read_all: bool = True
    left: bool = False
    hooked: list[int] = field(default_factory=list[int])
    goals: list[str] = field(default_factory=list[str])
    took_s: float = 0.0


@dataclass
class Scene:
    """A history that was played."""

    world: World
    engine: Engine
    runs: list[Played]
    tasks_left: list[str]
    artifacts: Artifacts


def settings_of(history: History) -> Settings:
    """Return settings whose only model is the scripted one, which has a price."""
    model = ModelSettings(name="script", input_usd_per_mtok=1.0, output_usd_per_mtok=5.0)
    provider = ModelProvider(name="scripted", kind="openai", models=(model,))
    return Settings(
        model_providers=(provider,),
        roles=Roles(planner="script", executor="script", synthesizer="script", judge="script"),
        limits=Limits(max_result_bytes=20_000, **dict(history.settings)),
        approvals=Approvals(effectful=history.ask_all, timeout_s=history.ask_s),
    )


async def play(history: History) -> Scene:
    """Play a history to its end."""
    world = World(history)
    settings = settings_of(history)
    engine = Engine(settings, tools=world.tools(), store=Lagging(history.lag))
    providers = {"scripted": ChaosProvider(world)}
    engine.gateway = Gateway(settings, ledger=engine.ledger, providers=providers, tracer=tracer, chance=lambda: 0.5)
    before = len(anyio.get_running_tasks())
    runs = [Played(f"r{number}") for number in range(2 if history.twin else 1)]
    _hook(engine, history, {played.run_id: played for played in runs})
    try:
        async with anyio.create_task_group() as group:
            for played in runs:
                group.start_soon(_live, engine, history, played)
    finally:
        world.release.set()
    for _ in range(3):
        await anyio.lowlevel.checkpoint()
    left = [str(task.name) for task in anyio.get_running_tasks()]
    for played in runs:
        played.records = await engine.store.load(played.run_id)
    artifacts = Artifacts(engine.store)
    for played in runs:
        await artifacts.fetch(played.records)
    return Scene(world, engine, runs, left[before:] if len(left) > before else [], artifacts)


def _hook(engine: Engine, history: History, runs: dict[str, Played]) -> None:
    for kind in history.hooks:

        async def hook(record: LoggedRecord, kind: str = kind) -> None:
            if kind == "counts":
                runs[record.run_id].hooked.append(record.seq)
            elif kind == "raises":
                raise RuntimeError("a hook of somebody's")
            elif kind == "exits":
                raise SystemExit(4)
            else:
                await anyio.sleep(0.01 if kind == "slow" else float("inf"))

        engine.on("*" if kind != "hangs" else "step_ended")(hook)


async def _live(engine: Engine, history: History, played: Played) -> None:
    began = anyio.current_time()
    limits = engine.limits(**dict(history.limits))
    options: dict[str, Any] = {
        "mode": history.mode,
        "approve": history.approve,
        "user": "ann",
        "client_tools": [THEIRS],
    }
    try:
        async with engine.start("do what there is to do", limits=limits, run_id=played.run_id, **options) as run:
            async with anyio.create_task_group() as group:
                group.start_soon(_read, run, history, played)
                for act in history.people:
                    await anyio.sleep(act.after_s)
                    if act.kind == "leave":
                        played.left = True
                        group.cancel_scope.cancel()
                        break
                    await _act(run, act, played)
                if not played.left:
                    await _see_to_the_end(run, limits)
            if not played.left:
                played.result = await run.result()
    except EngineError as exc:
        played.error = exc
    played.took_s = anyio.current_time() - began


async def _read(run: RunHandle, history: History, played: Played) -> None:
    stops = any(act.kind == "stop_reading" for act in history.people)
    async with aclosing(run.events()) as items:
        async for item in items:
            played.read.append(item)
            if stops and len(played.read) >= 5:
                played.read_all = False
                return


async def _see_to_the_end(run: RunHandle, limits: RunLimits) -> None:
    """Agree to whatever is still asked, and cancel what then goes on for ever."""
    del limits
    for _ in range(12):
        with anyio.move_on_after(PATIENCE_S / 12):
            await run.done()
            return
        for asked in await run.pending():
            await _try(agree(run, asked))
    await run.cancel("enough")
    with anyio.fail_after(GRACE_S):
        await run.done()


async def _try(doing: Any) -> BaseException | None:
    try:
        await doing
    except EngineError as exc:
        return exc
    return None


async def _act(run: RunHandle, act: Act, played: Played) -> None:
    pending = await run.pending()
    asked = pending[act.which % len(pending)] if pending else None
    match act.kind:
        case "steer":
            goal = f"do {act.which} other things"
            if await _try(run.steer(goal)) is None:
                played.goals.append(goal)
        case "cancel":
            await run.cancel("no more")
        case "bare":
            await _try(run.approve())
        case "wrong_id":
            assert await _try(run.approve("a99")) is not None
        case "stranger":
            assert await _try(run.approve(asked.approval_id if asked else None, by="bob")) is not None
        case _ if asked is not None:
            await _answer(run, act, asked)
        case _:
            await anyio.lowlevel.checkpoint()


async def agree(run: RunHandle, asked: ApprovalRequested) -> None:
    """Agree to what is asked, or answer it. Raises as ``RunHandle.answer``."""
    if asked.subject not in REPLIED:
        await run.approve(asked.approval_id)
        return
    number = asked.subject == "client_tool" or asked.answer_schema is not None
    await run.answer(asked.approval_id, "done", result=7 if number else "that one")


async def _answer(run: RunHandle, act: Act, asked: ApprovalRequested) -> None:
    name = asked.approval_id
    match act.kind:
        case "approve":
            await _try(agree(run, asked))
        case "reject":
            await _try(run.reject(name, "I do not want that"))
        case "edit" if asked.subject == "step":
            await _try(run.approve(name, tool_input={"does": "ok", "n": 9}))
        case "bad_edit" if asked.subject in REPLIED:
            assert await _try(run.answer(name, "approve")) is not None
        case "bad_edit":
            assert await _try(run.approve(name, tool_input={"does": 5})) is not None
        case "same_plan" if asked.plan is not None:
            refused = await _try(run.approve(name, plan=asked.plan))
            assert refused is None or getattr(refused, "code", "") == "conflict", refused
        case "edit_plan" if asked.plan is not None:
            fewer = asked.plan.model_copy(update={"steps": asked.plan.steps[:1], "answer": None})
            refused = await _try(run.approve(name, plan=fewer))
            assert refused is None or getattr(refused, "code", "") == "conflict", refused
        case "twice":
            await _try(agree(run, asked))
            assert await _try(run.reject(name, "I changed my mind")) is not None
        case _:
            await anyio.lowlevel.checkpoint()
