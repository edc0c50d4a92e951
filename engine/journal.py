"""Writes a run: events are folded at once, appended together, and only then acted upon."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio

from engine.dag.state import RunState
from engine.durable.artifacts import Artifacts
from engine.replanner.policy import goal_changed
from schemas.errors import ConflictError, FencedError, StoreError
from schemas.events import Answer, ApprovalRequested, LoggedEvent, LoggedRecord
from schemas.stores import RunLog

T = TypeVar("T")


class Journal:
    """The one writer of a run in this process.

    ``emit`` folds an event into the state and keeps it; ``flush`` appends what was kept as one batch. When somebody
    else wrote in between (an approval, a cancel), the state is folded anew from the log, the facts of the batch are
    kept and its decisions dropped: they are taken again on the new state.

    Compare-and-append is not ownership: two live drivers that reload on a conflict would alternate for ever. So each
    claims the run first (``run_claimed``), and one that finds another's claim after its own is fenced: it writes
    nothing more.

    ``dated``: gives a request that does not wait for ever the time at which it runs out.

    ``closed``: nothing may be written any more: the run was let go, taken over, or its store is gone.

    Args:
        log: Where the run lives.
        run_id: The run.
        new_state: Makes an empty state.
        artifacts: Large results, at hand before they are folded in.
    """

    def __init__(self, log: RunLog, run_id: str, new_state: Callable[[], RunState], artifacts: Artifacts) -> None:
        self._log = log
        self._artifacts = artifacts
        self.run_id = run_id
        self._new_state = new_state
        self._batch: list[LoggedEvent] = []
        self._facts: list[LoggedEvent] = []
        self._driver: str | None = None
        self.state = new_state()
        self.head = 0
        self.closed = False
        self.dated: Callable[[ApprovalRequested], ApprovalRequested] = lambda event: event

    def adopt(self, state: RunState) -> None:
        """Go on from a state that was folded from the log, its last claim our own."""
        self.state, self.head, self._driver = state, state.seq, state.tenure.driver

    def emit(self, event: LoggedEvent) -> None:
        """Fold a decision in and keep it for the log."""
        if type(event) is ApprovalRequested:
            event = self._dated(event)
        self.state.apply(event)
        self._batch.append(event)

    def fact(self, event: LoggedEvent) -> bool:
        """Fold in what happened outside (a result, a reply); False when the run has moved past it."""
        if type(event) is ApprovalRequested:
            event = self._dated(event)
        try:
            self.state.apply(event)
        except StoreError:
            return False
        self._batch.append(event)
        self._facts.append(event)
        return True

    def _dated(self, event: ApprovalRequested) -> ApprovalRequested:
        """Say when a request runs out; what decides is how long it waits, which is told without a clock."""
        return self.dated(event) if event.timeout_s is not None and event.expires_at is None else event

    async def flush(self) -> list[LoggedRecord] | None:
        """Append the batch and return it numbered; None when the log had moved on: then ``reload``.

        Raises:
            StoreError: The store cannot be written.
        """
        batch, facts = self._batch, self._facts
        if not batch:
            return []
        self._batch, self._facts = [], []
        try:
            records = await self._log.append(self.run_id, self.head, batch)
        except ConflictError:
            self._batch, self._facts = batch, facts
            return None
        except BaseException:
            self.closed = True
            raise
        if self.head == 0:
            self._driver = self.state.tenure.driver
        self.head += len(records)
        return records

    async def reload(self) -> list[LoggedRecord]:
        """Fold in what others wrote and return it: the log is folded anew, unwritten facts kept, decisions dropped.

        An answer is dropped with them when a cancel or a new goal came before it: what it claims no longer holds.

        Raises:
            FencedError: Another driver claimed the run; nothing of the batch is written, now or later.
            StoreError: The store cannot be read.
        """
        if not await self._log.load(self.run_id, self.head):
            return []
        facts, seen = self._facts, self.head
        self._batch, self._facts = [], []
        records = await self._log.load(self.run_id)
        await self._artifacts.fetch(records)
        state = self._new_state()  # shown only once it is whole: running steps read the state in between
        for record in records:
            state.apply(record.event)
        if self._driver is not None and (state.tenure.driver != self._driver or state.ended is not None):
            self.closed = True
            raise _fenced(state)
        self.state, self.head = state, state.seq
        for event in facts:
            if not (isinstance(event, Answer) and (state.stop is not None or goal_changed(state))):
                self.fact(event)
        return records[seen:]


def _fenced(state: RunState) -> FencedError:
    who = f"driver {state.tenure.driver[:8]}" if state.tenure.driver else "another driver"
    return FencedError(
        f"run {state.run_id} was taken over by {who}; it goes on there",
        hint=f"engine runs watch {state.run_id}",
        details={"driver": state.tenure.driver},
    )


class Inbox(Generic[T]):
    """What happened and was not looked at yet. Unbounded: a run has only as many senders as steps.

    It has one reader. Who holds the inbox does the reader's work meanwhile, which ``take`` then waits for.
    """

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._filled = anyio.Event()
        self._reading = False

    @property
    def waiting(self) -> bool:
        """Whether something was not looked at yet."""
        return bool(self._items)

    def holds(self, kind: type) -> bool:
        """Whether an item of that kind was not looked at yet."""
        return any(isinstance(item, kind) for item in self._items)

    def put(self, item: T) -> None:
        """Add an item; never waits."""
        self._items.append(item)
        self._filled.set()

    def hold(self) -> bool:
        """Keep the reader from taking anything until ``release``; False while it has something to do."""
        if self._items or not self._reading:
            return False
        self._reading = False
        return True

    def release(self) -> None:
        """Let the reader go on."""
        self._reading = True
        if self._items:
            self._filled.set()

    async def take(self) -> list[T]:
        """Wait until something is there and return all of it, oldest first."""
        self._reading = True
        while not (self._items and self._reading):
            await self._filled.wait()
            self._filled = anyio.Event()
        self._reading = False
        items = list(self._items)
        self._items.clear()
        return items
