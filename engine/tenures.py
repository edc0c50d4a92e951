"""Whose a record's events are: which driver decided what, and what came of calls that nobody waited for, or lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.recorded import broken_off
from schemas.events import LoggedRecord, ModelCalled, PlanRepair, PlanStarted, PlanStep, ReplanStarted, RunStarted

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
    revision, told = 0, False
    for place in range(begin, len(records)):
        match records[place].event:
            case PlanStarted() | ReplanStarted() as event:
                revision, told = event.revision, False
            case ModelCalled(role="planner") as event if event.revision == revision:
                told = True
                found.clear()
            case PlanRepair() if told:
                told = False
            case PlanStep() | PlanRepair() if not told:
                found.add(place)
            case _:
                pass
    return frozenset(found)
