"""Notices what happens beside a run: time passes, somebody else writes to its log."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from engine.journal import Journal
from schemas.events import BudgetExhausted, BudgetWarning, LoggedEvent
from schemas.protocols import RunLog

_WARN_AT = 0.9
_OWN_WRITES_S = 0.05


async def watch_clock(run_id: str, began: float, limit_s: float, report: Callable[[LoggedEvent], None]) -> None:
    """Report when 90 % of a run's seconds are over, and when all are."""
    scope = f"run:{run_id}"
    await anyio.sleep_until(began + _WARN_AT * limit_s)
    report(BudgetWarning(scope=scope, measure="seconds", spent=anyio.current_time() - began, limit=limit_s))
    await anyio.sleep_until(began + limit_s)
    message = f"the time limit of {limit_s:g} s is reached"
    spent = anyio.current_time() - began
    report(BudgetExhausted(scope=scope, measure="seconds", spent=spent, limit=limit_s, message=message))


async def watch_log(log: RunLog, journal: Journal, moved: Callable[[], None]) -> None:
    """Notice what others write; our own writes are looked at only now and then."""
    while True:
        await log.wait(journal.run_id, journal.head)
        moved()
        await anyio.sleep(_OWN_WRITES_S)
