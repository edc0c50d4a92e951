"""Stores with runs written down by hand, for commands that only look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio

from engine.durable.opening import open_store
from schemas import events
from schemas.driving import RunParked
from schemas.events import LoggedEvent
from schemas.plan import Plan, Step
from tests.sinks import story

DONE, LOST, ASKS = "3f2a91bc04d1", "9be10a77c3d2", "3fbb77c3d2ab"


def done() -> list[LoggedEvent]:
    """A run that answered."""
    return [record.event for record in story.comparison()]


def lost(task: str = "Write to everybody") -> list[LoggedEvent]:
    """A run whose driver is gone."""
    plan = Plan(
        steps=(Step(id="1", tool="mail", tool_input={"to": "all"}), Step(id="2", tool="look", depends_on=("1",)))
    )
    begun = events.RunStarted(task=task, mode="plan", driver="gone")
    return [begun, events.PlanAccepted(revision=1, plan=plan), story.started("1", "mail", to="all")]


def asks(subject: str = "step", user: str = "") -> list[LoggedEvent]:
    """A run that is parked until somebody answers."""
    plan = Plan(steps=(Step(id="1", tool="remove", tool_input={"path": "/old"}),))
    request = events.ApprovalRequested.model_validate(
        {"approval_id": "a1", "subject": subject, "step_id": "1", "tool": "remove", "input": {"path": "/old"}}
    )
    begun = events.RunStarted(task="Delete the old files", mode="plan", driver="d", user=user)
    return [begun, events.PlanAccepted(revision=1, plan=plan), request, RunParked(reason="approval")]


def store_of(path: Path, runs: Mapping[str, Sequence[LoggedEvent]] | None = None) -> Path:
    """Write a store with these runs, the oldest first; by default one that is done, one lost, one that asks."""

    async def write() -> None:
        store = await open_store(str(path))
        chosen = {DONE: done(), LOST: lost(), ASKS: asks()} if runs is None else runs
        for run_id, written in chosen.items():
            await store.append(run_id, 0, written)
        await store.aclose()

    anyio.run(write)
    return path
