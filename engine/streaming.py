"""A run as an iterator of its events, that may be left at any time and in any way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, suppress

import anyio

from engine.detached import Ahead, detached
from engine.driven import DrivenRun, Feed
from schemas.events import LoggedRecord
from schemas.live import LiveEvent


class _Drive:
    """Holds a run and hands on what it publishes; knows nothing of who reads."""

    def __init__(self, starting: AbstractAsyncContextManager[DrivenRun]) -> None:
        self._starting = starting
        self.feed = Feed()
        self.reading = anyio.CancelScope()
        self.over = anyio.Event()
        self.failure: BaseException | None = None

    async def hold(self) -> None:
        """Hold the run until it ends or ``reading`` is cancelled; what it raises is kept as ``failure``."""
        try:
            async with self._starting as run:
                with self.reading:  # not around the run: it is to be cancelled in its log, not broken off
                    async with aclosing(run.events()) as items:
                        async for item in items:
                            self.feed.put(item)
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as failure:
            self.failure = failure
        finally:
            self.feed.close()
            self.over.set()


class EventStream(AsyncIterator["LoggedRecord | LiveEvent"]):
    """The events and live text of a run, in order; the run starts with the first that is asked for.

    ``async for`` is enough: also a loop that is left by ``break`` or an error cancels the run, soon. ``async with``
    around it, or ``aclose``, waits until the run is cancelled and that stands in its log.

    Raises:
        EngineError: As ``Engine.start``, from the iteration.
    """

    def __init__(self, starting: AbstractAsyncContextManager[DrivenRun]) -> None:
        self._drive = _Drive(starting)
        self._ahead: Ahead | None = None

    async def __anext__(self) -> LoggedRecord | LiveEvent:
        if self._ahead is None:
            self._ahead = detached(self._drive.hold, "engine: a run that is streamed")
        try:
            item = await self._drive.feed.take()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise
        if item is None:
            self._raise()
            raise StopAsyncIteration
        return item

    async def __aenter__(self) -> EventStream:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel the run, unless it is over, and wait until it is."""
        self._drive.reading.cancel()
        if self._ahead is not None:
            await self._drive.over.wait()
        self._drive.feed.close()
        self._raise()

    def _raise(self) -> None:
        """Raise what the run raised, once."""
        failure, self._drive.failure = self._drive.failure, None
        if failure is not None:
            raise failure from failure.__cause__

    def __del__(self) -> None:
        if self._ahead is not None and not self._drive.over.is_set():
            with suppress(RuntimeError):  # the loop is over, and the run with it
                self._ahead(self._drive.reading.cancel)
