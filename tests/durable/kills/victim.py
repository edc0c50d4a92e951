"""A process that drives whatever run wants a driver, until all are over; it is killed while it does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio

from engine import Engine
from engine.durable.opening import open_store
from schemas.errors import ConflictError, EngineError
from schemas.runs import RunQuery
from schemas.stores import RunStore
from tests.durable.kills.world import Planner, tools

PAUSE_S = 0.01


def settings(timeout_s: float) -> dict[str, object]:
    """Return the settings of every engine here; claims are not capped: these runs are killed on purpose."""
    return {"durability": {"driver_timeout_s": timeout_s, "max_claims": 100_000}, "statistics": False}


def victim(url: str, world: str, seed: int, timeout_s: float, output: str) -> None:
    """Drive until every run is over; what goes wrong stands in ``output``."""
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    anyio.run(_drive_all, url, Path(world), seed, timeout_s)


async def _drive_all(url: str, world: Path, seed: int, timeout_s: float) -> None:
    store = await open_store(url)
    driven: set[str] = set()
    engine = Engine(settings(timeout_s), store=store, tools=tools(world, seed), planner=Planner(seed), environ={})
    async with engine, anyio.create_task_group() as group:
        while await _wanted(store):
            for run_id in await _wanted(store, waiting=False):
                if run_id not in driven:
                    driven.add(run_id)
                    group.start_soon(_drive, engine, run_id, driven)
            await anyio.sleep(PAUSE_S)


async def _wanted(store: RunStore, *, waiting: bool = True) -> list[str]:
    status = ("queued", "running", "waiting") if waiting else ("queued", "running")
    return [row.id for row in await store.find(RunQuery(status=status))]


async def _drive(engine: Engine, run_id: str, driven: set[str]) -> None:
    try:
        await engine.drive(run_id)
    except ConflictError:
        await anyio.sleep(PAUSE_S)  # somebody who lives drives it
    except EngineError as exc:
        print(f"{os.getpid()} {run_id}: {exc.code}: {exc.message}", flush=True)
        await anyio.sleep(PAUSE_S)
    finally:
        driven.discard(run_id)
