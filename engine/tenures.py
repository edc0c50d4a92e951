"""Whose a record's events are: which driver decided what, and what came of calls that nobody waited for, or lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.react.turns import literal
from engine.recorded import broken_off
from schemas.events import LoggedRecord, ModelCalled, PlanRepair, PlanStarted, PlanStep, ReplanStarted, RunStarted
from schemas.plan import Step

BY_PEOPLE = frozenset({"approval_answered", "cancel_requested", "goal_changed"})
OWN_CALLS = frozenset({"planner", "synthesizer"})


def tenures(records: Sequence[LoggedRecord]) -> Iterator[tuple[int, int]]:
    """Yield from where to where each driver decided: up to where it let go, or died, before the next one's claim."""
    kinds = [record.event.kind for record in records]
    claims = [place + 1 for place, kind in enumerate(kinds) if kind == "run_claimed"]
    started = records[0].event
    begins = [*([0] if (isinstance(started, RunStarted) and started.driver) or not claims else []), *claims]
    for begin, following in zip(begins, [*begins[1:], None], strict=True):
        end = len(records) if following is None else following - 1
        while following is not None and end > begin and kinds[end - 1] in (*BY_PEOPLE, "run_parked"):
            end -= 1
        yield begin, end


def late_calls(records: Sequence[LoggedRecord]) -> frozenset[int]:
    """Places of calls of the run's own models that nobody waited for any more: broken off, outdated, after a stop."""
    found: set[int] = set()
    revision, stopped = 0, False
    for place, record in enumerate(records):
        event = record.event
        match event.kind:
            case "plan_started" | "replan_started":
                revision = event.revision
            case "cancel_requested" | "budget_exhausted":
                stopped = True
            case "model_called" if event.role in OWN_CALLS:
                outdated = event.role == "planner" and event.revision != revision
                if stopped or outdated or broken_off(event):
                    found.add(place)
            case _:
                pass
    return frozenset(found)


def lost_drafts(records: Sequence[LoggedRecord], begin: int) -> frozenset[int]:
    """Places of what came of a planner's reply that was lost with its driver: nothing else tells of it."""
    found: set[int] = set()
    revision, told, turns = 0, False, False
    last = ModelCalled(role="", model="")
    for place in range(begin, len(records)):
        match records[place].event:
            case PlanStarted() | ReplanStarted() as event:
                revision, told = event.revision, False
                turns = isinstance(event, PlanStarted) and event.mode == "react"
            case ModelCalled(role="planner") as event if event.revision == revision:
                told = True
                found.clear()
                last = event
            case PlanRepair() if told:
                told = False
            case PlanStep(step=step):
                # a turn whose calls could not be made is asked for again, and no event says so
                if told and not (turns and not _came_of(last, step)):
                    continue
                told = False
                found.add(place)
            case PlanRepair():
                found.add(place)
            case _:
                pass
    return frozenset(found)


def _came_of(call: ModelCalled, step: Step) -> bool:
    """Whether a step is one of the calls of a turn."""
    calls = (part for part in call.parts if part.kind == "tool_call" and part.name == step.tool)
    return any(step.tool_input in (part.arguments, literal(part.arguments)) for part in calls)
