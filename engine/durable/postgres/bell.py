"""Who waits for a run, and what wakes them: one listening connection a store, however many wait.

A notification is sent after its commit, not within it: a transaction that notifies holds a lock of the whole database
through its flush to disk, so that commits of all runs would stand in line (16 writers on a disk that flushes in 2 ms:
3,800 appends a second without, 400 with). What is lost when a process dies between the two, or with a connection, is
found by looking: after every connect, and every few seconds (44 s where ten thousand wait).
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

import anyio
import psycopg

from engine.durable.postgres.database import FIRST_PAUSE_S, LONGEST_PAUSE_S, Connection, Database
from engine.durable.postgres.faults import fault, passing
from schemas.errors import NotFoundError, StoreError

LOOK_S, LOOK_EACH_S = 4.0, 0.004  # and so much for each run that is waited for: looking stays below a percent
PROOF_S = 10.0
MOST_BYTES = 7_900  # a notification holds less than 8,000
_LOOK = """
SELECT w.id, coalesce(r.head, -1), coalesce((SELECT max(l.place) FROM {s}.live l WHERE w.live AND l.run = r.number), 0)
FROM unnest(%b::text[], %b::int4[], %b::int8[], %b::bool[]) AS w (id, head, place, live)
LEFT JOIN {s}.runs r ON r.id = w.id
WHERE r.head IS NULL OR r.head > w.head
   OR w.live AND EXISTS (SELECT FROM {s}.live l WHERE l.run = r.number AND l.place > w.place)
"""
_NOTIFY = "SELECT pg_notify(%s, told) FROM unnest(%s::text[]) AS t (told)"
_TRIM = "DELETE FROM {s}.live WHERE run IN (SELECT number FROM {s}.runs WHERE id = ANY(%s))"
GONE = -1


@dataclass(slots=True, eq=False)
class _Watch:
    """What is known of a run that somebody waits for. head GONE: there is no such run (any more)."""

    head: int = 0
    place: int = 0
    waiting: int = 0
    live: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def learn(self, head: int, place: int) -> None:
        if head == GONE or head > self.head or place > self.place:
            self.head = GONE if head == GONE else max(head, self.head)
            self.place = max(place, self.place)
            self.wake()

    def wake(self) -> None:
        self.moved.set()
        self.moved = asyncio.Event()

    def beyond(self, seq: int, place: int | None) -> bool:
        return self.head > seq or (place is not None and self.place > place)


class Bell:
    """Wakes who waits for a run, in this process and in others.

    Args:
        database: Of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._channel = f"{database.address.schema}_moved"
        self._watches: dict[str, _Watch] = {}
        self._unseen: dict[str, _Watch] = {}
        self._looking = asyncio.Lock()
        self._untold: dict[str, tuple[int, int]] = {}
        self._ended: set[str] = set()
        self._telling: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._closing = False
        self._proved = False
        self._failure: StoreError | None = None

    async def wait(self, run_id: str, seq: int, place: int | None = None) -> None:
        """Return once the run's head is beyond ``seq``, or its live text beyond ``place``.

        A server that is away for a while is waited out.

        Raises:
            NotFoundError: No such run, or it was deleted meanwhile.
            StoreError: Nothing can be listened to: the server refuses it, or a pooler stands between.
        """
        watch = self._watches.setdefault(run_id, _Watch())
        watch.waiting += 1
        watch.live += place is not None
        try:
            await self._listen_on()
            await self._look_now(run_id, watch)
            while not watch.beyond(seq, place):
                if watch.head == GONE:
                    raise NotFoundError(f"there is no run {run_id}", hint="engine runs list shows those there are")
                if self._failure is not None:
                    raise self._failure
                await watch.moved.wait()
        finally:
            watch.waiting -= 1
            watch.live -= place is not None
            if not watch.waiting and self._watches.get(run_id) is watch:
                del self._watches[run_id]

    def moved(self, run_id: str, head: int, ended: bool = False, place: int = 0) -> None:
        """Wake who waits here, and have the others told. ``ended``: its live text is not needed any more."""
        self._learn(run_id, head, place)
        self._keep(run_id, head, place)
        if ended:
            self._ended.add(run_id)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(), name="engine: notifications")

    async def aclose(self) -> None:
        """Tell what is still to be told, and listen no more."""
        self._closing = True
        if self._telling is not None:
            await self._telling
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    # ------------------------------------------------------------------ telling

    def _keep(self, run_id: str, head: int, place: int) -> None:
        known = self._untold.get(run_id, (0, 0))
        self._untold[run_id] = (head if GONE in (head, known[0]) else max(head, known[0]), max(place, known[1]))

    async def _tell(self) -> None:
        while self._untold or self._ended:
            untold, self._untold = self._untold, {}
            ended, self._ended = self._ended, set()
            texts = list(packed(untold))
            try:
                async with self._database.hold() as connection:
                    await connection.execute(self._database.sql(_NOTIFY), (self._channel, texts), prepare=True)
                    if ended:
                        await connection.execute(self._database.sql(_TRIM), (list(ended),))
            except psycopg.Error as exc:
                if self._closing or not passing(exc):
                    return  # who listens finds it by looking; a prune removes the rest
                for run_id, (head, place) in untold.items():
                    self._keep(run_id, head, place)
                self._ended |= ended
                await anyio.sleep(LONGEST_PAUSE_S)

    # ------------------------------------------------------------------ listening

    async def _listen_on(self) -> None:
        """See to it that notifications are listened to, as soon as there is a server."""
        if self._listening is None or self._listening.done():
            self._failure = None
            self._up.clear()
            self._listening = asyncio.create_task(self._listen(), name="engine: listener")
        if not self._up.is_set():
            await self._up.wait()
            if self._failure is not None:
                raise self._failure

    async def _listen(self) -> None:
        pause = FIRST_PAUSE_S
        while self._watches:
            try:
                await self._hear()
                pause = FIRST_PAUSE_S
            except psycopg.Error as exc:
                if not passing(exc):
                    return self._fail(fault(exc, self._database.address))
            except StoreError as error:
                return self._fail(error)
            await anyio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)
        return None

    async def _hear(self) -> None:
        """Listen on one connection until it breaks, or until nobody waits for anything."""
        connection = await self._database.connect()
        try:
            await connection.execute(f'LISTEN "{self._channel}"'.encode())
            if not self._proved:
                await self._prove(connection)
            self._up.set()
            while self._watches:
                await self._look(self._watches, connection)
                async for notice in connection.notifies(timeout=LOOK_S + LOOK_EACH_S * len(self._watches)):
                    self._heard(notice.payload)
        finally:
            connection.pgconn.finish()

    async def _prove(self, connection: Connection) -> None:
        """Find out whether notifications arrive: a pooler in transaction mode swallows them without a word."""
        token = uuid.uuid4().hex
        until = time.monotonic() + PROOF_S
        await self._database.fetch("SELECT pg_notify(%s, %s)", (self._channel, token))
        while (left := until - time.monotonic()) > 0:
            async for notice in connection.notifies(timeout=left, stop_after=1):
                if notice.payload == token:
                    self._proved = True
                    return
                self._heard(notice.payload)
        raise StoreError(
            f"notifications of the store {self._database.address.shown} do not arrive",
            hint="a pooler in transaction mode stands between: use session mode, or the server itself",
            details={"retryable": False},
        )

    async def _look_now(self, run_id: str, watch: _Watch) -> None:
        """Look at one run; if the server is away, whoever listens looks as soon as it is back.

        One look at a time, at all runs that came to be waited for since the last one began: each look of its own, ten
        thousand that begin to wait at once (a server that starts) would keep the process busy for seconds.

        Cancellation: one of those it looked for looks again.
        """
        self._unseen[run_id] = watch
        async with self._looking:
            if self._unseen.get(run_id) is not watch:
                return  # somebody looked, and began after this one had come
            unseen, self._unseen = self._unseen, {}
            try:
                await self._look(unseen)
            except BaseException as exc:
                if not (isinstance(exc, StoreError) and exc.details.get("retryable")):
                    self._unseen = unseen | self._unseen  # the others look for themselves, and are told the same
                    raise

    async def _look(self, watches: dict[str, _Watch], connection: Connection | None = None) -> None:
        """Look at the rows of runs, whatever was heard or not."""
        known = list(watches.items())
        values = (
            [run_id for run_id, _ in known], [watch.head for _, watch in known],
            [watch.place for _, watch in known], [watch.live > 0 for _, watch in known],
        )  # fmt: skip
        if connection is None:
            rows = await self._database.fetch(_LOOK, values)
        else:
            cursor = await connection.execute(self._database.sql(_LOOK), values)
            rows = await cursor.fetchall()
        for run_id, head, place in rows:
            self._learn(run_id, head, place)

    def _heard(self, payload: str) -> None:
        if not payload.startswith("["):
            return  # another listener's proof
        for run_id, head, place in json.loads(payload):
            self._learn(run_id, head, place)

    def _learn(self, run_id: str, head: int, place: int) -> None:
        watch = self._watches.get(run_id)
        if watch is not None:
            watch.learn(head, place)

    def _fail(self, error: StoreError) -> None:
        self._failure = error
        self._up.set()
        for watch in self._watches.values():
            watch.wake()


def packed(untold: dict[str, tuple[int, int]]) -> Iterable[str]:
    """Yield JSON arrays of [run id, head, place], each small enough for one notification."""
    texts: list[str] = []
    size = 2
    for run_id, (head, place) in untold.items():
        text = json.dumps([run_id, head, place], separators=(",", ":"))
        if texts and size + len(text) + 1 > MOST_BYTES:
            yield f"[{','.join(texts)}]"
            texts, size = [], 2
        texts.append(text)
        size += len(text) + 1
    if texts:
        yield f"[{','.join(texts)}]"
