"""A run's summary, folded from its events as they are appended. Pure; every store keeps the same row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.driving import RunClaimed, RunParked, TimeCame
from schemas.events import (
    ApprovalAnswered,
    CancelRequested,
    GoalChanged,
    LoggedEvent,
    ModelCalled,
    RunEnded,
    RunStarted,
)
from schemas.runs import LOG_FORMAT, RunPhase, RunSummary

TASK_CHARS = 500


@dataclass(frozen=True, slots=True)
class Change:
    """What a batch of events changes in a run's row; None leaves a field as it is.

    Attributes:
        status: Where the run stands now.
        driver: Who drives it now; empty: nobody.
        waits_for, until: Taken over together with ``status``.
        cost_usd: Added to the run's cost; None when a price is unknown, and the whole is unknown from then on.
        claims: Added.
        wakes: Somebody spoke: a run that is parked then wants a driver (``queued``), one that waits while it is driven
            runs on, any other stays as it is.
    """

    status: RunPhase | None = None
    driver: str | None = None
    waits_for: str = ""
    until: float | None = None
    cost_usd: float | None = 0.0
    claims: int = 0
    wakes: bool = False

    @property
    def nothing(self) -> bool:
        """Whether only head and time change: most appends."""
        return self == NO_CHANGE


NO_CHANGE = Change()


def change_of(events: Sequence[LoggedEvent]) -> Change:
    """Return what a batch of events changes in a run's row."""
    change = NO_CHANGE
    for event in events:
        match event:
            case RunStarted():
                status = "running" if event.driver else "queued"
                change = _with(change, status=status, driver=event.driver, claims=change.claims + bool(event.driver))
            case RunClaimed():
                change = _with(change, status="running", driver=event.driver, claims=change.claims + 1)
            case RunParked(reason="handover"):
                change = _with(change, status="queued", driver="")
            case RunParked():
                change = _with(change, status="waiting", driver="", waits_for=event.reason, until=event.until)
            case RunEnded():
                change = _with(change, status=event.status, driver="")
            case ApprovalAnswered() | CancelRequested() | GoalChanged() | TimeCame():
                change = _woken(change)
            case ModelCalled():
                change = _costing(change, event.usage.cost_usd)
            case _:
                pass
    return change


def first_summary(run_id: str, started: RunStarted, at: float) -> RunSummary:
    """Return the row of a run that has just its first event, before ``applied`` counts its first batch."""
    return RunSummary(
        id=run_id,
        status="queued",
        task=started.task[:TASK_CHARS],
        user=started.user,
        started_at=at,
        updated_at=at,
        format=LOG_FORMAT,
        forked_from=started.forked_from,
        assistant=started.assistant,
    )


def applied(summary: RunSummary, change: Change, head: int, at: float) -> RunSummary:
    """Return a row after a batch of events; its format is that of the newest release that wrote to the run."""
    update: dict[str, object] = {"head": head, "updated_at": at, "claims": summary.claims + change.claims}
    update["format"] = max(summary.format, LOG_FORMAT)
    if change.status is not None:
        update |= {"status": change.status, "waits_for": change.waits_for, "until": change.until}
    elif change.wakes and summary.status == "waiting":
        update |= {"status": "queued" if summary.parked else "running", "waits_for": "", "until": None}
    if change.driver is not None:
        update["driver"] = change.driver
    known = summary.cost_usd is not None and change.cost_usd is not None
    update["cost_usd"] = (summary.cost_usd or 0.0) + (change.cost_usd or 0.0) if known else None
    return summary.model_copy(update=update)


def _with(
    change: Change, *, status: RunPhase, driver: str, waits_for: str = "", until: float | None = None, claims: int = -1
) -> Change:
    counted = change.claims if claims < 0 else claims
    return Change(status, driver, waits_for, until, change.cost_usd, counted)


def _woken(change: Change) -> Change:
    if change.status == "waiting":
        return replace(change, status="queued", waits_for="", until=None)
    return replace(change, wakes=change.status is None)


def _costing(change: Change, cost_usd: float | None) -> Change:
    total = None if change.cost_usd is None or cost_usd is None else change.cost_usd + cost_usd
    return replace(change, cost_usd=total)
