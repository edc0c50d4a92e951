"""A run as the one who drives it holds it: its events and live text straight from the loop."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio

from engine.dag.state import RunState
from engine.durable.artifacts import Artifacts
from engine.following import Following
from engine.handle import RunHandle, run_result
from engine.streams import Cursor
from schemas.driving import RunParked
from schemas.errors import FencedError, RunParkedError
from schemas.events import LoggedRecord
from schemas.live import LiveEvent, LiveText
from schemas.result import RunResult


class Feed:
    """Hands what is published to one reader, in order; live text is joined while the reader is behind."""

    def __init__(self) -> None:
        self._items: deque[LoggedRecord | LiveEvent] = deque()
        self._more = anyio.Event()
        self._closed = False

    def put(self, item: LoggedRecord | LiveEvent) -> None:
        """Add an item; never waits."""
        behind = bool(self._items)  # then the reader is awake already
        if behind and isinstance(item, LiveText):
            last = self._items[-1]
            if isinstance(last, LiveText) and last.stream == item.stream:
                self._items[-1] = last.model_copy(update={"text": last.text + item.text})
                return
        self._items.append(item)
        if not behind:
            self._more.set()

    def close(self) -> None:
        """End the feed once it is read."""
        self._closed = True
        self._more.set()

    async def take(self) -> LoggedRecord | LiveEvent | None:
        """Wait for the next item and return it; None once the feed is closed and read."""
        while not self._items:
            if self._closed:
                return None
            await self._more.wait()
            self._more = anyio.Event()
        return self._items.popleft()

    async def __aiter__(self) -> AsyncGenerator[LoggedRecord | LiveEvent]:
        while (item := await self.take()) is not None:
            yield item


class DrivenRun(RunHandle):
    """A run that this process drives. Should another driver take it over, it is shown from the store from then on.

    Args:
        run_id, following, new_state, artifacts: As for RunHandle.
        moved: Called once something was written for the loop to look at.
    """

    def __init__(
        self,
        run_id: str,
        following: Following,
        new_state: Callable[[], RunState],
        artifacts: Artifacts,
        moved: Callable[[], None],
    ) -> None:
        super().__init__(run_id, following, new_state, artifacts)
        self._moved = moved
        self._feed = Feed()
        self._feeds = [self._feed]
        self._tell: Callable[[LoggedRecord | LiveEvent], None] | None = None
        self._done = anyio.Event()
        self._failure: BaseException | None = None
        self._final: RunState | None = None
        self._seen = 0
        self.taken_over = ""

    def publish(self, item: LoggedRecord | LiveEvent) -> None:
        """Take what the loop publishes."""
        for feed in self._feeds:
            feed.put(item)
        if self._tell is not None:
            self._tell(item)

    def unheard(self) -> None:
        """Keep nothing for a reader of ``events``: nobody holds this handle but its driver."""
        self._feeds.remove(self._feed)
        self._feed.close()

    def also(self, feed: Feed) -> None:
        """Hand everything to one more feed, from now on."""
        self._feeds.append(feed)

    def tell(self, tell: Callable[[LoggedRecord | LiveEvent], None]) -> None:
        """Hand everything to those who watch by ``Engine.attach``, in this process and in others, from now on."""
        self._tell = tell

    def finish(self, state: RunState | None, failure: BaseException | None = None) -> None:
        """Take the end: the final state, or why there is none; a run that was taken over goes on elsewhere."""
        if isinstance(failure, FencedError):
            self.taken_over = failure.message
        else:
            self._final, self._failure = state, failure
        for feed in self._feeds:
            feed.close()
        self._done.set()

    @property
    def parked(self) -> RunParked | None:
        """What the run waits for, where this process let it go because only people or a time can move it on."""
        return self._final.tenure.parked if self._final is not None else None

    @property
    def failure(self) -> BaseException | None:
        """Why the drive broke off; None where the run ended or was taken over."""
        return self._failure

    @property
    def ended(self) -> bool:
        """Whether this process drives the run no longer."""
        return self._done.is_set()

    async def done(self) -> None:
        """Wait until this process drives the run no longer."""
        await self._done.wait()

    async def events(self, after: Cursor | int | None = None) -> AsyncGenerator[LoggedRecord | LiveEvent]:
        """Yield the run's events and live text as they come, for one reader; ends with the run.

        Args:
            after: Begin with the written events beyond this number; by default with what this process does.
        """
        seen = after.seq if isinstance(after, Cursor) else after or 0
        for record in [] if after is None else await self._log.load(self.run_id, seen):
            seen = record.seq
            yield record
        async with aclosing(self._feed.__aiter__()) as items:
            async for item in items:
                if isinstance(item, LoggedRecord):
                    if item.seq <= seen:
                        continue
                    seen = item.seq
                yield item
        if self.taken_over:
            async with aclosing(super().events(seen)) as rest:
                async for item in rest:
                    yield item

    async def result(self) -> RunResult:
        """Wait for the end and return how the run came out.

        Raises:
            RunParkedError: It waits for an answer or a time, and was let go (``park=True``).
            StoreError: The log could not be written; the run can be resumed.
        """
        await self._done.wait()
        if self.taken_over:
            return await super().result()
        if self._failure is not None:
            raise self._failure
        if self.parked is not None:
            raise _waits(self.run_id, self.parked)
        return run_result(self._final or await self._fold())

    def _signalled(self) -> None:
        self._moved()


def _waits(run_id: str, parked: RunParked) -> RunParkedError:
    what = {"approval": "an answer", "timer": "a time", "rate_limit": "a model or a tool that asked for patience"}
    details = {"reason": parked.reason, "until": parked.until}
    text = f"run {run_id} waits for {what.get(parked.reason, 'whoever goes on with it')}"
    return RunParkedError(text, hint=f"engine runs show {run_id}", details=details)
