"""Writers that append one event after another, and remember what they were told."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio

from engine.durable.postgres.store import PostgresStore
from schemas.errors import ConflictError, StoreError
from schemas.events import PlanStarted, RunStarted

PAUSE_S = 0.02


@dataclass
class Told:
    """What the writers were told.

    Attributes:
        acknowledged: By run, the revisions of the events that were acknowledged, in order.
        errors: Errors that said they may pass, each followed by another attempt.
        conflicts: Appends that were refused though nobody else writes to the run.
    """

    acknowledged: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    errors: list[StoreError] = field(default_factory=list[StoreError])
    conflicts: list[str] = field(default_factory=list[str])
    stop: bool = False

    def count(self) -> int:
        """All acknowledged events."""
        return sum(map(len, self.acknowledged.values()))


async def write(store: PostgresStore, run_id: str, told: Told) -> None:
    """Append one event after another to a run of one's own, and the same again after an error that may pass."""
    done = told.acknowledged.setdefault(run_id, [])
    while not told.stop:
        number = len(done)
        event = PlanStarted(revision=number) if number else RunStarted(task="t", mode="plan")
        try:
            await store.append(run_id, number, [event])
        except ConflictError:
            told.conflicts.append(run_id)
            return
        except StoreError as error:
            if not error.details["retryable"]:
                raise
            told.errors.append(error)
            await anyio.sleep(0.05)
        else:
            done.append(number)
            await anyio.sleep(PAUSE_S)


async def check(store: PostgresStore, told: Told) -> None:
    """Nothing that was acknowledged is lost, nothing is there twice, nothing is missing between."""
    assert told.conflicts == []
    for run_id, done in told.acknowledged.items():
        records = await store.load(run_id)
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        revisions = [record.event.revision for record in records[1:] if isinstance(record.event, PlanStarted)]
        assert revisions == list(range(1, len(records)))
        assert len(records) in (len(done), len(done) + 1), run_id  # the last may have landed unacknowledged
    assert [fault for fault in await store.check() if fault.code != "server"] == []
