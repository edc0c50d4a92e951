"""Wakes runs that wait for a budget which somebody has granted once more, before its period ends."""

from __future__ import annotations

from schemas.driving import PlanningPostponed, StepPostponed, TimeCame
from schemas.errors import ConflictError, NotFoundError
from schemas.events import LoggedRecord, StepEnded
from schemas.runs import RunQuery
from schemas.stores import RunStore

_OWN = ""


async def wake(store: RunStore, bearer: str) -> list[str]:
    """Let runs go on that are parked for nothing but a paused budget, and return which.

    A run that waits for something else as well is left until its time: it would come to that too early. One that
    somebody moves on in the same moment is theirs.

    Args:
        store: Where the runs are; who drives its runs takes them up.
        bearer: Whose budget it is, as scopes have it (``agent:NAME``, ``key:ID``, ``all``).

    Raises:
        StoreError: The store cannot be read or written.
    """
    woken: list[str] = []
    for row in await store.find(RunQuery(status=("waiting",))):
        if row.waits_for != "rate_limit" or row.until is None:
            continue
        try:
            waits = _open_waits(await store.load(row.id))
            if waits and all(f"{bearer} is paused" in one.reason for one in waits):
                await store.append(row.id, row.head, [TimeCame(until=max(one.until for one in waits))])
                woken.append(row.id)
        except (ConflictError, NotFoundError):
            continue
    return woken


def _open_waits(records: list[LoggedRecord]) -> list[StepPostponed | PlanningPostponed]:
    """Return what a run has put off and not come to yet."""
    waits: dict[str, StepPostponed | PlanningPostponed] = {}
    for record in records:
        match record.event:
            case StepPostponed() as put_off:
                waits[put_off.step_id] = put_off
            case PlanningPostponed() as put_off:
                waits[_OWN] = put_off
            case StepEnded() as ended:
                waits.pop(ended.step_id, None)
            case TimeCame() as came:
                waits = {key: one for key, one in waits.items() if one.until > came.until}
            case _:
                pass
    return list(waits.values())
