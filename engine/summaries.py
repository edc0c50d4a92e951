"""A run's summary as many ask for it in the same moment: read once for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio

from schemas.runs import RunSummary
from schemas.stores import RunStore


@dataclass(slots=True, eq=False)
class _Reading:
    """One reading of the store; ``found`` stays None where it failed, or who read was cancelled."""

    over: anyio.Event = field(default_factory=anyio.Event)
    found: RunSummary | None = None


class Summaries:
    """Reads summaries of one store, so that a thousand who come back at once cost it two readings.

    Who comes while a reading is under way shares the next one: what is returned is never older than the question.

    Args:
        store: Where the runs live.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._begun: dict[str, _Reading] = {}
        self._next: dict[str, _Reading] = {}

    async def summary(self, run_id: str) -> RunSummary:
        """Return one run's summary.

        Raises:
            NotFoundError: No such run.
            StoreError: The store cannot be read.

        Cancellation: the others who wait for the same reading read by themselves.
        """
        reading = self._next.get(run_id)
        if reading is None:
            return await self._read(run_id)
        await reading.over.wait()
        return reading.found or await self._store.summary(run_id)

    async def _read(self, run_id: str) -> RunSummary:
        """Read for all who ask from now until the reading begins."""
        reading = self._next[run_id] = _Reading()
        try:
            if run_id in self._begun:
                await self._begun[run_id].over.wait()
            del self._next[run_id]
            self._begun[run_id] = reading
            reading.found = await self._store.summary(run_id)
            return reading.found
        finally:
            for known in (self._next, self._begun):
                if known.get(run_id) is reading:
                    del known[run_id]
            reading.over.set()
