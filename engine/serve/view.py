"""A run as clients see it: its summary, plan, steps, open questions, answer."""

from __future__ import annotations

from typing import Any

from engine.assembly import new_state_of
from engine.dag.state import RunState
from engine.durable.artifacts import Artifacts
from schemas.events import LoggedRecord
from schemas.runs import RunSummary
from schemas.stores import RunStore


async def run_view(store: RunStore, run_id: str) -> dict[str, Any]:
    """Return everything of a run but its events.

    Raises:
        NotFoundError: There is no such run.
    """
    row = await store.summary(run_id)
    state, records = await folded(store, run_id)
    return {**row.model_dump(mode="json"), **_told(state, records), "steps": _steps(state)}


async def state_of(store: RunStore, run_id: str) -> RunState:
    """Return a run as its events leave it. Raises NotFoundError: there is no such run."""
    return (await folded(store, run_id))[0]


async def folded(store: RunStore, run_id: str) -> tuple[RunState, list[LoggedRecord]]:
    """Return what a run's events add up to, and the events.

    Raises:
        NotFoundError: There is no such run.
        StoreError: The store cannot be read.
    """
    records = await store.load(run_id)
    artifacts = Artifacts(store)
    await artifacts.fetch(records)
    state = new_state_of(run_id, artifacts)
    for record in records:
        state.apply(record.event)
    return state, records


def outcome(row: RunSummary, records: list[LoggedRecord]) -> dict[str, Any]:
    """Return how a run came out, or where it stands, without its steps."""
    told: dict[str, Any] = {**row.model_dump(mode="json"), "answer": None, "error": None}
    for record in records:
        if record.event.kind == "answer":
            told["answer"] = record.event.model_dump(mode="json", exclude={"kind"})
        elif record.event.kind == "run_ended":
            told["error"] = record.event.error.model_dump(mode="json") if record.event.error else None
            told["usage"] = record.event.usage.model_dump(mode="json")
    return told


def _told(state: RunState, records: list[LoggedRecord]) -> dict[str, Any]:
    accepted = state.accepted.get(state.revision)
    answer, ended = state.answer, state.ended
    last = records[-1]
    return {
        "mode": state.mode,
        "mode_reason": state.started.mode_reason,
        "task_now": state.task,
        "limits": state.started.limits.model_dump(mode="json"),
        "plan": accepted.model_dump(mode="json") if accepted is not None else None,
        "approvals": [asked.model_dump(mode="json", exclude={"kind"}) for asked in state.pending_approvals()],
        "answer": answer.model_dump(mode="json", exclude={"kind"}) if answer is not None else None,
        "error": ended.error.model_dump(mode="json") if ended is not None and ended.error is not None else None,
        "usage": ended.usage.model_dump(mode="json") if ended is not None else None,
        "replans": state.replans if ended is None else ended.replans,
        "warnings": list(state.warnings),
        "duration_s": round(last.at - records[0].at, 3),
    }


def _steps(state: RunState) -> list[dict[str, Any]]:
    return [
        {
            "id": step.id,
            "tool": step.step.tool,
            "depends_on": list(step.step.depends_on),
            "phase": step.phase,
            "result": step.result.model_dump(mode="json") if step.result is not None else None,
        }
        for step in state.graph.plan_steps()
    ]
