"""When a plan is repaired, and when to stop: pure rules over what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.dag.handing import agent_of
from engine.dag.state import RunState
from schemas.result import ErrorInfo
from schemas.settings import Limits
from schemas.trigger import Trigger

_ENOUGH_TO_JUDGE = 4


@dataclass(frozen=True, slots=True)
class Situation:
    """What the rules look at.

    Attributes:
        triggers: Why a replan is due, since the last one.
        planning: Whether a planning call is under way, for the goal as it is.
        settled: Whether nothing runs, is ready, or waits for a person.
        mode: The run's mode now.
        replans: Replans so far.
        max_replans: Their cap.
        failed: Steps of the current plan that failed.
        ended: Steps of the current plan that ended.
        error_rate: Share of failed steps from which a replan is due.
        plan_error: Why the last planning call gave no plan.
        react_fallback: Whether ReAct may take over after a cap.
        outdated: Whether a call is under way for a goal that changed, and another will take its place.
        passes: Whether its goal goes to one agent as it is: a new one is no repair.
    """

    triggers: tuple[Trigger, ...]
    planning: bool
    settled: bool
    mode: str
    replans: int
    max_replans: int
    failed: int = 0
    ended: int = 0
    error_rate: float = 0.5
    plan_error: ErrorInfo | None = None
    react_fallback: bool = False
    outdated: bool = False
    passes: bool = False


def situation(state: RunState, limits: Limits) -> Situation:
    """Read off a run what the rules look at."""
    ended, failed = state.outcomes.get(state.revision, (0, 0))
    return Situation(
        triggers=tuple(state.triggers),
        planning=state.planning and not goal_changed(state),
        outdated=outdated(state),
        settled=state.settled(),
        mode=state.mode,
        replans=state.replans,
        max_replans=state.started.limits.max_replans,
        failed=failed,
        ended=ended,
        error_rate=limits.error_rate,
        plan_error=state.plan_error,
        react_fallback=limits.react_fallback,
        passes=bool(agent_of(state.started)),
    )


def goal_changed(state: RunState) -> bool:
    """Whether the goal changed and nobody planned for it yet."""
    return any(trigger.kind == "goal_changed" for trigger in state.triggers)


def outdated(state: RunState) -> bool:
    """Whether the planning call under way is for a goal that changed, and another call will take its place.

    What it still says must not become the run's plan: its steps with effects would start.
    """
    if not (state.planning and goal_changed(state)):
        return False
    more = state.replans < state.started.limits.max_replans or bool(agent_of(state.started))
    return state.mode == "react" or (state.plan_error is None and more)


def undisturbed(state: RunState) -> bool:
    """Whether steps simply run: nothing failed, nobody spoke, so that nothing but waiting can be due."""
    if state.answer is not None:
        return bool(state.graph.unended)
    if not state.graph.active or state.triggers or state.stop or state.approved_plan or state.revision == 0:
        return False
    if state.planning_lost:
        return False
    return state.outcomes.get(state.revision, (0, 0))[1] == 0


@dataclass(frozen=True, slots=True)
class Move:
    """What to do now.

    Attributes:
        kind: wait, replan, turn (the next ReAct turn), fallback (go on in ReAct), finish.
        triggers: Why, for a replan.
        reason: Why, for a fallback, or which cap ended the repair.
    """

    kind: Literal["wait", "replan", "turn", "fallback", "finish"]
    triggers: tuple[Trigger, ...] = ()
    reason: str = ""


_WAIT = Move("wait")


def next_move(now: Situation) -> Move:
    """Decide what follows; a replan is due at once, everything else once the run has settled."""
    if now.planning:
        return _WAIT
    if now.mode == "react":
        due = now.outdated or (now.settled and now.plan_error is None)
        return Move("turn") if due else _finish(now, "")
    return _repair(now, _due(now))


def _repair(now: Situation, triggers: tuple[Trigger, ...]) -> Move:
    if not triggers and not (now.react_fallback and _unplanned(now)):
        return _finish(now, "")
    free = any(trigger.reply or (now.passes and trigger.kind == "goal_changed") for trigger in triggers)
    if now.plan_error is None and (now.replans < now.max_replans or free):
        return Move("replan", triggers)
    reason = _cap(now)
    if now.react_fallback and now.settled:
        return Move("fallback", reason=reason)
    return _finish(now, reason)


def _unplanned(now: Situation) -> bool:
    """Whether no plan could be had of a model that answered: one that cannot write plans may still call tools."""
    return now.plan_error is not None and now.plan_error.code.startswith(("plan", "replan"))


def _due(now: Situation) -> tuple[Trigger, ...]:
    if now.triggers:
        return now.triggers
    if now.ended >= _ENOUGH_TO_JUDGE and now.failed / now.ended >= now.error_rate:
        return (Trigger(kind="error_rate", message=f"{now.failed} of {now.ended} steps failed"),)
    return ()


def _cap(now: Situation) -> str:
    if now.plan_error is not None:
        return now.plan_error.message
    if now.max_replans == 0:
        return ""
    return f"{now.replans} of {now.max_replans} replans are used up"


def _finish(now: Situation, reason: str) -> Move:
    return Move("finish", reason=reason) if now.settled else _WAIT
