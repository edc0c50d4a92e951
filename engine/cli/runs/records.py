"""A run's events, out of a store or out of a file that ``--json`` or ``engine runs export`` wrote."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.cli import options as given
from engine.cli.recording import read_records
from engine.cli.runs.finding import Standing, standing
from engine.cli.storage import Place, existing
from engine.durable.memory import MemoryLog
from schemas.errors import StoreError
from schemas.events import LoggedRecord
from schemas.stores import RunStore


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run and all its events.

    Attributes:
        standing: Its row, and who drives it.
        records: Its events, in order.
        store: Where its artifacts are; of a file, an empty one.
        now: Unix time, by the store's clock.
    """

    standing: Standing
    records: Sequence[LoggedRecord]
    store: RunStore
    now: float


@asynccontextmanager
async def recorded(run: str, place: Place) -> AsyncGenerator[Recorded]:
    """Return the run that is meant: a file where there is one of that name (``-`` is stdin), else a run of the store.

    Raises:
        NotFoundError: There is neither.
        StoreError: The store or the file cannot be read.
    """
    if is_file(run):
        memory = MemoryLog()
        records = read_records(given.read_text(run, "the recording", StoreError), run)
        await memory.append(records[0].run_id, 0, [record.event for record in records])
        row = await memory.summary(records[0].run_id)
        row = row.model_copy(update={"started_at": records[0].at, "updated_at": records[-1].at})
        yield Recorded(Standing(row), records, memory, time.time())
        return
    async with existing(place) as store:
        found = await standing(store, run)
        yield Recorded(found, await store.load(found.run.id), store, await store.now())


def is_file(run: str) -> bool:
    """Whether a file is meant: there is one, or what was given looks like a path."""
    return run == "-" or Path(run).is_file() or "/" in run or run.endswith((".jsonl", ".json"))
