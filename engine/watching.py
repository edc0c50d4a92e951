"""Notices what happens beside a run: time passes, somebody else writes to its log."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import anyio

from engine.journal import Journal
from schemas.events import BudgetExhausted, BudgetWarning, LoggedEvent, LoggedRecord
from schemas.stores import RunLog

BY_PEOPLE = frozenset({"approval_answered", "cancel_requested", "goal_changed"})
_WARN_AT = 0.9
_OWN_WRITES_S = 0.05


def driven_seconds(records: Iterable[LoggedRecord]) -> float:
    """Return the seconds a run was driven, by the times of its events: what its time limit counts.

    From a claim to the last thing its driver wrote: neither the time a run is parked counts, nor that between a crash
    and the next claim, whoever spoke meanwhile.
    """
    total = 0.0
    began: float | None = None
    last = 0.0
    for record in records:
        event = record.event
        if event.kind == "run_claimed" or (event.kind == "run_started" and event.driver):
            total += last - began if began is not None else 0.0
            began = last = record.at
        elif event.kind not in BY_PEOPLE:
            last = record.at
        if event.kind == "run_parked":
            total += last - began if began is not None else 0.0
            began = None
    return total + (last - began if began is not None else 0.0)


async def watch_clock(run_id: str, began: float, limit_s: float, report: Callable[[LoggedEvent], None]) -> None:
    """Report when 90 % of a run's seconds are over, and when all are.

    Args:
        run_id: The run.
        began: When it would have begun had it been driven without a break (event loop's seconds).
        limit_s: Its seconds.
        report: Takes the events.
    """
    scope = f"run:{run_id}"
    if anyio.current_time() <= began + _WARN_AT * limit_s:  # else it was said before
        await anyio.sleep_until(began + _WARN_AT * limit_s)
        report(BudgetWarning(scope=scope, measure="seconds", spent=anyio.current_time() - began, limit=limit_s))
    await anyio.sleep_until(began + limit_s)
    message = f"the time limit of {limit_s:g} s is reached"
    spent = anyio.current_time() - began
    report(BudgetExhausted(scope=scope, measure="seconds", spent=spent, limit=limit_s, message=message))


async def watch_log(log: RunLog, journal: Journal, moved: Callable[[int], None]) -> None:
    """Notice what others write: tell beyond which event something stands, of our own writes only now and then."""
    while True:
        seen = journal.head
        await log.wait(journal.run_id, seen)
        moved(seen)
        await anyio.sleep(_OWN_WRITES_S)
