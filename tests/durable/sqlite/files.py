"""Runs for tests of the file: short ones, and a process that writes until it is killed."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from engine.durable.sqlite.store import SqliteStore
from schemas.events import LoggedEvent, RunEnded, RunStarted, StepEnded, StepStarted
from schemas.result import ArtifactRef, StepResult

WRITER = """
import sys, anyio
from engine.durable.sqlite.store import SqliteStore
from schemas.events import PlanStarted, RunStarted

async def main():
    store = SqliteStore(sys.argv[1])

    async def write(name):
        head = (await store.summary(name)).head if name in await store.runs() else 0
        while True:
            events = [PlanStarted(revision=head + n) for n in (1, 2, 3)]
            if not head:
                events[0] = RunStarted(task="t", mode="plan", driver="d")
            await store.append(name, head, events)
            head += 3
            sys.stdout.write(f"{name} {head}\\n")
            sys.stdout.flush()

    async with anyio.create_task_group() as group:
        for name in sys.argv[2:]:
            group.start_soon(write, name)

anyio.run(main)
"""


def step(number: int, value: Any = "v", artifact: ArtifactRef | None = None) -> list[LoggedEvent]:
    """The two events of a step."""
    result = StepResult(status="done", value=None if artifact else value, artifact=artifact, attempts=1)
    return [
        StepStarted(step_id=str(number), tool="t", input={"q": value}),
        StepEnded(step_id=str(number), tool="t", result=result),
    ]


async def ended_run(store: SqliteStore, run_id: str, value: Any = "v", artifact: bytes | None = None) -> None:
    """A whole run of one step."""
    ref = None
    if artifact is not None:
        ref = ArtifactRef(sha256=await store.put_artifact(artifact), size_bytes=len(artifact), preview="")
    await store.append(run_id, 0, [RunStarted(task=f"task {run_id}", mode="plan", driver="d")])
    await store.append(run_id, 1, step(1, value, ref))
    await store.append(run_id, 3, [RunEnded(status="completed")])


def shell(path: Path, *statements: str) -> list[Any]:
    """Do what a person would in an SQLite shell; the rows of the last statement."""
    db = sqlite3.connect(path, isolation_level=None)
    rows: list[Any] = []
    for statement in statements:
        rows = db.execute(statement).fetchall()
    db.close()
    return rows
