"""Waits for times and people: wakes what is due, and lets a run go that only they can move on.

A parked run costs a row: no process, no memory, no slot. That nothing is lost is the log's doing: ``run_parked`` is
appended where the log was last read, so an answer given in the same instant either comes before it (the append is
refused, the answer is read and the run goes on) or after it, where whoever looks for work finds the run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Literal

import anyio
from anyio.lowlevel import current_token

from engine.dag.approvals import leaving_work
from engine.dag.state import KINDS
from engine.executor.step import Patience
from engine.journal import Journal
from engine.questioning import Questions
from schemas.driving import PlanningPostponed, RunParked, TimeCame
from schemas.errors import EngineError, StoreError
from schemas.events import ApprovalRequested, LoggedRecord
from schemas.settings import Limits

SHORTEST_S = 1.0
_CHANGES = frozenset(
    {
        "step_postponed",
        "planning_postponed",
        "time_came",
        "run_claimed",
        "approval_requested",
        "approval_answered",
    }
)
_SYNC_S = 60.0
"""So often a long wait looks at the clock: that of the event loop stands still while a machine sleeps."""


class Parking:
    """What one run waits for, as its driver sees it.

    Args:
        journal: The run.
        limits: From which wait on no process waits, and how often.
        clock: Gives the store's time (Unix, seconds).
        expire: Takes the declared default for a request that nobody answered in time, unless somebody just did.
        park: Whether the run is let go when only people or a time can move it on; else this process waits.
        asks: Says in the run's summary what it waits for while it is driven: what a running tool asks.
    """

    def __init__(
        self,
        journal: Journal,
        limits: Limits,
        clock: Callable[[], Awaitable[float]],
        expire: Callable[[ApprovalRequested], Awaitable[None]] | None = None,
        *,
        park: bool = False,
        asks: Callable[[str, str, str], Awaitable[None]] | None = None,
    ) -> None:
        self._journal = journal
        self._limits = limits
        self._clock = clock
        self._ticks = loop_clock()
        self._park = park
        self._offset = -inf
        self._changed = anyio.Event()
        self._expire = expire
        self._say = asks
        self._asks = self._told = False
        journal.dated = self.dated
        self.questions = Questions(journal)

    def now(self) -> float:
        """Return the store's time, as the run's own records tell it: late by what writing the fastest of them took."""
        return self._ticks() + self._offset

    def dated(self, event: ApprovalRequested) -> ApprovalRequested:
        """Return a request with the time at which it runs out."""
        return event.model_copy(update={"expires_at": self.now() + (event.timeout_s or 0.0)})

    def patience(self) -> Patience:
        """Return when steps of the run are postponed."""
        limits, journal = self._limits, self._journal

        def postponed(step_id: str) -> int:
            return journal.state.graph.steps[step_id].postponed

        def attempts(step_id: str) -> int:
            return journal.state.graph.steps[step_id].attempts_made

        return Patience(self.now, postponed, attempts, limits.park_after_s, limits.max_postponements)

    def see(self, records: Sequence[LoggedRecord]) -> None:
        """Take in what was written: it may be due before anything else, or be what a tool asked for."""
        if records:
            self._offset = max(self._offset, records[-1].at - self._ticks())
        kinds = {KINDS[type(record.event)] for record in records}
        self.questions.see(kinds)
        if "approval_answered" in kinds:
            self._told = False  # the answer made its summary say that it runs
        if not _CHANGES.isdisjoint(kinds) or (self._asks and "step_ended" in kinds):
            self._changed.set()

    async def watch(self, report: Callable[[TimeCame], None]) -> None:
        """Report each time that something is due at, once. Cost: no thread; a timer."""
        while True:
            self._changed = anyio.Event()
            await self._say_asks()
            state = self._journal.state
            until, answers = state.waits.until, state.approvals.until
            if until is not None and until <= self.now():
                report(TimeCame(until=until))
                until = None  # until it is written
            if answers is not None and answers <= self.now():
                await self._take_defaults(state.approvals.expired(self.now()))
                answers = None  # the same
            until = _first(until, answers)
            wait_s = inf if until is None else min(until - self.now(), _SYNC_S)
            with anyio.move_on_after(wait_s):
                await self._changed.wait()
            if wait_s == _SYNC_S:
                self._offset = await self._clock() - self._ticks()

    async def _say_asks(self) -> None:
        """Let the run's summary say whether it waits for an answer to what a running tool asks."""
        state = self._journal.state
        asks = any(asked.subject == "elicitation" for asked in state.pending_approvals())
        if self._say is not None and (asks != self._asks or (asks and not self._told)):
            with suppress(StoreError):  # it is told again with the next change
                await self._say(state.run_id, state.tenure.driver, "question" if asks else "")
                self._asks = self._told = asks

    async def _take_defaults(self, expired: Sequence[ApprovalRequested]) -> None:
        for asked in expired if self._expire is not None else ():
            await self._expire(asked)  # pyright: ignore[reportOptionalCall]

    def postpones(self, role: Literal["planner", "synthesizer"], item: object) -> bool:
        """Put a call of the run's own models off whose model asks for too much patience; False: it is what it is."""
        wait_s = item.details.get("retry_after_s") if isinstance(item, EngineError) and item.retryable else None
        state = self._journal.state
        if not isinstance(item, EngineError) or wait_s is None or wait_s <= self._limits.park_after_s:
            return False
        if state.stop is not None or state.waits.calls >= self._limits.max_postponements:
            return False
        event = PlanningPostponed(role=role, until=self.now() + wait_s, reason=item.message)
        return self._journal.fact(event)

    def look(self, *, leaving: bool) -> None:
        """Let the run go if its driver leaves, or if nothing but people or a time can move it on.

        A time that is about to come is waited for. Called while no model call is under way and all is taken in.
        """
        state = self._journal.state
        until, asked = _first(state.waits.until, state.approvals.until), state.pending_approvals()
        if leaving_work(state) if leaving else state.busy:
            return
        if leaving:
            self._journal.emit(RunParked(reason="handover"))
        elif not self._park or state.graph.queue.size or (until is None and not asked):
            return
        elif until is None or until - self.now() >= SHORTEST_S:
            reason = "approval" if asked else "rate_limit" if state.waits.limited else "timer"
            self._journal.emit(RunParked(reason=reason, until=until))


def loop_clock() -> Callable[[], float]:
    """Return what ``anyio.current_time`` asks, which looks for the event loop each time: it costs more than a step."""
    return getattr(current_token().native_token, "time", anyio.current_time)


def _first(*times: float | None) -> float | None:
    return min((time for time in times if time is not None), default=None)
