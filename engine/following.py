"""Watching runs: one reader a run in a process however many watch it, resumable at any event and any character.

A reader has no queue. It holds a ``Cursor``, and takes what it lacks from what is known here of the run: events by
their numbers, text by its offsets. So a slow one costs nothing, gets text joined, loses no event, and slows nobody.

What is known comes from the store; where the run is driven in this process, straight from its driver. One of those who
watch looks into the store for all; when it leaves, another does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from typing import TypeVar

import anyio
import structlog

from engine.streams import Board, Cursor
from engine.summaries import Summaries
from schemas.errors import StoreError
from schemas.events import LoggedEvent, LoggedRecord
from schemas.live import LiveEvent, LiveProgress
from schemas.stores import RunStore

T = TypeVar("T")
RELAY_S = 0.1
_KEPT = 2_000
_PATIENCE = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 5.0, 5.0, 5.0)
"""Seconds between looks into a store that cannot be read: half a minute in all, more than a restart takes."""


class Following:
    """Follows the runs of one store.

    Args:
        store: Where the runs live.

    Attributes:
        summaries: Their summaries, for those who come to watch.
    """

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.summaries = Summaries(store)
        self._runs: dict[str, _Followed] = {}

    async def follow(
        self, run_id: str, cursor: Cursor | None = None, *, live: bool = True, parked: bool = True
    ) -> AsyncGenerator[LoggedRecord | LiveEvent]:
        """Yield what a run writes after a cursor, events and live text, until it has ended. Use ``aclosing``.

        Events come by number without a gap; text goes on at the very character, or is reset where it became void. Text
        that an event holds whole (an answer) is not sent after that event. ``Cursor.advance`` with each item gives the
        cursor to come back with. A run that a driver lost is waited for: another one may take it up.

        Args:
            run_id: The run, whoever drives it, wherever.
            cursor: Where to go on; at the beginning by default.
            live: Also text and progress; False for events only.
            parked: Stay while the run is parked; False ends there, and where a running tool asks something.

        Raises:
            NotFoundError: No such run.
            StoreError: The store could not be read for half a minute.
        """
        at = cursor.copy() if cursor is not None else Cursor()
        with self._followed(run_id) as run, run.watched():
            await run.open()
            told = 0
            asking: dict[str, str | None] = {}  # by the id of what a tool asks, its step
            while True:
                seen = run.version
                for record in await run.records(at.seq):
                    at.advance(record)
                    _note_asked(asking, record.event)
                    yield record
                    if record.event.kind == "run_ended":
                        return
                if run.head > at.seq:
                    continue
                if run.ended or (not parked and run.rests(asking)):
                    return
                if live:
                    for item in [*run.board.void(at), *run.board.since(at)]:
                        at.advance(item)
                        yield item
                    for number, progress in run.progress_after(told):
                        told = number
                        yield progress
                await run.beyond(seen)

    @contextmanager
    def feeding(self, run_id: str) -> Generator[Callable[[LoggedRecord | LiveEvent], None]]:
        """Hold a run that is driven in this process; the function takes what its driver publishes, and never waits."""
        with self._followed(run_id) as run:
            run.feeders += 1
            try:
                yield run.publish
            finally:
                run.feeders -= 1
                run.wake()

    @asynccontextmanager
    async def driving(
        self, run_id: str, *, relayed: bool
    ) -> AsyncGenerator[Callable[[LoggedRecord | LiveEvent], None]]:
        """Hold a run that is driven in this process, as ``feeding``; with ``relayed`` also hand its live text on.

        An error within the block leaves it inside a group, where text is handed on.
        """
        with self.feeding(run_id) as publish:
            if not relayed:
                yield publish
                return
            async with anyio.create_task_group() as group:
                group.start_soon(self.relay, run_id)
                yield publish
                group.cancel_scope.cancel()

    async def relay(self, run_id: str) -> None:
        """Hand the live text and progress of a run that is driven here on to other processes; until it is cancelled.

        In ticks of ``RELAY_S``, each stream's text joined; what an event has superseded by then is never written. The
        run is not delayed, whatever the store does. Cost: one write a tick at most, none while nothing is written.
        """
        at, told, failed = Cursor(), 0, False
        with self._followed(run_id) as run:
            while True:
                seen = run.version
                progress = run.progress_after(told)
                items = [*run.board.since(at), *(item for _, item in progress)]
                try:
                    if items:
                        await self.store.put_live(run_id, items)
                        for item in items:
                            at.advance(item)
                        told = max([told, *(number for number, _ in progress)])
                        await anyio.sleep(RELAY_S)
                except StoreError as exc:
                    if not failed:
                        structlog.get_logger().info("live text cannot be handed on", run_id=run_id, error=exc.message)
                    failed = True
                    await anyio.sleep(1)
                await run.changed(seen)

    @contextmanager
    def _followed(self, run_id: str) -> Generator[_Followed]:
        run = self._runs.get(run_id)
        if run is None:
            run = self._runs[run_id] = _Followed(self.store, run_id)
        run.users += 1
        try:
            yield run
        finally:
            run.users -= 1
            if not run.users and self._runs.get(run_id) is run:
                del self._runs[run_id]


def _note_asked(asking: dict[str, str | None], event: LoggedEvent) -> None:
    """Note what tools ask while their steps run, and what of it is over."""
    if event.kind == "approval_requested" and event.subject == "elicitation":
        asking[event.approval_id] = event.step_id
    elif event.kind == "approval_answered":
        asking.pop(event.approval_id, None)
    elif event.kind == "step_ended":
        for approval_id in [name for name, step_id in asking.items() if step_id == event.step_id]:
            del asking[approval_id]


class _Followed:
    """What is known here of one run."""

    def __init__(self, store: RunStore, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self.users = 0
        self.feeders = 0
        self.board = Board()
        self.head = 0
        self.version = 0
        self.ended = False
        self.parked = False
        self._watchers = 0
        self._heeded = False
        self._opened = False
        self._opening = anyio.Lock()
        self._kept: deque[LoggedRecord] = deque(maxlen=_KEPT)
        self._live_at = 0
        self._progress: dict[str, tuple[int, LiveProgress]] = {}
        self._over: set[str] = set()
        self._told = 0
        self._moved: anyio.Event | None = None
        self._looking = False

    def rests(self, asking: Mapping[str, str | None]) -> bool:
        """Whether the run waits for somebody: it is parked, or a running tool asks."""
        return self.parked or bool(asking)

    # ------------------------------------------------------------------ what comes in

    def publish(self, item: LoggedRecord | LiveEvent) -> None:
        """Take what a driver in this process says; records are in the store by then.

        Until somebody watches, who then reads the store, a record matters only to text and progress that it ends.
        """
        if isinstance(item, LoggedRecord):
            if self._heeded or self._progress or self.board.writings:
                self._take([item])
        elif self._put_one(item):
            self.move()

    def _put_one(self, item: LiveEvent) -> bool:
        """Take live text or progress in; return whether it is new. Progress of a step that ended is late."""
        if not isinstance(item, LiveProgress):
            return self.board.put(item)
        if item.step_id in self._over:
            return False
        self._told += 1
        self._progress[item.step_id] = (self._told, item)
        return True

    def move(self) -> None:
        """Say that there is something new."""
        self.version += 1
        self.wake()

    def wake(self) -> None:
        """Let everybody who waits look again."""
        if self._moved is not None:
            self._moved.set()
            self._moved = None

    def _take(self, records: list[LoggedRecord]) -> None:
        before = self.head
        for record in records:
            self.board.see(record)
            if record.event.kind == "step_ended":
                self._progress.pop(record.event.step_id, None)
                self._over.add(record.event.step_id)
            elif record.event.kind == "step_started":
                self._over.discard(record.event.step_id)
            if record.seq <= self.head:
                continue
            if record.seq > self.head + 1 or not self._watchers:
                self._kept.clear()
            if self._watchers:
                self._kept.append(record)
            self.head = record.seq
            self.ended = record.event.kind == "run_ended"
            self.parked = record.event.kind == "run_parked" or (self.parked and record.event.kind != "run_claimed")
        if self.head != before:
            self.move()

    # ------------------------------------------------------------------ what readers take

    @contextmanager
    def watched(self) -> Generator[None]:
        """Keep the newest records at hand while somebody watches."""
        self._watchers += 1
        self._heeded = True
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._kept.clear()

    async def open(self) -> None:
        """Learn what the run has written so far, once.

        Raises:
            NotFoundError: No such run.
        """
        async with self._opening:
            if not self._opened:
                await self._load(0)
                self._put(*await _patiently(lambda: self._store.live(self._run_id, 0)))
                self._opened = True

    async def records(self, after: int) -> list[LoggedRecord]:
        """Return the records after a number, as far as they are known here, from memory if they are recent."""
        if after >= self.head:
            return []
        if self._kept and self._kept[0].seq <= after + 1:
            return list(islice(self._kept, after + 1 - self._kept[0].seq, None))
        return await self._load(after)

    async def _load(self, after: int) -> list[LoggedRecord]:
        records = await _patiently(lambda: self._store.load(self._run_id, after))
        self._take(records)
        if records and records[-1].seq >= self.head and len(records) > len(self._kept):
            self._kept = deque(records, _KEPT)
        return records

    def progress_after(self, told: int) -> list[tuple[int, LiveProgress]]:
        """Return the newest progress of each running step that was told after a number, with its own."""
        return sorted((item for item in self._progress.values() if item[0] > told), key=lambda item: item[0])

    async def changed(self, seen: int) -> None:
        """Wait until there is something newer than a version."""
        while self.version == seen:
            await self._wait()

    async def beyond(self, seen: int) -> None:
        """Wait until there is something newer than a version, looking into the store where nobody else does.

        Raises:
            NotFoundError: The run was deleted.
            StoreError: The store could not be read for half a minute.
        """
        while self.version == seen:
            if self.feeders or self._looking:
                await self._wait()
                continue
            self._looking = True
            try:
                await self._look()
            finally:
                self._looking = False
                self.wake()  # somebody else looks from now on

    async def _wait(self) -> None:
        if self._moved is None:
            self._moved = anyio.Event()
        await self._moved.wait()

    # ------------------------------------------------------------------ looking into the store

    async def _look(self) -> None:
        """Wait for what others write and take it in; ends early when a driver here has something."""
        failure: Exception | None = None

        async def look() -> None:
            nonlocal failure
            run_id, head, live_at = self._run_id, self.head, self._live_at
            try:
                await _patiently(lambda: self._store.wait_live(run_id, head, live_at))
                records = await _patiently(lambda: self._store.load(run_id, head))
                live = await _patiently(lambda: self._store.live(run_id, live_at))
                self._take(records)
                self._put(*live)
            except Exception as exc:
                failure = exc
            group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(look)
            await self._wait()
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure

    def _put(self, live_at: int, items: Sequence[LiveEvent]) -> None:
        self._live_at = live_at
        fresh = [item for item in items if self._put_one(item)]
        if fresh:
            self.move()


async def _patiently(read: Callable[[], Awaitable[T]]) -> T:
    """Read, again and again while the store cannot be read. Raises StoreError after half a minute."""
    for delay_s in _PATIENCE:
        try:
            return await read()
        except StoreError:
            await anyio.sleep(delay_s)
    return await read()
