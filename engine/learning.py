"""What a run that is over teaches later ones: what its tools took, and a plan that worked."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from engine.durable.statistics import ToolStatistics
from engine.metering import used_by
from engine.planner.cache import PlanCache
from schemas.errors import StoreError
from schemas.events import (
    ApprovalAnswered,
    GoalChanged,
    LoggedEvent,
    LoggedRecord,
    ModelCalled,
    PlanAccepted,
    PlanLookedUp,
    PlanStarted,
    ReplanStarted,
    RunEnded,
    RunStarted,
)
from schemas.result import Usage
from schemas.stores import RunLog
from schemas.tool import ToolSpec


async def learn(log: RunLog, run_id: str, statistics: ToolStatistics | None, cache: PlanCache | None) -> None:
    """Take in what an ended run teaches. That the store fails then is no fault of the run."""
    if statistics is None and cache is None:
        return
    try:
        records = await log.load(run_id)
        if statistics is not None:
            await statistics.learn(records)
        if cache is not None:
            await _keep_plan(cache, records)
    except StoreError as exc:
        structlog.get_logger().info("what a run teaches cannot be kept", run_id=run_id, error=exc.message)


async def _keep_plan(cache: PlanCache, records: Sequence[LoggedRecord]) -> None:
    """Keep the plan of a run that came out whole with its first plan; forget one that did not serve again."""
    events = [record.event for record in records]
    started, ended = events[0], events[-1]
    first = next((event for event in events if isinstance(event, PlanStarted)), None)
    if not isinstance(started, RunStarted) or not isinstance(ended, RunEnded) or first is None or started.given:
        return
    whole = ended.status == "completed" and not any(map(_changed, events))
    tools = _shown(started, first)
    if not any(map(_used_again, events)):
        await _keep_whole(cache, started, tools, events if whole else ())
    elif whole:
        await cache.served(started.task, tools, started.instructions)
    elif ended.status != "cancelled":
        await cache.drop(started.task, tools, started.instructions)


async def _keep_whole(
    cache: PlanCache, started: RunStarted, tools: Sequence[ToolSpec], events: Sequence[LoggedEvent]
) -> None:
    plan = next((event.plan for event in events if isinstance(event, PlanAccepted)), None)
    if plan is not None and plan.steps:
        await cache.keep(started.task, plan, tools, *_planned_for(events), instructions=started.instructions)


def _used_again(event: LoggedEvent) -> bool:
    return isinstance(event, PlanLookedUp) and event.plan is not None


def _changed(event: LoggedEvent) -> bool:
    """Whether the run left its first plan, or a person edited it or one of its calls: it is the planner's no more."""
    if isinstance(event, ApprovalAnswered):
        return event.decision == "edit"
    return isinstance(event, (ReplanStarted, GoalChanged))


def _planned_for(events: Sequence[LoggedEvent]) -> tuple[Usage, float]:
    """What the planner used, and its seconds."""
    calls = [event for event in events if isinstance(event, ModelCalled) and event.role == "planner"]
    return used_by(calls), sum(call.latency_s for call in calls)


def _shown(started: RunStarted, first: PlanStarted) -> list[ToolSpec]:
    """The tools that the planner saw."""
    known = {tool.name: tool for tool in (*started.tools, *first.added) if tool.name not in first.removed}
    return [t for t in known.values() if t.enabled and not t.hidden and t.name not in first.unavailable]
