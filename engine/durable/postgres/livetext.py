"""Live text between processes: an unlogged table, written a tick at a time for all runs of this process together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import psycopg

from engine.durable.encoding import decode_live, encode_live
from engine.durable.postgres.bell import Bell
from engine.durable.postgres.database import Database
from engine.durable.postgres.faults import fault, passing
from schemas.errors import NotFoundError, StoreError
from schemas.live import LiveEvent

TICK_S = 0.1
# A place is the server's time in microseconds: it rises on after a crash has emptied the table and its sequences.
_PUT = """
WITH given AS (SELECT * FROM unnest(%b::text[], %b::text[]) AS g (id, body)),
put AS (
    INSERT INTO {s}.live (run, place, body)
    SELECT r.number,
           greatest((extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
                    (SELECT max(l.place) + 1 FROM {s}.live l WHERE l.run = r.number)),
           g.body
    FROM given g JOIN {s}.runs r USING (id)
    WHERE r.status NOT IN ('completed', 'failed', 'cancelled')
    RETURNING run, place
)
SELECT g.id, r.number IS NOT NULL, p.place
FROM given g LEFT JOIN {s}.runs r USING (id) LEFT JOIN put p ON p.run = r.number
"""
_GET = """
SELECT l.place, l.body FROM {s}.runs r LEFT JOIN {s}.live l ON l.run = r.number AND l.place > %s
WHERE r.id = %s ORDER BY l.place
"""

Items = list[LiveEvent]


@dataclass(slots=True, eq=False)
class _Tick:
    """What was put since the last tick, by run."""

    items: dict[str, Items] = field(default_factory=dict[str, Items])
    done: asyncio.Event = field(default_factory=asyncio.Event)
    missing: set[str] = field(default_factory=set[str])
    error: StoreError | None = None


class LiveTexts:
    """Hands live text on. It is a picture for people, never state: while the server is away it is dropped.

    Args:
        database: Of the store.
        bell: Told where the text of a run has got to.
    """

    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell
        self._tick = _Tick()
        self._task: asyncio.Task[None] | None = None
        self._last = 0.0

    async def put(self, run_id: str, items: Sequence[LiveEvent]) -> None:
        """Put text with the next tick.

        Raises:
            NotFoundError: No such run.
            StoreError: The server refuses it for good.
        """
        tick = self._tick
        tick.items.setdefault(run_id, []).extend(items)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write(), name="engine: live text")
        await tick.done.wait()
        if run_id in tick.missing:
            raise NotFoundError(f"there is no run {run_id}", hint="engine runs list shows those there are")
        if tick.error is not None:
            raise tick.error

    async def get(self, run_id: str, after: int) -> tuple[int, Items]:
        """Return (position, what came after ``after``).

        Raises:
            NotFoundError: No such run.
        """
        rows = await self._database.fetch(_GET, (after, run_id))
        if not rows:
            raise NotFoundError(f"there is no run {run_id}", hint="engine runs list shows those there are")
        found = [(place, body) for place, body in rows if place is not None]
        items = [item for _, body in found for item in decode_live(body)]
        return (found[-1][0] if found else after), items

    async def aclose(self) -> None:
        """Write what waits for its tick."""
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        while self._tick.items:
            await anyio.sleep(max(0.0, self._last + TICK_S - time.monotonic()))
            tick, self._tick = self._tick, _Tick()
            self._last = time.monotonic()
            try:
                await self._flush(tick)
            except psycopg.Error as exc:
                tick.error = None if passing(exc) else fault(exc, self._database.address)
            finally:
                tick.done.set()

    async def _flush(self, tick: _Tick) -> None:
        values = (list(tick.items), [encode_live(items) for items in tick.items.values()])
        async with self._database.hold() as connection:
            cursor = await connection.execute(self._database.sql(_PUT), values, prepare=True)
            rows = await cursor.fetchall()
        for run_id, known, place in rows:
            if not known:
                tick.missing.add(run_id)
            elif place is not None:
                self._bell.moved(run_id, 0, place=place)
